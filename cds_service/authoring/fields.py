"""Which members of a resource a person changes to see what happens, and how each is read and written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Literal, TypeAlias

import msgspec

from cds_service.errors import Unpasted
from cds_service.fhir.dates import age_on, leading_date, months_before

Json: TypeAlias = dict[str, Any]
_HL7 = "http://terminology.hl7.org/CodeSystem"


class Field(msgspec.Struct, frozen=True):
    """One member as a form shows it."""

    name: str
    label: str
    value: str
    kind: Literal["text", "number", "date", "choice"] = "text"
    choices: tuple[str, ...] = ()


class _Way(msgspec.Struct, frozen=True):
    """How a member is read, and written; what reads None is not there to be changed."""

    label: str
    kind: Literal["text", "number", "date", "choice"]
    read: Callable[[Json, date], str | None]
    write: Callable[[Json, str, date], None]
    choices: tuple[str, ...] = ()


def of(resource: Json, day: date) -> tuple[Field, ...]:
    """What can be changed of a resource."""
    return tuple(_fields(resource, day))


def _fields(resource: Json, day: date) -> Iterator[Field]:
    for name, way in _ways(resource).items():
        value = way.read(resource, day)
        if value is not None:
            choices = way.choices if not way.choices or value in way.choices else (value, *way.choices)
            yield Field(name, way.label, value, way.kind, choices)


def write(resource: Json, name: str, value: str, day: date) -> None:
    """Changes a member; an empty value takes it away. Unpasted where the resource has no such member."""
    way = _ways(resource).get(name)
    if way is None:
        raise Unpasted("there is no such fact to change.")
    try:
        way.write(resource, value, day)
    except (TypeError, KeyError, IndexError, AttributeError):
        raise Unpasted("this fact is written in a way that cannot be changed here.") from None


def words(resource: Json) -> str:
    """What a resource says, in a line."""
    told = [_named(resource)]
    status = status_of(resource)
    told += [_value(resource) or "", *_dosage(resource), status if status not in _PLAIN_STATUS and status else ""]
    told.append(_reasons(resource))
    return ", ".join(one for one in told if one) or str(resource.get("resourceType", ""))


def _named(resource: Json) -> str:
    """What it is about: its concept, the drug that it refers to, or the questions that were answered with yes."""
    concept = next((resource[member] for member in _CONCEPTS if resource.get(member)), None)
    if concept:
        return concept_text(concept[0] if isinstance(concept, list) else concept)
    if resource.get("resourceType") == "QuestionnaireResponse":
        yes = [way.label for _, way in _answers(resource) if way.read(resource, date.min) == "yes"]
        return f"answered yes: {', '.join(yes) or 'nothing'}"
    held = resource.get("contained")
    inside = [concept_text(one.get("code")) for one in held if isinstance(one, dict)] if isinstance(held, list) else []
    named = resource.get("medicationReference")
    display = named.get("display") if isinstance(named, dict) else None
    return display if isinstance(display, str) else next(filter(None, inside), "")


def concept_text(concept: object) -> str:
    """What a CodeableConcept is called: its text, else its first display or code."""
    if not isinstance(concept, dict):
        return ""
    codings = concept.get("coding")
    listed = [one for one in codings if isinstance(one, dict)] if isinstance(codings, list) else []
    said = [concept.get("text"), *(one.get("display") for one in listed), *(one.get("code") for one in listed)]
    return next((one for one in said if isinstance(one, str) and one), "")


def status_concept(system: str, code: str) -> Json:
    return {"coding": [{"system": f"{_HL7}/{system}", "code": code}]}


def status_of(resource: Json) -> str | None:
    """The status, or a condition's clinical status."""
    said = resource.get("status")
    if isinstance(said, str):
        return said
    return _first_code(resource.get("clinicalStatus"))


def _first_code(concept: object) -> str | None:
    codings = concept.get("coding") if isinstance(concept, dict) else None
    first = codings[0] if isinstance(codings, list) and codings else None
    return str(first.get("code", "")) if isinstance(first, dict) else None


def _value(resource: Json) -> str | None:
    """An observation's value with its unit."""
    held = resource.get("valueQuantity")
    if isinstance(held, dict):
        unit = str(held.get("unit") or held.get("code") or "")
        return f"{held.get('value', '')} {unit if not unit.startswith('{') else ''}".strip()
    if "valueCodeableConcept" in resource:
        return concept_text(resource["valueCodeableConcept"])
    plain = next((resource[name] for name in _PLAIN_VALUES if name in resource), None)
    return None if plain is None else str(plain).lower() if isinstance(plain, bool) else str(plain)


def _dosage(resource: Json) -> Iterator[str]:
    instructions = resource.get("dosageInstruction") or resource.get("dosage")
    for one in instructions if isinstance(instructions, list) else (instructions,):
        if isinstance(one, dict) and isinstance(one.get("text"), str):
            yield one["text"]


def _reasons(resource: Json) -> str:
    reasons = resource.get("reasonCode")
    told = map(concept_text, reasons) if isinstance(reasons, list) else ()
    named = ", ".join(one for one in told if one)
    return f"for {named}" if named else ""


# What follows are the members by type.

_CONCEPTS = ("code", "medicationCodeableConcept", "vaccineCode", "type", "category")
_PLAIN_STATUS = ("draft", "final", "completed", "finished")
"""What goes without saying."""
_PLAIN_VALUES = ("valueInteger", "valueString", "valueBoolean", "valueDateTime")
_DRUG_STATUS = ("active", "on-hold", "completed", "stopped", "cancelled", "entered-in-error", "draft", "unknown")
_EVENT_STATUS = ("preparation", "in-progress", "not-done", "on-hold", "stopped", "completed", "entered-in-error")
_STATUS: Mapping[str, tuple[str, ...]] = {
    "AllergyIntolerance": (),
    "CarePlan": ("draft", "active", "on-hold", "revoked", "completed", "entered-in-error"),
    "DiagnosticReport": ("registered", "preliminary", "final", "amended", "cancelled", "entered-in-error"),
    "Encounter": ("planned", "in-progress", "finished", "cancelled", "entered-in-error"),
    "MedicationDispense": ("in-progress", "completed", "stopped", "cancelled", "entered-in-error"),
    "MedicationRequest": _DRUG_STATUS,
    "MedicationStatement": ("active", "completed", "stopped", "on-hold", "intended", "not-taken", "entered-in-error"),
    "Observation": ("registered", "preliminary", "final", "amended", "cancelled", "entered-in-error"),
    "Procedure": _EVENT_STATUS,
    "QuestionnaireResponse": ("in-progress", "completed", "amended", "stopped", "entered-in-error"),
    "ServiceRequest": ("draft", "active", "on-hold", "revoked", "completed", "entered-in-error"),
    "Task": ("draft", "requested", "accepted", "in-progress", "completed", "cancelled", "failed"),
}
_DATES: Mapping[str, tuple[str, ...]] = {
    "AdverseEvent": ("date",),
    "AllergyIntolerance": ("recordedDate",),
    "CarePlan": ("created", "period.start"),
    "Condition": ("onsetDateTime", "onsetPeriod.start", "recordedDate"),
    "DiagnosticReport": ("effectiveDateTime", "effectivePeriod.start", "issued"),
    "Encounter": ("period.start",),
    "MedicationDispense": ("whenHandedOver",),
    "MedicationRequest": ("authoredOn",),
    "MedicationStatement": ("effectiveDateTime", "effectivePeriod.start", "dateAsserted"),
    "Observation": ("effectiveDateTime", "effectivePeriod.start", "effectiveInstant", "issued"),
    "Procedure": ("performedDateTime", "performedPeriod.start"),
    "QuestionnaireResponse": ("authored",),
    "ServiceRequest": ("authoredOn",),
    "Task": ("authoredOn",),
}
_SINCE = {"Condition": "since", "MedicationRequest": "written on", "MedicationStatement": "since", "Observation": "on"}


def _ways(resource: Json) -> dict[str, _Way]:
    kind = resource.get("resourceType")
    if kind == "Patient":
        return _PATIENT
    if not isinstance(kind, str) or kind not in _DATES:
        return {}
    own: dict[str, _Way] = {}
    if kind == "Condition":
        own = _CONDITION
    elif kind == "Observation":
        own = {"value": _VALUE}
    elif kind in ("MedicationRequest", "MedicationStatement", "MedicationDispense"):
        own = {"drug": _DRUG, "dose": _DOSE}
    elif kind == "QuestionnaireResponse":
        own = dict(_answers(resource))
    shared = {"date": _dated(_SINCE.get(kind, "on"), _DATES[kind])}
    if _STATUS.get(kind):
        shared["status"] = _Way("status", "choice", _member("status"), _write_member("status"), _STATUS[kind])
    return {**own, **shared}


def _member(name: str) -> Callable[[Json, date], str | None]:
    def read(resource: Json, _: date) -> str:
        return str(resource.get(name, ""))

    return read


def _write_member(name: str) -> Callable[[Json, str, date], None]:
    def put(resource: Json, value: str, _: date) -> None:
        _put(resource, name, value)

    return put


def _put(holder: Json, name: str, value: object) -> None:
    if value == "":
        holder.pop(name, None)
    else:
        holder[name] = value


def _dated(label: str, members: Iterable[str]) -> _Way:
    """The first of the members that is there, else the first; it is shown as far as its day."""
    paths = [path.split(".") for path in members]

    def where(resource: Json) -> list[str]:
        return next((path for path in paths if path[0] in resource), paths[0])

    def read(resource: Json, _: date) -> str | None:
        held: Any = resource
        for name in where(resource):
            held = held.get(name, {}) if isinstance(held, dict) else {}
        return held[: len("2026-06-15")] if isinstance(held, str) else ""

    def put(resource: Json, value: str, _: date) -> None:
        *way, last = where(resource)
        _put(resource.setdefault(way[0], {}) if way else resource, last, value)

    return _Way(label, "date", read, put)


def _age(resource: Json, day: date) -> str:
    birth = leading_date(resource.get("birthDate")) if isinstance(resource.get("birthDate"), str) else None
    age = age_on(birth, day) if birth else None
    return str(age.lowest) if age else ""


def _write_age(resource: Json, value: str, day: date) -> None:
    """Born on the day that makes the patient exactly so old."""
    if value and not (value.isascii() and value.isdigit() and int(value) <= min(130, day.year - 1)):
        raise Unpasted("the age must be a number of whole years, 130 at most.")
    _put(resource, "birthDate", months_before(day, 12 * int(value)).isoformat() if value else "")


def _concept(member: str) -> _Way:
    """Its words; new words take the place of its codes, which would name something else."""

    def read(resource: Json, _: date) -> str | None:
        return concept_text(resource[member]) if member in resource else None

    def put(resource: Json, value: str, _: date) -> None:
        _put(resource, member, {"text": value} if value else "")

    return _Way("what", "text", read, put)


def _coded(label: str, member: str, system: str, choices: tuple[str, ...]) -> _Way:
    def read(resource: Json, _: date) -> str:
        return _first_code(resource.get(member)) or ""

    def put(resource: Json, value: str, _: date) -> None:
        _put(resource, member, status_concept(system, value) if value else "")

    return _Way(label, "choice", read, put, choices)


def _read_value(resource: Json, _: date) -> str | None:
    held = resource.get("valueQuantity")
    return str(held.get("value", "")) if isinstance(held, dict) else _value(resource)


def _write_value(resource: Json, value: str, _: date) -> None:
    if "valueQuantity" in resource:
        _put(resource["valueQuantity"], "value", number(value))
    elif "valueCodeableConcept" in resource:
        _put(resource, "valueCodeableConcept", {"text": value} if value else "")
    else:
        name = next(one for one in _PLAIN_VALUES if one in resource)
        plain: object = value
        if name == "valueBoolean" and value in ("true", "false"):
            plain = value == "true"
        elif name == "valueInteger":
            plain = number(value)
        _put(resource, name, plain)


def number(text: str) -> object:
    """The number in a text; what is none stays as it was typed, to see what the service makes of it."""
    try:
        value = msgspec.json.decode(text.encode(), type=int | float)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return text
    return value


def _first_dose(resource: Json) -> Json | None:
    """The quantity of the first dosage."""
    found: Any = resource.get("dosageInstruction") or resource.get("dosage")
    for name in (0, "doseAndRate", 0, "doseQuantity"):
        try:
            found = found[name]
        except (TypeError, KeyError, IndexError):
            return None
    return found if isinstance(found, dict) else None


def _read_dose(resource: Json, _: date) -> str | None:
    quantity = _first_dose(resource)
    return None if quantity is None else str(quantity.get("value", ""))


def _write_dose(resource: Json, value: str, _: date) -> None:
    """The first dosage's text goes, as it would still tell the old dose."""
    quantity = _first_dose(resource)
    if quantity is not None:
        _put(quantity, "value", number(value))
        (resource.get("dosageInstruction") or resource["dosage"])[0].pop("text", None)


def _answers(resource: Json) -> Iterator[tuple[str, _Way]]:
    """The yes-or-no answers of a form."""
    items = resource.get("item")
    for item in items if isinstance(items, list) else ():
        answers = item.get("answer") if isinstance(item, dict) else None
        if isinstance(answers, list) and answers and isinstance(answers[0], dict) and "valueBoolean" in answers[0]:
            yield str(item.get("linkId", "")).replace(" ", "-"), _answer(str(item.get("linkId", "")), answers[0])


def _answer(label: str, answer: Json) -> _Way:
    def read(_: Json, __: date) -> str:
        return "yes" if answer["valueBoolean"] is True else "no"

    def put(_: Json, value: str, __: date) -> None:
        answer["valueBoolean"] = value == "yes"

    return _Way(label, "choice", read, put, ("yes", "no"))


_CLINICAL = ("active", "recurrence", "relapse", "inactive", "remission", "resolved")
_VERIFIED = ("confirmed", "provisional", "differential", "unconfirmed", "refuted", "entered-in-error")
_PATIENT = {
    "age": _Way("age", "number", _age, _write_age),
    "birthDate": _Way("born", "date", _member("birthDate"), _write_member("birthDate")),
    "gender": _Way("gender", "choice", _member("gender"), _write_member("gender"), ("female", "male", "other")),
}
_CONDITION = {
    "what": _concept("code"),
    "clinical": _coded("status", "clinicalStatus", "condition-clinical", _CLINICAL),
    "verified": _coded("certainty", "verificationStatus", "condition-ver-status", _VERIFIED),
}
_VALUE = _Way("value", "text", _read_value, _write_value)
_DRUG = _concept("medicationCodeableConcept")
_DOSE = _Way("dose", "text", _read_dose, _write_dose)
