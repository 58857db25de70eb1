"""The discovery document."""

import json

from cds_service.hooks.services import Discovery, Service

VIEW = Service(hook="patient-view", id="rbd-patient-view", title="RBD", description="At chart opening.")
SIGN = Service(
    hook="order-sign",
    id="rbd-order-sign",
    title="RBD orders",
    description="At signing.",
    prefetch={"patient": "Patient/{{context.patientId}}"},
    usage_requirements="Works best with every key.",
)


def test_a_service_says_what_it_is_and_leaves_out_what_it_has_not():
    view, sign = json.loads(Discovery.of([VIEW, SIGN], "3.0.0-ballot").encode())["services"]
    assert view == {
        "hook": "patient-view",
        "title": "RBD",
        "description": "At chart opening.",
        "id": "rbd-patient-view",
        "version": "3.0.0-ballot",
        "hookVersion": "1.0",
    }
    assert sign["usageRequirements"] == "Works best with every key."
    assert sign["prefetch"] == {"patient": "Patient/{{context.patientId}}"}


def test_the_document_is_the_same_each_time():
    assert Discovery.of([VIEW, SIGN], "2.0.1").encode() == Discovery.of([VIEW, SIGN], "2.0.1").encode()


def test_no_services_are_an_empty_list():
    assert Discovery.of([], "2.0.1").encode() == b'{"services":[]}'
