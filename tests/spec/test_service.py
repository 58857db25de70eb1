"""What is asked of a service besides single calls."""

import json

import pytest
import structlog

from cds_service.errors import SettingsError
from cds_service.settings import Settings
from cds_service.web.app import create_app
from tests.marks import BORN, MARK, TOKEN, marked

pytestmark = pytest.mark.anyio


async def test_health_lies_outside_the_services(client):
    assert (await client.get("/health/live")).json() == {"status": "ok"}
    assert (await client.get("/health/ready")).json()["status"] == "ok"


async def test_clients_that_hang_up_do_no_harm(client, application, view):
    app = create_app(application)
    scope = {"type": "http", "method": "POST", "path": "/cds-services/rbd-patient-view", "headers": []}

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        raise AssertionError(message)

    for _ in range(100):
        await app(dict(scope), receive, send)
    assert (await client.post("/cds-services/rbd-patient-view", json=view)).status_code == 200


async def test_nothing_of_the_patient_is_logged(client, post):
    marked_call = marked("order-sign-rbd-dementia")
    with structlog.testing.capture_logs() as lines:
        answer = await post(marked_call, headers={"Authorization": f"Bearer {TOKEN}", "Origin": f"https://{MARK}"})
        await post(marked_call | {"context": MARK})
    assert MARK in answer.text
    assert [line["status"] for line in lines if line["path"] == "/cds-services/rbd-order-sign"] == [200, 422]
    assert MARK.lower() not in json.dumps(lines).lower()
    assert BORN[:7] not in json.dumps(lines)


async def test_an_exposed_service_does_not_start_open(tmp_path):
    clients = tmp_path / "clients.toml"
    clients.touch()
    exposed = {"CDS_HOST": "0.0.0.0", "CDS_PUBLIC_URL": "https://cds.example.org"}
    with pytest.raises(SettingsError):
        Settings.read(exposed)
    with pytest.raises(SettingsError):
        Settings.read(exposed | {"CDS_CLIENTS": str(clients), "CDS_PUBLIC_URL": "http://cds.example.org"})
    assert Settings.read(exposed | {"CDS_CLIENTS": str(clients)}).host == "0.0.0.0"


async def test_a_body_may_come_in_pieces(post, view):
    body = json.dumps(view).encode()

    async def halves():
        yield body[:40]
        yield body[40:]

    assert (await post(None, "patient-view", content=halves())).status_code == 200
