"""Two replays of the same export with other cards: who gains, loses or changes a card, by rule and reason."""

from __future__ import annotations

from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from cds_service.content.not_checked import ID as NOT_CHECKED
from cds_service.errors import ReplayError
from cds_service.replay.judgements import Judgement, Run, Verdict
from cds_service.replay.numbers import by_patient, lot
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
        self.orders: Counter[Change] = Counter()
        """Orders and drugs that the cards are about, each once; none where they are about the patient."""
        self.orders_of_kind: Counter[str] = Counter()
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
        orders: set[tuple[Change, str]] = set()
        for change, changed in found:
            self.cards[change] += 1
            firsts[change] = min(firsts.get(change, changed), changed)
            orders.update((change, order) for order in changed.orders)
        self.by_change.update(firsts.keys())
        self.orders.update(change for change, _ in orders)
        self.of_kind.update({change.kind for change in firsts} | ({""} if firsts else set()))
        self.orders_of_kind.update(kind for kind, _ in {(change.kind, order) for change, order in orders})
        self._draw(patient, firsts)

    def _draw(self, patient: str, firsts: Mapping[Change, Changed]) -> None:
        for change, first in firsts.items():
            insort(self.sampled[change], msgspec.structs.replace(first, lot=lot(self._seed, change, patient)))
            del self.sampled[change][self._size :]


def compared(before: Results, after: Results, sample: int = 0, seed: int = 0) -> Differences:
    """The differences of two folders of results; raises ReplayError where they are not of the same question."""
    if faults := list(_unlike(before.run, after.run)):
        raise ReplayError(faults)
    found = Differences(sample, seed)
    for patient, was, now in _side_by_side(before, after):
        found.add(patient, _changes(was, now, before.run, after.run))
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


def _changes(
    was: Sequence[Judgement], now: Sequence[Judgement], before: Run, after: Run
) -> Iterator[tuple[Change, Changed]]:
    """What of the cards of one patient is not as it was."""
    then, since = ({_place(one): one for one in judged} for judged in (was, now))
    for place in sorted(then.keys() | since.keys()):
        one = then.get(place) or since[place]
        silent = Judgement(patient=one.patient, day=one.day, hook=one.hook, service=one.service, event=one.event)
        old, new = then.get(place, silent), since.get(place, silent)
        if old.cards or new.cards:
            yield from _Pair(_Answer(old, before.services), _Answer(new, after.services)).changes()


class _Told(msgspec.Struct, frozen=True):
    """What tells of an order, or of the patient, for a rule."""

    card: int
    """Its place in the answer."""
    topic: str
    indicator: str
    finding: str


class _Answer:
    """A judgement, asked what it tells of an order, and why it does not."""

    def __init__(self, judged: Judgement, services: Mapping[str, tuple[str, ...]]) -> None:
        self.judged, self._asked = judged, services.get(judged.service, ())
        self._verdicts: defaultdict[tuple[str, str], list[Verdict]] = defaultdict(list)
        for rule, order, verdict in judged.verdicts():
            self._verdicts[rule, order].append(verdict)

    def told(self) -> Mapping[str, Mapping[str, _Told]]:
        """By rule and order, none for the patient, the card that tells of it."""
        found: dict[str, dict[str, _Told]] = {}
        for number, card in enumerate(self.judged.cards):
            for rule in card.rules:
                for order in [one for one in card.orders if self._finding(rule, one)] or [""]:
                    told = _Told(number, card.topic, card.indicator, self._finding(rule, order))
                    found.setdefault(rule, {})[order] = told
        return found

    def _finding(self, rule: str, order: str) -> str:
        return ", ".join(sorted({one.at for one in self._verdicts[rule, order] if one.what == "found"}))

    def kept(self, rule: str, order: str) -> str:
        """What kept a rule from speaking of an order, whatever it came to; else empty."""
        if self.judged.refused is not None:
            return f"refused with {self.judged.refused}"
        if self.judged.gate is not None:
            return "nothing looked at"
        if rule not in (*self._asked, NOT_CHECKED):
            return "not asked"
        return "muted" if rule in self.judged.muted and self._finding(rule, order) else ""

    def verdicts(self, rule: str, order: str) -> Counter[Verdict]:
        """What a rule came to about an order, else about none; of what was not checked, which rules it is."""
        if rule == NOT_CHECKED:
            unchecked = {one for one, _, verdict in self.judged.verdicts() if verdict.what == "undetermined"}
            return Counter(Verdict("undetermined", one) for one in unchecked)
        return Counter(self._verdicts[rule, order] or self._verdicts[rule, ""])


class _Pair:
    """The answers to one hook, then and now."""

    def __init__(self, was: _Answer, now: _Answer) -> None:
        self._was, self._now = was, now

    def changes(self) -> Iterator[tuple[Change, Changed]]:
        """What of a card is not as it was, with the orders of which it is so."""
        judged, before, after = self._was.judged, self._was.told(), self._now.told()
        found: defaultdict[tuple[Change, int], list[str]] = defaultdict(list)
        for rule in sorted(before.keys() | after.keys()):
            then, since = before.get(rule, {}), after.get(rule, {})
            for order in sorted(then.keys() | since.keys()):
                for kind, reason, card in self._of_order(rule, order, then.get(order), since.get(order)):
                    found[Change(kind, judged.hook, rule, reason), card].append(order)
        for (change, _), orders in found.items():
            yield change, Changed("", judged.patient, judged.day, judged.event or "", tuple(filter(None, orders)))

    def _of_order(
        self, rule: str, order: str, before: _Told | None, after: _Told | None
    ) -> Iterator[tuple[Kind, str, int]]:
        """What becomes of the card of an order, the reason, and the place of the card in its answer."""
        if before and after:
            if said := _altered(before, after):
                yield "changes", said, after.card
        elif before:
            yield "loses", self._why(rule, order), before.card
        elif after:
            yield "gains", self._why(rule, order), after.card

    def _why(self, rule: str, order: str) -> str:
        """What was otherwise: what kept the rule from speaking, or else its verdicts on the order."""
        before, after = self._was.kept(rule, order), self._now.kept(rule, order)
        then, since = self._was.verdicts(rule, order), self._now.verdicts(rule, order)
        if before == after:
            before = after = ""
            then, since = (then - since, since - then) if then != since else (then, since)
        before, after = before or _spelled(then), after or _spelled(since)
        return f"{before} -> {after}" if before != after else f"{before}, and shown in one of them only"


def _altered(before: _Told, after: _Told) -> str:
    """How a card that stays is another; empty where it is the same."""
    if before.indicator != after.indicator:
        return f"{before.indicator} -> {after.indicator}"
    if before.topic != after.topic:
        return f"told by {before.topic} -> told by {after.topic}"
    if before.finding != after.finding:
        return f"{before.finding or 'no finding'} -> {after.finding or 'no finding'}"
    return ""


def _spelled(verdicts: Iterable[Verdict]) -> str:
    told = {f"{one.what.replace('_', ' ')}: {one.at}" if one.at else one.what.replace("_", " ") for one in verdicts}
    return ", ".join(sorted(told)) or "no verdict"


def _place(judged: Judgement) -> Place:
    return judged.day, judged.hook, judged.event or "", judged.service
