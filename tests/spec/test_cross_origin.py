"""CORS, clause by clause."""

import pytest

pytestmark = pytest.mark.anyio

ORIGIN = {"Origin": "https://sandbox.cds-hooks.org"}


@pytest.mark.parametrize(("path", "method"), [("/cds-services/rbd-order-sign", "POST"), ("/cds-services", "GET")])
async def test_a_preflight_is_granted(client, path, method):
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "authorization,content-type"}
    answer = await client.options(path, headers=ORIGIN | asked)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert method in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"].lower() == "authorization, content-type"


async def test_a_refusal_carries_the_headers(client, post, view):
    answers = [
        await post(view, headers=ORIGIN),
        await post(None, "patient-view", content=b"{", headers=ORIGIN),
        await client.get("/cds-services/none", headers=ORIGIN),
        await client.get("/cds-services/rbd-patient-view", headers=ORIGIN),
        await post(view | {"prefetch": {}}, headers=ORIGIN),
        await post(None, "patient-view", content=b"x" * 6_000_000, headers=ORIGIN),
        await post(None, "patient-view", content=b"{}", headers=ORIGIN | {"Content-Type": "text/plain"}),
        await post(view | {"context": {}}, headers=ORIGIN),
    ]
    assert [answer.status_code for answer in answers] == [200, 400, 404, 405, 412, 413, 415, 422]
    assert {answer.headers.get("access-control-allow-origin") for answer in answers} == {"*"}


async def test_credentials_are_never_allowed(client, post, view):
    for answer in (await client.options("/cds-services", headers=ORIGIN), await post(view, headers=ORIGIN)):
        assert "access-control-allow-credentials" not in answer.headers
