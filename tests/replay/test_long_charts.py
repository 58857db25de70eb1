"""A chart of very many results is shortened while it is gathered, and nobody can tell from what is said of it."""

from __future__ import annotations

import json
import random
from datetime import date, timedelta

import msgspec
import pytest

from cds_service.content.places import shipped_cards
from cds_service.facts.chart import MOST_RESOURCES
from cds_service.hooks.hooks import HOOKS
from cds_service.replay.chart import Record
from cds_service.replay.coverage import Counting, codes_of
from cds_service.replay.judge import Asked, Judge, Site
from cds_service.replay.judgements import read_codes, read_judgements
from cds_service.replay.lines import NO_PATIENT
from cds_service.replay.long_charts import LongCharts
from cds_service.replay.partition import judged as judged_at_once
from cds_service.replay.spill import LONG, SpillWriter, read_patients
from tests.charts import LOINC, SNOMED, coded

MANY = MOST_RESOURCES + 5_000
BORN = {"resourceType": "Patient", "id": "p", "birthDate": "1950-01-01"}
SHAKES = {
    "resourceType": "Condition",
    "id": "c",
    "subject": {"reference": "Patient/p"},
    "recordedDate": "2019-01-01",
    "clinicalStatus": {"coding": [{"code": "active"}]},
    "code": coded(SNOMED, "17450006", "Myoclonus"),
}
SCREENED = {
    "resourceType": "Observation",
    "id": "screened",
    "status": "final",
    "subject": {"reference": "Patient/p"},
    "code": {"text": "RBDSQ"},
    "effectiveDateTime": "2025-05-20",
    "valueInteger": 9,
}
"""On this a rule starts; it comes after more results than are read."""
ASKED = Asked(hooks=tuple(HOOKS), day=date(2026, 6, 15), mode="events")


LOW = range(3_000, 3_188)
"""The newest before the first visit."""


def result(number, code="2345-7"):
    """One glucose, known a little later than the one before it; the ids of the low ones come last."""
    return {
        "resourceType": "Observation",
        "id": f"{'z' if number in LOW else 'a'}{number}",
        "status": "final",
        "subject": {"reference": "Patient/p"},
        "code": coded(LOINC, code, "Glucose"),
        "effectiveDateTime": f"{date(2020, 1, 1) + timedelta(days=number * 2000 // MANY)}T08:00:00Z",
        "valueQuantity": {"value": 30 if number in LOW else 100, "unit": "mg/dL", "code": "mg/dL"},
    }


def visit(day):
    period = {"start": day, "end": day}
    visit = {"resourceType": "Encounter", "id": day, "status": "finished", "period": period}
    return {**visit, "subject": {"reference": "Patient/p"}}


@pytest.fixture(scope="module")
def results():
    """The lines of very many results that rules read, and of some that none reads, in no order."""
    found = [result(number) for number in range(MANY)] + [result(number, "8867-4") for number in range(0, MANY, 9)]
    lines = [msgspec.json.encode(one) for one in found]
    random.Random(3).shuffle(lines)
    return lines


@pytest.fixture(scope="module")
def judge():
    return Judge(Site(shipped_cards()), ASKED)


@pytest.fixture
def reader(judge):
    return judge.reader(lambda _: ())


@pytest.mark.parametrize("sick", [(SHAKES,), ()])
def test_what_is_said_is_what_is_said_with_all_of_them_held_at_once(run, tmp_path, results, judge, reader, sick):
    visits = visit("2021-03-01"), visit("2025-06-01")
    others = [json.dumps(one).encode() for one in (BORN, *sick, SCREENED, *visits)]
    (tmp_path / "long").mkdir()
    (tmp_path / "long" / "all.ndjson").write_bytes(b"\n".join([*results, *others]) + b"\n")
    _, out = run(tmp_path / "long", mode="events", question={"chunk": 1_000_000, "push_down": False})
    counting = Counting(judge.known)
    records = [Record(json.loads(line)["resourceType"], "", line) for line in (*results, *others)]
    seen = list(read_judgements(out))
    assert seen == list(judged_at_once("p", records, judge, reader, counting))
    assert read_codes(out) == codes_of(counting.found)
    told = [one.outcomes["myoclonus-reversible-cause" if sick else "rbd-screen"][0] for one in seen]
    assert [one.what for one in told] == ["found" if sick else "not_started", "undetermined"]
    assert "more than can be read in time" in told[1].datum


def test_so_many_are_kept_and_no_more_in_whatever_order_they_come(results, judge, reader):
    records = [Record("Observation", "", line) for line in results]
    kept = []
    for order in (records, records[::-1]):
        charts = LongCharts(reader, judge.known)
        held = charts.shortened("p", [*charts.shortened("p", order[:12_000]), *order[12_000:]])
        assert charts.lines["p"] == len(records) - len(held)
        assert charts.codes["p"].found["observations"].entries == charts.lines["p"]
        kept.append(sorted(held))
    assert kept[0] == kept[1]
    assert len(kept[0]) == MOST_RESOURCES + 1
    assert b"8867-4" not in b"".join(one.raw for one in kept[0])


def test_the_lines_of_a_long_chart_without_its_patient_are_all_counted(run, tmp_path, results):
    (tmp_path / "long").mkdir()
    (tmp_path / "long" / "all.ndjson").write_bytes(b"\n".join(results) + b"\n")
    told, out = run(tmp_path / "long", question={"push_down": False})
    assert told.dropped == {NO_PATIENT: len(results)}
    assert read_codes(out).collections["observations"].entries == 0


def test_a_chart_is_shortened_whenever_it_has_grown_by_so_much(tmp_path):
    lengths = []

    def shortened(_, records):
        lengths.append(len(records))
        return records[:5]

    spill = SpillWriter(tmp_path / "spill", 1, 100_000)
    for number in range(2 * LONG + 7):
        spill.add("p", "Observation", "", b"%d" % number)
    for patient in ("p", "q", "q"):
        spill.add(patient, "Patient", "", b"{}")
    spill.close()
    found = read_patients([tmp_path / "spill"], 0, 1, shortened)
    assert {patient: len(records) for patient, records in found.items()} == {"p": 5, "q": 2}
    assert lengths == [LONG, 5 + LONG, 5 + 8]
