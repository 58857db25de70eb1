"""The public CDS Hooks Sandbox, opened with the demonstration EHR and this service filled in."""

from __future__ import annotations

from urllib.parse import urlencode

SANDBOX = "https://sandbox.cds-hooks.org/"
DEMO_PORT = 8180


def demo_fhir(port: int = DEMO_PORT) -> str:
    """Where ``cds-service demo-ehr`` serves."""
    return f"http://127.0.0.1:{port}/fhir"


def at_the_chart(discovery: str, fhir: str) -> str:
    """A patient that has a card when the chart is opened."""
    return _link(discovery, fhir, "rbd-sertraline", "patient-view", "patient-view")


def at_an_order(discovery: str, fhir: str) -> str:
    """A patient that has a card when clonazepam is chosen."""
    return _link(discovery, fhir, "rbd-dementia", "rx-view", "order-select")


def _link(discovery: str, fhir: str, patient: str, screen: str, hook: str) -> str:
    asked = {
        "fhirServiceUrl": fhir,
        "patientId": patient,
        "serviceDiscoveryURL": discovery,
        "screen": screen,
        "hook": hook,
    }
    return f"{SANDBOX}?{urlencode(asked)}"
