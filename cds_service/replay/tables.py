"""The numbers as tables: the same rows for the page, the CSV files and the lines of JSON.

Every rate stands beside the counts that it is made of, and is made of them as they are told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Literal, TypeAlias

import msgspec

from cds_service.content.model import INDICATORS, RuleContent
from cds_service.replay.gate import Held
from cds_service.replay.judgements import Codes, Run
from cds_service.replay.masking import Mask
from cds_service.replay.numbers import BURDENS, Key, Numbers
from cds_service.replay.words import counted

Cell: TypeAlias = str | int | float | None
Kind = Literal["text", "name", "count", "rate"]
MOST_CODES = 50
PER = {"order-sign": (10_000, "10,000 signings"), "order-select": (1_000, "1,000 selections")}
_VIEWS = 1_000, "1,000 chart views"


class Column(msgspec.Struct, frozen=True):
    id: str
    title: str
    kind: Kind = "count"

    @property
    def is_number(self) -> bool:
        return self.kind in ("count", "rate")


class Table(msgspec.Struct, frozen=True):
    id: str
    title: str
    says: str
    """What its numbers mean."""
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


class Tables:
    """Makes every table of a replay; ``rules`` are those that were replayed, for their titles and criteria."""

    def __init__(self, numbers: Numbers, run: Run, codes: Codes, rules: Mapping[str, RuleContent], mask: Mask) -> None:
        self._numbers, self._run, self._codes, self._rules, self._mask = numbers, run, codes, rules, mask

    def all(self, held: Sequence[Held]) -> list[Table]:
        hooks = [self.hooks(), self.indicators(), self.budget(held), self.rules(), self.combinations()]
        people = [self.burden(), self.groups(), self.rules_by_group()]
        unknown = [self.lacking(), self.undetermined()]
        reading = [self.unreadable(), self.coverage(), self.codes(), self.not_asked(), self.damage()]
        return [*hooks, self.days(), *people, self.funnel(), *unknown, *reading]

    def hooks(self) -> Table:
        rows = [(hook, *self._told(hook)) for hook in dict.fromkeys((*self._run.hooks, *self._hooks))]
        says = (
            "Answers are what is left of the hooks asked without those refused, of patients who have died and of other "
            f"releases of FHIR. From the first to the last it is {counted(self._span, 'day', 'days')} of the calendar."
        )
        counts = "asked", "answers", "patients", "answers with a card", "patients with a card", "cards"
        columns = (
            *(Column(name.replace(" ", "-"), name.capitalize()) for name in counts),
            *_rates("cards"),
        )
        return Table("hooks", "Hooks", says, (_name("hook"), *columns), tuple(rows))

    def _told(self, hook: str) -> Iterator[Cell]:
        yield self._count("asked", hook)
        yield self._count("answered", hook)
        yield self._count("hook patients", hook)
        yield self._count("with", hook, "info")
        yield self._count("hook patients with", hook, "info")
        cards = self._sum("hook cards", hook, keys=[("cards", hook, one) for one in INDICATORS])
        yield cards
        yield from self._per(cards, hook)

    def indicators(self) -> Table:
        rows: list[tuple[Cell, ...]] = []
        for hook in self._hooks:
            for indicator in reversed(INDICATORS):
                cards = self._count("cards", hook, indicator)
                answers = self._count("with", hook, indicator)
                patients = self._count("hook patients with", hook, indicator)
                rows.append((hook, indicator, cards, answers, patients, *self._per(cards, hook)))
        says = "Cards are those of this indicator; answers and patients those with such a card or a graver one."
        columns = Column("cards", "Cards"), Column("answers", "Answers"), Column("patients", "Patients")
        names = _name("hook"), _name("indicator")
        return Table("indicators", "Indicators", says, (*names, *columns, *_rates("cards")), tuple(rows))

    def budget(self, held: Sequence[Held]) -> Table:
        says = "How many answers hold a card as grave as this or graver, and how many may."
        columns = (
            _name("hook"),
            _name("indicator"),
            Column("answers-with", "Answers with such a card"),
            Column("answers", "Answers"),
            Column("share", "Per 10,000", "rate"),
            Column("ceiling", "Ceiling per 10,000", "rate"),
            Column("verdict", "Verdict", "text"),
        )
        return Table("budget", "Budget", says, columns, tuple(self._held(one) for one in held))

    def _held(self, one: Held) -> tuple[Cell, ...]:
        events = self._mask(one.events, "with", one.hook, one.indicator)
        answers = self._mask(one.answers, "answered", one.hook)
        share = _share(events, answers, 10_000)
        return one.hook, one.indicator, events, answers, share, one.ceiling * 10_000, one.verdict

    def rules(self) -> Table:
        rows = []
        for hook in self._hooks:
            for rule in self._rules_at(hook):
                keys = [("rule cards", hook, rule, one) for one in INDICATORS]
                by_indicator = [self._count(*key) for key in reversed(keys)]
                cards = self._sum("rule all cards", hook, rule, keys=keys)
                other = [self._count(what, hook, rule) for what in ("rule leads", "rule patients", "rule muted")]
                rows.append((hook, rule, self._title(rule), cards, *by_indicator, *other, *self._per(cards, hook)))
        says = "A card counts for each rule that it tells of; the rule that leads it is its topic."
        counts = "cards", "info", "warning", "critical", "leads", "patients", "muted"
        columns = _name("hook"), _name("rule"), Column("title", "Title", "text"), *(_counts(*counts))
        return Table("rules", "Rules", says, (*columns, *_rates("cards")), tuple(rows))

    def combinations(self) -> Table:
        found = sorted(self._numbers.places("combination"), key=lambda key: -self._numbers.counts["combination", *key])
        rows = [(hook, told, self._count("combination", hook, told)) for hook, told in found]
        says = "Rules of which one answer told together, in one card or in several."
        columns = _name("hook"), _name("rules"), *_counts("answers")
        return Table("combinations", "Combinations", says, columns, tuple(rows))

    def days(self) -> Table:
        rows: list[tuple[Cell, ...]] = [
            (
                *place,
                self._count("day", *place),
                *(self._count("day cards", *place, indicator) for indicator in reversed(INDICATORS)),
            )
            for hook in self._hooks
            for place in [(hook, day) for (day,) in self._numbers.places("day", hook)]
        ]
        columns = _name("hook"), _name("day"), *_counts("answers", *reversed(INDICATORS))
        return Table("days", "Days", "Days on which nothing was judged are left out.", columns, tuple(rows))

    def burden(self) -> Table:
        rows = tuple((told, self._count("burden", told)) for told in BURDENS)
        columns = _name("cards"), *_counts("patients")
        return Table("burden", "Cards a patient", "Over all hooks and days of the replay.", columns, rows)

    def groups(self) -> Table:
        rows = [(*group, *self._of_group(*group)) for group in self._numbers.places("group")]
        says = (
            "A patient stands in the age of the last day. Whether a difference is right or unfair, the numbers do not "
            "tell: the diseases differ by age and sex too."
        )
        counts = "patients", "with a card", "with a warning", "with a critical card"
        columns = (_name("age"), _name("sex"), *_counts(*counts), Column("share", "With a card, of 100", "rate"))
        return Table("groups", "Age and sex", says, columns, tuple(rows))

    def _of_group(self, age: str, sex: str) -> Iterator[Cell]:
        patients = self._count("group", age, sex)
        told = [self._count("group with", age, sex, one) for one in reversed(INDICATORS)]
        yield from (patients, *told, _share(told[0], patients, 100))

    def rules_by_group(self) -> Table:
        rows = []
        for rule, age, sex in self._numbers.places("rule group"):
            patients, told = self._count("group", age, sex), self._count("rule group", rule, age, sex)
            rows.append((rule, age, sex, told, patients, _share(told, patients, 100)))
        names = _name("rule"), _name("age"), _name("sex")
        columns = (*names, *_counts("with a card", "patients"), Column("share", "Of 100", "rate"))
        return Table(
            "rules-by-group", "Rules by age and sex", "Patients who ever had the rule's card.", columns, tuple(rows)
        )

    def funnel(self) -> Table:
        rows: list[tuple[Cell, ...]] = []
        for hook in self._hooks:
            for rule in self._rules_at(hook):
                rows += self._steps(hook, rule)
        says = "Each time that a rule looked at an order, a drug or a patient, it ended at one of these steps."
        columns = (
            _name("hook"),
            _name("rule"),
            Column("step", "Step", "name"),
            Column("outcome", "Ended", "name"),
            Column("words", "What it asks", "text"),
            *_counts("ended", "of"),
        )
        return Table("funnel", "Where rules ended", says, columns, tuple(rows))

    def _steps(self, hook: str, rule: str) -> Iterator[tuple[Cell, ...]]:
        content = self._rules.get(rule)
        texts = {one.id: one.text for one in content.criteria} if content else {}
        texts |= {name: one.when for name, one in content.card.items()} if content else {}
        places = self._numbers.places("ended", hook, rule)
        total = self._sum("ended in all", hook, rule, keys=[("ended", hook, rule, *place) for place in places])
        order = [*texts]
        for what, at in sorted(places, key=lambda place: _step(place, order)):
            ended = self._count("ended", hook, rule, what, at)
            yield hook, rule, at, what.replace("_", " "), texts.get(at, ""), ended, total

    def lacking(self) -> Table:
        keys: dict[tuple[str, str], list[Key]] = {}
        for hook, rule, at, datum in self._numbers.places("lacking"):
            keys.setdefault((hook, datum), []).append(("lacking", hook, rule, at, datum))
        times = {place: sum(self._numbers.counts[key] for key in keys[place]) for place in keys}
        most = sorted(keys, key=lambda place: (place[0], -times[place], place[1]))
        rows = tuple((*place, self._sum("lacking in all", *place, keys=keys[place])) for place in most)
        columns = _name("hook"), Column("datum", "Datum", "text"), *_counts("times")
        says = "For want of what rules could not tell, over all rules and criteria."
        return Table("lacking", "Undetermined, by datum", says, columns, rows)

    def undetermined(self) -> Table:
        found: list[tuple[Cell, ...]] = [
            (*key, self._count("lacking", *key)) for key in self._numbers.places("lacking")
        ]
        columns = _name("hook"), _name("rule"), _name("criterion"), _name("datum"), *_counts("times")
        says = "What could not be told, at which criterion, and for want of what."
        return Table("undetermined", "Undetermined, by rule", says, columns, tuple(found))

    def unreadable(self) -> Table:
        found: list[tuple[Cell, ...]] = [
            (*key, self._count("unreadable", *key), self._count("unreadable patients", *key))
            for key in self._numbers.places("unreadable")
        ]
        columns = _name("place"), *_counts("times", "patients")
        says = "What is there and cannot be read, each time that it was met."
        return Table("unreadable", "Unreadable", says, columns, tuple(found))

    def coverage(self) -> Table:
        rows = []
        for name, one in sorted(self._codes.collections.items()):
            entries = self._mask(one.entries, "entries", name)
            known = self._mask(one.known, "known", name)
            unknown = self._mask(one.entries - one.known, "unknown", name)
            foreign = self._mask(one.foreign, "foreign", name)
            rows.append((name, entries, known, unknown, foreign, _share(known, entries, 100)))
        says = (
            "Entries known to some value set by a code or by their words. What is unknown is mostly what these rules "
            "do not ask for; of the foreign ones among it nothing can be told, as none of their code systems is read."
        )
        columns = (
            _name("collection"),
            *_counts("entries", "known", "unknown", "foreign"),
            Column("share", "Known, of 100", "rate"),
        )
        return Table("coverage", "Codes that these rules know", says, columns, tuple(rows))

    def codes(self) -> Table:
        rows = [
            (name, one.system, one.code, self._mask(one.count, "code", name, one.system, one.code))
            for name, coverage in sorted(self._codes.collections.items())
            for one in coverage.unknown[:MOST_CODES]
            if not self._mask.hides(one.count)
        ]
        says = f"The {MOST_CODES} most frequent of each collection: is one of them a drug or a disease of these rules?"
        columns = _name("collection"), _name("system"), _name("code"), *_counts("entries")
        return Table("codes", "Codes that no value set knows", says, columns, tuple(rows))

    def not_asked(self) -> Table:
        refused = [
            (hook, f"refused with {status}", self._count("refused", hook, status))
            for hook, status in self._numbers.places("refused")
        ]
        gated = [(hook, why, self._count("gated", hook, why)) for hook, why in self._numbers.places("gated")]
        columns = _name("hook"), Column("why", "Why", "text"), *_counts("times")
        return Table("not-asked", "Not answered", "Hooks for which no rule was asked.", columns, (*refused, *gated))

    def damage(self) -> Table:
        damaged = [(one.file, one.kind, one.count) for one in self._run.damaged]
        dropped = [("all files", f"left out: {why}", count) for why, count in self._run.dropped.items()]
        columns = _name("file"), Column("kind", "What", "text"), *_counts("times")
        says = "What of the export was damaged, and which lines were left out as they could change no answer."
        rows = [(file, kind, self._mask(count, "damage", file, kind)) for file, kind, count in (*damaged, *dropped)]
        return Table("damage", "Damage", says, columns, tuple(rows))

    @property
    def _hooks(self) -> list[str]:
        """Those asked, in the order of the run."""
        asked = [hook for (hook,) in self._numbers.places("asked")]
        return sorted(asked, key=lambda hook: self._run.hooks.index(hook) if hook in self._run.hooks else len(asked))

    def _rules_at(self, hook: str) -> list[str]:
        """Every rule of which there is anything to tell at a hook, the most frequent first."""
        places = (self._numbers.places(what, hook) for what in ("rule asked", "rule cards", "rule muted"))
        found = {place[0] for each in places for place in each}
        return sorted(found, key=lambda rule: (-self._numbers.counts["rule patients", hook, rule], rule))

    def _title(self, rule: str) -> str:
        return self._rules[rule].title if rule in self._rules else ""

    def _count(self, *key: str) -> int:
        return self._mask(self._numbers.counts[key], *key)

    def _sum(self, *place: str, keys: Sequence[Key]) -> int:
        """The sum of the true counts, told by itself: a sum of masked ones would drift from it."""
        return self._mask(sum(self._numbers.counts[key] for key in keys), *place)

    def _per(self, cards: int, hook: str) -> Iterator[Cell]:
        """Cards per hundred patients, per so many answers, and a day."""
        times, what = PER.get(hook, _VIEWS)
        yield _share(cards, self._count("hook patients", hook), 100)
        yield _share(cards, self._count("answered", hook), times)
        yield what
        yield _share(cards, self._span, 1)

    @property
    def _span(self) -> int:
        """Days of the calendar."""
        if not self._numbers.days:
            return 0
        first, last = (date.fromisoformat(day) for day in (min(self._numbers.days), max(self._numbers.days)))
        return (last - first).days + 1


def _share(events: int, of: int, times: int) -> float | None:
    """Per so many; None where there was nothing to be a share of."""
    return round(events * times / of, 2) if of else None


def _step(place: Key, order: Sequence[str]) -> tuple[int, int, str]:
    what, at = place
    rank = {"not_started": 0, "not_met": 1, "undetermined": 1, "found": 2, "failed": 3}
    return rank.get(what, 4), order.index(at) if at in order else len(order), at


def _name(name: str) -> Column:
    return Column(name, name.capitalize(), "name")


def _counts(*names: str) -> Iterator[Column]:
    return (Column(name.replace(" ", "-"), name.capitalize()) for name in names)


def _rates(what: str) -> tuple[Column, ...]:
    said = what.capitalize()
    return (
        Column("per-100-patients", f"{said} per 100 patients", "rate"),
        Column("per-answers", f"{said} per so many", "rate"),
        Column("so-many", "So many", "name"),
        Column("per-day", f"{said} a day", "rate"),
    )
