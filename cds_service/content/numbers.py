"""Every number has one home, and every sentence names it: here the names in braces become the numbers.

What stays in braces are the values of a finding, which are put in when a card is written.
A name that two phenotypes give is told apart as ``fall-risk/event-months``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from cds_service.content.families import Families, Family, Note
from cds_service.content.model import Phenotype, RuleContent, SuggestionText
from cds_service.content.wording import Phrase

_NAMED = re.compile(r"\{([^{}]*)\}")
Numbers = Mapping[str, float]
T = TypeVar("T", bound=msgspec.Struct)


def shared(phenotypes: Iterable[Phenotype]) -> dict[str, float]:
    """The numbers of the phenotypes, by ``phenotype/name`` and, where only one gives it, by name."""
    found = [(p.id, name, parameter.value) for p in phenotypes for name, parameter in p.parameter.items()]
    given = Counter(name for _, name, _ in found)
    named = {f"{home}/{name}": value for home, name, value in found}
    return named | {name: value for _, name, value in found if given[name] == 1}


def of_rule(rule: RuleContent, of_all: Numbers) -> dict[str, float]:
    """What the sentences of a card file may name: its own numbers before those of the phenotypes."""
    return {**of_all, **{name: parameter.value for name, parameter in rule.parameter.items()}}


def told(text: str, numbers: Numbers) -> str:
    """The text with its numbers in place."""
    return _NAMED.sub(lambda named: f"{numbers[named[1]]:g}" if named[1] in numbers else named[0], text)


def with_numbers(rule: RuleContent, numbers: Numbers) -> RuleContent:
    """The card file as it speaks."""
    return msgspec.structs.replace(
        rule,
        criteria=tuple([_said(one, numbers, "text", "not_checked") for one in rule.criteria]),
        indicator=_each(rule.indicator, numbers, "when"),
        card=_each(rule.card, numbers, "when", "summary", "phrase", "if_taken", "found", "detail", "folded"),
        note=_each(rule.note, numbers, "when", "text"),
        phrase=_each(rule.phrase, numbers, "text"),
    )


def families_with(families: Families, numbers: Numbers) -> Families:
    def family(one: Family) -> Family:
        notes: dict[str, Note] = _each(one.note, numbers, "when", "text")
        return msgspec.structs.replace(
            _said(one, numbers, "together_order", "together_drug", "together_if_taken"), note=notes
        )

    return msgspec.structs.replace(families, family={name: family(one) for name, one in families.family.items()})


def suggestion_with(suggestion: SuggestionText, numbers: Numbers) -> SuggestionText:
    created = tuple([_said(one, numbers, "description") for one in suggestion.create])
    texts = _said(suggestion, numbers, "label", "remove_draft", "change_dose")
    return msgspec.structs.replace(texts, create=created)


def phrases_with(phrases: Mapping[str, Phrase], numbers: Numbers) -> dict[str, Phrase]:
    return _each(phrases, numbers, "text")


def resource_with(template: Any, numbers: Numbers) -> Any:
    """A resource with its numbers; one that stands alone in quotes becomes a JSON number."""
    if isinstance(template, str):
        alone = numbers.get(template[1:-1]) if template[:1] == "{" else None
        return told(template, numbers) if alone is None else _plain(alone)
    if isinstance(template, dict):
        return {key: resource_with(value, numbers) for key, value in template.items()}
    if isinstance(template, list):
        return [resource_with(value, numbers) for value in template]
    return template


def _plain(number: float) -> float:
    return int(number) if number.is_integer() else number


def _each(tables: Mapping[str, T], numbers: Numbers, *members: str) -> dict[str, T]:
    return {key: _said(table, numbers, *members) for key, table in tables.items()}


def _said(table: T, numbers: Numbers, *members: str) -> T:
    texts = {name: getattr(table, name) for name in members}
    return msgspec.structs.replace(table, **{name: _told(text, numbers) for name, text in texts.items() if text})


def _told(said: str | tuple[str, ...], numbers: Numbers) -> str | tuple[str, ...]:
    return told(said, numbers) if isinstance(said, str) else tuple([told(text, numbers) for text in said])
