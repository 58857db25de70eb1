"""A line of an export: which resource it is, whose, and whether anything here could read it."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, Literal, TypeAlias, TypeVar

import msgspec

from cds_service.facts.queries import TEMPLATES
from cds_service.facts.results import perhaps_known
from cds_service.fhir import elements as fhir
from cds_service.fhir.decoding import read_as
from cds_service.fhir.references import local
from cds_service.fhir.sources import query
from cds_service.terminology.vocabulary import Vocabulary

Damaged: TypeAlias = Literal["no JSON", "no resource", "no id", "names no patient"]
KEY_OF = {query(template).kind.__name__: key for key, template in TEMPLATES.items()}
"""By type of resource the prefetch key under which it is asked for; nothing else is read of a patient."""
SHARED = frozenset({"Medication", "Substance"})
"""Types that name nobody and that the entries of many patients refer to."""
NOT_A_PATIENT = "about somebody else than a patient"
NOT_READ = "a type that no rule reads"
NO_WANTED_CODE = "a result of which no rule reads the code"
NOT_ASKED = "a request of a hook that is not asked about"
NO_PATIENT = "of a patient whom the export does not hold"
PATIENT, BUNDLE = "Patient", "Bundle"
REQUEST = "request"
"""In the place of a type, a hook request."""
NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
T = TypeVar("T")
_Codes: TypeAlias = tuple[tuple[str, str], ...]
_MOST_REMEMBERED = 20_000
_NOTHING = (b"", b"null", b"[]")
_MEMBERS = ("subject", "patient", "beneficiary", "for")


class DamagedLine(ValueError):
    def __init__(self, kind: Damaged) -> None:
        self.kind: Damaged = kind
        super().__init__(kind)


class Named(msgspec.Struct, frozen=True, gc=False):
    """What a line says of itself; it is about nobody where the patient is empty."""

    type: str
    id: str
    patient: str = ""
    dropped: str = ""
    """Why nothing in it can change an answer."""
    codes: _Codes = ()
    """System and code of a result that is left out."""

    def of(self, patient: str) -> Named:
        """The same in a Bundle that is one patient's."""
        if self.type not in KEY_OF and self.type not in SHARED:
            return msgspec.structs.replace(self, patient=patient) if self.dropped else self
        return msgspec.structs.replace(self, patient=patient, dropped=self.dropped if self.codes else "")


class _Reference(msgspec.Struct, gc=False):
    reference: str | None = None


class _Context(msgspec.Struct, rename="camel", gc=False):
    patient_id: str = ""


class _Head(msgspec.Struct, rename={"resource_type": "resourceType", "for_": "for"}, gc=False):
    resource_type: str | None = None
    id: str | None = None
    subject: _Reference | None = None
    patient: _Reference | None = None
    beneficiary: _Reference | None = None
    for_: _Reference | None = None
    hook: str | None = None
    context: _Context | None = None
    code: msgspec.Raw = msgspec.Raw()
    component: msgspec.Raw = msgspec.Raw()


class LineReader:
    """Reads what lines are; with a vocabulary, results that no value set knows are told apart."""

    def __init__(self, vocabulary: Vocabulary | None) -> None:
        # The same few concepts come again and again.
        self._strange: Callable[[bytes], _Codes] | None = None
        if vocabulary is not None:
            self._strange = lru_cache(_MOST_REMEMBERED)(partial(_strange, vocabulary))

    def read(self, line: bytes) -> Named:
        """Raises DamagedLine for what is no resource, or one that is read and does not say whose it is."""
        named = self.read_in_bundle(line)
        if named.type in KEY_OF and not named.patient and not named.dropped:
            raise DamagedLine("names no patient")
        return named

    def read_in_bundle(self, line: bytes) -> Named:
        """The same, where the Bundle may say whose it is."""
        head = _head(line)
        kind, name = head.resource_type, head.id or ""
        if kind not in KEY_OF or kind == PATIENT:
            return _not_of_a_patient(head)
        patient, other = _whose(head)
        if patient and kind == "Observation" and (codes := self._unwanted(head)):
            return Named(kind, name, patient, NO_WANTED_CODE, codes)
        return Named(kind, name, patient, NOT_A_PATIENT if other and not patient else "")

    def _unwanted(self, head: _Head) -> _Codes:
        """The codes of a result that facts would leave out before they look at it."""
        if self._strange is None or bytes(head.component) not in _NOTHING:
            return ()
        return self._strange(bytes(head.code))


def _not_of_a_patient(head: _Head) -> Named:
    """What is no entry of somebody's chart."""
    kind, name = head.resource_type, head.id or ""
    if head.hook and head.context:
        return Named(REQUEST, "", _told(head.context.patient_id))
    if not kind or not (kind.isascii() and kind.isalpha()):
        raise DamagedLine("no resource")
    if kind == PATIENT:
        return Named(kind, name, _told(name))
    if kind in SHARED and not name.isprintable():
        raise DamagedLine("no id")
    if kind in SHARED or kind == BUNDLE:
        return Named(kind, name)
    return Named(kind, name, _whose(head)[0], NOT_READ)


def _strange(vocabulary: Vocabulary, raw: bytes) -> _Codes:
    """The codes of a concept that no rule reads, by what the facts themselves go by."""
    code = part_of(_CODE, raw)
    if perhaps_known((fhir.Observation(code=code),), vocabulary):
        return ()
    return tuple([(one.system or "", one.code or "") for one in fhir.codings(code)])


def part_of(decoder: msgspec.json.Decoder[T], raw: bytes | msgspec.Raw | None) -> T | None:
    """What of a line a decoder reads; None also where it turns out to be no JSON, as only its head was read."""
    try:
        return read_as(decoder, raw)
    except NO_JSON:
        return None


def _told(patient: str) -> str:
    """The id, if it is one that can be told from another."""
    if not patient.isprintable() or not set(' "\\').isdisjoint(patient) or not patient:
        raise DamagedLine("no id")
    return patient


def _head(line: bytes) -> _Head:
    try:
        return _HEAD.decode(line)
    except msgspec.ValidationError:
        return _loose_head(line)
    except NO_JSON:
        raise DamagedLine("no JSON") from None


def _loose_head(line: bytes) -> _Head:
    """The same of a resource that is oddly written: a reference in a list, a number for an id."""
    try:
        found = _ANYTHING.decode(line)
    except NO_JSON:
        raise DamagedLine("no JSON") from None
    if not isinstance(found, dict):
        raise DamagedLine("no resource")
    context = found.get("context")
    about = context.get("patientId") if isinstance(context, dict) else None
    kind, name = found.get("resourceType"), found.get("id")
    subject, patient, beneficiary, other = (_loose_reference(found.get(member)) for member in _MEMBERS)
    return _Head(
        resource_type=kind if isinstance(kind, str) else None,
        id=name if isinstance(name, str) else str(name) if isinstance(name, int) else None,
        subject=subject,
        patient=patient,
        beneficiary=beneficiary,
        for_=other,
        hook=found.get("hook") if isinstance(found.get("hook"), str) else None,
        context=_Context(about) if isinstance(about, str) else None,
        code=msgspec.Raw(msgspec.json.encode(found.get("code"))),
        component=msgspec.Raw(msgspec.json.encode(found.get("component"))),
    )


def _loose_reference(written: Any) -> _Reference | None:
    (one,) = written if isinstance(written, list) and len(written) == 1 else (written,)
    told = one.get("reference") if isinstance(one, dict) else None
    return _Reference(told) if isinstance(told, str) else None


def _whose(head: _Head) -> tuple[str, bool]:
    """The id of the patient, and whether somebody else is named."""
    named = False
    for one in (head.subject, head.patient, head.for_, head.beneficiary):
        if one is not None and one.reference:
            patient = _patient_in(one.reference)
            if patient:
                return patient, False
            named = True
    return "", named


@lru_cache(_MOST_REMEMBERED)
def _patient_in(reference: str) -> str:
    kind, _, name = local(reference).rpartition("/")
    return _told(name) if name and kind in ("", PATIENT) else ""


_HEAD = msgspec.json.Decoder(_Head)
_CODE = msgspec.json.Decoder(fhir.CodeableConcept)
_ANYTHING = msgspec.json.Decoder()
