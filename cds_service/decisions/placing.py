"""Who asks for what a suggestion creates, who is to do it, and how soon (clinical specification 2.5)."""

from __future__ import annotations

from cds_service.decisions.group import WordedFinding
from cds_service.facts.patient import Medication, PatientFacts
from cds_service.fhir.references import local

_ASKED = ("Task", "ServiceRequest", "MedicationRequest")
_URGED = ("Task", "ServiceRequest")


def placed(made: dict[str, object], joined: WordedFinding, facts: PatientFacts, user_id: str) -> dict[str, object]:
    """The resource with what its own file leaves open: who asks and when, the owner of a task, and the priority."""
    kind = made["resourceType"]
    user = local(user_id)
    given: dict[str, object] = {}
    if kind in _URGED:
        given["priority"] = joined.priority
    if kind in _ASKED:
        given |= {"authoredOn": facts.today.isoformat(), "requester": {"reference": user}}
    if kind == "Task":
        given["owner"] = {"reference": _prescriber(made, joined, facts) or user}
    return given | made


def _prescriber(made: dict[str, object], joined: WordedFinding, facts: PatientFacts) -> str:
    """Who ordered what the task is about: the order or drug of the finding, else that in its focus."""
    subject = joined.evaluation.subject
    if subject is not None:
        return subject.requester
    focus = made.get("focus")
    source = focus.get("reference") if isinstance(focus, dict) else None
    taken = facts.held["medications"].items if source and "medications" in facts.held else ()
    drugs = (one for one in taken if isinstance(one, Medication))
    return next((one.requester for one in drugs if source in one.told_by), "")
