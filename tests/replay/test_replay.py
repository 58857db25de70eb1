"""The same export gives the same judgements, however it is laid out, cut up and run; nothing is lost without a word."""

import gzip
import json
import random
import stat
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context

import fsspec
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from cds_service.content.places import fhir_examples, shipped_cards
from cds_service.errors import NothingToReplay
from cds_service.hooks.hooks import HOOKS
from cds_service.replay.demo import write_demo
from cds_service.replay.judge import Asked, Site
from cds_service.replay.judgements import read_codes, read_judgements
from cds_service.replay.lines import NO_PATIENT, NO_WANTED_CODE, NOT_ASKED
from cds_service.replay.run import Question, replay
from cds_service.replay.sources import files_of, lines_of, pieces_of
from tests.calling import EXPECTED, as_bytes, charts, opened, requests, rules_of, serving


def found(folder):
    """What was judged, and the counts of codes: all of the results but how the run was told."""
    return [path.read_bytes() for path in sorted(folder.glob("judgements-*.ndjson"))], (
        folder / "codes.json"
    ).read_bytes()


def judgements(folder):
    return found(folder)[0]


def write(folder, name, lines):
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"".join(line if line.endswith(b"\n") else line + b"\n" for line in lines))
    return folder


def every_line(bulk):
    return [line for path in sorted(bulk.glob("*.ndjson")) for line in path.read_bytes().splitlines(keepends=True)]


def cards(folder):
    return sorted((one.patient, one.hook, c.rules, c.indicator) for one in read_judgements(folder) for c in one.cards)


def test_what_is_planted_is_found_and_nothing_else(bulk, judged, planted):
    wanted = sorted((one.patient, one.hook, one.rules, one.indicator) for one in planted(bulk))
    assert cards(judged[1]) == wanted
    assert {"patient-view", "order-sign"} == {hook for _, hook, _, _ in wanted}


def test_what_is_planted_in_the_shipped_export_is_found(run, planted):
    folder = fhir_examples() / "bulk"
    _, out = run(folder)
    assert cards(out) == sorted((one.patient, one.hook, one.rules, one.indicator) for one in planted(folder))


def test_the_shipped_export_is_what_the_command_writes(tmp_path):
    write_demo(16, tmp_path, fhir_examples(), every=2)
    shipped = fhir_examples() / "bulk"
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        path.name: path.read_bytes() for path in shipped.iterdir()
    }


def test_the_orders_of_a_card_are_those_in_which_its_rules_found_something(run, bulk):
    _, out = run(bulk, mode="events")
    count = 0
    for one in read_judgements(out):
        found = {(rule, order) for rule, order, verdict in one.verdicts() if verdict.what == "found"}
        for shown in one.cards:
            orders = {order for rule, order in found if rule in shown.rules and order}
            assert orders == set(shown.orders)
            count += len(orders)
    assert count > 5


def test_judgements_come_in_the_order_of_patient_day_hook_and_event(run, bulk):
    _, out = run(bulk, mode="events")
    orders = [one.order for one in read_judgements(out)]
    assert orders == sorted(orders)
    assert len(orders) > 200


@pytest.mark.parametrize("is_past", [True, False])
def test_every_example_patient_gets_what_the_service_answers(run, is_past):
    _, out = run(fhir_examples() / "patients", is_past=is_past)
    views = {one.patient: one for one in read_judgements(out) if one.hook == "patient-view"}
    with serving() as call:
        for name in charts():
            live = call("patient-view", as_bytes(opened(name))).cards
            assert [(list(c.rules), c.indicator) for c in views[name].cards] == [
                (rules_of(card), card["indicator"]) for card in live
            ], name


def test_every_saved_request_gets_what_the_service_answers(run, tmp_path):
    named = {}
    for name, request in requests().items():
        folder = tmp_path / name
        write(folder, "request.json", [as_bytes(request)])
        told, out = run(folder)
        (named[name],) = read_judgements(out)
        assert told.mode == "requests"
    for name, one in named.items():
        assert [(list(c.rules), c.indicator) for c in one.cards] == [
            (card["rules"], card["indicator"]) for card in EXPECTED["requests"][name]["cards"]
        ], name


def test_the_folder_of_results_is_nobody_else_s_as_ids_stand_in_it(run, tmp_path):
    write(tmp_path / "bulk", "Patient.ndjson", [b'{"resourceType": "Patient", "id": "p"}'])
    _, out = run(tmp_path / "bulk")
    assert stat.S_IMODE(out.stat().st_mode) == 0o700


@pytest.mark.parametrize("prefetch", [5, "all", [], None])
def test_a_saved_request_with_an_odd_prefetch_is_judged_as_by_the_service(run, tmp_path, prefetch):
    body = as_bytes(requests()["order-sign-rbd-dementia"] | {"prefetch": prefetch})
    write(tmp_path / "saved", "request.json", [body])
    with serving() as call:
        answer = call("order-sign", body)
    (one,) = read_judgements(run(tmp_path / "saved")[1])
    assert one.refused == (answer.status if answer.status != 200 else None)


def test_requests_of_a_hook_that_is_not_asked_about_are_counted(run):
    told, out = run(fhir_examples() / "requests", hooks=("order-sign",))
    signed = sum(request["hook"] == "order-sign" for request in requests().values())
    assert told.judgements == signed == len(list(read_judgements(out)))
    assert told.dropped == {NOT_ASKED: len(requests()) - signed}


def test_lines_in_any_order_and_files_give_the_same(run, bulk, judged, tmp_path):
    lines = every_line(bulk)
    random.Random(5).shuffle(lines)
    mixed = tmp_path / "mixed"
    for number in range(7):
        write(mixed, f"part-{number}.ndjson", lines[number::7])
    assert found(run(mixed)[1]) == found(judged[1])


def test_gzipped_files_give_the_same(run, bulk, judged, tmp_path):
    packed = tmp_path / "packed"
    packed.mkdir()
    for path in bulk.glob("*.ndjson"):
        (packed / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 1))
    assert found(run(packed)[1]) == found(judged[1])


def test_bundles_give_the_same(run, bulk, judged, tmp_path):
    folder, held = tmp_path / "bundles", {}
    for line in every_line(bulk):
        resource = json.loads(line)
        subject = resource.get("subject") or resource.get("patient") or {"reference": f"Patient/{resource['id']}"}
        held.setdefault(subject["reference"].partition("/")[2], []).append(resource)
    for name, resources in held.items():
        entries = [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in resources]
        write(folder, f"{name}.json", [json.dumps({"resourceType": "Bundle", "entry": entries}, indent=1).encode()])
    assert found(run(folder)[1]) == found(judged[1])


def test_pieces_of_any_size_give_the_same(run, bulk, judged):
    told, out = run(bulk, question={"chunk": 9_973})
    assert found(out) == found(judged[1])
    assert told == judged[0]


def test_processes_give_the_same(run, bulk, judged):
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        told, out = run(bulk, executor=pool, workers=2)
    assert found(out) == found(judged[1])
    assert told == judged[0]


def test_without_dropping_lines_the_answers_are_the_same(run, bulk, judged):
    told, out = run(bulk, question={"push_down": False})
    assert found(out) == found(judged[1])
    assert judged[0].dropped[NO_WANTED_CODE] > 1000
    assert NO_WANTED_CODE not in told.dropped
    assert read_codes(out).collections["observations"].unknown


def test_damaged_lines_and_files_are_named_and_end_nothing(run, bulk, judged, tmp_path):
    hurt = tmp_path / "hurt"
    hurt.mkdir()
    for path in bulk.glob("*.ndjson"):
        (hurt / path.name).write_bytes(path.read_bytes())
    whole = (hurt / "Condition.ndjson").read_bytes()
    (hurt / "Condition.ndjson").write_bytes(
        b'{"resourceType":"Condition","id"\n' + whole + b'{"id":"x"}\n"text"\n\xff\xfe\n'
    )
    write(hurt, "Nobody.ndjson", [b'{"resourceType":"Condition","id":"c"}', b'{"resourceType":"Patient"}'])
    packed = gzip.compress(b'{"resourceType":"Patient","id":"late"}\n' * 5000)
    (hurt / "Cut.ndjson.gz").write_bytes(packed[: len(packed) // 2])
    (hurt / "Notgzip.ndjson.gz").write_bytes(b"\x1f\x8bnothing")
    told, out = run(hurt)
    kinds = {(one.file, one.kind): one.count for one in told.damaged}
    assert kinds == {
        ("Condition.ndjson", "no JSON"): 2,
        ("Condition.ndjson", "no resource"): 2,
        ("Cut.ndjson.gz", "cut short"): 1,
        ("Nobody.ndjson", "names no patient"): 1,
        ("Nobody.ndjson", "no id"): 1,
        ("Notgzip.ndjson.gz", "cut short"): 1,
    }
    at = {(one.file, one.kind): one.at for one in told.damaged}
    assert at["Condition.ndjson", "no JSON"][0] == 0
    others = [one for one in read_judgements(out) if one.patient != "late"]
    assert others == list(read_judgements(judged[1]))


def test_what_is_odd_in_a_resource_is_unreadable_there(run, tmp_path):
    folder = write(
        tmp_path / "odd",
        "all.ndjson",
        [
            b'{"resourceType":"Patient","id":"p","birthDate":"1950-01-01","gender":"male"}',
            b'{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/p"},"code":7,"recordedDate":"2020-01-01"}',
        ],
    )
    _, out = run(folder)
    (one,) = read_judgements(out)
    assert one.unreadable == {"conditions: Condition.code": 1}
    assert one.age == "75-84"


def test_lines_of_a_patient_who_is_not_there_are_counted(run, tmp_path):
    folder = write(
        tmp_path / "orphans",
        "Condition.ndjson",
        [b'{"resourceType":"Condition","id":"c","subject":{"reference":"https://ehr.example.org/fhir/Patient/p"}}'],
    )
    told, _ = run(folder)
    assert (told.patients, told.dropped) == (0, {NO_PATIENT: 1})


def test_a_drug_by_reference_is_found_wherever_it_stands(run, tmp_path):
    drug = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "2598"}]}
    lines = [
        {"resourceType": "Patient", "id": "p", "birthDate": "1950-01-01"},
        {
            "resourceType": "Condition",
            "id": "c",
            "subject": {"reference": "Patient/p"},
            "recordedDate": "2020-01-01",
            "clinicalStatus": {"coding": [{"code": "active"}]},
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": "26929004"}]},
        },
        {
            "resourceType": "MedicationRequest",
            "id": "m",
            "status": "active",
            "intent": "order",
            "subject": {"reference": "Patient/p"},
            "authoredOn": "2026-06-15",
            "medicationReference": {"reference": "Medication/clonazepam"},
        },
    ]
    medication = {"resourceType": "Medication", "id": "clonazepam", "code": drug}
    folder = write(tmp_path / "by-reference", "all.ndjson", [json.dumps(one).encode() for one in lines])
    _, without = run(folder)
    write(folder, "Medication.ndjson", [json.dumps(medication).encode()])
    _, out = run(folder)
    (signed,) = [one for one in read_judgements(out) if one.hook == "order-sign"]
    assert [card.topic for card in signed.cards] == ["clonazepam-dementia"]
    assert signed.cards[0].orders == ("MedicationRequest/m",)
    (blind,) = [one for one in read_judgements(without) if one.hook == "order-sign"]
    verdicts = blind.of_orders["MedicationRequest/m"]["clonazepam-dementia"]
    assert [verdict.what for verdict in verdicts] == ["undetermined"]


def test_hashed_ids_tell_apart_and_tell_nobody(run, bulk, judged):
    _, out = run(bulk, question={"id_key": "ab" * 16})
    plain, hidden = list(read_judgements(judged[1])), list(read_judgements(out))
    assert len({one.patient for one in hidden}) == len({one.patient for one in plain})
    assert b"demo-" not in b"".join(judgements(out))
    assert sum(len(one.of_orders) for one in hidden) == sum(len(one.of_orders) for one in plain) > 10
    told = [order for one in hidden for card in one.cards for order in card.orders]
    assert told
    assert set(told) <= {order for one in hidden for order in one.of_orders}
    assert sorted(len(one.cards) for one in hidden) == sorted(len(one.cards) for one in plain)


def test_a_type_that_was_not_exported_is_not_taken_for_empty(run, bulk):
    _, out = run(bulk, not_exported=frozenset({"conditions"}))
    missing = {verdict.datum for one in read_judgements(out) for _, _, verdict in one.verdicts() if verdict.datum}
    assert any("conditions: not sent" in datum for datum in missing)


def test_where_nothing_is_to_be_read_it_says_so(run, tmp_path):
    with pytest.raises(NothingToReplay):
        run(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(NothingToReplay, match="no file ends in"):
        run(tmp_path)


class Fetched(fsspec.spec.AbstractBufferedFile):
    """A file of a store, which comes a range of bytes at a time, as those of s3fs, gcsfs and adlfs do."""

    def _fetch_range(self, start, end):
        return self.fs.held.cat_file(self.path, start=start, end=end)


class FetchingStore(fsspec.AbstractFileSystem):
    """What lies in memory, behind files as an object store has them."""

    protocol = "fetching"
    held = fsspec.filesystem("memory")

    def info(self, path, **_):
        return self.held.info(path)

    def ls(self, path, detail=True, **_):
        return self.held.ls(path, detail=detail)

    def _open(self, path, mode="rb", block_size=50_000, **_):
        return Fetched(self, path, mode, block_size)


fsspec.register_implementation("fetching", FetchingStore)


@pytest.mark.parametrize("scheme", ["memory", "fetching"])
def test_an_object_store_gives_the_same(run, bulk, judged, scheme):
    store = FetchingStore.held
    for path in bulk.glob("*.ndjson"):
        packed = path.stat().st_size < 100_000
        with store.open(f"/export/{path.name}{'.gz' if packed else ''}", "wb") as file:
            file.write(gzip.compress(path.read_bytes()) if packed else path.read_bytes())
    try:
        told, out = run(f"{scheme}://export", question={"chunk": 300_000})
    finally:
        store.rm("/export", recursive=True)
    assert found(out) == found(judged[1])
    assert told.lines == judged[0].lines


DAY = date(2026, 6, 15)
FEW = 24
"""Patients: every one of them is shuffled anew for each example."""


@pytest.fixture(scope="module")
def few(ruleset, tmp_path_factory):
    """The lines of a small export, and what they come to."""
    folder, out = tmp_path_factory.mktemp("few"), tmp_path_factory.mktemp("few-judged")
    write_demo(FEW, folder, fhir_examples(), every=2)
    asked = Asked(hooks=tuple(HOOKS), day=DAY, is_past=True)
    question = Question(source=str(folder), out=out, site=Site(shipped_cards()), asked=asked)
    replay(question, ruleset, None, 1, lambda *_: None)
    return every_line(folder), found(out)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_order_and_no_split_of_lines_changes_the_judgements(run, few, tmp_path, data):
    held, results = few
    lines = data.draw(st.permutations(held), label="order")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(held)), max_size=5), label="cuts"))
    chunk = data.draw(st.integers(1_000, 400_000), label="chunk")
    folder = tmp_path / f"split-{len(list(tmp_path.iterdir()))}"
    for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(held)], strict=True)):
        write(folder, f"{number}.ndjson", lines[start:end])
    assert found(run(folder, question={"chunk": chunk})[1]) == results


HOSTILE = {
    b'{"resourceType":"Medication","id":"a\\nb","code":{"text":"x"}}': "no id",
    b'{"resourceType":"Medication","id":"a\\tb","code":{"text":"x"}}': "no id",
    b'{"resourceType":"X\\nY","id":"1","subject":{"reference":"Patient/p"}}': "no resource",
    b'{"resourceType":"Ms Example, Synthetic","id":"1"}': "no resource",
    b'{"resourceType":"Condition","id":5,"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}": "no JSON",
    b'{"resourceType":"Condition","id":5,"x":"\xff"}': "no JSON",
    b'{"resourceType":"Bundle","entry":[{"fullUrl":"\xff"}]}': "no resource",
}


@pytest.mark.parametrize("line", HOSTILE)
def test_a_line_that_none_would_write_is_damaged_and_ends_nothing(run, tmp_path, line):
    folder = write(tmp_path / "in", "all.ndjson", [b'{"resourceType":"Patient","id":"p"}', line])
    told, _ = run(folder)
    assert [(one.kind, one.count) for one in told.damaged] == [(HOSTILE[line], 1)]
    assert told.judgements == 1


def test_what_turns_out_to_be_no_json_only_inside_is_unreadable_and_ends_nothing(run, tmp_path):
    """Files of older encodings are read up to the words that are in them."""
    told = b'"status":"active","intent":"order","medicationReference":{"reference":"Medication/a"}'
    result = b'"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4","display":"\xe4"}]}'
    lines = [
        b'{"resourceType":"Patient","id":"p","birthDate":"1950-01-01"}',
        b'{"resourceType":"MedicationRequest","id":"m","subject":{"reference":"Patient/p"},' + told + b"}",
        b'{"resourceType":"Medication","id":"a","code":{"text":"\xe4"}}',
        b'{"resourceType":"Observation","id":"o","subject":{"reference":"Patient/p"},' + result + b"}",
        b'{"resourceType":"AllergyIntolerance","id":"g","patient":{"reference":"Patient/p"},"recordedDate":"\xe4"}',
        b'{"hook":"patient-view","context":{"patientId":"p"},"prefetch":{"patient":"\xe4"}}',
    ]
    run_of, out = run(write(tmp_path / "in", "all.ndjson", lines))
    assert not run_of.damaged
    assert [one.refused for one in read_judgements(out)] == [None, 422]


def test_two_drugs_of_one_id_are_both_kept_in_pieces_of_any_size(run, tmp_path):
    told = {"status": "active", "intent": "order", "authoredOn": "2026-06-01"}
    about = {"subject": {"reference": "Patient/p"}, "medicationReference": {"reference": "Medication/a"}}
    drugs = ({"resourceType": "Medication", "id": "a", "code": {"text": text}} for text in ("clonazepam", "aspirin"))
    lines = [
        {"resourceType": "Patient", "id": "p", "birthDate": "1950-01-01"},
        {"resourceType": "Condition", "id": "c", "subject": about["subject"], "code": {"text": "dementia"}},
        {"resourceType": "MedicationRequest", "id": "m"} | told | about,
        *drugs,
    ]
    folder = write(tmp_path / "in", "all.ndjson", [json.dumps(one).encode() for one in lines])
    (_, whole), (_, cut) = run(folder), run(folder, question={"chunk": 50})
    assert found(whole) == found(cut)
    (one,) = read_judgements(whole)
    assert not one.cards, "which of them it is cannot be told"


def test_of_two_versions_of_a_patient_the_newer_counts(run, tmp_path):
    person = {"resourceType": "Patient", "id": "p", "birthDate": "1950-01-01", "meta": {"versionId": "1"}}
    dead = person | {"meta": {"versionId": "2"}, "deceasedBoolean": True}
    folder = write(tmp_path / "in", "all.ndjson", [json.dumps(one).encode() for one in (person, dead)])
    (one,) = read_judgements(run(folder)[1])
    assert one.gate


@pytest.mark.parametrize("inside", ["", "replay"])
def test_results_that_would_be_read_as_a_part_of_the_export_are_not_written(run, tmp_path, inside):
    folder = write(tmp_path / "in", "all.ndjson", [b'{"resourceType":"Patient","id":"p"}'])
    with pytest.raises(NothingToReplay, match="keep the results elsewhere"):
        run(folder, out=folder / inside)
    assert [path.name for path in folder.iterdir()] == ["all.ndjson"]


@pytest.mark.parametrize("source", ["nowhere://bucket/export", "lakefs://bucket/export"])
def test_a_store_that_is_not_known_or_not_installed_is_told_in_a_sentence(run, source):
    with pytest.raises(NothingToReplay, match=f"{source.partition('/')[0]}// cannot be read: "):
        run(source)


def test_a_line_longer_than_can_be_held_is_told_once_and_held_by_no_piece(tmp_path):
    folder = write(tmp_path / "in", "all.ndjson", [b'{"resourceType":"Patient","id":"p"}'])
    with (folder / "all.ndjson").open("r+b") as file:
        file.seek(200 * 2**20)
        file.write(b'\n{"resourceType":"Patient","id":"q"}\n')
    (first,), *others = pieces_of(files_of(str(folder))[0])
    told = [(line.fault, line.at) for line in lines_of(first)]
    assert told == [("", 0), ("too long", 36)]
    tracemalloc.start()
    rest = [line for (piece,) in others for line in lines_of(piece)]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [line.text for line in rest] == [b'{"resourceType":"Patient","id":"q"}\n']
    assert most < 8 * 2**20


def test_what_cannot_be_read_of_a_drug_that_an_order_refers_to_is_told(run, tmp_path):
    told = {"status": "active", "intent": "order", "authoredOn": "2026-06-01"}
    about = {"subject": {"reference": "Patient/p"}, "medicationReference": {"reference": "Medication/a"}}
    lines = [
        {"resourceType": "Patient", "id": "p", "birthDate": "1950-01-01"},
        {"resourceType": "MedicationRequest", "id": "m"} | told | about,
        {"resourceType": "Medication", "id": "a", "code": 7},
    ]
    (one,) = read_judgements(run(write(tmp_path / "in", "all.ndjson", [json.dumps(one).encode() for one in lines]))[1])
    assert one.unreadable == {"medicationRequests: Medication.code": 1}
    assert one.outcomes["clonazepam-dementia"][0].what == "undetermined"


def test_links_are_followed_and_those_that_lead_nowhere_are_told(run, tmp_path):
    elsewhere = write(tmp_path / "elsewhere", "more.ndjson", [b'{"resourceType":"Patient","id":"q"}'])
    folder = write(tmp_path / "in", "all.ndjson", [b'{"resourceType":"Patient","id":"p"}'])
    (folder / "part").symlink_to(elsewhere)
    (folder / "loop").symlink_to(folder)
    (folder / "Condition.ndjson").symlink_to(tmp_path / "nowhere")
    told, _ = run(folder)
    assert told.patients == 2
    assert [(one.file, one.kind) for one in told.damaged] == [("Condition.ndjson", "cannot be opened")]
