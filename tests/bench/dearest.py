"""Charts of 5 MB that cost more than their size says: what a client could send to hold up everyone else."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

from cds_service.content import places
from cds_service.settings import Settings
from cds_service.terminology.value_sets import read_value_sets
from tests.bench import charts, load
from tests.bench.cells import Cell, Found, Run
from tests.bench.in_process import Profiled, profile
from tests.bench.load import ANSWERED_OR_REFUSED, Post
from tests.bench.servers import SERVICE, Server

_SIZE = charts.SIZES["5 MB"]
CHARTS = ("silent view", "silent order")
"""A chart view reads other keys than an order."""
_GOAL = 3
_PROFILED_SIZE = 100_000
_PLAIN_TIMES = 3
_LONGEST_TEXT = 1_000
"""Letters of a text that are read."""
_SNOMED = "http://snomed.info/sct"
_LONGEST = "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}"
"""The letter that becomes most letters, 18, where accents are taken off."""

_Json = dict[str, Any]
_Resources = Callable[[int], Iterator[_Json | None]]
"""What fills so many bytes, or more."""


def cells() -> Iterator[Cell]:
    for name in SHAPES:
        profiled = partial(profile, Profiled(partial(_profiled, name)))
        yield Cell("dearest", f"5 MB: {name}", "CPU over a plain chart", _GOAL, partial(_measured, name), 5, profiled)


def post(shape: str, chart: str, size: int = _SIZE) -> Post:
    key, resources = SHAPES[shape]
    return Post(charts.filled(chart, key, resources(size), size), charts.CHARTS[chart].path)


def _profiled(shape: str) -> list[Post]:
    return [post(shape, chart, _PROFILED_SIZE) for chart in CHARTS]


def _measured(shape: str, run: Run) -> Found:
    (server,) = run.servers(SERVICE)
    plain = run.once(_plain)
    ratios = {chart: _cpu(server, post(shape, chart), 1) / plain[chart] for chart in CHARTS}
    dearest = max(ratios, key=lambda chart: ratios[chart])
    return Found(ratios[dearest], f"{ratios[dearest] * plain[dearest]:.2f} s, {dearest}")


def _plain(run: Run) -> dict[str, float]:
    (server,) = run.servers(SERVICE)
    posts = {chart: Post(charts.request(chart, _SIZE), charts.CHARTS[chart].path) for chart in CHARTS}
    for post in posts.values():
        _cpu(server, post, 1)
    return {chart: _cpu(server, post, _PLAIN_TIMES) for chart, post in posts.items()}


def _cpu(server: Server, post: Post, times: int) -> float:
    return load.in_sequence(server, [post], times, ANSWERED_OR_REFUSED).cpu


def _each(make: Callable[[int], _Json]) -> _Resources:
    """Resources that differ, without end: what is alike could be read once."""
    return lambda _: map(make, itertools.count())


def _alike(resource: _Json | None) -> _Resources:
    return lambda _: itertools.repeat(resource)


def _diagnosis(code: _Json, number: int) -> _Json:
    return {"resourceType": "Condition", "id": str(number), "code": code}


def _drug(code: _Json, number: int, **members: object) -> _Json:
    named = {"id": str(number), "status": "active", "intent": "order", "medicationCodeableConcept": code}
    return {"resourceType": "MedicationRequest", **named, **members}


def _result(code: _Json, **members: object) -> _Json:
    return {"resourceType": "Observation", "status": "final", "code": code, **members}


def _codings(number: int, count: int) -> _Json:
    return {"coding": [{"system": _SNOMED, "code": str(1_000_000 + number * count + n)} for n in range(count)]}


def _long_text(number: int) -> _Json:
    return {"text": f"{number} {_LONGEST * _LONGEST_TEXT}"}


@cache
def _beginnings() -> str:
    """The first word of every phrase that names something."""
    sets = read_value_sets(places.cards(Settings()) / "value-sets")
    return " ".join(dict.fromkeys(word.text.split()[0] for found in sets for word in found.words))


def _first_words(number: int) -> _Json:
    return {"text": f"{number} {_beginnings()}"[:_LONGEST_TEXT]}


def _nested(depth: int) -> _Json:
    item: _Json = {"linkId": "injury"}
    for _ in range(depth):
        item = {"item": [item]}
    return {"resourceType": "QuestionnaireResponse", "status": "completed", "item": [item]}


_MOCA = {"coding": [{"system": "http://loinc.org", "code": "72172-0"}]}

SHAPES: dict[str, tuple[str, _Resources]] = {
    "one diagnosis of nothing but codings": ("conditions", lambda size: iter([_diagnosis(_codings(0, size // 60), 0)])),
    "diagnoses of 100 codings": ("conditions", _each(lambda n: _diagnosis(_codings(n, 100), n))),
    "diagnoses named by 1,000 U+FDFA": ("conditions", _each(lambda n: _diagnosis(_long_text(n), n))),
    "drugs named by 1,000 U+FDFA": ("medicationRequests", _each(lambda n: _drug(_long_text(n), n))),
    "results named by 1,000 U+FDFA": ("observations", _each(lambda n: _result(_long_text(n)))),
    "diagnoses of beginnings of names": ("conditions", _each(lambda n: _diagnosis(_first_words(n), n))),
    "tiny diagnoses that count": ("conditions", _each(lambda n: _diagnosis({"text": f"RBD {n}"}, n))),
    "tiny drugs that count": ("medicationRequests", _each(lambda n: _drug({"text": f"clonazepam {n}"}, n))),
    "drugs for 500 reasons": (
        "medicationRequests",
        _each(lambda n: _drug({"text": "clonazepam"}, n, reasonCode=[{"text": f"a{n} {i}"} for i in range(500)])),
    ),
    "tiny results that count": ("observations", _each(lambda n: _result(_MOCA, valueInteger=n % 30))),
    "tiny results in words": ("observations", _each(lambda n: _result({"text": f"x{n}"}))),
    "diagnoses of nothing": ("conditions", _alike({"resourceType": "Condition"})),
    "allergies to nothing": ("allergies", _alike({"resourceType": "AllergyIntolerance"})),
    "entries without a resource": ("conditions", _alike(None)),
    "diagnoses with an odd member": ("conditions", _alike({"resourceType": "Condition", "code": [[7], [8]]})),
    "procedures with an odd member": ("procedures", _alike({"resourceType": "Procedure", "code": [[7], [8]]})),
    "answers 300 deep": ("questionnaireResponses", _alike(_nested(300))),
    "results of 15,000 digits": ("observations", _alike(_result(_MOCA, valueQuantity={"value": "9" * 15_000}))),
}
