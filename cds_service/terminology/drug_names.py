"""Which drug a concept names, from codes and words that may disagree.

Public demo data, and real charts, often pair a right text with a wrong code: then the drug is uncertain, and both are
told. Nothing is picked silently.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from cds_service.terminology.phrases import Hit, words
from cds_service.terminology.products import known_product
from cds_service.terminology.systems import Term

UNCERTAIN = "code and text name different drugs"
_LOCAL_FORMS = frozenset(words("cream ointment gel salve lotion topical ophthalmic otic eye ear drops"))
Names = frozenset[str]


class Match(msgspec.Struct, frozen=True):
    """The value sets that a concept belongs to, and how that is known."""

    sets: Names
    ingredients: Names = frozenset()
    """Of a drug: the ingredients that the value sets know."""
    by: Literal["code", "words"] = "code"
    display: str | None = None
    """The value sets' own name of the code; strength and form are read from it."""
    uncertain: str | None = None
    """Why it cannot be told which drug is meant; ``sets`` and ``ingredients`` are then all that was named."""
    possible: Names = frozenset()
    """Of a diagnosis: further value sets that are named in doubt."""


class Naming(msgspec.Struct, frozen=True, gc=False):
    """What a word or phrase says: that a value set's member is named, or that it is not."""

    set_name: str
    ingredient: str = ""
    against: bool = False
    local_form: bool = False
    """It is not named because it is meant for skin, eye or ear."""


def naming_against(set_name: str, phrase: str) -> Naming:
    return Naming(set_name, against=True, local_form=not _LOCAL_FORMS.isdisjoint(words(phrase)))


class Said(msgspec.Struct, frozen=True):
    """What one text says of drugs."""

    named: frozenset[tuple[str, str]] = frozenset()
    """Value set and ingredient."""
    against: Names = frozenset()
    other_form: Names = frozenset()
    meant: Names = frozenset()
    """The ingredients that the text taken by itself names."""

    @classmethod
    def of(cls, hits: Iterable[Hit[Naming]]) -> Said:
        found = [hit.meaning for hit in hits]
        if not found:
            return _NOTHING
        named = frozenset((n.set_name, n.ingredient) for n in found if not n.against)
        against = frozenset(n.set_name for n in found if n.against)
        other_form = frozenset(n.set_name for n in found if n.local_form)
        return cls(named, against, other_form, _ingredients(named, against))

    def without(self, ingredients: Names) -> Said:
        named = frozenset(pair for pair in self.named if pair[1] not in ingredients)
        return msgspec.structs.replace(self, named=named, meant=self.meant - ingredients)


_NOTHING = Said()


def more_exact(coded: list[Term], said: list[Said], classes: Names) -> tuple[list[Term], list[Said]]:
    """The same without names of a class of drugs, if a drug is named beside it: "clonazepam (benzodiazepine)"."""
    named = {ingredient for s in said for _, ingredient in s.named}.union(*(term.ingredients for term in coded))
    if named.isdisjoint(classes) or named <= classes:
        return coded, said
    return [term for term in coded if not term.ingredients <= classes], [s.without(classes) for s in said]


def _ingredients(named: Iterable[tuple[str, str]], silenced: Names) -> Names:
    return frozenset(ingredient for set_name, ingredient in named if set_name not in silenced)


def settle(coded: Sequence[Term], said: Sequence[Said], strange: Sequence[Said], left_out: Names) -> Match | None:
    """The drug that the codes and texts of one concept name together.

    ``strange`` is what the displays of unknown RxNorm codes say, ``left_out`` the sets whose neighbours were coded.
    """
    if len(coded) == 1 and all(_bears_out(text, coded[0]) for text in said):
        return _by_code(coded)
    coded = _systemic(coded, said)
    if _disagree(coded, said, strange, left_out):
        return _uncertain(coded, said)
    if coded and not _more_specific(said, coded):
        return _by_code(coded)
    return _by_words(said)


def _bears_out(text: Said, term: Term) -> bool:
    """Whether a text names the coded drug or none, and speaks against nothing, as nearly all texts do."""
    return not text.against and (not text.meant or not text.meant.isdisjoint(term.ingredients))


def _systemic(coded: Sequence[Term], said: Sequence[Said]) -> list[Term]:
    """The coded drugs without those that a text tells to be for skin, eye or ear; a code that tells its form stands."""
    local = frozenset[str]().union(*(s.other_form for s in said))
    return [term for term in coded if not term.sets <= local or not _is_bare(term)]


def _is_bare(term: Term) -> bool:
    """Whether the code tells the drug but not its form."""
    return known_product(term.display or "").form is None


def _disagree(coded: Sequence[Term], said: Sequence[Said], strange: Sequence[Said], left_out: Names) -> bool:
    if coded:
        return _codes_disagree(coded) or any(_contradicts(s, coded) for s in said) or _only_against(said, coded)
    meant = [s.meant for s in said if s.meant]
    named = frozenset[str]().union(*meant)
    if named and any(not _same(frozenset(i for _, i in s.named), named) for s in strange):
        return True
    coded_as_neighbour = any(set_name in left_out - s.against for s in said for set_name, _ in s.named)
    return coded_as_neighbour or any(not _same(one, other) for one, other in itertools.combinations(set(meant), 2))


def _codes_disagree(coded: Sequence[Term]) -> bool:
    named = {term.ingredients for term in coded}
    return any(not _same(one, other) for one, other in itertools.combinations(named, 2))


def _contradicts(text: Said, coded: Sequence[Term]) -> bool:
    """Whether the text names a drug, and it is none of the coded ones."""
    return bool(text.meant) and not any(
        not text.meant.isdisjoint(term.ingredients)
        or _extends(term.ingredients, text.meant)
        or (_is_bare(term) and _extends(text.meant, term.ingredients))
        for term in coded
    )


def _only_against(said: Sequence[Said], coded: Sequence[Term]) -> bool:
    """Whether some text speaks against a coded set and not for one."""
    sets = frozenset[str]().union(*(term.sets for term in coded))
    opposed = any(not sets.isdisjoint(s.against) and not any(name in sets for name, _ in s.named) for s in said)
    return opposed and not _more_specific(said, coded)


def _more_specific(said: Sequence[Said], coded: Sequence[Term]) -> bool:
    """Whether the texts tell what the code leaves open: selegiline by code, selegiline transdermal by name."""
    named = frozenset(ingredient for _, ingredient in _named_throughout(said))
    known = frozenset[str]().union(*(term.ingredients for term in coded))
    return named.isdisjoint(known) and _extends(named, known)


def _same(one: Names, other: Names) -> bool:
    return not one.isdisjoint(other) or _extends(one, other) or _extends(other, one)


def _extends(longer: Names, shorter: Names) -> bool:
    return any(name.startswith(f"{start} ") for name in longer for start in shorter)


def _uncertain(coded: Sequence[Term], said: Sequence[Said]) -> Match:
    named = {pair for s in said for pair in s.named if pair[0] not in s.against}
    return Match(
        sets=frozenset[str]().union(*(term.sets for term in coded), (set_name for set_name, _ in named)),
        ingredients=frozenset[str]().union(*(term.ingredients for term in coded), (i for _, i in named)),
        by="code" if coded else "words",
        uncertain=UNCERTAIN,
    )


def _by_code(coded: Sequence[Term]) -> Match:
    return Match(
        sets=frozenset[str]().union(*(term.sets for term in coded)),
        ingredients=frozenset[str]().union(*(term.ingredients for term in coded)),
        by="code",
        display=_display(coded),
    )


def _display(coded: Sequence[Term]) -> str | None:
    """The name that tells most; none where two codes give different strengths."""
    names = list(dict.fromkeys(term.display for term in coded if term.display))
    if len(names) < 2:
        return names[0] if names else None
    strong = {strength: name for name in names if (strength := known_product(name).strength_mg) is not None}
    if len(strong) > 1:
        return None
    return next(iter(strong.values()), names[0])


def _by_words(said: Sequence[Said]) -> Match | None:
    named = _named_throughout(said)
    if not named:
        return None
    return Match(
        frozenset(set_name for set_name, _ in named), frozenset(ingredient for _, ingredient in named), "words"
    )


def _named_throughout(said: Sequence[Said]) -> frozenset[tuple[str, str]]:
    """What is named in one text and spoken against in none."""
    against = frozenset[str]().union(*(s.against for s in said))
    return frozenset(pair for s in said for pair in s.named if pair[0] not in against)
