"""Calling a service, clause by clause."""

import json

import pytest

from tests.calling import application_with, without_uuids
from tests.contract import speaking_to

pytestmark = pytest.mark.anyio

ODD = [None, "", 7, [], {}]


def without(body, member):
    return {name: value for name, value in body.items() if name != member}


def seen(answer):
    assert answer.status_code == 200
    return without_uuids(answer.json()["cards"])


def summaries(answer):
    return [card["summary"] for card in seen(answer)]


async def test_the_required_members_suffice(post, view):
    bare = {member: view[member] for member in ("hook", "hookInstance", "prefetch")}
    bare["context"] = {member: view["context"][member] for member in ("userId", "patientId")}
    assert summaries(await post(bare)) == summaries(await post(view)) != []
    assert (await post(without(bare, "prefetch"))).status_code == 412


@pytest.mark.parametrize("member", ["hook", "hookInstance", "context"])
async def test_a_required_member_that_is_unusable_is_422(post, view, member):
    bodies = [without(view, member), *(view | {member: odd} for odd in ODD if (member, odd) != ("context", {}))]
    for body in bodies:
        answer = await post(body, "patient-view")
        assert answer.status_code == 422
        assert answer.json()["issue"][0]["expression"] == [member]


async def test_a_call_of_another_hook_is_422(post, sign):
    assert (await post(sign, "patient-view")).status_code == 422


@pytest.mark.parametrize("spelling", [str.upper, "urn:uuid:{}".format])
async def test_a_hook_instance_in_any_spelling_is_taken(post, view, spelling):
    assert (await post(view | {"hookInstance": spelling(view["hookInstance"])})).status_code == 200


async def test_a_token_without_a_server_is_not_used(post, view):
    granted = {"access_token": "t", "token_type": "Bearer", "expires_in": 30, "scope": "odd [x]", "subject": "s"}
    lacking = view | {"prefetch": without(view["prefetch"], "procedures")}
    answers = [await post(call) for call in (lacking, lacking | {"fhirAuthorization": granted})]
    assert seen(answers[0]) == seen(answers[1]) != []
    for answer in answers:
        assert answer.json()["extension"]["org.rbd-cds.outcomes"]["unavailable"] == {"procedures": "not sent"}


async def test_diagnoses_in_unread_code_systems_are_counted(post, view):
    foreign = {"coding": [{"system": "http://fhir.de/CodeSystem/bfarm/icd-10-gm", "code": "F03"}]}
    unread = {"resource": {"resourceType": "Condition", "id": "unread", "code": foreign}}
    entries = view["prefetch"]["conditions"].get("entry", [])
    view["prefetch"]["conditions"]["entry"] = [*entries, unread]
    outcomes = (await post(view)).json()["extension"]["org.rbd-cds.outcomes"]
    assert outcomes["notes"] == ["1 diagnosis in unread code systems"]


async def test_what_is_unknown_changes_nothing(post, sign):
    more = sign | {"extension": {"a": {"b": [1, None]}}, "news": 1}
    more["context"] = sign["context"] | {"news": {"a": 1}}
    more["prefetch"] = sign["prefetch"] | {"news": {"resourceType": "Patient"}}
    assert seen(await post(more)) == seen(await post(sign)) != []


@pytest.mark.parametrize("odd", ["", {}, None, "Patient/123", "../../metadata", "1?x=y", "1&_count=9999", "x" * 300])
@pytest.mark.attack("A patient id that leads to another address", "422")
async def test_a_patient_that_is_no_bare_id_is_422(post, view, odd):
    answer = await post(view | {"context": view["context"] | {"patientId": odd}})
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == ["context.patientId"]


async def test_the_encounter_may_be_missing(post, view):
    away = view | {"context": without(view["context"], "encounterId")}
    assert summaries(await post(away)) == summaries(await post(view)) != []


@pytest.mark.parametrize("user", ["Patient/rbd-dementia", "RelatedPerson/r", "abc"])
async def test_patients_and_relatives_see_no_cards(post, sign, user):
    assert seen(await post(sign)) != []
    assert seen(await post(sign | {"context": sign["context"] | {"userId": user}})) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"", 400),
        (b"not json", 400),
        (b'{"hook": "\xc3', 400),
        (b'{"x": NaN}', 400),
        (b"\xef\xbb\xbf{}", 400),
        (b'{"hook": "\\ud800"}', 400),
        (b"null", 422),
        (b"[]", 422),
        (b'"x"', 422),
        (b"1", 422),
    ],
)
async def test_what_is_no_json_is_400(post, body, status):
    assert (await post(None, "patient-view", content=body)).status_code == status


@pytest.mark.attack("JSON nested beyond reason", "400")
async def test_depth_is_limited_and_sixty_four_is_within(post, view):
    for depth, status in ((64, 200), (10_000, 400)):
        body = json.dumps(view | {"extension": "HERE"}).replace('"HERE"', '{"a":' * depth + "1" + "}" * depth)
        assert (await post(None, "patient-view", content=body)).status_code == status


async def test_of_members_with_one_name_the_last_counts(post, view):
    twice = json.dumps(view)[:-1] + ', "hook": "order-sign"}'
    assert (await post(None, "patient-view", content=twice)).status_code == 422


async def test_media_types(post, view):
    for kind, status in (
        ("application/json; charset=utf-8", 200),
        ("application/fhir+json", 200),
        ("text/plain", 415),
        ("application/xml", 415),
    ):
        answer = await post(None, "patient-view", content=json.dumps(view), headers={"Content-Type": kind})
        assert answer.status_code == status


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_other_methods_are_405(client, method):
    answer = await client.request(method, "/cds-services/rbd-patient-view")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


async def test_a_body_over_the_limit_is_413(view):
    async with speaking_to(application_with(CDS_MAX_BODY_MB="0.1")) as client:
        for letters, status in ((1_000, 200), (100_000, 413)):
            body = view | {"extension": {"a": "x" * letters}}
            assert (await client.post("/cds-services/rbd-patient-view", json=body)).status_code == status


@pytest.mark.parametrize("name", ["no-such", "%2e%2e%2f", "<script>"])
@pytest.mark.attack("An address that is to be repeated in the answer", "404, not repeated")
async def test_an_unknown_service_is_404_and_not_echoed(client, name):
    answer = await client.post(f"/cds-services/{name}", json={})
    assert answer.status_code == 404
    assert name not in answer.text


async def test_a_slash_at_the_end_of_a_service_is_no_redirect(client, view):
    assert seen(await client.post("/cds-services/rbd-patient-view/", json=view)) != []
