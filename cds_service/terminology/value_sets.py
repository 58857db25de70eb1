"""Value sets as they are written: FHIR ValueSets with codes, ICD categories and words.

ICD categories are filters "is-a" and mean every code that begins with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from cds_service.terminology.systems import ICD, canonical

Kind: TypeAlias = Literal["drug", "condition", "observation", "order"]
_OWN = "urn:org.rbd-cds:"


class Word(msgspec.Struct, frozen=True):
    """A whole word or phrase that names a member; for a drug, the ingredient it stands for."""

    text: str
    ingredient: str = ""


class Code(msgspec.Struct, frozen=True):
    """A code of a system; of ICD every code that begins with it."""

    system: str
    code: str
    display: str = ""
    ingredients: frozenset[str] = frozenset()


class ValueSet(msgspec.Struct, frozen=True):
    """A named set of codes and words with one clinical meaning."""

    name: str
    kind: Kind
    label: str
    title: str = ""
    codes: tuple[Code, ...] = ()
    left_out: tuple[Code, ...] = ()
    """Neighbours that must not match, by code or by words."""
    words: tuple[Word, ...] = ()
    not_words: tuple[str, ...] = ()
    """Words whose presence in a text means that it does not name a member."""
    in_sleep: bool = False
    """Its members are behavior in sleep, which a bed partner tells of or suffers."""

    @classmethod
    def from_json(cls, raw: object) -> ValueSet:
        """The value set of a parsed FHIR ValueSet; raises ValueError for one that says what we do not read."""
        return _value_set(msgspec.convert(raw, _Resource))


def read_value_sets(*folders: Path) -> tuple[ValueSet, ...]:
    """The value sets of the last folder that has each, by name; raises ValueError, naming the file, or OSError."""
    found = {path.stem: path for folder in folders for path in folder.glob("*.json")}
    return tuple(_read(found[name]) for name in sorted(found))


def _read(path: Path) -> ValueSet:
    try:
        return _value_set(msgspec.json.decode(path.read_bytes(), type=_Resource))
    except (ValueError, msgspec.DecodeError) as error:
        raise ValueError(f"{path.name}: {error}") from error


class _Extension(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    url: str
    value_string: str | None = None
    value_code: str | None = None
    value_boolean: bool | None = None
    extension: list[_Extension] = []


class _Use(msgspec.Struct, frozen=True, gc=False):
    code: str = ""


class _Designation(msgspec.Struct, frozen=True, gc=False):
    value: str
    use: _Use = _Use()


class _Concept(msgspec.Struct, frozen=True, gc=False):
    code: str
    display: str = ""
    designation: list[_Designation] = []


class _Filter(msgspec.Struct, frozen=True, gc=False):
    property: str
    op: str
    value: str


class _Part(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    system: str
    concept: list[_Concept] = []
    filter: list[_Filter] = []
    value_set: list[str] = []


class _Compose(msgspec.Struct, frozen=True, gc=False):
    include: list[_Part] = []
    exclude: list[_Part] = []


class _Resource(msgspec.Struct, frozen=True, gc=False):
    id: str
    title: str = ""
    extension: list[_Extension] = []
    compose: _Compose = _Compose()


def _value_set(raw: _Resource) -> ValueSet:
    kind = _only(raw, "kind").value_code
    return ValueSet(
        name=raw.id,
        kind=msgspec.convert(kind, Kind),
        label=_only(raw, "short-label").value_string or raw.title,
        title=raw.title,
        codes=tuple(_codes(raw.id if kind == "drug" else "", raw.compose.include)),
        left_out=tuple(_codes("", raw.compose.exclude)),
        words=tuple(_word(e, raw.id if kind == "drug" else "") for e in _extensions(raw, "word")),
        not_words=tuple(e.value_string for e in _extensions(raw, "not-word") if e.value_string),
        in_sleep=any(found.value_boolean for found in _extensions(raw, "behavior-in-sleep")),
    )


def _extensions(raw: _Resource, name: str) -> list[_Extension]:
    return [found for found in raw.extension if found.url == _OWN + name]


def _only(raw: _Resource, name: str) -> _Extension:
    found = _extensions(raw, name)
    if len(found) != 1:
        raise ValueError(f"{raw.id}: one extension {name} expected, {len(found)} found")
    return found[0]


def _word(found: _Extension, drug: str) -> Word:
    """A word; one of a drug set without ingredient stands for the drug that the set is named after."""
    parts = {part.url: part.value_string or "" for part in found.extension}
    return Word(found.value_string or parts.get("word", ""), parts.get("ingredient", drug))


def _codes(drug: str, parts: list[_Part]) -> Iterator[Code]:
    for part in parts:
        system = canonical(part.system)
        if part.value_set or not (part.concept or part.filter):
            raise ValueError(f"{part.system}: list its codes; other value sets and whole systems are not read")
        for concept in part.concept:
            named = frozenset(d.value for d in concept.designation if d.use.code == "ingredient")
            yield Code(system, concept.code, concept.display, named or frozenset([drug] if drug else []))
        for rule in part.filter:
            if system not in ICD or (rule.property, rule.op) != ("concept", "is-a"):
                raise ValueError(f"{part.system} {rule.value}: only ICD codes can be taken by category")
            yield Code(system, rule.value)
