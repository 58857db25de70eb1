"""Whose chart it is, age and death, and what could not be looked up (clinical specification 2.0, 2.1)."""

from zoneinfo import ZoneInfo

import pytest

from cds_service.errors import UndeclaredFact
from cds_service.facts.build import build
from cds_service.facts.knowledge import ABSENT, Known, Unavailable
from cds_service.fhir.sources import Source
from tests.charts import (
    ALZHEIMER,
    CLONAZEPAM,
    FALL,
    TODAY,
    answers,
    concepts,
    condition,
    facts,
    numbers,
    patient,
    request,
    resource,
    statement,
    typed,
    vocabulary,
)


def age(**members):
    return facts(patient(**members)).age


def years(**members):
    found = age(**members)
    return (found.value.lowest, found.value.highest) if isinstance(found, Known) else None


# Age


@pytest.mark.parametrize(
    ("born", "completed", "over", "under"),
    [
        ("1976-06-15", (50, 50), False, False),
        ("1975-06-16", (50, 50), False, False),
        ("1975-06-15", (51, 51), True, False),
        ("1976-06-16", (49, 49), False, True),
        ("1975", (50, 51), False, False),
        ("1974", (51, 52), True, False),
        ("1976", (49, 50), False, False),
        ("1977", (48, 49), False, True),
        ("1975-06", (50, 51), False, False),
        ("1975-05", (51, 51), True, False),
        ("2008-06-15", (18, 18), False, True),
    ],
)
def test_age_is_completed_years_and_a_threshold_must_hold_for_all_it_may_be(born, completed, over, under):
    assert years(born=born) == completed
    found = age(born=born).value
    assert (found.over(50), found.under(50)) == (over, under)


@pytest.mark.parametrize("born", [None, "2026-06-16", "1906-06-14", ""])
def test_a_birth_date_that_cannot_be_is_not_recorded(born):
    assert age(born=born) == ABSENT


def test_a_birth_date_of_null_is_not_recorded():
    assert facts(patient() | {"birthDate": None}).age == ABSENT


def test_without_a_patient_the_age_could_not_be_looked_up():
    assert facts(gaps={"patient": "not sent"}).age == Unavailable("patient: not sent")


@pytest.mark.parametrize(("gender", "known"), [("female", True), ("male", True), ("unknown", False), ("other", False)])
def test_sex_is_known_or_not_recorded(gender, known):
    assert isinstance(facts(patient(gender=gender)).sex, Known) is known


# Death


@pytest.mark.parametrize(
    ("members", "dead"),
    [
        ({"deceasedBoolean": True}, True),
        ({"deceasedBoolean": False}, False),
        ({}, False),
        ({"deceasedDateTime": "2026-01-01"}, True),
        ({"deceasedDateTime": "2026"}, True),
        ({"deceasedDateTime": "1899-12-30"}, False),
        ({"deceasedDateTime": "1900-01-01"}, False),
        ({"deceasedDateTime": "1950-12-31"}, False),
        ({"deceasedDateTime": "unknown"}, False),
        ({"deceasedBoolean": True, "deceasedDateTime": "1899-12-30"}, True),
    ],
)
def test_a_death_must_be_plausible(members, dead):
    assert facts(patient(born="1951-03-02", **members)).dead is dead


def test_a_death_without_a_birth_date_is_believed_from_1900_01_02():
    assert facts(patient(born=None, deceasedDateTime="1900-01-02")).dead
    assert not facts(patient(born=None, deceasedDateTime="1900-01-01")).dead


# Whose resources


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Patient/example"},
        {"reference": "https://ehr.example/r4/Patient/example"},
        {"reference": "Patient/example/_history/7"},
        {"reference": "urn:uuid:example"},
        {"display": "The patient"},
        None,
    ],
)
def test_a_resource_of_the_patient_or_of_nobody_counts(subject):
    assert isinstance(facts(condition(subject=subject)).conditions("alzheimer-disease"), Known)


@pytest.mark.parametrize(
    "reference",
    [
        "Patient/other",
        "https://ehr.example/r4/Patient/other",
        "Patient/example2",
        "Group/example",
        "RelatedPerson/example",
    ],
)
def test_a_resource_of_another_is_dropped_and_counted(reference):
    found = facts(condition(subject={"reference": reference}))
    assert found.conditions("alzheimer-disease") == ABSENT
    assert found.dropped == 1


@pytest.mark.parametrize(
    "one",
    [
        request(subject={"reference": "Patient/other"}),
        statement(subject={"reference": "Patient/other"}),
        resource("AllergyIntolerance", code=CLONAZEPAM, patient={"reference": "Patient/other"}),
        resource("Encounter", status="finished", reasonCode=[FALL], subject={"reference": "Patient/other"}),
        resource("AdverseEvent", actuality="actual", event=FALL, subject={"reference": "Patient/other"}),
        resource("Task", status="requested", **{"for": {"reference": "Patient/other"}}),
    ],
)
def test_every_kind_of_resource_of_another_patient_is_dropped(one):
    assert facts(one).dropped == 1
    assert concepts(facts(one)) == frozenset()


def test_another_patient_with_the_same_id_of_a_resource_hides_nothing():
    found = facts(condition(id="c1", subject={"reference": "Patient/other"}), condition(id="c1"))
    assert isinstance(found.conditions("alzheimer-disease"), Known)


# Duplicates


def test_the_same_resource_twice_is_one_fact():
    twice = request(id="m1", authoredOn="2026-01-01")
    assert len(facts(twice, twice).current_drugs("clonazepam").value) == 1


def test_a_resource_under_two_keys_is_read_once():
    one = typed(condition(ALZHEIMER, id="c1"))
    sources = {"conditions": Source((one,)), "procedures": Source((one,))}
    built = build(sources, vocabulary(), numbers(), TODAY, patient_id="example")
    assert len(built.conditions("alzheimer-disease").value) == 1


def test_the_order_of_the_entries_changes_nothing():
    chart = [
        condition(id="a", onsetDateTime="2024-01-01"),
        condition(id="b", onsetDateTime="2025-01-01"),
        condition(FALL, id="c", onsetDateTime="2026-01-01"),
        condition(FALL, id="d", onsetDateTime="2026-01-01"),
        request(id="e", authoredOn="2026-01-01"),
        statement(id="f"),
    ]
    assert facts(*chart) == facts(*chart[::-1])


# What could not be looked up


@pytest.mark.parametrize(
    ("key", "ask"),
    [
        ("conditions", lambda f: f.conditions("alzheimer-disease")),
        ("conditions", lambda f: f.past_conditions("alzheimer-disease")),
        ("conditions", lambda f: f.events("fall-event")),
        ("encounters", lambda f: f.events("fall-event")),
        ("adverseEvents", lambda f: f.events("fall-event")),
        ("medicationRequests", lambda f: f.current_drugs("clonazepam")),
        ("medicationStatements", lambda f: f.current_drugs("clonazepam")),
        ("medicationDispenses", lambda f: f.past_drugs("clonazepam")),
        ("observations", lambda f: f.observations("ahi")),
        ("observations", lambda f: f.answer("injury")),
        ("questionnaireResponses", lambda f: f.answer("injury")),
        ("procedures", lambda f: f.procedures("pap-therapy")),
        ("serviceRequests", lambda f: f.requests("sleep-study-attended")),
        ("allergies", lambda f: f.allergies("clonazepam")),
        ("diagnosticReports", lambda f: f.reports("sleep-study-attended")),
    ],
)
def test_nothing_is_called_absent_unless_all_of_it_was_read(key, ask):
    assert ask(facts()) == ABSENT
    assert ask(facts(gaps={key: "more pages"})) == Unavailable(f"{key}: more pages")


def test_what_was_found_is_known_even_if_something_is_missing():
    found = facts(condition(), gaps={"conditions": "more pages"}).conditions("alzheimer-disease")
    assert isinstance(found, Known)


def test_a_key_that_was_not_asked_for_was_not_read():
    built = build({}, vocabulary(), numbers(), TODAY, patient_id="example")
    assert built.conditions("alzheimer-disease") == Unavailable("conditions: not asked for")


def test_a_fact_that_was_not_declared_is_refused():
    found = facts()
    with pytest.raises(UndeclaredFact):
        found._pick("surprises", object, bool)


# The day at the site

LOS_ANGELES = ZoneInfo("America/Los_Angeles")
THIS_EVENING = "2026-06-16T02:10:00Z"


@pytest.mark.parametrize(
    ("one", "ask"),
    [
        (condition(recordedDate=THIS_EVENING), lambda f: f.conditions("alzheimer-disease")),
        (condition(onsetPeriod={"start": THIS_EVENING}), lambda f: f.conditions("alzheimer-disease")),
        (request(authoredOn=THIS_EVENING), lambda f: f.current_drugs("clonazepam")),
        (answers(THIS_EVENING, injury=True), lambda f: f.answer("injury")),
    ],
)
def test_what_was_recorded_this_evening_at_the_site_has_come_although_it_is_tomorrow_in_greenwich(one, ask):
    assert ask(facts(one, zone=LOS_ANGELES)).known
    assert not ask(facts(one)).known


def test_a_drug_that_ended_last_evening_at_the_site_has_ended():
    ended = statement(effectivePeriod={"start": "2026-01-01", "end": "2026-06-15T05:00:00Z"})
    assert not facts(ended, zone=LOS_ANGELES).current_drugs("clonazepam").known
    assert facts(ended).current_drugs("clonazepam").known


def test_a_death_that_has_not_come_is_set_aside_and_told():
    told = ("a death date that has not come was left aside",)
    for day in ("2026-06-16", "2027-03", "9999-12-31"):
        found = facts(patient(deceasedDateTime=day))
        assert (found.dead, tuple(found.notes.values())) == (False, told)
    for day in ("2026-06-15", "2026"):
        found = facts(patient(deceasedDateTime=day))
        assert (found.dead, tuple(found.notes.values())) == (True, ())


def test_a_death_this_evening_at_the_site_has_come():
    assert facts(patient(deceasedDateTime=THIS_EVENING), zone=LOS_ANGELES).dead
    assert not facts(patient(deceasedDateTime=THIS_EVENING)).dead


@pytest.mark.parametrize(
    ("status", "end", "told"),
    [
        ("active", "2026-05-16", False),
        ("active", "2026-05-15", True),
        ("active", "2024-05-15", False),
        ("completed", "2026-05-15", False),
    ],
)
def test_an_active_order_whose_validity_ended_is_told_for_so_many_months(status, end, told):
    period = {"validityPeriod": {"start": "2024-01-10", "end": end}}
    found = facts(request(status=status, authoredOn="2024-01-10", dispenseRequest=period))
    said = "medications: drugs of active orders whose validity has ended are not counted as current (1)"
    assert tuple(found.notes.values()) == ((said,) if told else ())
