"""Two replays of the same export with other cards: who gains, loses or changes a card, by rule and reason."""

from __future__ import annotations

import hashlib
from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from cds_service.errors import ReplayError
from cds_service.replay.judgements import Judgement, Run, Verdict
from cds_service.replay.numbers import by_patient
from cds_service.replay.results import Results

Kind = Literal["gains", "loses", "changes"]
KINDS: tuple[Kind, ...] = ("gains", "loses", "changes")
Orders: TypeAlias = tuple[str, ...]
Place: TypeAlias = tuple[str, str, str, str]
_ALIKE = ("mode", "as_of", "hooks", "switches", "files", "lines", "bytes", "patients")


class Change(msgspec.Struct, frozen=True, order=True):
    """What becomes of a rule's card at a hook, and why."""

    kind: Kind
    hook: str
    rule: str
    reason: str


class Changed(msgspec.Struct, frozen=True, order=True):
    """One card that is not as it was; ``lot`` draws the sample as in the numbers."""

    lot: str
    patient: str
    day: str
    event: str
    orders: Orders


class Differences:
    """The changes of two replays, counted; a few patients of each."""

    def __init__(self, sample: int = 0, seed: int = 0) -> None:
        self.patients = 0
        self.of_kind: Counter[str] = Counter()
        """Patients by kind of change, and under an empty name those with any."""
        self.cards: Counter[Change] = Counter()
        self.by_change: Counter[Change] = Counter()
        """Patients."""
        self.sampled: defaultdict[Change, list[Changed]] = defaultdict(list)
        self._size, self._seed = sample, seed

    @property
    def changes(self) -> list[Change]:
        """Those of the most patients first."""
        return sorted(self.by_change, key=lambda change: (-self.by_change[change], change))

    def add(self, patient: str, found: Iterable[tuple[Change, Changed]]) -> None:
        """All that is not as it was for one patient."""
        self.patients += 1
        firsts: dict[Change, Changed] = {}
        for change, changed in found:
            self.cards[change] += 1
            firsts[change] = min(firsts.get(change, changed), changed)
        self.by_change.update(firsts.keys())
        self.of_kind.update({change.kind for change in firsts} | ({""} if firsts else set()))
        for change, first in firsts.items():
            insort(self.sampled[change], msgspec.structs.replace(first, lot=self._lot(change, patient)))
            del self.sampled[change][self._size :]

    def _lot(self, change: Change, patient: str) -> str:
        told = msgspec.json.encode((self._seed, change, patient))
        return hashlib.blake2b(told, digest_size=8).hexdigest()


def compared(before: Results, after: Results, sample: int = 0, seed: int = 0) -> Differences:
    """The differences of two folders of results; raises ReplayError where they are not of the same question."""
    if faults := list(_unlike(before.run, after.run)):
        raise ReplayError(faults)
    found, pairs = Differences(sample, seed), _Pairs(before.run, after.run)
    for patient, was, now in _side_by_side(before, after):
        found.add(patient, pairs.changes(was, now))
    return found


def _unlike(before: Run, after: Run) -> Iterator[str]:
    for name in _ALIKE:
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            yield f"They were not replayed alike: {name.replace('_', '-')}: {was} and {now}"


def _side_by_side(before: Results, after: Results) -> Iterator[tuple[str, list[Judgement], list[Judgement]]]:
    """What was judged of each patient, then and now; a patient whom only one of them tells of has nothing there."""
    nobody: tuple[str, list[Judgement]] = "", []
    was, now = by_patient(before.judgements()), by_patient(after.judgements())
    left, right = next(was, nobody), next(now, nobody)
    while left[0] or right[0]:
        patient = min(one[0] for one in (left, right) if one[0])
        is_left, is_right = left[0] == patient, right[0] == patient
        yield patient, left[1] if is_left else [], right[1] if is_right else []
        left = next(was, nobody) if is_left else left
        right = next(now, nobody) if is_right else right


class _Pairs:
    """Holds the answers of two runs against each other."""

    def __init__(self, before: Run, after: Run) -> None:
        self._before, self._after = before.services, after.services

    def changes(self, was: Sequence[Judgement], now: Sequence[Judgement]) -> Iterator[tuple[Change, Changed]]:
        before, after = ({_place(one): one for one in judged} for judged in (was, now))
        for place in sorted(before.keys() | after.keys()):
            one = before.get(place) or after[place]
            silent = Judgement(patient=one.patient, day=one.day, hook=one.hook, service=one.service, event=one.event)
            yield from self._of_answers(before.get(place, silent), after.get(place, silent))

    def _of_answers(self, was: Judgement, now: Judgement) -> Iterator[tuple[Change, Changed]]:
        before, after = _shown(was), _shown(now)
        for rule in sorted(before.keys() | after.keys()):
            for kind, reason, orders in self._of_rule(rule, was, now, before.get(rule, {}), after.get(rule, {})):
                yield Change(kind, was.hook, rule, reason), Changed("", was.patient, was.day, was.event or "", orders)

    def _of_rule(
        self, rule: str, was: Judgement, now: Judgement, before: Mapping[Orders, _Card], after: Mapping[Orders, _Card]
    ) -> Iterator[tuple[Kind, str, Orders]]:
        gone, come = sorted(before.keys() - after.keys()), sorted(after.keys() - before.keys())
        if gone and come:
            yield "changes", "it is about other orders", come[0]
        else:
            reason = self._why(rule, was, now)
            yield from (("loses", reason, orders) for orders in gone)
            yield from (("gains", reason, orders) for orders in come)
        for orders in sorted(before.keys() & after.keys()):
            if said := _altered(rule, was, now, before[orders], after[orders]):
                yield "changes", said, orders

    def _why(self, rule: str, was: Judgement, now: Judgement) -> str:
        """What was otherwise: what kept the rule from speaking, or else its verdicts."""
        before, after = _kept(rule, was, self._before), _kept(rule, now, self._after)
        if before == after:
            before, after = _parted(rule, was, now)
        then = before or _spelled(was.outcomes.get(rule, ()))
        since = after or _spelled(now.outcomes.get(rule, ()))
        return f"{then} -> {since}" if then != since else f"{then}, and shown in one of them only"


class _Card(msgspec.Struct, frozen=True):
    topic: str
    indicator: str


def _altered(rule: str, was: Judgement, now: Judgement, before: _Card, after: _Card) -> str:
    """How a card that stays is another; empty where it is the same."""
    if before.indicator != after.indicator:
        return f"{before.indicator} -> {after.indicator}"
    if before.topic != after.topic:
        return f"told by {before.topic} -> told by {after.topic}"
    found = [{one.at for one in judged.outcomes.get(rule, ()) if one.what == "found"} for judged in (was, now)]
    return "" if found[0] == found[1] else " -> ".join(", ".join(sorted(one)) or "no finding" for one in found)


def _kept(rule: str, judged: Judgement, services: Mapping[str, tuple[str, ...]]) -> str:
    """What kept a rule from speaking, whatever it came to; else empty."""
    if judged.refused is not None:
        return f"refused with {judged.refused}"
    if judged.gate is not None:
        return "nothing looked at"
    if rule not in services.get(judged.service, ()):
        return "not asked"
    return "muted" if rule in judged.muted else ""


def _parted(rule: str, was: Judgement, now: Judgement) -> tuple[str, str]:
    """The verdicts that only the one and only the other holds; both empty where they are the same."""
    before, after = (Counter(judged.outcomes.get(rule, ())) for judged in (was, now))
    return (_spelled(before - after), _spelled(after - before)) if before != after else ("", "")


def _spelled(verdicts: Iterable[Verdict]) -> str:
    told = {f"{one.what.replace('_', ' ')}: {one.at}" if one.at else one.what.replace("_", " ") for one in verdicts}
    return ", ".join(sorted(told)) or "no verdict"


def _shown(judged: Judgement) -> dict[str, dict[Orders, _Card]]:
    """By rule and orders, the card that tells of it."""
    found: defaultdict[str, dict[Orders, _Card]] = defaultdict(dict)
    for card in judged.cards:
        for rule in card.rules:
            found[rule][card.orders] = _Card(card.topic, card.indicator)
    return found


def _place(judged: Judgement) -> Place:
    return judged.day, judged.hook, judged.event or "", judged.service
