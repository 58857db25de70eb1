"""``orderables.toml``: a site's own codes for what suggestions create, beside those that are shipped.

Each stands under the code of a suggestion (SG-1 ...), as ``suggestions.toml`` gives it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeAlias

import msgspec

from cds_service.content.model import SuggestionText
from cds_service.content.tables import Strict

FILE = "orderables.toml"
_CONCEPT = {
    "ServiceRequest": "code",
    "Task": "code",
    "MedicationRequest": "medicationCodeableConcept",
    "CarePlan": "category",
}
"""The member of each type that says what is to be done."""
Resources: TypeAlias = Mapping[str, dict[str, object]]


class Orderable(Strict, frozen=True, kw_only=True):
    """One code of the site."""

    system: Annotated[str, msgspec.Meta(pattern="^[A-Za-z][A-Za-z0-9+.-]*:[^{}]+$")]
    code: Annotated[str, msgspec.Meta(pattern="^[^{}]*[^{} ][^{}]*$")]
    display: Annotated[str, msgspec.Meta(pattern="^[^{}]*[^{} ][^{}]*$")] | None = None
    resource: str | None = None
    """Of a suggestion with several resources the one that it is for: its file without the ending."""


Orderables: TypeAlias = dict[str, tuple[Orderable, ...]]


def faults_of_orderables(
    orderables: Orderables, suggestions: Mapping[str, SuggestionText], resources: Resources
) -> Iterator[str]:
    """Codes that no suggestion has, and those of which it cannot be told what they are for."""
    for code, entries in orderables.items():
        names = _created(code, suggestions, resources)
        if not names:
            yield f"{FILE}: {code}: no suggestion with this code creates anything that has a code"
        for entry in entries if names else ():
            if entry.resource is None and len(names) > 1:
                yield f"{FILE}: {code}: resource: say of which it is, of {', '.join(names)}"
            elif entry.resource is not None and entry.resource not in names:
                yield f"{FILE}: {code}: resource: {entry.resource!r} is none of {', '.join(names)}"


def with_orderables(
    resources: Resources, suggestions: Mapping[str, SuggestionText], orderables: Orderables
) -> dict[str, dict[str, object]]:
    """The resources with the site's codes behind the shipped ones."""
    made = dict(resources)
    for code, entries in orderables.items():
        names = _created(code, suggestions, resources)
        for entry in entries:
            name = f"{entry.resource or names[0]}.json"
            made[name] = _coded(made[name], entry)
    return made


def _created(code: str, suggestions: Mapping[str, SuggestionText], resources: Resources) -> list[str]:
    """What the suggestions of a code create, by the names of the files without their endings."""
    files = {create.resource for text in suggestions.values() if text.code == code for create in text.create}
    return sorted(
        name.removesuffix(".json") for name in files if resources.get(name, {}).get("resourceType") in _CONCEPT
    )


def _coded(resource: dict[str, object], entry: Orderable) -> dict[str, object]:
    member = _CONCEPT[str(resource["resourceType"])]
    told: Any = resource.get(member, {})
    concept, *others = told if isinstance(told, list) else [told]
    coding = {"system": entry.system, "code": entry.code} | ({"display": entry.display} if entry.display else {})
    coded = {**concept, "coding": [*concept.get("coding", ()), coding]}
    return resource | {member: [coded, *others] if isinstance(told, list) else coded}
