"""What a replay's judgements come to: counts that add up in any order, and a fixed sample of patients for each rule.

Memory is bound by the rules, days and kinds that occur, not by the patients.
"""

from __future__ import annotations

import hashlib
from bisect import insort
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import TypeAlias

import msgspec

from cds_service.content.model import INDICATORS, at_least
from cds_service.errors import ReplayError
from cds_service.replay.judgements import Judgement, ShownCard

Key: TypeAlias = tuple[str, ...]
NO_AGE = "unknown"
_BURDENS = ((0, "0"), (1, "1"), (2, "2"), (5, "3 to 5"), (10, "6 to 10"))
_MOST = "more than 10"
BURDENS = (*(name for _, name in _BURDENS), _MOST)
"""How many cards a patient had in all, in steps."""


class Sampled(msgspec.Struct, frozen=True, order=True):
    """One card of a rule, to look the chart up and judge it."""

    lot: str
    """Drawn from the seed, the rule and the patient."""
    rule: str
    patient: str
    day: str
    hook: str
    event: str
    indicator: str
    orders: tuple[str, ...]


class Numbers:
    """All counts of a replay; ``counts`` is kept by what is counted and where, as ``("cards", hook, indicator)``."""

    def __init__(self, sample: int = 0, seed: int = 0) -> None:
        self.counts: Counter[Key] = Counter()
        self.days: set[str] = set()
        self._size, self._seed = sample, seed
        self._sampled: dict[str, list[Sampled]] = {}

    @property
    def samples(self) -> list[Sampled]:
        """By rule, in the order in which they were drawn."""
        return [one for rule in sorted(self._sampled) for one in self._sampled[rule]]

    def places(self, *begin: str) -> list[Key]:
        """What follows these words in the keys, in order."""
        return sorted(key[len(begin) :] for key in self.counts if key[: len(begin)] == begin)

    def add(self, judged: Sequence[Judgement]) -> None:
        """All that was judged of one patient."""
        for one in judged:
            self.counts.update(_of_answer(one))
            self.counts.update({("unreadable", kind): times for kind, times in one.unreadable.items()})
            self.days.add(one.day)
        self.counts.update(_of_patient(judged))
        for rule, first in _first_cards(judged).items():
            self._draw(rule, *first)

    def _draw(self, rule: str, judged: Judgement, card: ShownCard) -> None:
        kept = self._sampled.setdefault(rule, [])
        told = judged.patient, judged.day, judged.hook, judged.event or "", card.indicator, card.orders
        insort(kept, Sampled(lot(self._seed, rule, judged.patient), rule, *told))
        del kept[self._size :]


def lot(seed: int, about: object, patient: str) -> str:
    """By which a patient is drawn for something: whatever came first, those with the smallest lots are kept."""
    return hashlib.blake2b(msgspec.json.encode((seed, about, patient)), digest_size=8).hexdigest()


def counted(judgements: Iterable[Judgement], sample: int = 0, seed: int = 0) -> Numbers:
    """The numbers of judgements of which those of a patient stand together."""
    numbers = Numbers(sample, seed)
    for _, judged in by_patient(judgements):
        numbers.add(judged)
    return numbers


def by_patient(judgements: Iterable[Judgement]) -> Iterator[tuple[str, list[Judgement]]]:
    """The judgements of each patient; a patient who comes twice would be counted twice, and is a fault."""
    last = ""
    for patient, judged in groupby(judgements, key=attrgetter("patient")):
        if last and patient <= last:
            raise ReplayError(["The judgements are not in the order of patients: the folder is damaged or mixed."])
        last = patient
        yield patient, list(judged)


def is_answered(judged: Judgement) -> bool:
    """Whether rules were asked: the hook was not refused, the patient is alive, the data are of our release."""
    return judged.refused is None and judged.gate is None


def _of_answer(judged: Judgement) -> Iterator[Key]:
    hook = judged.hook
    yield "asked", hook
    if judged.refused is not None:
        yield "refused", hook, str(judged.refused)
    if judged.gate is not None:
        yield "gated", hook, judged.gate
    if is_answered(judged):
        yield "answered", hook
        yield "day", hook, judged.day
    yield from (("with", hook, indicator) for indicator in _reached(judged.cards))
    for card in judged.cards:
        yield from _of_card(judged, card)
    yield from (("rule muted", hook, rule) for rule in judged.muted)
    rules = sorted({rule for card in judged.cards for rule in card.rules})
    if len(rules) > 1:
        yield "combination", hook, " + ".join(rules)
    yield from _of_outcomes(judged)


def _of_card(judged: Judgement, card: ShownCard) -> Iterator[Key]:
    hook = judged.hook
    yield "cards", hook, card.indicator
    yield "day cards", hook, judged.day, card.indicator
    yield "rule leads", hook, card.topic
    yield from (("rule cards", hook, rule, card.indicator) for rule in card.rules)


def _of_outcomes(judged: Judgement) -> Iterator[Key]:
    yield from {("rule asked", judged.hook, rule) for rule, _, _ in judged.verdicts()}
    for rule, _, verdict in judged.verdicts():
        yield "ended", judged.hook, rule, verdict.what, verdict.at
        if verdict.what == "undetermined":
            parts = filter(None, verdict.datum.split("; "))
            yield from (("lacking", judged.hook, rule, verdict.at, datum) for datum in parts)


def _reached(cards: Iterable[ShownCard]) -> Iterator[str]:
    """The indicators than which some card is as grave or graver."""
    shown = {card.indicator for card in cards}
    return (one for one in INDICATORS if shown.intersection(at_least(one)))


def _of_patient(judged: Sequence[Judgement]) -> Iterator[Key]:
    """What counts once however often the patient was seen, and who the patient is."""
    cards = [card for one in judged for card in one.cards]
    last = max(judged, key=lambda one: (one.age is not None, one.order, one.age or ""))
    group = last.age or NO_AGE, last.sex
    yield ("patients",)
    yield "group", *group
    yield "burden", _burden(len(cards))
    yield from (("group with", *group, indicator) for indicator in _reached(cards))
    yield from (("patients with", indicator) for indicator in _reached(cards))
    rules = {rule for card in cards for rule in card.rules}
    yield from (("rule group", rule, *group) for rule in rules)
    once = {key for one in judged for key in _once(one)}
    yield from once


def _once(judged: Judgement) -> Iterator[Key]:
    """Summed over the patient's judgements, each key counts once."""
    if is_answered(judged):
        yield "hook patients", judged.hook
    yield from (("hook patients with", judged.hook, indicator) for indicator in _reached(judged.cards))
    for card in judged.cards:
        yield from (("rule patients", judged.hook, rule) for rule in card.rules)
    yield from (("unreadable patients", kind) for kind in judged.unreadable)


def _burden(cards: int) -> str:
    return next((name for most, name in _BURDENS if cards <= most), _MOST)


def _first_cards(judged: Sequence[Judgement]) -> dict[str, tuple[Judgement, ShownCard]]:
    """By rule, the first card that tells of it."""
    found: dict[str, tuple[Judgement, ShownCard]] = {}
    for one in sorted(judged, key=lambda each: (each.order, each.service)):
        for card in one.cards:
            for rule in card.rules:
                found.setdefault(rule, (one, card))
    return found
