"""Something else at every node of example requests: no card is lost without a word, and nothing breaks.

A twentieth of them by default, and an object without any member of its own once in each kind of list; with
EVERY_NODE=1 all.
"""

import asyncio
import json
import os
from collections.abc import Iterator
from datetime import date
from functools import reduce
from itertools import count
from operator import getitem
from typing import Any

import pytest

from cds_service.decisions.service import DecisionService
from cds_service.errors import CallRefused
from cds_service.hooks.requests import parse_request
from tests.calling import as_bytes, requests, rules_of
from tests.case_runs import ruleset
from tests.web.spoiling import Place, bare, places, written

EXAMPLES = (
    "order-select-clonazepam-apnea",
    "order-select-maoi-switch",
    "order-select-rbd-dementia",
    "order-sign-early-onset-dream-enactment-psg",
    "order-sign-clonazepam-many-risks",
    "order-sign-clonazepam-opioid",
    "order-sign-levetiracetam-kidney",
    "order-sign-rbd-prognosis-melatonin-20mg",
    "patient-view-psg-result",
    "patient-view-red-flags-injury",
)
EVERY = 1 if os.environ.get("EVERY_NODE") else 20
NONSENSE = "@unheard@"
ODD: dict[str, Any] = {"odd": 1}
WRONG = (ODD, [1, 2], 17, True, NONSENSE)
BOUNDS = (
    "9" * 400,
    "-" + "9" * 4_000,
    "9" * 5_000,
    "1e400",
    "-1e-400",
    "0." + "3" * 5_000,
    *(json.dumps(text) for text in ("0000-01-01", "0001-01-01", "9999-12-31", "9999", "9999-12", "10000-01-01")),
    *(
        json.dumps(text)
        for text in ("", " ", "\u0000", "/", "Encounter/", "Encounter/" + "x" * 5_000, "urn:uuid:", "#")
    ),
)
OTHER_WORDS = frozenset(
    {
        *("code", "coding", "system", "display", "text", "unit", "valueString", "title", "description", "type"),
        *("reference", "id", "fullUrl", "url", "questionnaire", "linkId", "selections", "userId", "hookInstance"),
        *("medicationCodeableConcept", "medicationReference", "subject", "patient", "for", "encounter", "form"),
        *("reasonCode", "reasonReference", "category", "valueCodeableConcept", "valueCoding", "result"),
        *("dosageInstruction", "dosage", "timing"),
    }
)
"""Members in which any words may stand: others than before are no fault."""


class Answering:
    """The service without HTTP."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._decisions = DecisionService(ruleset(), lambda: date(2026, 6, 15))
        self._services = {service.hook: service for service in self._decisions.services.values()}

    def __call__(self, hook: str, body: bytes) -> tuple[set[str], dict[str, Any]] | None:
        """The rules on the cards and what is told beside them; None where the request is refused."""
        service = self._services[hook]
        try:
            call = parse_request(body, service)
            response = self._runner.run(self._decisions.answer(call, service)).response
        except CallRefused:
            return None
        told = (response.extension or {}).get("org.rbd-cds.outcomes", {})
        return {rule for card in response.cards for rule in rules_of({"extension": card.extension})}, told


@pytest.fixture(scope="module")
def answered() -> Iterator[Answering]:
    with asyncio.Runner() as runner:
        yield Answering(runner)


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_card_is_lost_without_a_word_whatever_stands_at_a_node(answered: Answering, name: str) -> None:
    request, hook = requests()[name], requests()[name]["hook"]
    before = answered(hook, as_bytes(request))
    assert before is not None
    shown, said = before
    assert shown
    unsaid = []
    for place, wrong in spoilt(request, WRONG):
        after = answered(hook, as_bytes(request))
        if after is None:
            continue
        rules, told = after
        lost = shown - rules - told.get("undetermined", {}).keys()
        if lost and all(told.get(name) == said.get(name) for name in ("unreadable", "unavailable", "reason", "notes")):
            unsaid.append((".".join(map(str, place)), wrong, sorted(lost), told))
        assert not told.get("failed"), (place, wrong)
    assert unsaid == []


@pytest.mark.parametrize("name", EXAMPLES[2:6:3])
def test_no_bound_is_too_far(answered: Answering, name: str) -> None:
    request, hook = requests()[name], requests()[name]["hook"]
    for _ in spoilt(request, tuple(map(bare, BOUNDS))):
        answered(hook, written(request))


def spoilt(request: dict[str, Any], instead: tuple[Any, ...]) -> Iterator[tuple[Place, Any]]:
    """The request changed in one place after the other, and put right again."""
    counted = count(len(request["hookInstance"]))
    lists = set()
    for place in list(places(request)):
        *way, last = place
        node = reduce(getitem, way, request)
        there = node[last]
        names = tuple(step for step in place if isinstance(step, str))
        new = isinstance(there, list) and names not in lists
        lists.add(names)
        for wrong in instead:
            sampled = (new and wrong is ODD) or not next(counted) % EVERY
            if not (sampled and _means_nothing(place, there, wrong)):
                continue
            node[last] = wrong
            yield place, wrong
            node[last] = there


def _means_nothing(place: Place, there: Any, wrong: Any) -> bool:
    """Whether the value is of no use where it stands."""
    if isinstance(there, type(wrong)):
        name = next(step for step in reversed(place) if isinstance(step, str))
        return isinstance(there, str) and name not in OTHER_WORDS
    if isinstance(there, dict) and "value" in there and wrong == 17:
        return False  # a Quantity without a unit
    words = wrong == NONSENSE or (isinstance(there, str) and wrong == 17)
    return not (words and next(step for step in reversed(place) if isinstance(step, str)) in OTHER_WORDS)
