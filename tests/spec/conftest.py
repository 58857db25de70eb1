"""The calls that every chapter of the standard is tried with."""

import copy

import pytest

_VIEW = {
    "hook": "patient-view",
    "hookInstance": "0d5b2a0e-8a53-4a3b-9d5e-6d1a4e0c1f01",
    "context": {"userId": "Practitioner/prac-1", "patientId": "pat-1", "encounterId": "enc-1"},
    "prefetch": {
        "patient": {"resourceType": "Patient", "id": "pat-1", "birthDate": "1951-03-02"},
        "conditions": {"resourceType": "Bundle", "type": "searchset", "total": 0},
    },
}
_ORDER = {
    "resourceType": "MedicationRequest",
    "id": "draft-1",
    "status": "draft",
    "intent": "order",
    "medicationCodeableConcept": {"text": "Clonazepam 0.5 mg oral tablet"},
    "subject": {"reference": "Patient/pat-1"},
}
_LAB = {"resourceType": "ServiceRequest", "id": "draft-2", "status": "draft", "code": {"text": "Complete blood count"}}


@pytest.fixture
def view():
    return copy.deepcopy(_VIEW)


@pytest.fixture
def order():
    return copy.deepcopy(_ORDER)


@pytest.fixture
def sign(view, order):
    drafts = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order}, {"resource": dict(_LAB)}]}
    return view | {"hook": "order-sign", "context": view["context"] | {"draftOrders": drafts}}


@pytest.fixture
def select(sign):
    context = sign["context"] | {"selections": ["MedicationRequest/draft-1"]}
    return sign | {"hook": "order-select", "context": context}


@pytest.fixture
def post(client):
    """Posts a call to the service of its hook, or of the hook named."""

    async def posted(body, hook=None, **how):
        found = (await client.get("/cds-services")).json()["services"]
        ids = {service["hook"]: service["id"] for service in found}
        address = f"/cds-services/{ids[hook or body['hook']]}"
        return await (client.post(address, json=body, **how) if body is not None else client.post(address, **how))

    return posted
