"""Which tests of the work-up of myoclonus were done or are on order, and which are missing (MYO-01)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cds_service.facts.knowledge import ABSENT, Absent, Fact, Known, Unavailable, either
from cds_service.facts.numbers import Numbers
from cds_service.facts.patient import PatientFacts, PlannedCare
from cds_service.fhir.dates import Interval, within_months

TESTS = ("eeg", "mri-brain", "emg")
BLOODS = {
    "creatinine or eGFR": ("creatinine", "egfr"),
    "sodium": ("sodium",),
    "calcium": ("calcium",),
    "glucose": ("glucose",),
    "a liver enzyme": ("alt", "ast"),
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
        missing = tuple(name for name, fact in asked.items() if isinstance(fact, Absent))
        if missing:
            return Known(missing)
        gaps = [fact for fact in asked.values() if isinstance(fact, Unavailable)]
        return either(*gaps) if gaps else ABSENT


def workup(facts: PatientFacts, numbers: Numbers) -> Workup:
    """What was done or ordered: tests in a longer window, bloods in a shorter one."""
    months = numbers.months("myoclonus", "blood-months")
    lacking = tuple(name for name, sets in BLOODS.items() if not _measured(facts, months, (*sets, _PANEL)))
    done = {name: _done(facts, numbers.months("myoclonus", "test-months"), name) for name in TESTS}
    return Workup({**done, "bloods": _complete(facts, lacking)}, lacking)


def _done(facts: PatientFacts, months: int, name: str) -> Fact[object]:
    found = facts.procedures(name)
    if isinstance(found, Known) and any(_recent(p.day, months, facts) for p in found.value):
        return found
    asked, gap = ordered(facts, months, name), facts.procedures()
    if isinstance(asked, Known):
        return asked
    return gap if isinstance(gap, Unavailable) else ABSENT


def ordered(facts: PatientFacts, months: int, *sets: str) -> Fact[tuple[PlannedCare, ...]]:
    """Orders that are open, or were completed in the window."""
    found = facts.requests(*sets)
    if not isinstance(found, Known):
        return found
    kept = tuple(r for r in found.value if r.open or _recent(r.day, months, facts))
    return Known(kept, tuple(r.source for r in kept)) if kept else ABSENT


def _recent(day: Interval | None, months: int, facts: PatientFacts) -> bool:
    return day is None or within_months(day, months, facts.today)


def _measured(facts: PatientFacts, months: int, sets: tuple[str, ...]) -> bool:
    found = facts.observations(*sets)
    days = [o.day for o in found.value if o.day] if isinstance(found, Known) else []
    if any(within_months(day, months, facts.today) for day in days):
        return True
    return isinstance(ordered(facts, months, *sets), Known)


def _complete(facts: PatientFacts, lacking: tuple[str, ...]) -> Fact[object]:
    gap = facts.observations()
    if not lacking:
        return Known(True)
    return gap if isinstance(gap, Unavailable) else ABSENT
