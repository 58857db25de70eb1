"""Finding rules, cases and value sets by words and by what they are about; the address holds what was asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

import msgspec

from cds_service.authoring import rows
from cds_service.authoring.cases import Case
from cds_service.authoring.examples import Examples
from cds_service.content.model import Content, Indicator, RuleContent
from cds_service.content.reviews import state
from cds_service.terminology.value_sets import ValueSet

_LONGEST = 100
_MOST_WORDS = 8
_SIGNED = {"signed": "signed by a clinician", "lapsed": "signature lapsed", "unsigned": "not yet reviewed"}


class Asked(msgspec.Struct, frozen=True):
    """What is looked for; an empty part asks for nothing."""

    text: str = ""
    drug: str = ""
    hook: str = ""
    indicator: str = ""
    family: str = ""
    answer: str = ""
    kind: str = ""
    view: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Asked:
        return cls(*(query.get(name, "")[:_LONGEST] for name in cls.__struct_fields__))

    @property
    def given(self) -> bool:
        return msgspec.structs.replace(self, view="") != Asked()

    def is_in(self, text: str) -> bool:
        """Whether every word is, in a text without capitals."""
        return all(word in text for word in self.text.casefold().split()[:_MOST_WORDS])


class Entry(msgspec.Struct, frozen=True):
    """A rule as it is listed and found."""

    rule: RuleContent
    family: str
    hooks: list[str]
    indicators: list[Indicator]
    grades: list[int]
    signed: str
    drugs: frozenset[str]
    """Those that it can start with, and those that its cases are about."""
    text: str

    def meets(self, asked: Asked) -> bool:
        wanted = ((asked.drug, self.drugs), (asked.hook, self.hooks), (asked.indicator, self.indicators))
        return (
            all(one in among for one, among in wanted if one)
            and asked.family in ("", self.rule.family)
            and asked.is_in(self.text)
        )


def entries(content: Content, examples: Examples) -> Iterator[Entry]:
    """Every rule, by family and weight."""
    names = {drug.casefold(): drug for one in content.value_sets for drug in drugs_in(one)}
    brands = _brands(content)
    named = re.compile(rf"\b({'|'.join(map(re.escape, names))})\b")
    for title, rules in rows.by_family(content):
        for rule in rules:
            sets = list(chain.from_iterable(triggering(content, rule).values()))
            told = _casefolded(chain.from_iterable(map(_told, examples.cases(rule.id) or ())))
            drugs = {*chain.from_iterable(map(drugs_in, sets)), *(names[drug] for drug in named.findall(told))}
            yield Entry(
                rule,
                title,
                rows.hooks(content, rule),
                rows.indicators(rule),
                rows.grades(rule),
                _SIGNED[state(content, rule.id)],
                frozenset(drugs),
                _casefolded(
                    chain(
                        _said(content, rule),
                        [title],
                        *(brands[drug] for drug in drugs),
                        chain.from_iterable(map(_named, sets)),
                    )
                ),
            )


def triggering(content: Content, rule: RuleContent) -> dict[str, list[ValueSet]]:
    """The value sets that can start a rule, by the collection in which one of them must be found."""
    by_name = {one.name: one for one in content.value_sets}
    found: dict[str, dict[str, ValueSet]] = {}
    for trigger in rule.triggers:
        for place, names in trigger.items():
            found.setdefault(place, {}).update((name, by_name[name]) for name in names)
    return {place: list(sets.values()) for place, sets in found.items()}


def drugs_in(one: ValueSet) -> frozenset[str]:
    if one.kind != "drug":
        return frozenset()
    coded = chain.from_iterable(code.ingredients for code in one.codes)
    return frozenset(chain(coded, (word.ingredient for word in one.words if word.ingredient)))


def text_of(one: ValueSet) -> str:
    """What a value set is found by: its names, words and codes."""
    return _casefolded(chain(_named(one), *((code.code, code.display) for code in one.codes)))


def _brands(content: Content) -> dict[str, set[str]]:
    """By drug, every word that stands for it."""
    found: dict[str, set[str]] = {}
    for one in content.value_sets:
        for drug in drugs_in(one):
            found.setdefault(drug, {drug})
        for word in one.words:
            if word.ingredient:
                found[word.ingredient].add(word.text)
    return found


def _told(case: Case) -> Iterator[str]:
    """What a case in which the rule speaks is about, and what the card then says."""
    if case.found and not case.not_words:
        yield case.says
    yield from case.words


def _named(one: ValueSet) -> Iterator[str]:
    yield from (one.name, one.title, one.label)
    yield from (word.text for word in one.words)
    yield from drugs_in(one)


def _said(content: Content, rule: RuleContent) -> Iterator[str | None]:
    yield from (rule.id, rule.code, rule.title, rule.question)
    yield from (criterion.text for criterion in rule.criteria)
    yield from (level.when for level in rule.indicator.values())
    for card in rule.card.values():
        yield from (card.when, card.summary, card.detail, *card.found)
        yield from (content.suggestions[name].label for name in card.suggestions)
    yield from (note.text for note in rule.note.values())
    for cited in rule.evidence:
        source = content.evidence[cited.id]
        yield from (source.label, source.citation, cited.says)
    yield from rule.statements


def _casefolded(texts: Iterable[str | None]) -> str:
    return "\n".join(text for text in texts if text).casefold()
