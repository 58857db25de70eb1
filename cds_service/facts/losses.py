"""What is there and cannot be read: never absent, but untold where it decides whether or how a resource counts.

What a rule does not read is no loss. A code or a date that FHIR does not have counts like a value of a wrong type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter

import msgspec

from cds_service.fhir import elements as fhir
from cds_service.fhir.codes import CODES
from cds_service.fhir.dates import interval
from cds_service.fhir.local import DATES
from cds_service.fhir.sources import Source, Unreadable

DRAFTS = "draftOrders"
_NOTHING: frozenset[str] = frozenset()
_HARMLESS = frozenset({"id", "display", "asNeededBoolean"})
"""Members that decide nothing, wherever they stand."""
_REMARKS = [["dosageInstruction", "text"], ["dosage", "text"]]


class Loss(msgspec.Struct, frozen=True):
    """A member that could not be read: where it came, its path by names, and why; nothing of the chart."""

    key: str
    member: str
    why: str

    @property
    def place(self) -> str:
        """Type and member, however deep in it: of these there are only so many."""
        return ".".join(self.member.split(".")[:2])


class Unsure(msgspec.Struct, frozen=True):
    """A resource of which it cannot be told whether or how it counts."""

    resource: fhir.Resource
    why: str


class Losses:
    """What could not be read of a chart."""

    def __init__(self) -> None:
        self.named: dict[Loss, None] = {}
        self.unsure: dict[type[fhir.Resource], list[Unsure]] = {}
        self._members: dict[int, set[str]] = {}
        """By identity of the resource, the names of its members of which something is lost."""

    def note(self, key: str, source: Source) -> None:
        """What could not be read of a source, which keeps its resources."""
        for reading in source.odd:
            self.lose(key, reading.resource, reading.unreadable)

    def lose(self, key: str, resource: fhir.Resource | None, unreadable: Iterable[Unreadable]) -> None:
        for one in unreadable:
            self.named[Loss(key, one.member, one.why)] = None
            names = one.member.split(".")
            if resource is not None and names[-1] not in _HARMLESS and names[1:] not in _REMARKS:
                self._members.setdefault(id(resource), set()).add(names[1])

    def note_draft(self, resource: fhir.Resource | None, unreadable: Iterable[Unreadable]) -> None:
        self.lose(DRAFTS, resource, unreadable)
        if resource is not None:
            self._look(DRAFTS, type(resource), (resource,))

    def of(self, resource: fhir.Resource) -> frozenset[str]:
        """The members of which something is lost."""
        return frozenset(self._members.get(id(resource), _NOTHING))

    def settle(self, key: str, kind: type[fhir.Resource], found: Sequence[fhir.Resource]) -> Sequence[fhir.Resource]:
        """Those that count as far as they can be read."""
        self._look(key, kind, found)
        if not self._members:
            return found
        kept = []
        for resource in found:
            lost = self._members.get(id(resource))
            deciding = decisive(resource, lost) if lost else None
            shading = lost and next(iter(sorted(lost & _SHADES.get(kind, _NOTHING))), None)
            if deciding or shading:
                why = f"{key}: {kind.__name__}.{deciding or shading} cannot be read"
                self.unsure.setdefault(kind, []).append(Unsure(resource, why))
            if not deciding:
                kept.append(resource)
        return kept

    def _look(self, key: str, kind: type[fhir.Resource], found: Sequence[fhir.Resource]) -> None:
        for resource, odd in _odd(kind, found):
            self.lose(key, resource, (odd,))


def decisive(resource: fhir.Resource, lost: Iterable[str]) -> str | None:
    """The first of the lost members without which it cannot be told whether or as what it counts.

    Which drug is meant may be told elsewhere, so that a lost one is asked for by :func:`lost_drug`.
    """
    kind = type(resource)
    naming = CONCEPTS.get(kind, {}).keys() if kind not in _MEDICATIONS else ()
    for member in sorted(lost):
        if member in _DECIDES.get(kind, _NOTHING) or (member in naming and not is_named(resource)):
            return member
    return None


def lost_drug(resource: fhir.Resource, lost: frozenset[str]) -> str:
    """What of an entry could name its drug and cannot be read; empty where words or a code are left."""
    member = None if is_named(resource) else next(iter(sorted(lost & NAMES_THE_DRUG)), None)
    return f"{fhir.type_of(resource)}.{member} cannot be read" if member else ""


def is_named(resource: fhir.Resource) -> bool:
    """Whether a code or words are left that name what it is about."""
    return any(_names(getattr(resource, attribute)) for attribute in CONCEPTS[type(resource)].values())


def _names(value: object) -> bool:
    if isinstance(value, list):
        return any(map(_names, value))
    if isinstance(value, fhir.CodeableConcept):
        return any(coding.code for coding in fhir.codings(value)) or any(fhir.texts(value))
    if isinstance(value, fhir.Reference):
        return bool(value.display)
    return bool(value)


def is_plain(kind: type[fhir.Resource], found: Sequence[fhir.Resource]) -> bool:
    """Whether each code and date of them is one of FHIR as it stands."""
    return all(codes.issuperset(map(read, found)) for _, read, codes in _CODED.get(kind, ())) and all(
        not _no_dates(read, found) for _, read in _DATED.get(kind, ())
    )


def _no_dates(read: Callable[[fhir.Resource], str | None], found: Iterable[fhir.Resource]) -> set[str]:
    """What stands in the place of a date and is none."""
    return {text for text in set(map(read, found)) if text and interval(text) is None}


def _odd(kind: type[fhir.Resource], found: Sequence[fhir.Resource]) -> Iterator[tuple[fhir.Resource, Unreadable]]:
    """What is of its type and still no code or date of FHIR; a code in capitals is put right.

    Most lists hold a few codes again and again.
    """
    for member, read, codes in _CODED.get(kind, ()):
        if not codes.issuperset(map(read, found)):
            yield from _strange(kind, found, member, codes)
    for member, read in _DATED.get(kind, ()):
        unreadable = _no_dates(read, found)
        if unreadable:
            odd = (one for one in found if read(one) in unreadable)
            yield from ((one, Unreadable(f"{kind.__name__}.{member}", "no date")) for one in odd)


def _strange(
    kind: type[fhir.Resource], found: Sequence[fhir.Resource], member: str, codes: frozenset[str | None]
) -> Iterator[tuple[fhir.Resource, Unreadable]]:
    for one in found:
        written: str | None = getattr(one, member)
        code = written and (written.strip().lower() or None)
        setattr(one, member, code if code in codes else None)
        if code not in codes:
            yield one, Unreadable(f"{kind.__name__}.{member}", "no code of FHIR")


_DRUG = {"medicationCodeableConcept": "medication_codeable_concept", "medicationReference": "medication_reference"}
NAMES_THE_DRUG = frozenset({*_DRUG, "medication", "contained"})
_MEDICATIONS = (fhir.MedicationRequest, fhir.MedicationStatement, fhir.MedicationDispense)
_CODE = {"code": "code"}
CONCEPTS: Mapping[type[fhir.Resource], Mapping[str, str]] = {
    fhir.Condition: _CODE,
    fhir.Observation: _CODE,
    fhir.Procedure: _CODE,
    fhir.ServiceRequest: _CODE,
    fhir.DiagnosticReport: _CODE,
    fhir.AllergyIntolerance: _CODE,
    fhir.Encounter: {"reasonCode": "reason_code"},
    fhir.AdverseEvent: {"event": "event"},
    fhir.CarePlan: {"category": "category", "title": "title"},
    fhir.Task: {"code": "code", "description": "description"},
    fhir.Medication: {"code": "code", "ingredient": "ingredient"},
    fhir.MedicationRequest: _DRUG,
    fhir.MedicationStatement: _DRUG,
    fhir.MedicationDispense: _DRUG,
}
"""The members that name what a resource is about, with their attributes."""

_STATED = frozenset({"status", "intent", "doNotPerform"})
_DECIDES: Mapping[type[fhir.Resource], frozenset[str]] = {
    fhir.Condition: frozenset(
        {"verificationStatus", "clinicalStatus"}.union(
            field.encode_name for field in msgspec.structs.fields(fhir.Condition) if field.name.startswith("abatement_")
        )
    ),
    fhir.Observation: frozenset({"status", "focus", "dataAbsentReason"}).union(
        field.encode_name
        for field in msgspec.structs.fields(fhir.Observation)
        if field.name.startswith(("value_", "effective_", "component"))
    ),
    fhir.MedicationRequest: _STATED,
    fhir.MedicationStatement: frozenset({"status"}),
    fhir.MedicationDispense: frozenset({"status", "whenHandedOver"}),
    fhir.Procedure: frozenset({"status"}),
    fhir.ServiceRequest: _STATED,
    fhir.CarePlan: frozenset({"status"}),
    fhir.Task: frozenset({"status"}),
    fhir.QuestionnaireResponse: frozenset({"status", "authored", "item"}),
    fhir.AllergyIntolerance: frozenset({"clinicalStatus", "verificationStatus"}),
    fhir.DiagnosticReport: frozenset({"status"}),
    fhir.Encounter: frozenset({"status"}),
    fhir.AdverseEvent: frozenset({"actuality"}),
}
"""The members without which it cannot be told whether a resource counts."""

_SHADES: Mapping[type[fhir.Resource], frozenset[str]] = {
    fhir.Condition: frozenset({"recordedDate", "encounter"}).union(
        field.encode_name for field in msgspec.structs.fields(fhir.Condition) if field.name.startswith("onset_")
    ),
    fhir.Procedure: frozenset({"performedDateTime", "performedPeriod"}),
    fhir.ServiceRequest: frozenset({"authoredOn", "occurrenceDateTime", "occurrencePeriod"}),
    fhir.CarePlan: frozenset({"period", "created"}),
    fhir.Task: frozenset({"authoredOn", "lastModified"}),
    fhir.DiagnosticReport: frozenset({"effectiveDateTime", "effectivePeriod", "issued", "result", "contained"}),
    fhir.Encounter: frozenset({"period"}),
    fhir.AdverseEvent: frozenset({"date"}),
}
"""The members without which a resource counts, and may still be just the one that is looked for."""

_CODED = {
    kind: tuple((member, attrgetter(member), codes | {None}) for member, codes in coded.items())
    for kind, coded in CODES.items()
}
_DATE_NAMES = DATES | {"birth_date"}
_DATED = {
    kind: tuple(
        (field.encode_name, attrgetter(field.name))
        for field in msgspec.structs.fields(kind)
        if field.name in _DATE_NAMES
    )
    for kind in fhir.READ
}
