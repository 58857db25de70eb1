"""The requests that the bench sends: the same each time, of the size asked for, and valid."""

import json
from collections import Counter
from datetime import date
from typing import Any

import jsonschema
import pytest
from fhir.resources.R4B import get_fhir_model_class  # noqa: TID251

from cds_service.content import places
from cds_service.decisions.service import DecidedHook, DecisionService
from cds_service.hooks.requests import parse_request
from cds_service.hooks.schemas import schema
from cds_service.settings import Settings
from tests.bench import charts

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
    kinds = Counter(resource["resourceType"] for resource in resources(charts.request("silent", 500_000)))
    assert 0.9 < kinds["Observation"] / kinds.total() < 0.98


@pytest.mark.anyio
@pytest.mark.parametrize("size", [SMALL, MIDDLE])
async def test_one_chart_makes_three_rules_speak(size: int) -> None:
    assert set(charts.RISKS_FOUND) <= set((await answered("three rules", size)).decision.found)


@pytest.mark.anyio
@pytest.mark.parametrize("size", [SMALL, MIDDLE])
async def test_the_silent_chart_is_silent(size: int) -> None:
    decision = (await answered("silent", size)).decision
    assert not decision.found
    assert not decision.undetermined


async def answered(chart: str, size: int) -> DecidedHook:
    decisions = DecisionService.of(places.cards(Settings()), lambda: date(2026, 6, 15))
    service = decisions.services["rbd-order-sign"]
    return await decisions.answer(parse_request(charts.request(chart, size), service), service)
