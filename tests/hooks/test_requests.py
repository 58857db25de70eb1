"""Requests are read liberally, and refused with the member that breaks the contract."""

import copy
import json
from time import thread_time

import pytest

from cds_service.errors import ContractBroken, NotJson, OtherRelease
from cds_service.fhir import elements as fhir
from cds_service.fhir.sources import EMPTY, FAILED, NOT_SENT, Reading, Unreadable
from cds_service.hooks.requests import parse_request
from cds_service.hooks.services import Service

PREFETCH = {
    "patient": "Patient/{{context.patientId}}",
    "conditions": "Condition?patient={{context.patientId}}",
    "medicationRequests": "MedicationRequest?patient={{context.patientId}}",
    "medicationStatements": "MedicationStatement?patient={{context.patientId}}",
}
SERVICES = {
    hook: Service(id=f"rbd-{hook}", hook=hook, title="t", description="d", prefetch=PREFETCH)
    for hook in ("patient-view", "order-select", "order-sign")
}
ORDER = {"resourceType": "MedicationRequest", "id": "draft-1", "status": "draft"}
LAB = {"resourceType": "ServiceRequest", "id": "draft-2", "status": "draft"}
CONDITION = {"resourceType": "Condition", "id": "c1", "code": {"text": "RBD"}}
MISSPELT = {"resourceType": "Condition", "id": "c2", "code": {"coding": None}, "subject": 7}
HOPELESS = {"resourceType": "Unheard", "id": "x"}


def call(hook="order-select", **members):
    context = {"userId": "Practitioner/p1", "patientId": "pat-1"}
    if hook != "patient-view":
        context["draftOrders"] = {"resourceType": "Bundle", "entry": [{"resource": ORDER}, {"resource": LAB}]}
    if hook == "order-select":
        context["selections"] = ["MedicationRequest/draft-1"]
    return {"hook": hook, "hookInstance": "0d5b2a0e-8a53-4a3b-9d5e-6d1a4e0c1f01", "context": context, **members}


def with_context(hook="order-select", **members):
    body = call(hook)
    body["context"].update(members)
    return body


def with_drafts(*entries, hook="order-select", selections=("MedicationRequest/draft-1",)):
    drafts = {"resourceType": "Bundle", "entry": list(entries)}
    return with_context(hook, draftOrders=drafts, selections=list(selections))


def parsed(body, hook=None):
    service = SERVICES[hook or body["hook"]]
    return parse_request(body if isinstance(body, bytes) else json.dumps(body).encode(), service)


def refusal(body, hook="order-select"):
    with pytest.raises(ContractBroken) as refused:
        parsed(body, hook)
    return refused.value.expression


def bundle(*resources, **members):
    return {"resourceType": "Bundle", "entry": [{"resource": resource} for resource in resources], **members}


def test_a_plain_call_is_read_whole():
    hook = parsed(call("patient-view", fhirServer="https://fhir.example/r4", prefetch={"conditions": None}))
    assert (hook.hook.name, hook.user_id, hook.patient_id) == ("patient-view", "Practitioner/p1", "pat-1")
    assert hook.fhir_server == "https://fhir.example/r4"
    assert hook.encounter_id is None
    assert hook.prefetch == dict.fromkeys(PREFETCH, NOT_SENT) | {"conditions": EMPTY}
    assert hook.not_r4 is None


def test_the_encounter_is_kept():
    assert parsed(with_context("patient-view", encounterId="enc-1")).encounter_id == "enc-1"


@pytest.mark.parametrize(
    "written", ["Encounter/enc-1", " https://ehr.example/r4/Encounter/enc-1/_history/3", "/Encounter/enc-1"]
)
def test_an_encounter_with_its_type_is_the_same_encounter(written):
    assert parsed(with_context("patient-view", encounterId=written)).encounter_id == "enc-1"


@pytest.mark.parametrize("written", ["", " ", "Patient/enc-1", "Encounter/", 7])
def test_what_names_no_encounter_is_none(written):
    assert parsed(with_context("patient-view", encounterId=written)).encounter_id is None


def test_unknown_members_are_passed_over_everywhere():
    body = with_context("patient-view", news=[1, {"a": None}]) | {"extension": {"a": {"b": [1]}}, "user": "x"}
    assert parsed(body) == parsed(call("patient-view"))


@pytest.mark.parametrize("value", [None, "", 7, {}, []])
@pytest.mark.parametrize("member", ["hook", "hookInstance"])
def test_an_unusable_member_at_the_top_is_named(member, value):
    assert refusal(call() | {member: value}) == (member,)


@pytest.mark.parametrize("value", [None, [], "x", 1])
def test_an_unusable_context_is_named(value):
    assert refusal(call() | {"context": value}) == ("context",)


@pytest.mark.parametrize("value", [None, "", 7, {}])
@pytest.mark.parametrize("member", ["userId", "patientId"])
def test_an_unusable_member_of_the_context_is_named(member, value):
    assert refusal(with_context(**{member: value})) == (f"context.{member}",)


@pytest.mark.parametrize("member", ["hook", "hookInstance", "context"])
def test_a_missing_member_is_named(member):
    body = call()
    del body[member]
    assert refusal(body) == (member,)


@pytest.mark.parametrize("member", ["userId", "patientId", "selections", "draftOrders"])
def test_a_missing_member_of_the_context_is_named(member):
    body = copy.deepcopy(call())
    del body["context"][member]
    assert refusal(body) == (f"context.{member}",)


def test_the_hook_must_be_the_one_of_the_service():
    assert refusal(call("order-sign"), "patient-view") == ("hook",)


@pytest.mark.parametrize("odd", ["Patient/123", "../../metadata", "1?x=y", "a b", "é", "x" * 65, "a_b", "1\n"])
def test_a_patient_id_that_is_no_bare_id_is_refused(odd):
    assert refusal(with_context(patientId=odd)) == ("context.patientId",)


@pytest.mark.parametrize("body", ["null", "[]", '"x"', "1"])
def test_a_body_that_is_no_object_is_refused_as_a_whole(body):
    assert refusal(body.encode()) == ()


@pytest.mark.parametrize("selections", [None, "MedicationRequest/draft-1", {}, [1], [None]])
def test_selections_are_an_array_of_strings(selections):
    assert refusal(with_context(selections=selections)) == ("context.selections",)


@pytest.mark.parametrize("drafts", [None, [], {}, "x", {"resourceType": "Patient"}, {"entry": []}])
def test_draft_orders_are_a_bundle(drafts):
    assert refusal(with_context(draftOrders=drafts)) == ("context.draftOrders",)


@pytest.mark.parametrize("entry", [{}, {"entry": []}, {"entry": None}, {"entry": [None]}])
def test_a_bundle_of_drafts_may_be_empty(entry):
    assert parsed(with_context(draftOrders={"resourceType": "Bundle"} | entry)).drafts == ()


def test_no_selections_select_nothing():
    assert [draft.selected for draft in parsed(with_context(selections=[])).drafts] == [False, False]


def test_everything_is_selected_at_signing():
    hook = parsed(call("order-sign") | {"context": with_context("order-sign", selections=["x/1"])["context"]})
    assert [draft.selected for draft in hook.drafts] == [True, True]
    assert hook.selections == ()


def test_patient_view_hands_over_no_drafts():
    assert parsed(with_context("patient-view", draftOrders=bundle(ORDER))).drafts == ()


@pytest.mark.parametrize(
    "selection",
    ["MedicationRequest/draft-1", "draft-1", "urn:uuid:1", "https://ehr.example/MedicationRequest/9", "r4/9", "9"],
)
def test_a_selection_finds_its_draft_by_reference_id_or_address(selection):
    address = "urn:uuid:1" if "uuid" in selection else "https://ehr.example/MedicationRequest/r4/9"
    address = selection if selection.startswith("https") else address
    order, lab = parsed(
        with_drafts({"fullUrl": address, "resource": ORDER}, {"resource": LAB}, selections=[selection])
    ).drafts
    assert order.selected
    assert not lab.selected


@pytest.mark.parametrize(
    "selection",
    [
        " MedicationRequest/draft-1",
        "/MedicationRequest/draft-1",
        "MedicationRequest/draft-1/_history/2",
        "https://ehr.example/r4/MedicationRequest/draft-1",
        "https://ehr.example/r4/MedicationRequest/draft-1/_history/2",
        "urn:uuid:draft-1",
    ],
)
def test_a_selection_may_be_written_as_an_address_or_with_a_version(selection):
    order, lab = parsed(with_drafts({"resource": ORDER}, {"resource": LAB}, selections=[selection])).drafts
    assert (order.selected, lab.selected) == (True, False)


def test_a_draft_without_an_id_is_selected_by_the_end_of_its_address():
    nameless = {"resourceType": "MedicationRequest", "status": "draft"}
    entry = {"fullUrl": "https://ehr.example/r4/MedicationRequest/7", "resource": nameless}
    for selection in ("MedicationRequest/7", "https://elsewhere.example/MedicationRequest/7/_history/1"):
        hook = parsed(with_drafts(entry, selections=[selection]))
        assert hook.drafts[0].selected
        assert not hook.lacks_selection


def test_selections_that_name_no_draft_are_told():
    assert parsed(with_drafts({"resource": ORDER}, selections=["MedicationRequest/Draft-1"])).lacks_selection
    assert parsed(with_drafts(selections=[])).lacks_selection
    assert not parsed(call("order-sign")).lacks_selection
    assert not parsed(call("patient-view")).lacks_selection


@pytest.mark.parametrize("selection", ["ServiceRequest/draft-1", "raft-1", "", "MedicationRequest/gone"])
def test_a_selection_that_names_something_else_finds_nothing(selection):
    body = with_drafts({"fullUrl": "https://ehr.example/MedicationRequest/draft-1", "resource": ORDER})
    body["context"]["selections"] = [selection]
    assert not parsed(body).drafts[0].selected


def test_a_draft_keeps_its_bytes_and_its_reference():
    long_id = "x" * 180 + "+/=_é"
    written = f'{{"resourceType": "MedicationRequest", "id": "{long_id}", "a":1.10 ,"b":null}}'
    body = json.dumps(with_drafts("HERE")).replace('"HERE"', f'{{"resource": {written}}}').encode()
    (draft,) = parsed(body, "order-select").drafts
    assert draft.raw == written.encode()
    assert draft.reference == f"MedicationRequest/{long_id}"


def test_a_draft_keeps_its_bytes_when_the_body_needs_mending():
    written = '{"resourceType":"MedicationRequest","id":"draft-1","dose":1.10}'
    body = json.dumps(with_drafts("HERE") | {"prefetch": {"conditions": bundle(MISSPELT)}})
    (draft,) = parsed(body.replace('"HERE"', f'{{"resource":{written}}}').encode(), "order-select").drafts
    assert draft.raw == written.encode()


def test_other_resources_among_the_drafts_are_kept():
    medication = {"resourceType": "Medication", "id": "m1"}
    _, other = parsed(with_drafts({"resource": ORDER}, {"fullUrl": "urn:uuid:m", "resource": medication})).drafts
    assert isinstance(other.resource, fhir.Medication)
    assert (other.full_url, other.selected) == ("urn:uuid:m", False)


@pytest.mark.parametrize(
    ("entry", "member"),
    [
        ({}, "Bundle.entry.resource"),
        (7, "Bundle.entry.resource"),
        ({"resource": None}, "resourceType"),
        ({"resource": 7}, "resourceType"),
        ({"resource": {"resourceType": "Foo"}}, "resourceType"),
    ],
)
def test_an_entry_that_holds_no_known_resource_is_a_draft_that_cannot_be_read(entry, member):
    unread, sound = parsed(with_drafts(entry, {"resource": ORDER})).drafts
    assert (unread.resource, [one.member for one in unread.unreadable]) == (None, [member])
    assert sound.reference == "MedicationRequest/draft-1"


def test_entries_that_are_no_list_are_a_draft_that_cannot_be_read():
    (unread,) = parsed(with_context(draftOrders={"resourceType": "Bundle", "entry": "x"})).drafts
    assert (unread.resource, unread.selected) == (None, True)


@pytest.mark.parametrize("odd", [{"resource": 7}, {"resource": ORDER | {"id": {"value": {}}}}])
def test_a_draft_whose_id_cannot_be_read_is_selected_by_a_selection_that_names_no_other(odd):
    body = with_drafts({"resource": ORDER}, odd)
    body["context"]["selections"] = ["MedicationRequest/draft-1"]
    assert [draft.selected for draft in parsed(body).drafts] == [True, False]
    body["context"]["selections"] = ["MedicationRequest/draft-1", "MedicationRequest/draft-2"]
    assert [draft.selected for draft in parsed(body).drafts] == [True, True]


def test_what_cannot_be_read_of_a_draft_is_left_out_and_named():
    (draft,) = parsed(with_drafts({"resource": ORDER | {"authoredOn": {"extension": []}}})).drafts
    assert draft.reference == "MedicationRequest/draft-1"
    assert draft.unreadable == (Unreadable("MedicationRequest.authoredOn", "neither a string nor a number"),)


@pytest.mark.parametrize("name", [None, "", "a b", " a", "a\n"])
def test_a_draft_without_a_usable_id_has_no_reference(name):
    (draft,) = parsed(with_drafts({"resource": {"resourceType": "MedicationRequest", "id": name}})).drafts
    assert draft.reference is None
    assert not draft.selected


def test_an_object_in_place_of_an_array_of_drafts_is_its_only_entry():
    drafts = {"resourceType": "Bundle", "entry": {"resource": ORDER}}
    assert len(parsed(with_context(draftOrders=drafts)).drafts) == 1


def test_prefetch_with_oddities_is_mended():
    hook = parsed(call(prefetch={"conditions": bundle(CONDITION, MISSPELT | {"subject": {"reference": "Patient/1"}})}))
    given = hook.prefetch["conditions"]
    assert [one.id for one in given.resources] == ["c1", "c2"]
    assert given.gap is None


def test_a_member_beyond_mending_is_named_and_leaves_no_gap():
    odd = CONDITION | {"recordedDate": {"a": 1}}
    given = parsed(call(prefetch={"conditions": bundle(odd)})).prefetch["conditions"]
    assert given.gap is None
    (reading,) = given.odd
    assert reading.resource is given.resources[0]
    assert [one.member for one in reading.unreadable] == ["Condition.recordedDate"]


def test_a_resource_beyond_mending_is_counted_and_the_others_are_kept():
    given = parsed(call(prefetch={"conditions": bundle(CONDITION, HOPELESS)})).prefetch["conditions"]
    assert [one.id for one in given.resources] == ["c1"]
    assert given.gap == "unreadable resource"


def test_mending_takes_only_so_much_time(monkeypatch):
    def slow(raw):
        mended.append(raw)
        while thread_time() < started + 0.3:
            pass
        return Reading(None)

    mended, started = [], thread_time()
    monkeypatch.setattr("cds_service.fhir.decoding.walk", slow)
    given = parsed(call(prefetch={"conditions": bundle(*[MISSPELT] * 50, CONDITION)})).prefetch["conditions"]
    assert len(mended) == 1
    assert [one.id for one in given.resources] == ["c1"]
    assert given.gap == "unreadable resource"


@pytest.mark.parametrize("entry", [None, {"resource": {"resourceType": "Appointment", "id": "x"}}])
def test_an_entry_that_is_nothing_we_look_for_leaves_no_gap(entry):
    value = {"resourceType": "Bundle", "entry": [{"resource": CONDITION}, entry]}
    assert parsed(call(prefetch={"conditions": value})).prefetch["conditions"].gap is None


@pytest.mark.parametrize("entries", ["x", 7, True, ["x"], [{"resource": 7}], [{"resource": HOPELESS}], [{}]])
def test_entries_that_cannot_be_read_leave_a_gap_and_are_named(entries):
    value = {"resourceType": "Bundle", "entry": entries}
    given = parsed(call(prefetch={"conditions": value})).prefetch["conditions"]
    assert given.gap == "unreadable resource"
    assert all(reading.resource is None and reading.unreadable for reading in given.odd)
    assert given.odd


def test_a_bundle_with_one_entry_in_place_of_the_array_is_mended():
    value = {"resourceType": "Bundle", "total": None, "entry": {"resource": MISSPELT | {"subject": None}}}
    assert [one.id for one in parsed(call(prefetch={"conditions": value})).prefetch["conditions"].resources] == ["c2"]


@pytest.mark.parametrize(
    "link", [None, 7, "x", [7], [{"relation": 7}], [None, {"relation": "self", "url": "https://a"}]]
)
def test_an_unreadable_link_is_no_further_page(link):
    value = bundle(CONDITION, None, link=link, total={"a": 1})
    assert parsed(call(prefetch={"conditions": value})).prefetch["conditions"].next_page is None


def test_links_and_total_survive_the_mending():
    value = bundle(HOPELESS, CONDITION, total="7", link={"relation": "next", "url": "https://a/2"})
    given = parsed(call(prefetch={"conditions": value})).prefetch["conditions"]
    assert (given.gap, given.next_page) == ("unreadable resource", "https://a/2")


@pytest.mark.parametrize("value", ["x", 7, [], True, {}, {"resourceType": 5}, {"resourceType": "Unheard"}, HOPELESS])
def test_a_prefetch_value_that_is_no_answer_is_named_and_may_be_asked_for(value):
    hook = parsed(call(prefetch={"conditions": value, "medicationRequests": None}))
    given = hook.prefetch["conditions"]
    assert (given.resources, given.gap, given.can_be_completed) == ((), "unreadable", True)
    assert [one.member for one in given.odd[0].unreadable] == ["resourceType"]
    assert hook.prefetch["medicationRequests"] == EMPTY


@pytest.mark.parametrize("prefetch", [None, [], "x", 7])
def test_a_prefetch_that_is_no_object_is_as_if_it_were_not_there(prefetch):
    assert parsed(call(prefetch=prefetch)).prefetch == parsed(call()).prefetch


def test_a_failed_query_is_told_apart_from_an_empty_one():
    failed = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "processing"}]}
    assert parsed(call(prefetch={"conditions": failed})).prefetch["conditions"] == FAILED


@pytest.mark.parametrize(
    ("key", "resource"),
    [
        ("medicationRequests", {"resourceType": "MedicationOrder", "id": "1"}),
        ("medicationStatements", {"resourceType": "MedicationStatement", "taken": "y"}),
        ("medicationStatements", {"resourceType": "MedicationStatement", "medication": {"concept": {"text": "x"}}}),
        ("conditions", {"resourceType": "Condition", "patient": {"reference": "Patient/pat-1"}}),
        ("medicationRequests", {"resourceType": "MedicationRequest", "medication": {"concept": {"text": "x"}}}),
    ],
)
def test_a_resource_of_another_release_is_noticed_in_prefetch_and_in_drafts(key, resource):
    in_prefetch = parsed(call(prefetch={key: bundle(resource)})).prefetch
    with pytest.raises(OtherRelease) as met:
        in_prefetch[key]
    in_drafts = parsed(with_drafts({"resource": resource}))
    assert met.value.kind == in_drafts.not_r4 == resource["resourceType"]


def test_what_comes_under_a_key_nobody_asked_for_is_not_looked_at():
    odd = {"extra": bundle({"resourceType": "MedicationOrder"}), "more": 7}
    assert parsed(call(prefetch=odd)) == parsed(call())


def authorized(server="https://fhir.example/r4", **members):
    granted = {"access_token": "t0", "token_type": "Bearer", "expires_in": 30, "scope": "patient/*.rs", "subject": "s"}
    return parsed(call(fhirServer=server, fhirAuthorization=granted | members))


def test_a_token_is_used_with_its_server():
    assert authorized().access_token == "t0"
    assert authorized(patient="pat-1", scope="odd [scope]", expires_in=None).access_token == "t0"


@pytest.mark.parametrize(
    "members",
    [
        {"expires_in": 0},
        {"expires_in": "0"},
        {"patient": "other"},
        {"access_token": ""},
        {"access_token": 5},
        {"token_type": "mac"},
    ],
)
def test_a_token_that_must_not_be_used_is_not_there(members):
    assert authorized(**members).access_token is None


@pytest.mark.parametrize("server", [None, "", 7])
def test_a_token_without_a_server_is_of_no_use(server):
    assert authorized(server=server).access_token is None


NOT_JSON = {
    "nothing": b"",
    "cut short": b"{",
    "words": b"not json",
    "byte order mark": b"\xef\xbb\xbf{}",
    "not UTF-8": b'{"hook": "\xff"}',
    "cut within a character": b'{"hook": "patient-view", "x": "\xc3',
    "an array cut short": b"[1,",
    "deeper than can be read": b"[" * 10_000,
    "not a number": b'{"x": NaN}',
    "half a surrogate pair": b'{"hook": "\\ud800"}',
    "half a surrogate pair in passing": b'{"x": "\\ud800"}',
    "arrays too deep": b'{"x":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "objects too deep": b'{"x":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}",
    "a number without end": b'{"x":' + b"1" * 1_000_000 + b"}",
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_what_is_no_json_is_refused_as_such(body):
    with pytest.raises(NotJson):
        parse_request(body, SERVICES["patient-view"])


def test_a_draft_that_is_not_utf8_is_refused():
    body = json.dumps(with_drafts({"resource": ORDER | {"note": "HERE"}})).encode().replace(b"HERE", b"\xff")
    with pytest.raises(NotJson):
        parsed(body, "order-select")


@pytest.mark.parametrize("place", ["extension", "prefetch"])
def test_json_sixty_four_deep_is_read(place):
    deep = "[" * 64 + "]" * 64
    body = json.dumps(call("patient-view", **{place: {"conditions": "HERE"}})).replace('"HERE"', deep)
    assert parsed(body.encode(), "patient-view").patient_id == "pat-1"


def test_of_two_members_with_one_name_the_last_counts():
    body = json.dumps(call("patient-view"))[:-1] + ', "hookInstance": "second"}'
    assert parsed(body.encode(), "patient-view").hook_instance == "second"


def test_no_text_of_a_refusal_repeats_the_request():
    for body in (with_context(patientId="MARK/1"), call() | {"hook": "MARK"}, with_context(selections="MARK")):
        with pytest.raises(ContractBroken) as refused:
            parsed(body, "order-select")
        assert "MARK" not in str(refused.value)


@pytest.mark.parametrize(
    ("member", "many"),
    [
        ("draftOrders", lambda n: {"resourceType": "Bundle", "entry": [{"resource": ORDER}] * n}),
        ("selections", lambda n: ["MedicationRequest/draft-1"] * n),
    ],
)
def test_so_many_orders_are_taken_and_no_more(member, many):
    body = call()
    body["context"][member] = many(500)
    assert parsed(body).drafts
    body["context"][member] = many(501)
    assert refusal(body) == (f"context.{member}",)
