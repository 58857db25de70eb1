"""What a replay leaves out of a chart changes no answer: each is judged as it is and whole."""

import json
from itertools import groupby

import msgspec
import pytest

from cds_service.content.places import shipped_cards
from cds_service.facts.chart import MOST_RESOURCES
from cds_service.fhir import elements as fhir
from cds_service.hooks.hooks import HOOKS
from cds_service.replay.chart import ChartReader, Record
from cds_service.replay.judge import Asked, Judge, Site
from tests.calling import charts
from tests.case_runs import cases, runner
from tests.replay.conftest import DAY

EVERY = 3
"""One of so many cases of each rule is judged."""
HYPERTENSION = {"coding": [{"system": "http://snomed.info/sct", "code": "38341003"}], "text": "Hypertension"}
DEMENTIA = {"coding": [{"system": "http://snomed.info/sct", "code": "52448006"}], "text": "Dementia"}


def judge(**asked):
    return Judge(Site(shipped_cards()), Asked(**{"hooks": tuple(HOOKS), "day": DAY, "is_past": True} | asked))


@pytest.fixture(scope="module")
def as_of():
    return judge()


@pytest.fixture(scope="module")
def by_events():
    return judge(mode="events", is_past=False)


def records(resources):
    return [Record(one["resourceType"], "", json.dumps(one).encode()) for one in resources]


def readers(judge):
    """The judge's own, and one that leaves nothing out."""
    return judge.reader(lambda _: ()), ChartReader(judge.zone, lambda _: ())


def is_judged_alike(judge, name, patient, resources):
    with_less, whole = (
        [msgspec.to_builtins(one) for one in judge.judgements(reader.chart(patient, records(resources)))]
        for reader in readers(judge)
    )
    assert with_less == whole, name


def chart_of(body):
    """The resources of a request, its drafts signed that day."""
    sent = [value.get("entry", ()) for value in body["prefetch"].values() if value["resourceType"] == "Bundle"]
    found = [one["resource"] for entries in sent for one in entries]
    patient = body["prefetch"].get("patient") or {"resourceType": "Patient", "id": body["context"]["patientId"]}
    drafts = [one["resource"] for one in body["context"].get("draftOrders", {}).get("entry", ())]
    signed = [one | {"status": "active", "authoredOn": DAY.isoformat()} for one in drafts]
    return [patient, *found, *signed]


@pytest.mark.parametrize("name", charts())
def test_a_shipped_patient_is_judged_alike(as_of, by_events, name):
    resources = charts()[name]
    for way in (as_of, by_events):
        is_judged_alike(way, name, name, resources)


@pytest.mark.parametrize("rule", cases())
def test_the_patient_of_a_case_is_judged_alike(as_of, rule):
    for case in cases()[rule][::EVERY]:
        body = runner().request(rule, case)
        if body["prefetch"].get("patient", {}).get("resourceType", "Patient") == "Patient":
            is_judged_alike(as_of, case.name, body["context"]["patientId"], chart_of(body))


def test_the_patients_of_an_export_are_judged_alike(as_of, by_events, bulk):
    lines = [json.loads(line) for file in sorted(bulk.glob("*.ndjson")) for line in file.read_text().splitlines()]
    owned = sorted(((owner(one), one) for one in lines if owner(one)), key=lambda one: one[0])
    for patient, found in groupby(owned, key=lambda one: one[0]):
        resources = [one for _, one in found]
        is_judged_alike(as_of, patient, patient, resources)
        if patient.endswith(("6", "7")):
            is_judged_alike(by_events, patient, patient, resources)


def owner(one):
    if one["resourceType"] == "Patient":
        return one["id"]
    return (one.get("subject") or one.get("patient") or one.get("for") or {}).get("reference", "").rpartition("/")[2]


@pytest.fixture
def parts(as_of):
    """By id, for what the resources are needed."""

    def parted(*resources):
        read = [msgspec.json.decode(json.dumps(one).encode(), type=fhir.AnyResource) for one in resources]
        found = as_of.reader(lambda _: ()).parts(read, ())
        sides = {"now": found.now, "later": found.later, "never": found.never}
        return {one.id: name for name, side in sides.items() for kept in side.values() for one in kept}

    return parted


def made(kind, name, **members):
    return {"resourceType": kind, "id": name, "subject": {"reference": "Patient/p"}} | members


def test_what_no_value_set_knows_is_never_looked_at(parts):
    assert parts(made("Condition", "c", code=HYPERTENSION)) == {"c": "never"}


def test_what_starts_no_rule_is_looked_at_later(parts):
    assert parts(made("Condition", "c", code=DEMENTIA)) == {"c": "later"}


def test_what_starts_one_is_looked_at(parts):
    rbd = {"text": "REM sleep behavior disorder"}
    assert parts(made("Condition", "c", code=rbd)) == {"c": "now"}


@pytest.mark.parametrize(
    "odd", [{"clinicalStatus": None}, {"recordedDate": "soon"}, {"onsetDateTime": "2026-13-01"}, {"code": None}]
)
def test_what_is_odd_is_looked_at_with_all_of_its_kind(parts, odd):
    found = parts(made("Condition", "odd", **{"code": HYPERTENSION} | odd), made("Condition", "c", code=HYPERTENSION))
    expected = "never" if odd == {"clinicalStatus": None} else "now"
    assert found["odd"] == expected
    assert found["c"] == ("never" if "code" in odd else expected)


def test_a_drug_that_is_named_elsewhere_too_is_looked_at(parts):
    drug = {"medicationCodeableConcept": {"text": "his tablets"}}
    order = made("MedicationRequest", "m", status="active", intent="order", **drug)
    assert parts(order) == {"m": "never"}
    assert parts(order | {"medicationReference": {"reference": "Medication/m1"}}) == {"m": "now"}


def test_of_more_than_can_be_read_nothing_is_left_out_that_counts_among_them(as_of):
    glucose = {"coding": [{"system": "http://loinc.org", "code": "2345-7"}]}
    day = {"status": "final", "effectiveDateTime": "2026-01-01"}
    results = [made("Observation", f"o{n}", code=glucose, **day) for n in range(MOST_RESOURCES + 5)]
    is_judged_alike(as_of, "results", "p", [{"resourceType": "Patient", "id": "p", "birthDate": "1950"}, *results])


def test_another_version_of_what_counts_is_looked_at_with_it(parts):
    found = parts(made("Condition", "c", code=DEMENTIA), made("Condition", "c", code=HYPERTENSION))
    assert found == {"c": "later"}


def test_what_an_order_may_be_for_and_where_a_diagnosis_was_made_is_looked_at_with_it(parts):
    visit = made("Encounter", "e", status="finished")
    condition = made("Condition", "c", code=HYPERTENSION)
    assert parts(visit, condition) == {"c": "never", "e": "never"}
    reason = {"text": "sertraline"}
    order = made(
        "MedicationRequest",
        "m",
        status="active",
        intent="order",
        medicationCodeableConcept=reason,
        reasonReference=[{"reference": "Condition/c"}],
    )
    assert parts(visit, condition, order) == {"m": "now", "c": "later", "e": "later"}


def test_where_a_diagnosis_was_made_is_looked_at_though_something_of_it_cannot_be_read(as_of):
    """Without its encounter the diagnosis would have no day, and what it stands for would be left unsaid."""
    movements = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "G47.69"}]}
    diagnosis = made("Condition", "c", code=movements, category=[{"coding": 7}], encounter={"reference": "Encounter/e"})
    visit = made("Encounter", "e", status="finished", period={"start": "2026-06-10"})
    person = {"resourceType": "Patient", "id": "p", "birthDate": "1950-01-01"}
    is_judged_alike(as_of, "odd", "p", [person, diagnosis, visit])
    chart = readers(as_of)[0].chart("p", records([person, diagnosis, visit]))
    assert [entry.reference for entry in chart.whole] == ["Condition/c", "Encounter/e", "Patient/p"]


def test_an_encounter_that_is_odd_is_told_where_a_diagnosis_asks_for_its_day(as_of):
    fall = {"coding": [{"system": "http://snomed.info/sct", "code": "1912002"}], "text": "Fall"}
    active = {"coding": [{"code": "active"}]}
    diagnosis = made("Condition", "c", code=fall, clinicalStatus=active, encounter={"reference": "Encounter/e"})
    person = {"resourceType": "Patient", "id": "p", "birthDate": "1950-01-01"}
    for odd in ({"id": [{}]}, {"status": "as usual"}):
        visit = made("Encounter", "e", **{"status": "finished", "period": {"start": "2026-06-10"}} | odd)
        is_judged_alike(as_of, "odd", "p", [person, diagnosis, visit])
        first, *_ = as_of.judgements(readers(as_of)[0].chart("p", records([person, diagnosis, visit])))
        assert set(first.unreadable) == {f"encounters: Encounter.{next(iter(odd))}"}


def test_an_order_of_two_days_before_by_its_own_zone_is_signed_on_the_day_of_the_site():
    far = Judge(Site(shipped_cards(), "Pacific/Kiritimati"), Asked(hooks=("order-sign",), day=DAY))
    drug = {"medicationCodeableConcept": {"text": "his tablets"}}
    told = {"status": "active", "intent": "order", "authoredOn": "2026-06-13T23:30:00-12:00"}
    person = {"resourceType": "Patient", "id": "p", "birthDate": "1950-01-01"}
    chart = far.reader(lambda _: ()).chart("p", records([person, made("MedicationRequest", "m", **told, **drug)]))
    assert [one.hook for one in far.judgements(chart)] == ["order-sign"]
