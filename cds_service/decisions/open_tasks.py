"""The task that is open already, so that it is not offered again (clinical specification 2.5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cds_service.facts.patient import PatientFacts, PlannedCare
from cds_service.facts.values import CODES
from cds_service.fhir.references import local
from cds_service.hooks.responses import Action, DeleteById

KEYS = frozenset({"tasks"})
"""Where tasks are looked for; at an order only as far as they were sent, so that it costs no query more."""
_DRUGS = ("MedicationRequest/", "MedicationStatement/", "MedicationDispense/")


def open_task(actions: Iterable[Action | DeleteById], facts: PatientFacts) -> tuple[str, PlannedCare] | None:
    """What the first task that is created and is open already is called, and the open one.

    A task about a drug is the same only where its focus is that drug's entry.
    """
    for action in actions:
        made = action.resource if isinstance(action, Action) else None
        if isinstance(made, dict) and made["resourceType"] == "Task":
            name = made.get("code", {}).get("text", "")
            for plan in facts.held["plans"].items:
                if isinstance(plan, PlannedCare) and plan.open and _is_alike(made, plan):
                    return name, plan
    return None


def _is_alike(made: Mapping[str, Any], plan: PlannedCare) -> bool:
    code = made.get("code", {})
    own = [one["code"] for one in code.get("coding", ()) if one["system"] == CODES]
    focus = local(made.get("focus", {}).get("reference", ""))
    alike = not plan.names.isdisjoint([*own, code.get("text", "").casefold()])
    return alike and (plan.focus == focus or not focus.startswith(_DRUGS))
