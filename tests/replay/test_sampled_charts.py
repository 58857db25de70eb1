"""The charts of a sample: all of these patients, nothing of others, and the same answers when they are replayed."""

import json
import stat
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import msgspec
import pytest

from cds_service.content.places import fhir_examples
from cds_service.errors import NothingToReplay
from cds_service.replay.judgements import read_judgements, read_run
from cds_service.replay.numbers import counted
from cds_service.replay.sampled_charts import NOTE, Wanted, faults_of_place, write_charts

PERSON = {"resourceType": "Patient", "id": "a", "birthDate": "1950-01-01"}
ORDER = {
    "resourceType": "MedicationRequest",
    "id": "m",
    "subject": {"reference": "Patient/a"},
    "medicationReference": {"reference": "Medication/clonazepam"},
}


def charts(source, out, patients=None, executor=None, **wanted):
    """The folder of the charts of these patients; else of those with a card."""
    sampled = patients or {one.patient for one in counted(read_judgements(out), 3).samples}
    made = Wanted(source=str(source), run=read_run(out), patients=frozenset(sampled), out=out, **wanted)
    write_charts(made, executor, lambda *_: None)
    return made.folder


def resources(path):
    return [entry["resource"] for entry in json.loads(path.read_bytes())["entry"]]


def judgements(folder):
    return {msgspec.json.encode(one) for one in read_judgements(folder)}


def of_patients(out, patients):
    return {msgspec.json.encode(one) for one in read_judgements(out) if one.patient in patients}


def named(folder):
    return {path.stem for path in folder.glob("*.json")}


def lines_of(bulk, patient):
    found = []
    for path in bulk.glob("*.ndjson"):
        for line in path.read_bytes().splitlines():
            resource = json.loads(line)
            subject = resource.get("subject") or resource.get("patient") or {}
            whose = {subject.get("reference"), f"{resource['resourceType']}/{resource['id']}"}
            found += [resource] if f"Patient/{patient}" in whose else []
    return found


def write(folder, name, *resources):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("".join(json.dumps(one) + "\n" for one in resources))
    return folder


def in_order(resources):
    return sorted(map(json.dumps, resources))


def test_a_chart_holds_every_line_of_its_patient_and_no_other(bulk, run):
    _, out = run(bulk)
    folder = charts(bulk, out)
    assert len(named(folder)) > 5
    for patient in named(folder):
        assert in_order(resources(folder / f"{patient}.json")) == in_order(lines_of(bulk, patient))


@pytest.mark.parametrize("asked", [{}, {"mode": "events"}, {"is_past": False}])
def test_the_charts_replayed_give_the_same_judgements(bulk, run, asked):
    _, out = run(bulk, **asked)
    folder = charts(bulk, out)
    _, again = run(folder, **asked)
    assert judgements(again) == of_patients(out, named(folder)) != set()


def test_charts_of_bundles_give_the_same_judgements(run):
    source = fhir_examples() / "patients"
    _, out = run(source)
    folder = charts(source, out, {one.patient for one in read_judgements(out)})
    _, again = run(folder)
    assert judgements(again) == judgements(out)


def test_saved_requests_stand_as_they_were_sent_and_give_the_same_judgements(run):
    source = fhir_examples() / "requests"
    _, out = run(source)
    folder = charts(source, out, {one.patient for one in read_judgements(out)})
    assert named(folder) == set()
    _, again = run(folder)
    assert judgements(again) == judgements(out)


def test_processes_and_pieces_write_the_same_charts(bulk, run):
    _, out = run(bulk)
    first = {path.name: path.read_bytes() for path in charts(bulk, out).iterdir()}
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        second = {path.name: path.read_bytes() for path in charts(bulk, out, executor=pool, chunk=9_973).iterdir()}
    assert first == second


def test_types_and_results_that_no_rule_reads_are_in_the_chart(run, tmp_path):
    claim = {"resourceType": "Claim", "id": "c", "patient": {"reference": "Patient/a"}}
    sodium = {"resourceType": "Observation", "id": "o", "subject": {"reference": "Patient/a"}}
    sodium["code"] = {"coding": [{"system": "http://loinc.org", "code": "2951-2"}]}
    source = write(tmp_path / "export", "all.ndjson", PERSON, claim, sodium, PERSON | {"id": "b"}, claim | {"id": "d"})
    _, out = run(source)
    found = resources(charts(source, out, {"a"}) / "a.json")
    assert [(one["resourceType"], one["id"]) for one in found] == [
        ("Patient", "a"),
        ("Claim", "c"),
        ("Claim", "d"),
        ("Observation", "o"),
    ]


def test_what_no_rule_reads_is_in_the_chart_of_a_bundle_too(run, tmp_path):
    bundle = {"resourceType": "Bundle", "entry": [{"resource": PERSON}, {"resource": {"resourceType": "Claim"}}]}
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "a.json").write_text(json.dumps(bundle))
    _, out = run(tmp_path / "export")
    found = resources(charts(tmp_path / "export", out, {"a"}) / "a.json")
    assert [one["resourceType"] for one in found] == ["Patient", "Claim"]


def test_the_drugs_that_a_chart_refers_to_come_with_it(run, tmp_path):
    drug = {"resourceType": "Medication", "id": "clonazepam", "code": {"text": "Clonazepam 0.5 mg"}}
    other = {"resourceType": "Medication", "id": "other"}
    source = write(tmp_path / "export", "all.ndjson", PERSON, ORDER, drug, other)
    _, out = run(source)
    folder = charts(source, out, {"a"})
    assert [one["id"] for one in resources(folder / "a.json")] == ["a", "m", "clonazepam"]
    assert judgements(run(folder)[1]) == judgements(out)


def test_an_address_of_a_bundle_stays_with_its_resource(run, tmp_path):
    entry = {"fullUrl": "https://ehr.example/fhir/Patient/a", "resource": PERSON}
    source = write(tmp_path / "export", "a.json", {"resourceType": "Bundle", "entry": [entry]})
    _, out = run(source)
    assert json.loads((charts(source, out, {"a"}) / "a.json").read_text())["entry"] == [entry]


def test_a_line_that_would_break_its_bundle_stands_beside_it(run, tmp_path):
    source = write(tmp_path / "export", "all.ndjson", PERSON)
    broken = b'{"resourceType":"Condition","id":"x","subject":{"reference":"Patient/a"},"note":[{"text":"\xff"}]}\n'
    (source / "broken.ndjson").write_bytes(broken)
    _, out = run(source)
    folder = charts(source, out, {"a"})
    assert (folder / "a.ndjson").read_bytes() == broken
    assert len(resources(folder / "a.json")) == 1
    assert judgements(run(folder)[1]) == judgements(out)


def test_an_id_is_never_a_path(run, tmp_path):
    person = PERSON | {"id": "../../outside"}
    source = write(tmp_path / "export", "all.ndjson", person)
    _, out = run(source)
    folder = charts(source, out, {"../../outside"})
    (path,) = folder.glob("*.json")
    assert resources(path) == [person]
    assert not list(tmp_path.glob("outside*"))


def test_only_their_owner_can_read_the_charts(bulk, run):
    folder = charts(bulk, run(bulk)[1])
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert (stat.S_IMODE(folder.stat().st_mode), modes) == (0o700, {0o600})


def test_a_file_beside_them_says_that_they_hold_patient_data(bulk, run):
    assert "patient data" in (charts(bulk, run(bulk)[1]) / NOTE).read_text()


def test_nothing_is_left_of_the_second_reading(bulk, run):
    _, out = run(bulk)
    before = {path.name for path in out.iterdir()}
    charts(bulk, out)
    assert {path.name for path in out.iterdir()} - before == {"charts"}


def test_other_charts_take_the_place_of_the_first_and_leave_what_else_is_there(bulk, run):
    _, out = run(bulk)
    first, second = sorted({one.patient for one in read_judgements(out)})[:2]
    notes = charts(bulk, out, {first}) / "notes.txt"
    notes.write_text("reviewed")
    assert {path.name for path in charts(bulk, out, {second}).iterdir()} == {NOTE, "notes.txt", f"{second}.json"}


def test_another_export_than_that_which_was_replayed_is_refused(bulk, run, tmp_path):
    _, out = run(bulk)
    source = write(tmp_path / "other", "all.ndjson", PERSON)
    with pytest.raises(NothingToReplay, match="it is not what was replayed: "):
        charts(source, out)
    assert not (out / "charts").exists()


def test_a_patient_who_is_not_there_is_never_taken_for_an_empty_chart(bulk, run):
    _, out = run(bulk)
    with pytest.raises(NothingToReplay, match="of the patients"):
        charts(bulk, out, {"nobody"})


def test_an_export_that_has_grown_since_is_refused(run, tmp_path):
    source = write(tmp_path / "export", "all.ndjson", PERSON)
    _, out = run(source)
    write(source, "all.ndjson", PERSON, PERSON)
    with pytest.raises(NothingToReplay, match="1 lines then, and 2 now"):
        charts(source, out, {"a"})


def test_charts_are_never_written_into_their_export(tmp_path):
    assert list(faults_of_place(str(tmp_path), tmp_path / "results"))
    assert list(faults_of_place(str(tmp_path / "charts"), tmp_path))
    assert not list(faults_of_place(str(tmp_path / "export"), tmp_path / "results"))


def test_files_of_somebody_else_are_not_touched(tmp_path):
    (tmp_path / "charts").mkdir()
    assert not list(faults_of_place("/export", tmp_path))
    (tmp_path / "charts" / "mine.json").touch()
    assert list(faults_of_place("/export", tmp_path))
    (tmp_path / "charts" / NOTE).touch()
    assert not list(faults_of_place("/export", tmp_path))
