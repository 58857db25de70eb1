"""Draft orders as a person writes them on the test bench, and what accepting a suggestion does to them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from cds_service.authoring import documents, fields
from cds_service.authoring.documents import Json
from cds_service.content.model import Content
from cds_service.errors import Unpasted
from cds_service.fhir.code_systems import RXNORM, UCUM
from cds_service.fhir.elements import CodeableConcept
from cds_service.terminology.value_sets import Code, ValueSet
from cds_service.terminology.vocabulary import Vocabulary

OFTEN: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "at bedtime": (1, ("HS",)),
    "once daily": (1, ()),
    "twice daily": (2, ()),
    "3 times daily": (3, ()),
    "4 times daily": (4, ()),
}
"""How often a day, and when."""
ORDER_TYPES = frozenset(
    {"DeviceRequest", "MedicationRequest", "NutritionOrder", "ServiceRequest", "VisionPrescription"}
)
"""What the hooks hand over as draft orders; whatever else a suggestion creates goes into the chart."""
MOST = 50
_AMOUNT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z{}\[\]/%]*)\s*")


class Wish(msgspec.Struct, frozen=True):
    """An order as it was typed."""

    what: str
    amount: str = ""
    often: str = "at bedtime"
    reason: str = ""


class Catalogue(msgspec.Struct, frozen=True):
    """The drugs and studies with which a rule starts, each with a code where one is sure, and reasons for them."""

    drugs: Mapping[str, Json]
    studies: Mapping[str, Json]
    reasons: tuple[str, ...]

    @classmethod
    def of(cls, content: Content) -> Catalogue:
        named = {name for rule in content.rules.values() for one in rule.triggers for name in one.get("drafts", ())}
        sets = {found.name: found for found in content.value_sets}
        started = [sets[name] for name in sorted(named)]
        vocabulary = content.vocabulary
        drugs = {drug: coding for one in started if one.kind == "drug" for drug, coding in _drugs(one)}
        studies = {name: coding for one in started if one.kind == "order" for name, coding in _studies(one, vocabulary)}
        studies |= dict(_suggested(content.resources))
        told = (one for one in content.value_sets if one.kind == "condition")
        reasons = {one.label for one in told if vocabulary.holds(one.name, CodeableConcept(text=one.label))}
        ordered = dict(sorted(studies.items(), key=lambda one: one[0].lower()))
        return cls(dict(sorted(drugs.items())), ordered, tuple(sorted(reasons, key=str.lower)))

    def draft(self, wish: Wish, number: int, patient: str, day: date) -> Json:
        """The order as a draft of this patient's; what the catalogue does not have is a drug by its words."""
        what = wish.what.strip()
        study = next((coding for name, coding in self.studies.items() if name.lower() == what.lower()), None)
        made: Json = {
            "resourceType": "MedicationRequest" if study is None else "ServiceRequest",
            "id": f"draft-{number}",
            "status": "draft",
            "intent": "order",
            "subject": {"reference": f"Patient/{patient}"},
            "authoredOn": day.isoformat(),
        }
        if wish.reason.strip():
            made["reasonCode"] = [{"text": wish.reason.strip()}]
        if study is not None:
            return made | {"code": {**study, "text": what}}
        made["medicationCodeableConcept"] = {**self.drugs.get(what.lower(), {}), "text": what}
        instruction = _instruction(wish)
        return made | ({"dosageInstruction": [instruction]} if instruction else {})


def _drugs(found: ValueSet) -> Iterator[tuple[str, Json]]:
    """Each ingredient that the set names by a word of its own."""
    codes = {code.display.lower(): code for code in found.codes if code.system == RXNORM}
    for name in {word.ingredient for word in found.words if word.text.lower() == word.ingredient} - {""}:
        yield name, _coded(codes.get(name))


def _studies(found: ValueSet, vocabulary: Vocabulary) -> Iterator[tuple[str, Json]]:
    """The study by the set's own name, or by the first word that the set knows."""
    names = (found.label, *(word.text for word in found.words))
    name = next((one for one in names if vocabulary.holds(found.name, CodeableConcept(text=one))), None)
    if name:
        yield name, _coded(next((code for code in found.codes if code.display), None))


def _suggested(resources: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    """What suggestions order, with the codes of the cards and the site's own."""
    for resource in resources.values():
        concept: Any = resource.get("code")
        if resource.get("resourceType") == "ServiceRequest" and "{" not in (name := fields.concept_text(concept)):
            yield name, {"coding": concept["coding"]} if "coding" in concept else {}


def _coded(code: Code | None) -> Json:
    return {"coding": [{"system": code.system, "code": code.code, "display": code.display}]} if code else {}


def _instruction(wish: Wish) -> Json:
    amount = wish.amount.strip()
    if not amount:
        return {}
    times, when = OFTEN.get(wish.often, (1, ()))
    told = _AMOUNT.fullmatch(amount)
    unit = (told[2] if told else "") or "mg"
    repeat: Json = {"frequency": times, "period": 1, "periodUnit": "d"} | ({"when": list(when)} if when else {})
    instruction: Json = {
        "text": f"{told[1]} {unit} {wish.often}" if told else f"{amount} {wish.often}",
        "timing": {"repeat": repeat},
    }
    if told:
        quantity = {"value": fields.number(told[1]), "unit": unit, "system": UCUM, "code": unit}
        instruction["doseAndRate"] = [{"doseQuantity": quantity}]
    return instruction


def read(text: str) -> tuple[Json, ...]:
    """The drafts in a JSON array, or in a Bundle; Unpasted where they are none."""
    if not text.strip():
        return ()
    found = documents.parsed(text, "The orders are")
    listed = found if isinstance(found, list) else entries(found)
    if not all(isinstance(one, dict) and isinstance(one.get("resourceType"), str) for one in listed):
        raise Unpasted("Each order must be a FHIR resource with its resourceType.")
    if len(listed) > MOST:
        raise Unpasted(f"No more than {MOST} orders are taken here.")
    return tuple(listed)


def entries(bundle: object) -> list[Any]:
    """The resources of a Bundle; one resource for itself."""
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        return [bundle] if isinstance(bundle, dict) and "resourceType" in bundle else []
    listed = bundle.get("entry")
    return [one.get("resource") for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def free_number(drafts: Iterable[Json]) -> int:
    """A number that no draft has in its id yet."""
    taken = {str(draft.get("id")) for draft in drafts}
    return next(n for n in range(1, len(taken) + 2) if f"draft-{n}" not in taken)


class Applied(msgspec.Struct, frozen=True):
    """What is there once a suggestion was accepted."""

    drafts: tuple[Json, ...]
    written: tuple[Json, ...] = ()
    """What was created and is no order: it stands in the chart now."""
    new: tuple[str, ...] = ()
    """The names of the drafts that the suggestion created or changed."""


def accepted(suggestion: Json, drafts: Sequence[Json]) -> Applied:
    """The drafts after all actions of a suggestion, as a client applies them; the 1.0 spelling of a deletion too."""
    kept = list(drafts)
    written: list[Json] = []
    new: list[str] = []
    for action in suggestion.get("actions", ()):
        resource = action.get("resource")
        if action["type"] == "delete":
            gone = str(action.get("resourceId") or resource)
            kept = [one for one in kept if gone not in (documents.name_of(one), one.get("id"))]
        elif resource.get("resourceType") not in ORDER_TYPES:
            written.append(resource)
        elif action["type"] == "update":
            kept = [resource if documents.name_of(one) == documents.name_of(resource) else one for one in kept]
            new.append(documents.name_of(resource))
        else:
            made = resource | {"id": f"draft-{free_number((*drafts, *kept))}"}
            kept.append(made)
            new.append(documents.name_of(made))
    return Applied(tuple(kept), tuple(written), tuple(new))


def difference(before: Sequence[Json], after: Applied) -> list[tuple[str, str]]:
    """What changes, line by line: ``-`` what goes, ``+`` what comes, and a blank before what stays."""
    old, now = list(map(fields.words, before)), list(map(fields.words, after.drafts))
    lines = [(line[0], line[2:]) for line in difflib.ndiff(old, now) if line[0] != "?"]
    return [*lines, *(("+", f"{one['resourceType']}: {fields.words(one)}") for one in after.written)]
