"""Prefetch templates, and what the client sent for their keys (CDS Hooks: Prefetch Template)."""

from __future__ import annotations

from collections.abc import Mapping

from cds_service.fhir.elements import Resource
from cds_service.fhir.sources import FAILED, NOT_SENT, Source, query, read_source

PATIENT_TOKEN = "{{context.patientId}}"  # noqa: S105


def resolve(template: str, patient_id: str) -> str:
    """The template as an address relative to the FHIR base; ``patient_id`` holds no character that needs escaping."""
    return template.replace(PATIENT_TOKEN, patient_id)


def read_prefetch(sent: Mapping[str, Resource | None], templates: Mapping[str, str]) -> dict[str, Source]:
    """What there is for every template's key; what was sent under other keys is ignored."""
    return {
        key: read_source(sent[key], query(template)) if key in sent else NOT_SENT for key, template in templates.items()
    }


def states(sources: Mapping[str, Source]) -> dict[str, list[str]]:
    """The keys by what became of them: nothing of what they hold."""
    keys: dict[str, list[str]] = {}
    for key, source in sources.items():
        keys.setdefault(_state(source), []).append(key)
    return keys


def _state(source: Source) -> str:
    if source.gap is None:
        return "given" if source.resources else "empty"
    return _STATES.get(source.gap, "partial")


_STATES = {FAILED.gap: "failed", NOT_SENT.gap: "left out"}
