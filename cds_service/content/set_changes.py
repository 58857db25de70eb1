"""``value-sets/NAME.toml`` of a site's cards: codes and words added to a shipped value set, or taken from it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from cds_service.content.tables import Strict
from cds_service.errors import ContentError
from cds_service.terminology.systems import ICD, canonical, plain_icd
from cds_service.terminology.value_sets import Code, ValueSet, Word


class Taken(Strict, frozen=True, kw_only=True):
    """A code that does not count, whatever is written beside it; of ICD every code that begins with it."""

    system: str
    code: str


class Added(Taken, frozen=True, kw_only=True):
    display: str
    ingredient: str | None = None
    """For a drug, its name; the one that the set is named after where it is left out."""


class SetChange(Strict, frozen=True, kw_only=True):
    """What a site changes in one value set."""

    add: tuple[Added, ...] = ()
    take: tuple[Taken, ...] = ()
    add_words: tuple[str, ...] = ()
    take_words: tuple[str, ...] = ()


def changed(shipped: ValueSet, change: SetChange) -> ValueSet:
    """The value set as the site has it; raises ContentError for what it takes and the shipped one does not hold."""
    if faults := list(_not_held(shipped, change)):
        raise ContentError(faults)
    drug = shipped.name if shipped.kind == "drug" else ""
    added = [_code(one, one.ingredient or drug, one.display) for one in change.add]
    taken = [_code(one) for one in change.take]
    words = tuple(word for word in shipped.words if word.text not in change.take_words)
    return msgspec.structs.replace(
        shipped,
        codes=(*(code for code in shipped.codes if not _any_covers(taken, code)), *added),
        left_out=(*(code for code in shipped.left_out if not _any_covers(added, code)), *taken),
        words=(*words, *(Word(text, drug) for text in change.add_words)),
    )


def _code(one: Taken, ingredient: str = "", display: str = "") -> Code:
    return Code(canonical(one.system), one.code, display, frozenset([ingredient] if ingredient else []))


def _not_held(shipped: ValueSet, change: SetChange) -> Iterator[str]:
    for one in change.take:
        code = _code(one)
        if not any(_covers(code, held) or _covers(held, code) for held in shipped.codes):
            yield f"take: {one.system}|{one.code}: the shipped value set does not hold it"
    known = {word.text for word in shipped.words}
    for text in change.take_words:
        if text not in known:
            yield f"take-words: {text!r}: the shipped value set does not hold it"


def _any_covers(codes: list[Code], other: Code) -> bool:
    return any(_covers(code, other) for code in codes)


def _covers(code: Code, other: Code) -> bool:
    """Whether the other is the same code, or lies in its ICD category."""
    if code.system != other.system:
        return False
    if code.system in ICD:
        return plain_icd(other.code).startswith(plain_icd(code.code))
    return code.code == other.code
