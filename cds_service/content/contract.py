"""The contract between the words of a card and its rule: the words declare the values they need, the rule gives them.

A name in braces that is neither a number nor a declared value is told at the start, with file and key, and so is a
declared value that the rule does not give or that no text uses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from functools import lru_cache
from typing import NamedTuple

from cds_service.content import numbers
from cds_service.content.model import Content, RuleContent, SuggestionText
from cds_service.content.text import names_alone
from cds_service.content.wording import DATES, LISTS, Wording
from cds_service.facts.words import PHRASINGS, Phrasing

# Values that whoever writes the card adds to those of the finding, by the texts that get them.
_OF_JOINT_SUMMARIES = frozenset({"phrases", "clause"})
_OF_FAMILY_NOTES = frozenset({"because"})
_OF_RESOURCES = frozenset({"patient", "service", "user"})
_MOST_NAMED = 256


class Named(NamedTuple):
    """The texts that a finding names, by their keys in the card file."""

    card: str
    indicator: str
    notes: tuple[str, ...]
    suggestions: tuple[str, ...]


class Contract:
    """What a card file has for its rule to name: ``card.<key>``, ``note.<key>``..., each with the values it needs."""

    def __init__(self, needs: Mapping[str, frozenset[str]]) -> None:
        self.needs = needs
        self._needed = lru_cache(_MOST_NAMED)(self._all_needed)
        """By what findings name, which is the same again and again, and nothing of a chart."""

    def is_kept(self, named: Named, given: Set[str]) -> bool:
        """Whether all that is named is there, and all that it needs is given."""
        needed = self._needed(named)
        return needed is not None and given >= needed

    def lacking(self, named: Named, given: Set[str]) -> Iterator[str]:
        """What is named and not there, and the values that are needed and not given."""
        for name in _texts(named):
            if name not in self.needs:
                yield f"{name} is missing"
            else:
                yield from (f"{name} needs {value!r}" for value in sorted(self.needs[name] - given))

    def _all_needed(self, named: Named) -> frozenset[str] | None:
        texts = _texts(named)
        if not self.needs.keys() >= set(texts):
            return None
        return frozenset[str]().union(*[self.needs[name] for name in texts])


def _texts(named: Named) -> tuple[str, ...]:
    notes, suggestions = ([f"note.{key}" for key in named.notes], [f"suggestions.{key}" for key in named.suggestions])
    return (f"card.{named.card}", f"indicator.{named.indicator}", *notes, *suggestions)


def contract(content: Content, rule: RuleContent) -> Contract:
    """What a rule owes its card file, its family and the suggestions it offers."""
    notes = {**content.families.family[rule.family].note, **rule.note}
    offered = {name for card in rule.card.values() for name in card.suggestions}
    return Contract(
        {f"indicator.{key}": frozenset[str]() for key in rule.indicator}
        | {f"card.{key}": frozenset(card.values) for key, card in rule.card.items()}
        | {f"note.{key}": frozenset(note.values) for key, note in notes.items()}
        | {f"suggestions.{name}": _of_offer(content.suggestions[name]) for name in offered}
    )


def _of_offer(suggestion: SuggestionText) -> frozenset[str]:
    dose = {suggestion.dose_from} if suggestion.change_dose else set()
    return frozenset(suggestion.values) | dose


def broken(content: Content, rule: RuleContent, gives: frozenset[str]) -> Iterator[str]:
    """Values that the words of a card file declare and its rule does not give."""
    shared = {f"note.{key}" for key in content.families.family[rule.family].note.keys() - rule.note.keys()}
    for text, needed in contract(content, rule).needs.items():
        for name in sorted(needed - gives) if text not in shared else ():
            given = ", ".join(sorted(gives))
            yield f"{rule.id}/card.toml: {text}: the rule gives no {name!r}; it gives {given}"


def undeclared(content: Content) -> Iterator[str]:
    """Names in braces that no table declares, and declared ones that no text names."""
    of_all = numbers.shared(content.phenotypes.values())
    for name, rule in content.written.items():
        yield from _of_rule(f"{name}/card.toml", rule, numbers.of_rule(rule, of_all).keys())
    for key, family in content.families.family.items():
        where = f"families.toml: family.{key}"
        joint = (family.together_order, family.together_drug, family.together_if_taken)
        yield from _declared(where, joint, (), _OF_JOINT_SUMMARIES)
        for name, note in family.note.items():
            yield from _declared(f"{where}.note.{name}", (note.text,), note.values, _OF_FAMILY_NOTES)
            yield from _declared(f"{where}.note.{name}.when", (note.when,))
    for key, suggestion in content.suggestions.items():
        yield from _of_suggestion(key, suggestion, content)
    yield from _of_wording(content.wording)


def _of_rule(file: str, rule: RuleContent, known: Set[str]) -> Iterator[str]:
    for key, card in rule.card.items():
        texts = (card.summary, card.phrase, card.if_taken, *card.found, card.detail, card.folded)
        yield from _declared(f"{file}: card.{key}", texts, card.values, known)
    for key, note in rule.note.items():
        yield from _declared(f"{file}: note.{key}", (note.text,), note.values, known)
    for key, phrase in rule.phrase.items():
        yield from _declared(f"{file}: phrase.{key}", (phrase.text,), phrase.values, known)


def _of_suggestion(key: str, suggestion: SuggestionText, content: Content) -> Iterator[str]:
    where = f"suggestions.toml: {key}"
    own = (suggestion.label, suggestion.remove_draft, suggestion.change_dose)
    told = [(where, (*own, *(one.description for one in suggestion.create)), frozenset[str]())]
    for create in suggestion.create:
        within = tuple(_strings(content.resources.get(create.resource)))
        told.append((f"suggestions/{create.resource}", within, _OF_RESOURCES))
    named: set[str] = set()
    for home, texts, added in told:
        try:
            here = _names(texts)
        except ValueError as error:
            yield f"{home}: {error}"
            return
        yield from _unknown(
            home, here, suggestion.values, added, "its values" if home == where else f"the values of {key}"
        )
        named |= here
    yield from _unnamed(where, named, suggestion.values)


def _of_wording(wording: Wording) -> Iterator[str]:
    for key, phrase in wording.phrase.items():
        yield from _declared(f"wording.toml: phrase.{key}", (phrase.text,), phrase.values)
    for table, given, wanted in (("dates", wording.dates, DATES.keys()), ("lists", wording.lists, LISTS)):
        for key in sorted(wanted - given.keys()):
            yield f"wording.toml: {table}.{key}: missing"
        for key in sorted(given.keys() - wanted):
            yield f"wording.toml: {table}.{key}: is none of {', '.join(sorted(wanted))}"
    for key in sorted(wording.dates.keys() & DATES.keys()):
        yield from _declared(f"wording.toml: dates.{key}", (wording.dates[key],), (), DATES[key])
    if list(wording.lengths) != sorted(wording.lengths, key=lambda unit: unit.from_days):
        yield "wording.toml: lengths: the shortest comes first"
    for place, unit in enumerate(wording.lengths):
        yield from _declared(f"wording.toml: lengths.{place}", (unit.one, unit.many), (), frozenset({"n"}))


def _declared(
    where: str, texts: Iterable[str | None], values: tuple[str, ...] = (), known: Set[str] = frozenset()
) -> Iterator[str]:
    try:
        named = _names(texts)
    except ValueError as error:
        yield f"{where}: {error}"
        return
    yield from _unknown(where, named, values, known)
    yield from _unnamed(where, named, values)


def _names(texts: Iterable[str | None]) -> frozenset[str]:
    return frozenset(name for text in texts if text for name in names_alone(text))


def _unknown(
    where: str, named: Set[str], values: tuple[str, ...], known: Set[str], declared: str = "its values"
) -> Iterator[str]:
    for name in sorted(named - set(values) - known):
        yield f"{where}: {{{name}}} is no number and none of {declared} ({', '.join(values) or 'it declares none'})"


def _unnamed(where: str, named: Set[str], values: tuple[str, ...]) -> Iterator[str]:
    for name in sorted(set(values) - named):
        yield f"{where}: values: {name!r} is named by none of its texts"


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for member in value.values():
            yield from _strings(member)
    elif isinstance(value, list):
        for member in value:
            yield from _strings(member)


def unsaid(content: Content) -> Iterator[str]:
    """Phrases that the program says and the cards have no words for, or whose words need what it does not give."""
    for phrasing in PHRASINGS:
        if phrasing.rule is None:
            yield from _unsaid(f"wording.toml: phrase.{phrasing.key}", phrasing, content.wording.phrase)
        elif phrasing.rule in content.rules:
            home = content.rules[phrasing.rule].phrase
            yield from _unsaid(f"{phrasing.rule}/card.toml: phrase.{phrasing.key}", phrasing, home)
    shared = {phrasing.key: phrasing for phrasing in PHRASINGS if phrasing.rule is None}
    for name, rule in content.rules.items():
        of_rule = {phrasing.key for phrasing in PHRASINGS if phrasing.rule == name}
        for key in rule.phrase.keys() - of_rule:
            where = f"{name}/card.toml: phrase.{key}"
            if key in shared:
                yield from _unsaid(where, shared[key], rule.phrase)
            else:
                yield f"{where}: the rule says no such phrase"


def _unsaid(where: str, phrasing: Phrasing, home: Mapping[str, object]) -> Iterator[str]:
    phrase = home.get(phrasing.key)
    if phrase is None:
        yield f"{where}: missing; it may name {', '.join(sorted(phrasing.names)) or 'nothing'}"
    else:
        values = frozenset(getattr(phrase, "values", ()))
        for name in sorted(values - phrasing.names):
            yield f"{where}: {name!r} is not given; it may name {', '.join(sorted(phrasing.names)) or 'nothing'}"
