"""Each patient on the days that matter, with what was known then and nothing that came later."""

import json
from datetime import date

import pytest

from cds_service.replay.judgements import read_judgements
from cds_service.replay.known import as_it_stood, known_from
from tests.charts import ICD10, RXNORM, SNOMED, coded, typed

PATIENT = {"resourceType": "Patient", "id": "p", "birthDate": "1950-01-01", "gender": "female"}


def entry(kind, name, **members):
    return {"resourceType": kind, "id": name, "subject": {"reference": "Patient/p"}, **members}


def dementia(day, **members):
    status = {"coding": [{"code": "active"}]}
    told = {"clinicalStatus": status, "recordedDate": day, "code": coded(SNOMED, "26929004", "Alzheimer's disease")}
    return entry("Condition", "dementia", **told | members)


def order(name, day, drug=("2598", "clonazepam"), **members):
    told = {"status": "active", "intent": "order", "authoredOn": day, "medicationCodeableConcept": coded(RXNORM, *drug)}
    return entry("MedicationRequest", name, **told | members)


def until(day):
    return [{"timing": {"repeat": {"boundsPeriod": {"end": day}}}}]


def visit(name, day, **members):
    return entry("Encounter", name, **{"status": "finished", "period": {"start": day, "end": day}} | members)


@pytest.fixture
def events(run, tmp_path):
    """Judges one chart on its days."""

    def judged(*resources, mode="events", **asked):
        folder = tmp_path / f"chart-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        lines = [json.dumps(one) for one in (PATIENT, *resources)]
        (folder / "all.ndjson").write_text("\n".join(lines))
        return list(read_judgements(run(folder, mode=mode, **asked)[1]))

    return judged


def topics(judgement):
    return [card.topic for card in judgement.cards]


def test_an_order_is_judged_by_what_was_known_on_its_day(events):
    before, after = events(order("early", "2024-03-01"), dementia("2025-01-01"), order("late", "2025-06-01"))
    assert (before.event, before.day, topics(before)) == ("MedicationRequest/early", "2024-03-01", [])
    assert (after.event, after.day, topics(after)) == ("MedicationRequest/late", "2025-06-01", ["clonazepam-dementia"])


def test_what_has_become_of_an_order_since_does_not_matter(events):
    (one,) = events(dementia("2020-01-01"), order("m", "2024-03-01", status="stopped"))
    assert topics(one) == ["clonazepam-dementia"]


@pytest.mark.parametrize("members", [{"status": "entered-in-error"}, {"intent": "plan"}, {"authoredOn": "2024"}])
def test_what_is_no_order_of_a_day_is_not_judged(events, members):
    assert events(order("m", "2024-03-01", **members)) == []


def test_of_one_day_the_second_order_meets_the_first_and_not_the_other_way_round(events):
    first, second = events(
        order("a", "2024-03-01T09:00:00Z", ("8123", "phenelzine")),
        order("b", "2024-03-01T10:00:00Z", ("36437", "sertraline")),
    )
    assert (first.event, topics(first)) == ("MedicationRequest/a", [])
    assert (second.event, topics(second)) == ("MedicationRequest/b", ["maoi-combination"])


def test_a_chart_is_opened_at_each_encounter_before_anything_of_that_day(events):
    fell = entry("Condition", "fall", recordedDate="2024-05-02", code=coded(ICD10, "W01.0XXA", "Fall"))
    takes = order("m", "2024-04-01", authoredOn="2024-04-01")
    views = [
        one
        for one in events(
            takes, fell, visit("1", "2024-05-02"), visit("2", "2024-05-09"), visit("3", "2024-05-10", status="planned")
        )
        if one.hook == "patient-view"
    ]
    assert [(one.event, topics(one)) for one in views] == [
        ("Encounter/1", []),
        ("Encounter/2", ["clonazepam-falls"]),
    ]


@pytest.mark.parametrize("last", ["2024-05-05T08:00:00Z", "2024-05-20T08:00:00Z", None])
def test_an_order_that_was_stopped_before_its_end_is_not_active_from_its_last_change_on(events, last):
    fell = entry("Condition", "fall", recordedDate="2024-03-02", code=coded(ICD10, "W01.0XXA", "Fall"))
    planned = {"dispenseRequest": {"validityPeriod": {"end": "2024-12-31"}}, "status": "stopped"}
    meta = {"meta": {"lastUpdated": last}} if last else {}
    takes = order("m", "2024-04-01", **planned, **meta)
    visits = [visit(str(n), day) for n, day in enumerate(("2024-05-02", "2024-05-10", "2024-05-30"))]
    views = [topics(one) for one in events(fell, takes, *visits) if one.hook == "patient-view"]
    stopped = {"2024-05-05T08:00:00Z": 1, "2024-05-20T08:00:00Z": 2, None: 3}[last]
    assert views == [["clonazepam-falls"]] * stopped + [[]] * (3 - stopped)


def test_only_the_days_that_are_asked_for_are_judged(events):
    found = events(
        *(visit(str(year), f"{year}-05-02") for year in range(2020, 2026)),
        since=date(2022, 1, 1),
        day=date(2023, 12, 31),
    )
    assert [one.event for one in found] == ["Encounter/2022", "Encounter/2023"]


def test_as_of_a_day_the_chart_is_what_it_was(events):
    resolved = {"coding": [{"code": "resolved"}]}
    chart = dementia("2020-01-01", clinicalStatus=resolved, abatementDateTime="2025"), order("m", "2024-03-01")
    signed, view = events(*chart, mode="as-of", day=date(2024, 3, 1))
    assert (signed.hook, view.hook, topics(signed)) == ("order-sign", "patient-view", ["clonazepam-dementia"])
    signed, _ = events(*chart, mode="as-of", day=date(2024, 3, 1), is_past=False)
    assert topics(signed) == []


def test_what_was_shown_is_left_unsaid_with_memory_and_said_again_in_time(events):
    rbd = entry(
        "Condition",
        "rbd",
        recordedDate="2024-01-01",
        clinicalStatus={"coding": [{"code": "active"}]},
        code=coded(SNOMED, "415238003", "Rapid eye movement sleep behavior disorder"),
    )
    visits = [visit(str(n), day) for n, day in enumerate(("2024-03-01", "2024-03-10", "2024-06-01"))]
    plain, remembered = (events(rbd, *visits, with_memory=memory) for memory in (False, True))
    assert [bool(one.cards) for one in plain] == [True, True, True]
    assert "bedroom-safety" in topics(remembered[0])
    assert topics(remembered[1]) == []
    assert "bedroom-safety" in remembered[1].muted
    assert "bedroom-safety" in topics(remembered[2])


@pytest.mark.parametrize(
    ("resource", "day"),
    [
        (dementia("2025-01-01", onsetDateTime="2020-01-01"), date(2025, 1, 1)),
        (dementia(None, recordedDate=None, onsetDateTime="2020-02"), date(2020, 2, 1)),
        (dementia(None, recordedDate=None), None),
        (entry("Observation", "o", issued="2025-02-03T10:00:00Z", effectiveDateTime="2025-02-01"), date(2025, 2, 3)),
        (entry("MedicationStatement", "s", effectivePeriod={"start": "2021-01-01"}), date(2021, 1, 1)),
    ],
)
def test_an_entry_is_known_from_when_it_was_written_else_from_what_it_is_about(resource, day):
    found = typed({name: value for name, value in resource.items() if value is not None})
    assert known_from(found) == day


@pytest.mark.parametrize(
    ("resource", "member", "then", "later"),
    [
        (dementia("2020-01-01", abatementDateTime="2024-05-01", clinicalStatus={"coding": [{"code": "resolved"}]}),
         "abatement_date_time", None, "2024-05-01"),
        (order("m", "2024-01-01", status="completed", dispenseRequest={"validityPeriod": {"end": "2024-05-01"}}),
         "status", "active", "completed"),
        (order("m", "2024-03-01", status="stopped",
               dispenseRequest={"expectedSupplyDuration": {"value": 60, "unit": "days"}}),
         "status", "active", "stopped"),
        (entry("MedicationStatement", "s", status="completed", effectivePeriod={"end": "2024-05-01"}),
         "status", "active", "completed"),
        (visit("v", "2024-03-01", period={"start": "2024-03-01", "end": "2024-05-01"}),
         "status", "in-progress", "finished"),
        (order("m", "2024-01-01", status="stopped", dosageInstruction=until("2024-05-01")),
         "status", "active", "stopped"),
        (order("m", "2024-01-01", status="stopped", dosageInstruction=until("2024-03-01"),
               dispenseRequest={"validityPeriod": {"end": "2024-05-01"}}),
         "status", "stopped", "stopped"),
        (order("m", "2024-01-01", status="stopped"), "status", "stopped", "stopped"),
        (order("m", "2024-01-01", status="cancelled", dispenseRequest={"validityPeriod": {"end": "2024-05-01"}}),
         "status", "cancelled", "cancelled"),
        (visit("v", "2024-03-01", status="cancelled", period={"start": "2024-03-01", "end": "2024-05-01"}),
         "status", "cancelled", "cancelled"),
    ],
)  # fmt: skip
def test_what_ended_later_was_still_under_way(resource, member, then, later):
    found = typed(resource)
    assert getattr(as_it_stood(found, date(2024, 4, 1)), member) == then
    assert getattr(as_it_stood(found, date(2024, 6, 1)), member) == later


@pytest.mark.parametrize("day", ["0001-01-01", "0001-01-03", "9999-12-31"])
def test_a_day_that_stands_for_none_ends_nothing(events, day):
    supply = {"dispenseRequest": {"expectedSupplyDuration": {"value": 30, "unit": "days"}}}
    ended, going = order("m", day, status="completed", **supply), order("n", day)
    told = events(visit("e", day), ended, going, visit("later", "2026-06-01"))
    assert [one.day for one in told] == ["2026-06-01"]
