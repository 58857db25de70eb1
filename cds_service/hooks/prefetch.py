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


class Contents(msgspec.Struct, frozen=True):
    """The resources in a prefetch value, in one walk: ``found`` has None for one that cannot be read."""

    found: list[fhir.Resource | None]
    kinds: list[type]
    bundle: fhir.Bundle | None = None


def contents(value: Value) -> Contents | None:
    """What a value holds; None where nothing was found: for JSON null, and for a Bundle that says no more than that."""
    if value is None:
        return None
    if not isinstance(value, fhir.Bundle):
        return Contents([value], [type(value)])
    if not (value.entry or value.link or value.total):
        return None
    found = [entry.resource for entry in fhir.many(value.entry)]
    return Contents(found, list(map(type, found)), value)


def read_answers(sent: Mapping[str, Contents | None], templates: Mapping[str, str]) -> dict[str, Answer]:
    """The meaning of every template's key; what was sent under other keys is ignored."""
    return {
        key: meaning(sent[key], query(template)) if key in sent else LEFT_OUT for key, template in templates.items()
    }


def states(answers: Mapping[str, Answer]) -> dict[str, list[str]]:
    """The keys by what became of them: nothing of what they hold."""
    found: dict[str, list[str]] = {}
    for key, answer in answers.items():
        found.setdefault(_state(answer), []).append(key)
    return found


def _state(answer: Answer) -> str:
    if isinstance(answer, Given):
        return "partial" if answer.gap else "given"
    return _STATES[type(answer)]


_STATES: dict[type, str] = {Empty: "empty", Refused: "failed", LeftOut: "left out"}


def meaning(sent: Contents | None, asked: Query) -> Answer:
    """What a value says about the query, whoever ran it."""
    if sent is None:
        # CDS Hooks: null means searched and found none, as an empty Bundle does; for a read of the patient in
        # context that cannot be.
        return LEFT_OUT if asked.read else EMPTY
    if sent.bundle is not None:
        return _meaning_of_bundle(sent, sent.bundle, asked)
    if _OUTCOME in sent.kinds:
        return Refused(_worst(sent.found))
    return Given(_resources(sent, set(sent.kinds))) if asked.kind in sent.kinds else LEFT_OUT


def _meaning_of_bundle(sent: Contents, bundle: fhir.Bundle, asked: Query) -> Answer:
    matches, kinds = sent.kinds.count(asked.kind), set(sent.kinds)
    resources = _resources(sent, kinds)
    if resources and not matches and _UNREAD not in kinds:
        return LEFT_OUT
    worst = _worst(sent.found) if _OUTCOME in kinds else None
    if not resources and worst not in _HARMLESS:
        return Refused(worst)
    next_url = _next_url(bundle)
    gap = _gap(kinds, worst, next_url, matches < (fhir.number(bundle.total) or 0))
    if resources or gap:
        return Given(resources, gap, next_url)
    return LEFT_OUT if asked.read else EMPTY


def _resources(sent: Contents, kinds: set[type]) -> tuple[fhir.Resource, ...]:
    if _UNREAD in kinds or _OUTCOME in kinds:
        return tuple(one for one in sent.found if one is not None and not isinstance(one, _OUTCOME))
    return tuple(sent.found)  # type: ignore[arg-type]  # no None among them, as _UNREAD is not among the kinds


_OUTCOME = fhir.OperationOutcome
_UNREAD = type(None)
_HARMLESS = frozenset({None, "warning", "information"})
_BY_WEIGHT: tuple[Severity, ...] = ("fatal", "error", "warning", "information")


def _worst(found: list[fhir.Resource | None]) -> Severity:
    """The gravest severity that the outcomes tell; an outcome that tells none counts as an error."""
    outcomes = (one for one in found if isinstance(one, _OUTCOME))
    told = {issue.severity for outcome in outcomes for issue in fhir.many(outcome.issue)}
    return next((severity for severity in _BY_WEIGHT if severity in told), "error")


def _next_url(bundle: fhir.Bundle) -> str | None:
    return next((link.url for link in fhir.many(bundle.link) if link.relation == "next" and link.url), None)


def _gap(kinds: set[type], worst: Severity | None, next_url: str | None, fewer: bool) -> Gap | None:
    # What further pages would not bring comes first.
    if _UNREAD in kinds:
        return "unreadable resource"
    if worst not in _HARMLESS:
        return "failed in part"
    if next_url is not None:
        return "more pages"
    return "fewer than the total" if fewer else None
