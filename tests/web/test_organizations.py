"""Equal patient ids of two organizations are two patients: of tenants, else of FHIR servers (4.3)."""

import json

import pytest

from tests.calling import application_with, requests
from tests.contract import speaking_to
from tests.trust.ehr import BASE, clients_file, guarding, token

__all__ = ["clients_file"]
pytestmark = pytest.mark.anyio

PATH = "/cds-services/rbd-order-select"


def drafted(number, **members):
    """The example with another draft each time: nothing is silent for having been answered in its session."""
    written = json.dumps(requests()["order-select-rbd-dementia"]).replace("draft-1", f"draft-{number}")
    return json.loads(written) | members


def overridden(answer):
    """By a clock that runs ahead: it counts from when it comes."""
    card = answer.json()["cards"][0]["uuid"]
    return {"feedback": [{"card": card, "outcome": "overridden", "outcomeTimestamp": "2099-01-01T00:00:00Z"}]}


async def test_an_answer_counts_at_the_fhir_server_of_its_patient(tmp_path):
    here, elsewhere = {"fhirServer": "https://a.example/fhir"}, {"fhirServer": "https://b.example/fhir"}
    written_otherwise = {"fhirServer": "https://a.example/fhir/"}
    async with speaking_to(application_with(CDS_RECORD="on", CDS_VAR=str(tmp_path))) as client:
        shown = await client.post(PATH, json=drafted(1, **here))
        await client.post(f"{PATH}/feedback", json=overridden(shown))
        for number, (server, cards) in enumerate([(here, 0), (elsewhere, 1), (written_otherwise, 0)], start=2):
            answer = await client.post(PATH, json=drafted(number, **server))
            assert len(answer.json()["cards"]) == cards, server


async def test_an_answer_counts_within_its_tenant(clients_file):
    told = clients_file.read_text().replace('["north"]', '["north", "south"]').replace("patient-view", "order-select")
    clients_file.write_text(told)
    async with guarding(clients_file, record="on") as client:

        async def post(path, body, tenant):
            bearer = token(aud=BASE + path, tenant=tenant)
            return await client.post(path, json=body, headers={"Authorization": f"Bearer {bearer}"})

        shown = await post(PATH, drafted(1), "north")
        await post(f"{PATH}/feedback", overridden(shown), "north")
        assert (await post(PATH, drafted(2), "north")).json()["cards"] == []
        assert len((await post(PATH, drafted(3), "south")).json()["cards"]) == 1
