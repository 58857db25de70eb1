"""Cross-origin headers and the addresses around the services."""

import gc
import json

import httpx
import pytest

from cds_service.web.app import create_app
from cds_service.web.bodies import read_json_body
from tests.calling import application_with
from tests.contract import speaking_to
from tests.trust.ehr import clients_file, guarding

__all__ = ["clients_file"]
pytestmark = pytest.mark.anyio

CALL = "/cds-services/rbd-order-sign"
PAGE = "https://sandbox.example"


def preflight(**more):
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    return {"Origin": PAGE} | asked | more


async def test_a_preflight_is_granted_in_open_mode(client):
    answer = await client.options(CALL, headers=preflight())
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "GET, POST, OPTIONS"
    assert answer.headers["access-control-allow-headers"] == "Authorization, Content-Type"
    assert answer.headers["access-control-max-age"] == "600"
    assert "access-control-allow-private-network" not in answer.headers


async def test_a_browser_that_asks_for_the_private_network_is_let_in_in_open_mode(client):
    answer = await client.options(CALL, headers=preflight(**{"Access-Control-Request-Private-Network": "true"}))
    assert answer.headers["access-control-allow-private-network"] == "true"


@pytest.fixture
async def behind_a_list(clients_file, anyio_backend):
    """The service of one trusted EHR, whose pages call from https://ehr.test.example."""
    async with guarding(clients_file) as client:
        yield client


async def test_a_listed_origin_is_reflected(behind_a_list):
    for answer in (
        await behind_a_list.get("/cds-services", headers={"Origin": "https://ehr.test.example"}),
        await behind_a_list.options(CALL, headers=preflight(Origin="https://ehr.test.example")),
    ):
        assert answer.headers["access-control-allow-origin"] == "https://ehr.test.example"
        assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize("origin", [PAGE, "null", "https://ehr.test.example.evil", ""])
@pytest.mark.attack("A page in a browser, of an origin that is not listed", "no leave to read the answer")
async def test_an_origin_off_the_list_gets_nothing(behind_a_list, origin):
    asked = preflight(Origin=origin, **{"Access-Control-Request-Private-Network": "true"})
    answer = await behind_a_list.options(CALL, headers=asked)
    assert "access-control-allow-origin" not in answer.headers
    assert "access-control-allow-private-network" not in answer.headers


async def test_a_call_without_an_origin_is_served_whatever_the_list(behind_a_list):
    assert (await behind_a_list.get("/cds-services")).status_code == 200


async def test_https_is_asked_for_from_then_on_where_the_address_is_https(behind_a_list, client):
    assert "strict-transport-security" in (await behind_a_list.get("/cds-services")).headers
    assert "strict-transport-security" not in (await client.get("/cds-services")).headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("POST", "/cds-services/no-such", 404),
        ("GET", "/cds-services/%2e%2e%2fetc", 404),
        ("GET", "/cds-services/<script>", 404),
        ("GET", CALL, 405),
        ("PUT", CALL, 405),
        ("DELETE", CALL, 405),
        ("POST", "/cds-services", 405),
        ("POST", "/", 405),
    ],
)
async def test_a_wrong_address_or_method_is_told_with_the_headers_a_browser_needs(client, method, path, status):
    answer = await client.request(method, path, headers={"Origin": PAGE})
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "script" not in answer.text


async def test_405_says_what_is_allowed(client):
    assert (await client.get(CALL)).headers["allow"] == "POST"
    assert (await client.post("/cds-services")).headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/cds-services/", "//cds-services", "/cds-services//", "/cds-services"])
async def test_a_slash_too_many_still_finds_discovery(client, path):
    answer = await client.get(f"http://127.0.0.1:8000{path}")
    assert answer.status_code == 200
    assert len(answer.json()["services"]) == 3


@pytest.mark.parametrize("path", ["/cds-services//rbd-order-sign", "/cds-services/rbd-order-sign/"])
async def test_a_slash_too_many_still_finds_the_service(client, path):
    assert (await client.post(path, json={})).status_code == 422


@pytest.fixture
async def sparing(anyio_backend):
    """The service with a limit of one kilobyte."""
    async with speaking_to(application_with(CDS_MAX_BODY_MB="0.001")) as client:
        yield client


@pytest.mark.attack("A body that is too large", "413, before it is read")
async def test_a_body_over_the_limit_is_refused_before_it_is_read(sparing):
    async def chunks():
        raise AssertionError("the body was read")
        yield

    declared = {"Origin": PAGE, "Content-Length": "2000", "Content-Type": "application/json"}
    answer = await sparing.post(CALL, content=chunks(), headers=declared)
    assert answer.status_code == 413
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.attack("A body that hides its length", "413 at the limit")
async def test_a_body_that_hides_its_length_is_refused_when_it_passes_the_limit(sparing):
    async def chunks():
        for _ in range(100):
            yield b" " * 100

    answer = await sparing.post(CALL, content=chunks(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


async def test_a_body_in_pieces_is_put_together(client):
    async def chunks():
        for piece in (b'{"hook": ', b'"patient-view", "hookInstance": "1", ', b'"context": {"userId": "x"}}'):
            yield piece

    answer = await client.post("/cds-services/rbd-patient-view", content=chunks())
    assert answer.json()["issue"][0]["expression"] == ["context.patientId"]


@pytest.mark.attack("A body that comes drop by drop", "408")
async def test_a_body_that_does_not_arrive_is_given_up(client, monkeypatch):
    async def at_once(request, most):
        return await read_json_body(request, most, seconds=0.01)

    async def dripping():
        import anyio

        yield b"{"
        await anyio.sleep(1)

    monkeypatch.setattr("cds_service.web.endpoints.read_json_body", at_once)
    answer = await client.post(CALL, content=dripping())
    assert answer.status_code == 408


async def test_a_client_that_hangs_up_is_no_fault_of_ours(application):
    sent = []
    scope = {"type": "http", "method": "POST", "path": CALL, "headers": [], "query_string": b""}

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    await create_app(application)(scope, receive, send)
    assert sent == []


async def test_readiness_is_refused_until_the_service_runs(application):
    app = create_app(application)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") as early:
        assert (await early.get("/health/live")).status_code == 200
        refused = await early.get("/health/ready")
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        async with app.router.lifespan_context(app):
            assert (await early.get("/health/ready")).status_code == 200
        assert (await early.get("/health/ready")).status_code == 503


async def test_what_is_loaded_at_start_is_kept_from_the_collector(client):
    assert gc.get_freeze_count() > 0
    assert gc.get_threshold()[0] == 50_000


async def test_discovery_is_kept_by_clients_until_it_changes(client, validated):
    first = await client.get("/cds-services")
    validated(first.content, "discovery")
    assert first.headers["cache-control"] == "public, max-age=300"
    for known in (first.headers["etag"], f'"other", W/{first.headers["etag"]}', "*"):
        again = await client.get("/cds-services", headers={"If-None-Match": known})
        assert again.status_code == 304
        assert again.content == b""
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers["access-control-allow-origin"] == "*"
    assert (await client.get("/cds-services", headers={"If-None-Match": '"other"'})).status_code == 200


async def test_every_refusal_keeps_its_shape(client):
    answer = await client.post(CALL, content=json.dumps({"hook": "<b>"}))
    assert answer.json() == {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": "value",
                "details": {"text": "This service answers another hook."},
                "expression": ["hook"],
            }
        ],
    }


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "rebound.example"},
        {"Host": "192.168.1.20:8000"},
        {"Host": "127.0.0.1.example"},
        {"Host": "[::ffff"},
        {"Forwarded": "for=10.0.0.1"},
        {"X-Forwarded-For": "10.0.0.1"},
        {"X-Forwarded-Host": "cds.example.org"},
        {"X-Real-IP": "10.0.0.1"},
        {"Via": "1.1 proxy"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", CALL), ("OPTIONS", CALL), ("GET", "/cds-services"), ("GET", "/")]
)
@pytest.mark.attack("A rebound name or a proxy before a service without clients", "403")
async def test_open_mode_answers_only_on_its_own_machine(client, headers, method, path):
    answer = await client.request(method, path, headers=headers)
    assert answer.status_code == 403
    assert "loopback" in answer.json()["issue"][0]["details"]["text"]


@pytest.mark.parametrize("host", ["localhost:8000", "LOCALHOST", "127.0.0.1", "127.8.8.8:80", "[::1]:8000"])
async def test_open_mode_answers_under_every_name_of_its_own_machine(client, host):
    assert (await client.get("/cds-services", headers={"Host": host})).status_code == 200


async def test_behind_a_list_of_clients_a_proxy_may_stand(behind_a_list):
    asked = {"Host": "cds.example.org", "X-Forwarded-For": "10.0.0.1"}
    assert (await behind_a_list.get("/cds-services", headers=asked)).status_code == 200
