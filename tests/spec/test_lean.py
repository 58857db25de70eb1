"""What discovery asks for has no part in the answer: what is not asked for is fetched, or read where it was sent."""

import pytest

from cds_service.facts.queries import TEMPLATES
from tests.calling import application_with, as_bytes, requests, without_uuids
from tests.contract import speaking_to
from tests.fhir_client import misbehaving
from tests.fhir_client.misbehaving import sends

pytestmark = pytest.mark.anyio
KINDS = {key: template.partition("?")[0].partition("/")[0] for key, template in TEMPLATES.items()}
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def asking_for_less():
    return application_with(CDS_PREFETCH="lean", CDS_DEADLINE_MS="5000")


@pytest.fixture
async def lean(asking_for_less, anyio_backend):
    async with speaking_to(asking_for_less) as client:
        yield client


def seen(answer):
    """The answer without what differs in each: uuids."""
    assert answer.status_code == 200, answer.text
    return without_uuids(answer.json()["cards"]), answer.json().get("extension")


async def posted(client, call):
    return seen(await client.post(f"/cds-services/rbd-{call['hook']}", content=as_bytes(call), headers=JSON))


async def asked_of(client, call):
    services = (await client.get("/cds-services")).json()["services"]
    return next(service["prefetch"] for service in services if service["hook"] == call["hook"])


def holding(server, prefetch):
    """Lets the server hold what would have been prefetched."""
    server.answers |= {KINDS[key]: sends(value) for key, value in prefetch.items()}


@pytest.mark.parametrize("name", requests())
async def test_what_is_not_lean_is_fetched_and_the_answer_is_that_of_the_full_set(lean, client, name):
    full = requests()[name]
    keys = await asked_of(lean, full)
    sent = {key: value for key, value in full["prefetch"].items() if key in keys}
    async with misbehaving.running() as server:
        holding(server, full["prefetch"])
        answer = await posted(lean, full | {"fhirServer": server.url, "prefetch": sent})
        assert {one.name for one in server.asked} <= {kind for key, kind in KINDS.items() if key not in keys}
    assert answer == await posted(client, full)


@pytest.mark.parametrize("name", requests())
async def test_what_is_sent_without_being_asked_for_is_read_and_not_fetched(lean, client, name):
    async with misbehaving.running() as server:
        answer = await posted(lean, requests()[name] | {"fhirServer": server.url})
        assert server.asked == []
    assert answer == await posted(client, requests()[name])


async def test_an_order_that_concerns_no_rule_fetches_nothing(lean):
    call = requests()["order-sign-rbd-dementia"]
    order = {"resourceType": "MedicationRequest", "id": "draft-1", "medicationCodeableConcept": {"text": "amoxicillin"}}
    order["subject"] = {"reference": f"Patient/{call['context']['patientId']}"}
    drafts = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order}]}
    async with misbehaving.running() as server:
        context = call["context"] | {"draftOrders": drafts}
        answer = await posted(lean, call | {"fhirServer": server.url, "context": context, "prefetch": {}})
        assert (answer, server.asked) == (([], None), [])


async def test_what_is_not_lean_and_cannot_be_fetched_is_named(lean):
    full = requests()["order-sign-rbd-dementia"]
    keys = await asked_of(lean, full)
    sent = {key: value for key, value in full["prefetch"].items() if key in keys}
    _, extension = await posted(lean, full | {"prefetch": sent})
    missing = extension["org.rbd-cds.outcomes"]["unavailable"]
    assert missing
    assert missing.keys() <= full["prefetch"].keys() - keys
