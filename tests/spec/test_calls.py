"""Calling a service, clause by clause."""

import json

import pytest

from cds_service.settings import Settings

pytestmark = pytest.mark.anyio

ODD = [None, "", 7, [], {}]


def without(body, member):
    return {name: value for name, value in body.items() if name != member}


async def test_the_required_members_suffice(post, view):
    assert (await post(without(view, "prefetch"))).status_code in (200, 412)


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


async def test_a_token_without_a_server_is_not_used(post, view, stand_in):
    granted = {"access_token": "t", "token_type": "Bearer", "expires_in": 30, "scope": "odd [x]", "subject": "s"}
    assert (await post(view | {"fhirAuthorization": granted})).status_code == 200
    assert stand_in.seen[0].access_token is None


async def test_what_is_unknown_changes_nothing(post, sign, validated):
    plain = await post(sign)
    more = sign | {"extension": {"a": {"b": [1, None]}}, "news": 1}
    more["context"] = sign["context"] | {"news": {"a": 1}}
    more["prefetch"] = sign["prefetch"] | {"news": {"resourceType": "Patient"}}
    assert [card["summary"] for card in validated((await post(more)).content)["cards"]] == [
        card["summary"] for card in validated(plain.content)["cards"]
    ]


@pytest.mark.parametrize("odd", ["", {}, None, "Patient/123", "../../metadata", "1?x=y", "1&_count=9999", "x" * 300])
async def test_a_patient_that_is_no_bare_id_is_422(post, view, odd):
    answer = await post(view | {"context": view["context"] | {"patientId": odd}})
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == ["context.patientId"]


async def test_the_encounter_may_be_missing(post, view):
    assert (await post(view | {"context": without(view["context"], "encounterId")})).status_code == 200


@pytest.mark.parametrize("user", ["Patient/pat-1", "RelatedPerson/r", "abc"])
async def test_patients_and_relatives_see_no_cards(post, sign, user):
    answer = await post(sign | {"context": sign["context"] | {"userId": user}})
    assert answer.json()["cards"] == []


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


async def test_a_body_over_the_limit_is_413(post, stand_in, view):
    stand_in.settings = Settings(max_body_mb=0.01)
    assert (await post(view | {"extension": {"a": "x" * 20_000}})).status_code == 413


@pytest.mark.parametrize("name", ["no-such", "%2e%2e%2f", "<script>"])
async def test_an_unknown_service_is_404_and_not_echoed(client, name):
    answer = await client.post(f"/cds-services/{name}", json={})
    assert answer.status_code == 404
    assert name not in answer.text


async def test_a_slash_at_the_end_of_a_service_is_no_redirect(client, view):
    assert (await client.post("/cds-services/rbd-patient-view/", json=view)).status_code == 200
