"""What we have for one key, on its whole way from the client or the FHIR server to the facts.

Absent, null, empty and failed are four different things: a key that is left out is unknown, an empty one is known to
hold nothing. Resources of another patient are not looked for here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Literal, TypeAlias

import msgspec

from cds_service.fhir import elements as fhir

Failure: TypeAlias = Literal["the query failed", "failed in part", "unreadable", "unreadable resource"]
"""Why an answer is none, or not whole, though the query was run."""

Shortage: TypeAlias = Literal["fewer than the total"]
"""What an answer shows of itself, besides a further page, that leaves out what there is."""


class Unreadable(msgspec.Struct, frozen=True):
    """Something that is there and stands for nothing of its type.

    ``member`` is a path by names, such as ``MedicationRequest.dosageInstruction.timing``; neither it nor ``why``
    holds anything of the chart.
    """

    member: str
    why: str


class Reading(msgspec.Struct, frozen=True):
    """What could be read of a resource, None where nothing could, and what was left out."""

    resource: fhir.Resource | None
    unreadable: tuple[Unreadable, ...] = ()


class Answer(msgspec.Struct, frozen=True):
    """What came for a query, a resource or a Bundle; None is JSON null, unless something odd stands for it."""

    value: fhir.Resource | None
    odd: tuple[Reading, ...] = ()
    """The value itself, or resources in it, of which not all could be read."""


class Source(msgspec.Struct, frozen=True):
    """The resources for a key: all there are, unless ``gap`` says why not.

    ``next_page`` is an address from outside, to be followed only on the FHIR server of the same request.
    """

    resources: tuple[fhir.Resource, ...] = ()
    odd: tuple[Reading, ...] = ()
    """Those among them of which a part could not be read, and those of which nothing could."""
    gap: str | None = None
    next_page: str | None = None

    @property
    def can_be_completed(self) -> bool:
        """Whether asking the server may bring what is not here; what cannot be read comes no better from there."""
        return self.next_page is not None or self.gap not in (None, UNREADABLE_IN_PART)


EMPTY = Source()
"""Searched, and found nothing."""
NOT_SENT = Source(gap="not sent")
"""Nothing was said of the key, or nothing that can be its answer."""
FAILED = Source(gap="the query failed")
NOT_READABLE = "unreadable"
"""The gap of a key whose whole value stands for nothing."""

UNREADABLE_IN_PART = "unreadable resource"
"""The gap of a key of which some resource stands for nothing."""

_MORE_PAGES = "more pages"
NO_RESOURCE = Reading(None, (Unreadable("Bundle.entry.resource", "missing"),))
"""Of an entry that holds none."""


class FhirQuery(msgspec.Struct, frozen=True):
    """What is asked for under one key: a read or a search, relative to the FHIR base.

    With ``before``, which holds the pages that came first, it is the page after them, at the address that their server
    gave.
    """

    kind: type[fhir.Resource]
    address: str
    is_read: bool = False
    """One resource by its id, rather than a search."""
    before: Source | None = None

    def unanswered(self, why: str) -> Source:
        """What there is as long as nothing has come."""
        return msgspec.structs.replace(self.before or EMPTY, gap=why, next_page=None)


@cache
def query(template: str) -> FhirQuery:
    """The query in an address or a template such as ``Condition?patient={{context.patientId}}``."""
    head, mark, _ = template.partition("?")
    return FhirQuery(_KINDS[head.partition("/")[0]], template, is_read=not mark)


def read_source(answer: Answer, asked: FhirQuery) -> Source:
    """What an answer says about the query, whoever ran it."""
    if asked.before is not None:
        return _continued(asked.before, answer, msgspec.structs.replace(asked, before=None))
    value = answer.value
    if isinstance(value, fhir.Bundle):
        return _of_bundle(value, answer.odd, asked)
    if isinstance(value, fhir.OperationOutcome):
        return FAILED
    if value is not None:
        return Source((value,), answer.odd) if isinstance(value, asked.kind) else NOT_SENT
    return Source(odd=answer.odd, gap=NOT_READABLE) if answer.odd else _none_found(asked)


def resources_in(value: fhir.Resource | None) -> Sequence[fhir.Resource | None]:
    """The resources in a value, None for one that cannot be read."""
    if isinstance(value, fhir.Bundle):
        return [entry.resource for entry in fhir.many(value.entry)]
    return [] if value is None else [value]


def other_release(resources: Sequence[fhir.Resource | None]) -> str | None:
    """The first resource type that shows another FHIR release than R4, by its name or by a member of its own."""
    if _SUSPECT.isdisjoint(map(type, resources)):
        return None
    for resource in resources:
        kind = type(resource)
        if kind in _OTHER_RELEASES:
            return kind.__name__
        for member in _FOREIGN_MEMBERS.get(kind, ()):
            if getattr(resource, member) is not None:
                return kind.__name__
    return None


def next_page(bundle: fhir.Bundle) -> str | None:
    """The address at which the Bundle says it goes on."""
    return next((link.url for link in fhir.many(bundle.link) if link.relation == "next" and link.url), None)


def matches_in(entries: Sequence[fhir.Resource | None]) -> tuple[fhir.Resource, ...]:
    """The resources that can be read, without what a server remarks on its search."""
    return tuple([one for one in entries if one is not None and not isinstance(one, fhir.OperationOutcome)])


def _continued(before: Source, answer: Answer, asked: FhirQuery) -> Source:
    """Further pages together with those that came before, so that all can be held against the total."""
    value = answer.value
    if isinstance(value, fhir.Bundle):
        entries = [*(fhir.Entry(resource=one) for one in before.resources), *fhir.many(value.entry)]
        whole = _of_bundle(fhir.Bundle(total=value.total, link=value.link, entry=entries), answer.odd, asked)
    else:
        page = read_source(answer, asked)
        whole = msgspec.structs.replace(page, resources=(*before.resources, *page.resources))
    gap = whole.gap or (None if before.gap == _MORE_PAGES else before.gap)
    return msgspec.structs.replace(whole, odd=(*before.odd, *whole.odd), gap=gap)


def _of_bundle(bundle: fhir.Bundle, odd: tuple[Reading, ...], asked: FhirQuery) -> Source:
    if not (bundle.entry or bundle.link or bundle.total or odd):
        return _none_found(asked)
    entries = resources_in(bundle)
    kinds = list(map(type, entries))
    matches, present = kinds.count(asked.kind), set(kinds)
    empty, remarked = _UNREAD in present, fhir.OperationOutcome in present
    lost = any(one.resource is None for one in odd)
    unread = empty or lost
    resources = matches_in(entries) if empty or remarked else tuple(entries)
    if resources and not matches and not unread:
        return NOT_SENT
    failed = remarked and _tells_failure(entries)
    if failed and not resources:
        return FAILED
    further = next_page(bundle)
    # What further pages would not bring comes first.
    gaps = {
        UNREADABLE_IN_PART: unread,
        "failed in part": failed,
        _MORE_PAGES: further is not None,
        "fewer than the total": matches < (fhir.number(bundle.total) or 0),
    }
    gap = next((why for why, there in gaps.items() if there), None)
    if not resources and not gap:
        return _none_found(asked)
    odd = (*odd, NO_RESOURCE) if empty and not lost else odd
    return Source(resources, odd, gap, further)  # type: ignore[arg-type]  # no None among them, unless empty


def _none_found(asked: FhirQuery) -> Source:
    # CDS Hooks: null means searched and found none, as an empty Bundle does; for a read of the patient in context
    # that cannot be.
    return NOT_SENT if asked.is_read else EMPTY


def _tells_failure(entries: Sequence[fhir.Resource | None]) -> bool:
    """Whether an outcome among them is of an error; where no severity is told, it counts as one."""
    outcomes = (one for one in entries if isinstance(one, fhir.OperationOutcome))
    told = {issue.severity for outcome in outcomes for issue in fhir.many(outcome.issue)}
    return bool(told & {"fatal", "error"}) or not told & {"warning", "information"}


_KINDS: dict[str, type[fhir.Resource]] = {kind.__name__: kind for kind in (*fhir.READ, *fhir.OTHERS)}  # type: ignore[misc]
_UNREAD = type(None)
_OTHER_RELEASES = frozenset(kind for kind in fhir.OTHERS if kind.__name__ in fhir.NOT_R4)
_FOREIGN_MEMBERS: dict[type, tuple[str, ...]] = {
    fhir.Condition: ("patient",),
    fhir.MedicationStatement: ("taken", "medication"),
    fhir.MedicationRequest: ("medication",),
    fhir.MedicationDispense: ("medication",),
}
"""Members of DSTU2, STU3 and R5, which elements.py reads for this question alone."""
_SUSPECT = _OTHER_RELEASES | _FOREIGN_MEMBERS.keys()
