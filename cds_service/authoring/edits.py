"""The facts of a chart that can be changed in place, and the changes as short texts that a link can carry.

A change is ``set Observation/x value 27``, ``remove Condition/y``, ``add condition-alzheimer`` (a resource of the
shipped parts), ``diagnose Alzheimer's disease``, or ``write`` with a resource as JSON (what an accepted suggestion put
into the chart). What a change writes is not judged here: how the service reads it is what one wants to see.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from datetime import date
from typing import Literal

import msgspec

from cds_service.authoring import documents, fields
from cds_service.authoring.cases import Part, Parts
from cds_service.authoring.documents import Json
from cds_service.authoring.fields import Field
from cds_service.errors import Unpasted

Kind = Literal["set", "remove", "add", "diagnose", "write"]
_KINDS: Mapping[str, Kind] = {"set": "set", "remove": "remove", "add": "add", "diagnose": "diagnose", "write": "write"}
_MOST = 500


class Edit(msgspec.Struct, frozen=True):
    """One change; ``about`` is the handle of a resource, the name of a part, or the words of a diagnosis."""

    kind: Kind
    about: str
    field: str = ""
    value: str = ""

    @classmethod
    def read(cls, text: str) -> Edit:
        """The change in a text; Unpasted for what is none."""
        named, _, rest = text.partition(" ")
        kind = _KINDS.get(named)
        if kind is None or not rest:
            raise Unpasted("A change begins with set, remove, add, diagnose or write, and names what it is about.")
        about, field, value = [*rest.split(" ", 2), "", ""][:3] if kind == "set" else (rest, "", "")
        return cls(kind, about, field, value)

    def __str__(self) -> str:
        return " ".join((self.kind, self.about, self.field, self.value) if self.field else (self.kind, self.about))


class Held(msgspec.Struct, frozen=True):
    """A resource of the chart as it is shown, and what of it can be changed."""

    handle: str
    kind: str
    words: str
    fields: tuple[Field, ...]


class Chart:
    """A document with changes made to it; the document itself stays as it is."""

    def __init__(self, document: Json, parts: Parts, day: date, edits: Iterable[Edit] = ()) -> None:
        self.document = deepcopy(document)
        self.faults: list[str] = []
        self._day = day
        self._parts = parts
        self._patient = documents.patient_of(document) or ""
        self._named = _handles(documents.resources_in(self.document))
        self._gone: set[str] = set()
        for edit in edits:
            self._make(edit)
        gone = {id(self._named[handle]) for handle in self._gone}
        documents.drop(self.document, lambda resource: id(resource) in gone)

    @property
    def resources(self) -> Mapping[str, Json]:
        """What the chart holds, by handle."""
        return {name: one for name, one in self._named.items() if name not in self._gone}

    def held(self) -> Iterator[Held]:
        """Each resource that has something to change."""
        for handle, resource in self.resources.items():
            found = fields.of(resource, self._day)
            if found:
                kind = str(resource["resourceType"])
                yield Held(handle, kind, fields.words(resource), found)

    def _make(self, edit: Edit) -> None:
        if edit.kind in ("set", "remove") and edit.about not in self._named:
            self.faults.append(f"There is no {edit.about} in this chart to change.")
        elif edit.kind == "remove":
            self._gone.add(edit.about)
        elif edit.kind == "set":
            self._set(edit)
        elif len(self._named) < _MOST:
            self._add(edit)

    def _set(self, edit: Edit) -> None:
        try:
            fields.write(self._named[edit.about], edit.field, edit.value, self._day)
        except Unpasted as fault:
            self.faults.append(f"{edit.about}: {fault}")

    def _add(self, edit: Edit) -> None:
        made = self._made(edit)
        if made is None or made["resourceType"] == "Patient":
            self.faults.append("There is no such fact to add.")
            return
        made["id"] = f"added-{sum('/added-' in name for name in self._named) + 1}"
        documents.add(self.document, made)
        self._named[documents.name_of(made)] = made

    def _made(self, edit: Edit) -> Json | None:
        if edit.kind == "diagnose":
            return _diagnosis(edit.about, self._patient)
        if edit.kind == "write":
            return _resource(edit.about)
        # Not a path: a name comes from a form or from a link.
        known = edit.about.replace("-", "").isalnum() and edit.about in self._parts
        return self._parts.resource(Part(part=edit.about), self._patient) if known else None


def changed(chart: Chart, given: Mapping[str, str]) -> Iterator[Edit]:
    """The changes that lead from a chart to the values of a form, by ``handle field``."""
    for held in chart.held():
        for field in held.fields:
            value = given.get(f"{held.handle} {field.name}")
            if value is not None and value.strip() != field.value:
                yield Edit("set", held.handle, field.name, value.strip())


def joined(edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """The changes, of those that set the same field only the last one."""
    kept: dict[object, Edit] = {}
    for place, edit in enumerate(edits):
        name = (edit.about, edit.field) if edit.kind == "set" else place
        kept.pop(name, None)
        kept[name] = edit
    return tuple(kept.values())


def addable(parts: Parts) -> Mapping[str, str]:
    """The facts of the shipped parts that can be added, by name with their words."""
    kept = (name for name in parts.names() if not name.startswith(("draft-", "patient-")))
    return {name: name.replace("-", " ") for name in kept}


def _resource(text: str) -> Json | None:
    try:
        found = documents.parsed(text)
    except Unpasted:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("resourceType"), str) else None


def _diagnosis(words: str, patient: str) -> Json:
    return {
        "resourceType": "Condition",
        "clinicalStatus": fields.status_concept("condition-clinical", "active"),
        "verificationStatus": fields.status_concept("condition-ver-status", "confirmed"),
        "category": [fields.status_concept("condition-category", "problem-list-item")],
        "code": {"text": words},
        "subject": {"reference": f"Patient/{patient}"},
    }


def _handles(resources: Iterable[Json]) -> dict[str, Json]:
    """The resources by ``Type/id``; those without one, or with that of another, by their place."""
    listed = list(resources)
    counted = Counter(map(documents.name_of, listed))
    named = ((documents.name_of(one), one) for one in listed)
    return {
        name if counted[name] == 1 and " " not in name else f"#{place}": one
        for place, (name, one) in enumerate(named, 1)
    }
