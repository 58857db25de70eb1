"""Which tests of the work-up of myoclonus were done or are on order, and which are missing (MYO-01)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, Known, either, unread
from cds_service.facts.patient import PatientFacts
from cds_service.phenotypes.planned_care import open_or_recent

TESTS = ("eeg", "mri-brain", "emg")
BLOODS = {
    "creatinine-or-egfr": ("creatinine", "egfr"),
    "sodium": ("sodium",),
    "calcium": ("calcium",),
    "glucose": ("glucose",),
    "liver-enzyme": ("alt", "ast"),
}
_PANEL = "metabolic-panel"
ORDER_SETS = (*TESTS, _PANEL, *(name for sets in BLOODS.values() for name in sets))


class Workup(msgspec.Struct, frozen=True):
    """Per test known (done in the window, or on order), absent, or not to be told."""

    done: Mapping[str, Fact[object]]
    """By ``eeg``, ``mri-brain``, ``emg`` and ``bloods``."""
    lacking: tuple[str, ...]
    """The blood tests that are missing."""

    @property
    def missing(self) -> Fact[tuple[str, ...]]:
        """What makes the work-up incomplete; an EMG alone is no gap."""
        asked = {name: fact for name, fact in self.done.items() if name != "emg"}
        missing = tuple([name for name, fact in asked.items() if fact == ABSENT])
        return Known(missing) if missing else either(*[unread(fact) for fact in asked.values()])


def workup(facts: PatientFacts) -> Workup:
    """What was done or ordered: tests in a longer window, bloods in a shorter one."""
    numbers = facts.numbers
    tests, bloods = numbers.whole("myoclonus", "test-months"), numbers.whole("myoclonus", "blood-months")
    lacking = tuple([name for name, sets in BLOODS.items() if not _measured(facts, bloods, (*sets, _PANEL))])
    done = {name: _done(facts, tests, name) for name in TESTS}
    complete: Fact[object] = facts.unread("observations") if lacking else Known(True)
    return Workup({**done, "bloods": complete}, lacking)


def _done(facts: PatientFacts, months: int, name: str) -> Fact[object]:
    done = facts.procedures(name).provided(
        lambda found: any(p.day is None or facts.within_months(p.day, months) for p in found)
    )
    if done.known:
        return done
    asked = open_or_recent(facts, months, name)
    return asked if asked.known else facts.unread("procedures")


def _measured(facts: PatientFacts, months: int, sets: tuple[str, ...]) -> bool:
    measured = facts.observations(*sets).value_or(())
    return any(facts.within_months(one.day, months) for one in measured) or open_or_recent(facts, months, *sets).known
