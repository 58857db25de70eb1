"""Every fault of a document is told with its path, and without repeating a value of it."""

import copy
import json

import pytest

from cds_service.errors import NotJson
from cds_service.hooks.validation import faults_in
from tests.calling import requests

SIGN = requests()["order-sign-rbd-dementia"]
CARD = {
    "uuid": "4f1f5f6c-6a0e-4f57-9a55-3f3f7a0a3b11",
    "summary": "MARK",
    "indicator": "warning",
    "source": {"label": "MARK"},
}


def told(document, name="request"):
    return [str(fault) for fault in faults_in(json.dumps(document).encode(), name)]


@pytest.mark.parametrize("name", requests())
def test_the_examples_keep_the_schema(name):
    assert told(requests()[name]) == []


def test_every_fault_is_told_and_not_the_first_alone():
    broken = copy.deepcopy(SIGN) | {"hookInstance": "", "fhirServer": 7}
    broken["context"] |= {"patientId": "Patient/MARK", "draftOrders": {"resourceType": "MARK"}}
    broken["prefetch"] |= {"conditions": ["MARK"], "encounters": {"MARK": 1}}
    del broken["context"]["userId"]
    assert told(broken) == [
        "context lacks userId",
        "context.draftOrders.resourceType must be Bundle",
        'context.patientId breaks pattern "^[A-Za-z0-9.-]{1,64}$"',
        "fhirServer must be of type string or null",
        "hookInstance breaks minLength 1",
        "prefetch.conditions must be of type null, or must be of type object",
        "prefetch.encounters lacks resourceType",
    ]


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ([], "the document must be of type object"),
        ({}, "the document lacks hook, hookInstance, context"),
        (SIGN | {"hook": "MARK"}, "hook must be one of patient-view, order-select, order-sign"),
        (SIGN | {"hook": "order-select"}, "context lacks selections"),
    ],
)
def test_a_fault_of_a_request(document, fault):
    assert told(document) == [fault]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"indicator": "hard-stop"}, "cards[1].indicator must be one of info, warning, critical"),
        ({"alert": 1, "news": 2}, "cards[1] holds what it may not: alert, news"),
        ({"source": {}}, "cards[1].source lacks label"),
        ({"summary": "x" * 140}, "cards[1].summary breaks maxLength 139"),
        ({"links": [{"label": "a", "url": "http://MARK", "type": "absolute"}]}, "cards[1].links[0].url breaks pattern"),
    ],
)
def test_a_fault_of_an_answer(change, fault):
    (only,) = told({"cards": [CARD, CARD | {"uuid": "5" + CARD["uuid"][1:]} | change]}, "response")
    assert only.startswith(fault)
    assert "MARK" not in only


def test_what_is_no_json_is_told_as_such():
    with pytest.raises(NotJson):
        faults_in(b"{", "request")
