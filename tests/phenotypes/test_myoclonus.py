"""Myoclonus, what may explain it, and which tests were done (clinical specification MYO-01, MYO-02)."""

import pytest

from cds_service.facts.knowledge import ABSENT, Known, Unavailable
from cds_service.fhir.dates import interval
from cds_service.phenotypes import myoclonus, myoclonus_causes, myoclonus_tests
from tests.charts import ICD10, LOINC, SNOMED, coded, condition, facts, named, observation, request, resource

JERKS = coded(ICD10, "G25.3", "Myoclonus")


@pytest.mark.parametrize(
    ("start", "onset", "fits"),
    [
        ("2026-06-01", "2026-06-01", True),
        ("2026-06-02", "2026-06-01", False),
        ("2026-03-03", "2026-06-01", True),  # 90 days before
        ("2026-03-02", "2026-06-01", False),
        ("2026-03", "2026-06-01", True),
        ("2026", "2026", True),
        ("2025", "2026-06-01", False),
        (None, "2026-06-01", False),
        ("2026-06-01", None, False),
    ],
)
def test_a_drug_begins_0_to_90_days_before_the_onset_on_some_day_that_the_dates_may_mean(start, onset, fits):
    assert myoclonus.begun_before(interval(start), interval(onset), 90) is fits


def test_a_certain_diagnosis_goes_before_a_possible_one_and_the_earliest_first():
    possible = condition(JERKS, verification="unconfirmed", onsetDateTime="2020-01-01")
    later = condition(named("Action myoclonus"), onsetDateTime="2026-01-01")
    earlier = condition(named("Spinal myoclonus"), onsetDateTime="2025-01-01")
    undated = condition(named("Palatal myoclonus"))
    found = myoclonus.diagnosis(facts(possible, undated, later, earlier))
    assert found.value.words == "Spinal myoclonus"


def causes(*chart, **how):
    found = myoclonus_causes.drugs_begun(facts(*chart, **how), interval("2026-06-01"))
    return [(cause.ingredients, cause.when) for cause in found.value] if isinstance(found, Known) else found


def test_a_drug_is_a_cause_with_the_day_it_was_begun():
    gabapentin = request(named("gabapentin 300 mg"), authoredOn="2026-05-20")
    assert causes(gabapentin) == [(("gabapentin",), interval("2026-05-20"))]


def test_a_drug_whose_start_cannot_be_read_may_be_a_cause():
    assert isinstance(causes(request(named("gabapentin 300 mg"), authoredOn={"odd": 1})), Unavailable)
    assert causes(request(named("gabapentin 300 mg"))) == ABSENT


@pytest.mark.parametrize(
    ("result", "kind", "amount"),
    [
        (observation(coded(LOINC, "2951-2"), "2026-06-01", 124, "mmol/L"), "sodium", "124"),
        (observation(coded(LOINC, "2345-7"), "2026-06-01", 2.9, "mmol/L"), "glucose", "52.2464"),
        (
            observation(
                coded(LOINC, "2951-2"),
                "2026-06-01",
                valueQuantity={"value": 120, "unit": "mmol/L", "comparator": "<"},
            ),
            "sodium",
            "<120",
        ),
    ],
)
def test_a_low_value_is_a_cause_with_what_was_measured(result, kind, amount):
    (cause,) = myoclonus_causes.low_values(facts(result)).value
    assert (cause.kind, cause.amount) == (kind, amount)


def test_no_drug_is_absent_while_a_list_is_missing():
    assert causes() == ABSENT
    assert isinstance(causes(gaps={"medicationDispenses": "not sent"}), Unavailable)


def test_one_serotonergic_drug_is_no_pair_and_no_proof_that_there_is_none():
    sertraline = request(named("sertraline 50 mg"))
    assert myoclonus_causes.serotonergic_drugs(facts(sertraline)) == ABSENT
    unsure = facts(sertraline, gaps={"medicationStatements": "further pages"})
    assert isinstance(myoclonus_causes.serotonergic_drugs(unsure), Unavailable)


def test_the_same_stroke_under_two_names_is_told_once():
    stroke = condition(coded(ICD10, "I63.9"), onsetDateTime="2026-02-01")
    again = condition(named("Ischemic stroke"), onsetDateTime="2026-02-01", clinical="resolved")
    found = myoclonus_causes.injuries(facts(stroke, again))
    assert [(cause.kind, cause.possible) for cause in found.value] == [("stroke", False)]


def test_a_test_is_done_ordered_missing_or_not_to_be_told():
    done = resource("Procedure", status="completed", code=named("EEG"), performedDateTime="2025-10-14")
    ordered = resource("ServiceRequest", status="active", intent="order", code=named("MRI brain"))
    seen = myoclonus_tests.workup(facts(done, ordered))
    assert isinstance(seen.done["eeg"], Known)
    assert isinstance(seen.done["mri-brain"], Known)
    assert seen.done["emg"] == ABSENT
    assert seen.missing == Known(("bloods",))
    unseen = myoclonus_tests.workup(facts(done, gaps={"procedures": "further pages"}))
    assert isinstance(unseen.done["eeg"], Known)
    assert isinstance(unseen.done["emg"], Unavailable)


def test_nothing_is_known_to_be_missing_where_nothing_could_be_looked_up():
    seen = myoclonus_tests.workup(facts(gaps={"procedures": "not sent", "observations": "not sent"}))
    assert isinstance(seen.missing, Unavailable)


def test_jerks_of_a_diagnosis_that_speaks_of_sleep_come_only_in_sleep():
    at_night = condition(coded(SNOMED, "17450006", text="Nocturnal myoclonic jerks"))
    chart = facts(at_night)
    assert isinstance(myoclonus.only_asleep(chart, myoclonus.diagnosis(chart).value), Known)
