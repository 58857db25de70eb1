"""The bench itself: what it sends is what it says, every cell has a goal, and a group of cells can be run alone."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from fhir.resources.R4B import get_fhir_model_class  # noqa: TID251

from cds_service.content import places
from cds_service.decisions.service import DecidedHook, DecisionService
from cds_service.fhir import elements as fhir
from cds_service.hooks.schemas import schema
from cds_service.settings import Settings
from cds_service.trust.clients import read_clients
from tests.bench import cells, charts, dearest, fetching, lifetime, replaying, servers
from tests.bench.__main__ import CELLS, GROUPS
from tests.calling import answered_to
from tests.fhir_client import misbehaving
from tests.trust.ehr import EC_KEY

SMALL, MIDDLE = charts.SIZES["10 KB"], charts.SIZES["140 KB"]


def resources(body: bytes) -> list[dict[str, Any]]:
    prefetch = json.loads(body)["prefetch"]
    return [entry["resource"] for key, bundle in prefetch.items() if key != "patient" for entry in bundle["entry"]]


@pytest.mark.parametrize("chart", charts.CHARTS)
@pytest.mark.parametrize("size", charts.SIZES.values())
def test_a_request_has_exactly_the_size_asked_for(chart: str, size: int) -> None:
    assert len(charts.request(chart, size)) == size


def test_the_longest_request_is_just_within_the_limit() -> None:
    limit = Settings().max_body_bytes
    assert limit * 0.99 < max(charts.SIZES.values()) < limit


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert charts.request("three rules", MIDDLE, 5) == charts.request("three rules", MIDDLE, 5)


def test_another_seed_gives_another_chart() -> None:
    assert charts.request("three rules", MIDDLE, 5) != charts.request("three rules", MIDDLE, 6)


def test_the_same_chart_of_another_patient_has_the_same_size_and_names_nobody_else() -> None:
    body = charts.about("pat0001", charts.request("three rules", MIDDLE))
    assert len(body) == MIDDLE
    assert b"Patient/example" not in body


@pytest.mark.parametrize("chart", charts.CHARTS)
def test_a_request_keeps_the_contract(chart: str) -> None:
    jsonschema.validate(json.loads(charts.request(chart, SMALL)), schema("request"))


def test_every_resource_is_valid() -> None:
    for resource in resources(charts.request("three rules", MIDDLE)):
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)


def test_nearly_all_of_a_long_chart_are_observations() -> None:
    kinds = Counter(resource["resourceType"] for resource in resources(charts.request("unrelated order", 500_000)))
    assert 0.9 < kinds["Observation"] / kinds.total() < 0.98


def shown(chart: str) -> set[str]:
    found = {
        "one rule": {"clonazepam-dementia"},
        "three rules": set(charts.RISKS_FOUND),
        "view with a card": {"rbd-drug-current", "bedroom-safety"},
    }
    return found.get(chart, set())


@pytest.mark.anyio
@pytest.mark.parametrize("chart", charts.CHARTS)
@pytest.mark.parametrize("size", [SMALL, MIDDLE])
async def test_a_chart_shows_what_its_name_says(chart: str, size: int) -> None:
    decision = (await answered(chart, size)).decision
    assert set(decision.found) == shown(chart)
    assert not decision.undetermined
    assert bool(decision.started.rules) is (chart not in ("unrelated order", "silent view"))


@pytest.mark.anyio
async def test_the_members_of_a_request_may_stand_in_another_order_and_are_the_same() -> None:
    usual, other = (charts.request("one rule", SMALL, prefetch_first=first) for first in (False, True))
    assert usual.find(b'"context"') < usual.find(b'"prefetch"')
    assert other.find(b'"prefetch"') < other.find(b'"context"')
    assert json.loads(usual) == json.loads(other)


async def answered(chart: str, size: int) -> DecidedHook:
    decisions = DecisionService.of(places.cards(Settings()), lambda: date(2026, 6, 15))
    service = decisions.services[f"rbd-{charts.CHARTS[chart].hook}"]
    return await answered_to(decisions, charts.request(chart, size), service)


@pytest.mark.parametrize("shape", dearest.SHAPES)
def test_a_dear_chart_is_json_of_nearly_the_size_asked_for(shape: str) -> None:
    for chart in dearest.CHARTS:
        body = dearest.post(shape, chart, MIDDLE).body
        assert MIDDLE * 0.85 < len(body) <= MIDDLE
        assert len(json.loads(body)["prefetch"][dearest.SHAPES[shape][0]]["entry"]) > 0


def test_every_cell_has_a_goal_and_a_name_of_its_own() -> None:
    assert all(cell.goal >= 0 and cell.seconds >= 0 for cell in CELLS)
    assert len({(cell.name, cell.what) for cell in CELLS}) == len(CELLS)


def test_the_groups_cover_all_cells() -> None:
    assert sum(len([cell for cell in CELLS if cell.group == group]) for group in GROUPS) == len(CELLS)


def test_every_cell_of_processor_time_that_is_missed_can_be_told_with_its_profile() -> None:
    assert all(cell.profiled for cell in CELLS if cell.what.startswith("CPU") and cell.group != "long")


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


def test_one_group_is_run_quickly_with_a_line_of_progress_for_each_cell() -> None:
    done = bench("-m", "tests.bench", "--quick", "--group", "lifetime")
    cells = [cell for cell in CELLS if cell.group == "lifetime"]
    assert done.stdout.count("| lifetime |") == len(cells)
    assert [line.partition(",")[0] for line in done.stderr.splitlines()] == [
        f"[{number}/{len(cells)}" for number, _ in enumerate(cells, 1)
    ]


PROFILE = """
from tests.bench.cpu import Request
from tests.bench.in_process import Profiled, calls, profile, serving
posts = Request("one rule", "10 KB").posts()[:3]
print(*profile(Profiled(lambda: posts)), sep="\\n")
with serving() as answer:
    print(*(calls(answer, posts[0]) for _ in range(2)))
"""


def test_a_profile_names_the_functions_of_the_service_and_the_calls_of_a_request_are_the_same_each_time() -> None:
    *told, counted = bench("-c", PROFILE).stdout.splitlines()
    assert any(" us " in line and "cds_service/" in line for line in told)
    first, second = map(int, counted.split())
    assert first == second > 1_000


@pytest.mark.anyio
async def test_requests_that_overlap_are_one_round() -> None:
    async with misbehaving.running() as server:
        counting = fetching.Counting(server, {})
        asked = misbehaving.Asked("GET", "/fhir/Condition", {}, "")
        writer = Discarding()
        await asyncio.gather(*(counting.answer(server, asked, writer) for _ in range(3)))
        await counting.answer(server, asked, writer)
        assert (counting.requests, counting.rounds) == (4, 2)


class Discarding:
    def write(self, _: bytes) -> None:
        return


def test_every_struct_of_a_chart_that_lives_is_counted() -> None:
    before = lifetime.alive()
    kept = [fhir.Condition(code=fhir.CodeableConcept()) for _ in range(5)]
    assert lifetime.alive() - before == 2 * len(kept)
    kept.clear()
    assert lifetime.alive() == before


def test_a_replay_is_measured_with_its_processes_and_its_floor_with_every_line() -> None:
    export = places.fhir_examples() / "bulk"
    with tempfile.TemporaryDirectory() as folder:
        spent = replaying.replayed(export, replaying.Way(), Path(folder))
    assert spent.cpu > 10 * replaying.floor(export) > 0
    assert spent.cpu < 2 * spent.wall * (os.cpu_count() or 1)
    assert 20 < spent.peak < 500
    assert 0 <= spent.others <= 1


def test_what_must_be_reached_is_met_from_there_on_and_what_may_not_be_passed_up_to_there() -> None:
    most = cells.Cell("group", "name", "what", 1.7, lambda _: cells.Found(0), 0)
    least = msgspec.structs.replace(most, at_least=True)
    figures = [cells.Found(figure) for figure in (1.6, 1.7, 1.8)]
    assert [most.is_met(found) for found in figures] == [True, True, False]
    assert [least.is_met(found) for found in figures] == [False, True, True]


def test_the_ehr_of_signed_calls_is_one_that_the_service_takes(tmp_path):
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [EC_KEY.as_dict(private=False)]}))
    (tmp_path / "clients.toml").write_text(servers.CLIENTS)
    assert read_clients(tmp_path / "clients.toml", None).by_name.keys() == {"measured-ehr"}
