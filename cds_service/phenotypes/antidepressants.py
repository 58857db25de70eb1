"""Drugs that can cause or worsen RBD, by how sure that is (clinical specification 2.2, MED-01, MED-02)."""

from __future__ import annotations

from enum import Enum

from cds_service.facts.knowledge import Fact, Unavailable, unread
from cds_service.facts.patient import Dose, Medication, PatientFacts
from cds_service.fhir.dates import Interval

STRONG_SETS = ("ssri", "snri", "tca", "maoi")
WEAK_SETS = ("other-antidepressant", "maob")
SETS = (*STRONG_SETS, *WEAK_SETS)
LINE_ONLY_SETS = ("beta-blocker", "cholinesterase-inhibitor")


class Timing(Enum):
    """The drug's start against the onset of RBD."""

    FITS = "fits"
    LONG_STANDING = "long-standing"
    AFTER = "after-onset"
    UNKNOWN = "unknown"


def is_hypnotic(ingredient: str, daily_mg: float | None, facts: PatientFacts) -> bool:
    """Doxepin at a known daily dose up to the limit is a hypnotic, not an antidepressant."""
    if ingredient != "doxepin" or daily_mg is None:
        return False
    return daily_mg <= facts.numbers.value("antidepressants", "doxepin-hypnotic-mg")


def is_hypnotic_draft(ingredient: str, dose: Dose, facts: PatientFacts) -> bool | Unavailable:
    """The same of a draft, of which a dose that cannot be read leaves it open."""
    if ingredient == "doxepin" and isinstance(dose.lacks, Unavailable):
        return dose.lacks
    return is_hypnotic(ingredient, dose.daily_mg, facts)


def timing(start: Interval | None, increased: Interval | None, onset: Interval | None, days: int) -> Timing:
    """Where the start or a dose increase lies; the category must hold for the whole of partial dates."""
    if onset is None or start is None:
        return Timing.UNKNOWN
    if any(precedes(when, onset, days) for when in (start, increased) if when):
        return Timing.FITS
    if (onset.first - start.last).days > days:
        return Timing.LONG_STANDING
    return Timing.AFTER if onset.last < start.first else Timing.UNKNOWN


def precedes(when: Interval, onset: Interval, days: int) -> bool:
    """Whether one lies 0 to so many days before the other, whichever days they may mean."""
    return (onset.first - when.last).days >= 0 and (onset.last - when.first).days <= days


def taken(facts: PatientFacts, *sets: str) -> Fact[tuple[Medication, ...]]:
    """What the patient takes of these value sets, doxepin as a hypnotic left out."""
    listed = facts.current_drugs(*sets)
    known = listed.where(lambda m: is_hypnotic_draft(m.ingredient, m.dose, facts) is False)
    unsure = [m.dose.lacks for m in listed.value_or(()) if m.ingredient == "doxepin"]
    return known if known.known else unread(known, *unsure)


def is_strong(sets: frozenset[str]) -> bool:
    return not sets.isdisjoint(STRONG_SETS)
