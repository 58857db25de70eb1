"""Advice on a safe bedroom that is on record (SG-5), and palliative care (G-08)."""

import pytest

from cds_service.facts.knowledge import ABSENT, Known, Unavailable
from cds_service.phenotypes.bedroom_safety import advised
from cds_service.phenotypes.palliative import palliative_care
from tests.charts import ICD10, OURS, coded, condition, facts, named, patient, resource

OLD = patient("1951-03-02")
CODE = coded(OURS, "bedroom-safety")
PLAN = {"status": "active", "intent": "plan", "category": [CODE]}


def seen(*chart, **how):
    return advised(facts(OLD, *chart, **how))


@pytest.mark.parametrize(
    "advice",
    [
        resource("CarePlan", created="2026-01-10", **PLAN),
        resource("Task", status="completed", intent="order", code=CODE, authoredOn="2026-01-10"),
        resource("Procedure", status="completed", code=CODE, performedDateTime="2026-01-10"),
        resource("CarePlan", **PLAN),
    ],
)
def test_advice_is_found_as_plan_task_or_procedure_dated_or_not(advice):
    assert isinstance(seen(advice), Known)


@pytest.mark.parametrize(("day", "counts"), [("2025-06-15", True), ("2025-06-14", False), ("2025", True)])
def test_advice_counts_for_12_months(day, counts):
    assert (seen(resource("CarePlan", created=day, **PLAN)) != ABSENT) is counts


def test_a_revoked_plan_is_nothing():
    assert seen(resource("CarePlan", created="2026-01-10", **(PLAN | {"status": "revoked"}))) == ABSENT


@pytest.mark.parametrize("key", ["carePlans", "tasks", "procedures"])
def test_without_the_data_nothing_is_called_missing(key):
    assert isinstance(seen(gaps={key: "not sent"}), Unavailable)


def hospice(status):
    return resource("ServiceRequest", status=status, intent="order", code=named("Hospice care"))


def test_palliative_care_is_a_diagnosis_or_an_open_order():
    assert isinstance(palliative_care(facts(OLD, condition(coded(ICD10, "Z51.5")))), Known)
    assert isinstance(palliative_care(facts(OLD, hospice("active"))), Known)


@pytest.mark.parametrize("status", ["completed", "revoked"])
def test_an_order_for_hospice_care_that_is_over_is_none(status):
    assert palliative_care(facts(OLD, hospice(status))) == ABSENT
