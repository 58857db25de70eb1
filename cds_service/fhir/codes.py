"""The codes in the members that say whether a resource counts: those of FHIR R4, and of orders those of any kind."""

from __future__ import annotations

from collections.abc import Mapping

from cds_service.fhir import elements as fhir

_RESULT = "registered preliminary final amended corrected cancelled entered-in-error unknown"
_REQUEST = "draft active on-hold revoked cancelled stopped completed entered-in-error unknown"
_INTENT = "proposal plan order original-order reflex-order filler-order instance-order option directive"
_EVENT = "preparation in-progress on-hold stopped completed entered-in-error unknown"

_WRITTEN: Mapping[type[fhir.Resource], Mapping[str, str]] = {
    fhir.Patient: {"gender": "male female other unknown"},
    fhir.Observation: {"status": _RESULT},
    fhir.MedicationRequest: {
        "status": _REQUEST,
        "intent": _INTENT,
    },
    fhir.MedicationStatement: {
        "status": "active completed entered-in-error intended stopped on-hold unknown not-taken"
    },
    fhir.MedicationDispense: {"status": f"{_EVENT} cancelled declined"},
    fhir.Procedure: {"status": f"{_EVENT} not-done"},
    fhir.ServiceRequest: {"status": _REQUEST, "intent": _INTENT},
    fhir.CarePlan: {"status": _REQUEST},
    fhir.Task: {
        "status": "draft requested received accepted rejected ready cancelled in-progress on-hold failed completed "
        "entered-in-error"
    },
    fhir.QuestionnaireResponse: {"status": "in-progress completed amended entered-in-error stopped"},
    fhir.DiagnosticReport: {"status": f"{_RESULT} partial appended"},
    fhir.Encounter: {
        "status": "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown"
    },
    fhir.AdverseEvent: {"actuality": "actual potential"},
}

CODES: Mapping[type[fhir.Resource], Mapping[str, frozenset[str]]] = {
    kind: {member: frozenset(codes.split()) for member, codes in members.items()} for kind, members in _WRITTEN.items()
}
"""By type and member, which is called the same in JSON."""
