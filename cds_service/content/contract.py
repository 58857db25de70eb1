"""The contract between the words of a card and its rule: the words declare the values they need, the rule gives them.

A name in braces that is neither a number nor a declared value is told at the start, with file and key, and so is a
declared value that the rule does not give or that no text uses.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator, Mapping, Set

import msgspec

from cds_service.content import numbers
from cds_service.content.model import Content, RuleContent, SuggestionText
from cds_service.content.text import placeholders
from cds_service.facts.words import PHRASINGS, Phrasing

BY_THE_WRITER = frozenset({"phrase", "phrases", "clause", "because", "patient", "service"})
"""Values that whoever writes the card adds to those of the finding."""


class Contract(msgspec.Struct, frozen=True):
    """What the texts of one rule need to be given, by the key of the text."""

    cards: Mapping[str, frozenset[str]]
    notes: Mapping[str, frozenset[str]]
    suggestions: Mapping[str, frozenset[str]]

    def needs(self, card: str, notes: Iterable[str], suggestions: Iterable[str] | None) -> Set[str]:
        """The values that these texts need; KeyError for a text that is not there."""
        needed = set(self.cards[card])
        for name in notes:
            needed |= self.notes[name]
        for name in suggestions or ():
            needed |= self.suggestions[name]
        return needed


def contract(content: Content, rule: RuleContent) -> Contract:
    """What a rule owes its card file, its family and the suggestions it offers."""
    notes = {**content.families.family[rule.family].note, **rule.note}
    offered = {name for card in rule.card.values() for name in card.suggestions}
    return Contract(
        {key: frozenset(card.values) for key, card in rule.card.items()},
        {key: frozenset(note.values) for key, note in notes.items()},
        {name: frozenset(content.suggestions[name].values) for name in offered},
    )


def broken(content: Content, rule: RuleContent, gives: frozenset[str]) -> Iterator[str]:
    """Values that the words of a card file declare and its rule does not give."""
    owed = contract(content, rule)
    for table, texts in (("card", owed.cards), ("note", owed.notes), ("suggestions", owed.suggestions)):
        for key, needed in texts.items():
            shared = table == "note" and key not in rule.note
            for name in sorted(needed - gives) if not shared else ():
                given = ", ".join(sorted(gives))
                yield f"{rule.id}/card.toml: {table}.{key}: the rule gives no {name!r}; it gives {given}"


def undeclared(content: Content) -> Iterator[str]:
    """Names in braces that no table declares, and declared ones that no text names."""
    of_all = numbers.shared(content.phenotypes.values())
    for name, rule in content.written.items():
        yield from _of_rule(f"{name}/card.toml", rule, numbers.of_rule(rule, of_all).keys())
    for key, family in content.families.family.items():
        where = f"families.toml: family.{key}"
        yield from _declared(where, (family.together_order, family.together_drug), family.values)
        for name, note in family.note.items():
            yield from _declared(f"{where}.note.{name}", (note.text,), note.values)
    for key, suggestion in content.suggestions.items():
        yield from _of_suggestion(key, suggestion, content)
    for key, phrase in content.wording.phrase.items():
        yield from _declared(f"wording.toml: phrase.{key}", (phrase.text,), phrase.values)


def _of_rule(file: str, rule: RuleContent, known: Set[str]) -> Iterator[str]:
    for key, card in rule.card.items():
        texts = (card.summary, card.phrase, card.detail, card.folded)
        yield from _declared(f"{file}: card.{key}", texts, card.values, known)
    for key, note in rule.note.items():
        yield from _declared(f"{file}: note.{key}", (note.text,), note.values, known)
    for key, phrase in rule.phrase.items():
        yield from _declared(f"{file}: phrase.{key}", (phrase.text,), phrase.values, known)


def _declared(
    where: str, texts: Iterable[str | None], values: tuple[str, ...], known: Set[str] = frozenset()
) -> Iterator[str]:
    try:
        named = {name for text in texts if text for name in _plain_names(text)}
    except ValueError as error:
        yield f"{where}: {error}"
        return
    for name in sorted(named - set(values) - BY_THE_WRITER - known):
        yield f"{where}: {{{name}}} is no number and none of its values ({', '.join(values) or 'it declares none'})"
    for name in sorted(set(values) - named):
        yield f"{where}: values: {name!r} is named by none of its texts"


def _plain_names(text: str) -> frozenset[str]:
    """The names in braces; ValueError for a brace left open, or for anything but a name in them."""
    for _, name, spec, conversion in string.Formatter().parse(text):
        if name is not None and (spec or conversion or not name or set(name) & set(".[")):
            raise ValueError(f"write a name alone in braces, not {{{name}}}")
    return placeholders(text)


def _of_suggestion(key: str, suggestion: SuggestionText, content: Content) -> Iterator[str]:
    texts = [suggestion.label, suggestion.remove_draft, suggestion.change_dose]
    texts += [create.description for create in suggestion.create]
    for create in suggestion.create:
        within = list(_strings(content.resources.get(create.resource)))
        unknown = {name for text in within for name in placeholders(text)} - {*suggestion.values} - BY_THE_WRITER
        for name in sorted(unknown):
            yield f"suggestions/{create.resource}: {{{name}}} is no number and none of the values of {key}"
        texts += [text for text in within if not unknown]
    yield from _declared(f"suggestions.toml: {key}", texts, suggestion.values)


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
        home = content.rules[phrasing.rule].phrase if phrasing.rule in content.rules else content.wording.phrase
        where = f"{phrasing.rule}/card.toml" if phrasing.rule else "wording.toml"
        if phrasing.rule and phrasing.rule not in content.rules:
            continue
        yield from _unsaid(f"{where}: phrase.{phrasing.key}", phrasing, home)


def _unsaid(where: str, phrasing: Phrasing, home: Mapping[str, object]) -> Iterator[str]:
    phrase = home.get(phrasing.key)
    if phrase is None:
        yield f"{where}: missing; it may name {', '.join(sorted(phrasing.names)) or 'nothing'}"
    else:
        values = frozenset(getattr(phrase, "values", ()))
        for name in sorted(values - phrasing.names):
            yield f"{where}: {name!r} is not given; it may name {', '.join(sorted(phrasing.names)) or 'nothing'}"
