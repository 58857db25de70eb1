"""The calls that every chapter of the standard is tried with: of example patients, about whom the rules speak."""

import copy

import pytest

from tests.calling import requests

LAB = {"resourceType": "ServiceRequest", "id": "draft-3", "status": "draft", "code": {"text": "Complete blood count"}}


@pytest.fixture
def view():
    """A chart that makes a card: clonazepam is taken, and the patient fell."""
    return copy.deepcopy(requests()["patient-view-clonazepam-fall"])


@pytest.fixture
def silent():
    """A chart that makes none."""
    return copy.deepcopy(requests()["patient-view-hypertension"])


@pytest.fixture
def order():
    """Clonazepam; the patient has dementia."""
    return drafted("order-sign-rbd-dementia")


@pytest.fixture
def melatonin(order):
    """The second order of the same patient that makes a card, of 20 mg."""
    return drafted("order-sign-rbd-prognosis-melatonin-20mg") | {"id": "draft-2", "subject": order["subject"]}


def drafted(name):
    (entry,) = copy.deepcopy(requests()[name]["context"]["draftOrders"]["entry"])
    return entry["resource"]


@pytest.fixture
def sign(order, melatonin):
    """Two orders that make a card each, and one that makes none."""
    call = copy.deepcopy(requests()["order-sign-rbd-dementia"])
    call["context"]["draftOrders"]["entry"] = [{"resource": one} for one in (order, melatonin, LAB)]
    return call


@pytest.fixture
def select(sign):
    return sign | {"hook": "order-select", "context": sign["context"] | {"selections": ["MedicationRequest/draft-1"]}}


@pytest.fixture
def post(client):
    """Posts a call to the service of its hook, or of the hook named."""

    async def posted(body, hook=None, **how):
        found = (await client.get("/cds-services")).json()["services"]
        ids = {service["hook"]: service["id"] for service in found}
        address = f"/cds-services/{ids[hook or body['hook']]}"
        return await (client.post(address, json=body, **how) if body is not None else client.post(address, **how))

    return posted
