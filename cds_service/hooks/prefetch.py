"""Prefetch templates, and what the client's answer for a key means (CDS Hooks: Prefetch Template).

Absent, null, empty and failed are four different things: a key that is left out is unknown, an empty one is
known to hold nothing. Resources of another patient are not looked for here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Literal, TypeAlias

import msgspec

from cds_service.fhir import elements as fhir

PATIENT_TOKEN = "{{context.patientId}}"  # noqa: S105

Gap: TypeAlias = Literal["more pages", "unreadable resource", "failed in part", "fewer than the total"]
Severity: TypeAlias = Literal["fatal", "error", "warning", "information"]


class Given(msgspec.Struct, frozen=True):
    """Resources that satisfy the key; complete unless ``gap`` says why not.

    ``next_url`` is an address from the client: to be followed only on the FHIR server of the same request.
    """

    resources: tuple[fhir.Resource, ...]
    gap: Gap | None = None
    next_url: str | None = None


class Empty(msgspec.Struct, frozen=True):
    """The client searched and found nothing."""


class Refused(msgspec.Struct, frozen=True):
    """The client's query failed; asking the same again is likely pointless."""

    severity: Severity | None = None


class LeftOut(msgspec.Struct, frozen=True):
    """The client did not satisfy the key, or not with anything that can be its answer."""


Answer: TypeAlias = Given | Empty | Refused | LeftOut
Value: TypeAlias = fhir.Resource | None
"""A value under ``prefetch``: a resource, or None for JSON null."""

KINDS: dict[str, type[fhir.Resource]] = {kind.__name__: kind for kind in (*fhir.READ, *fhir.OTHERS)}  # type: ignore[misc]
"""Every resource type by its name."""

EMPTY = Empty()
LEFT_OUT = LeftOut()


class Query(msgspec.Struct, frozen=True):
    """What a template asks for."""

    kind: type[fhir.Resource]
    read: bool
    """One resource by its id, rather than a search."""


@cache
def query(template: str) -> Query:
    """The type and interaction of a template such as ``Condition?patient={{context.patientId}}``."""
    head, mark, _ = template.partition("?")
    return Query(KINDS[head.partition("/")[0]], read=not mark)


def resolve(template: str, patient_id: str) -> str:
    """The template as an address relative to the FHIR base; ``patient_id`` holds no character that needs escaping."""
    return template.replace(PATIENT_TOKEN, patient_id)


def read_answers(values: Mapping[str, Value], templates: Mapping[str, str]) -> dict[str, Answer]:
    """The meaning of every template's key; what was sent under other keys is ignored."""
    return {
        key: _meaning(values[key], query(template)) if key in values else LEFT_OUT
        for key, template in templates.items()
    }


def contents(value: Value) -> list[fhir.Resource]:
    """The readable resources in a prefetch value, whatever they are."""
    if isinstance(value, fhir.Bundle):
        return [entry.resource for entry in fhir.many(value.entry) if entry.resource is not None]
    return [] if value is None else [value]


def _meaning(value: Value, asked: Query) -> Answer:
    if value is None:
        # CDS Hooks: null means searched and found none; for a read of the patient in context that cannot be.
        return LEFT_OUT if asked.read else EMPTY
    if isinstance(value, fhir.Bundle):
        return _meaning_of_bundle(value, asked)
    if isinstance(value, fhir.OperationOutcome):
        return Refused(_worst([value]))
    return Given((value,)) if isinstance(value, asked.kind) else LEFT_OUT


def _meaning_of_bundle(bundle: fhir.Bundle, asked: Query) -> Answer:
    found = [entry.resource for entry in fhir.many(bundle.entry)]
    kinds = [type(resource) for resource in found]
    worst = _worst([one for one in found if isinstance(one, _OUTCOME)]) if _OUTCOME in kinds else None
    resources = tuple(one for one in found if one is not None and not isinstance(one, _OUTCOME))
    if resources and not {asked.kind, _UNREAD} & {*kinds}:
        return LEFT_OUT
    if not resources and worst not in _HARMLESS:
        return Refused(worst)
    next_url = _next_url(bundle)
    gap = _gap(kinds, worst, next_url, kinds.count(asked.kind) < (fhir.number(bundle.total) or 0))
    if resources or gap:
        return Given(resources, gap, next_url)
    return LEFT_OUT if asked.read else EMPTY


_OUTCOME = fhir.OperationOutcome
_UNREAD = type(None)
_HARMLESS = frozenset({None, "warning", "information"})
_BY_WEIGHT: tuple[Severity, ...] = ("fatal", "error", "warning", "information")


def _worst(outcomes: list[fhir.OperationOutcome]) -> Severity:
    """The gravest severity told; an outcome that tells none counts as an error."""
    told = {issue.severity for outcome in outcomes for issue in fhir.many(outcome.issue)}
    return next((severity for severity in _BY_WEIGHT if severity in told), "error")


def _next_url(bundle: fhir.Bundle) -> str | None:
    return next((link.url for link in fhir.many(bundle.link) if link.relation == "next" and link.url), None)


def _gap(kinds: list[type], worst: Severity | None, next_url: str | None, fewer: bool) -> Gap | None:
    if next_url is not None:
        return "more pages"
    if _UNREAD in kinds:
        return "unreadable resource"
    if worst not in _HARMLESS:
        return "failed in part"
    return "fewer than the total" if fewer else None
