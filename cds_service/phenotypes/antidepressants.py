"""Drugs that can cause or worsen RBD, by how sure that is (clinical specification 2.2, MED-01, MED-02)."""

from __future__ import annotations

from enum import Enum

from cds_service.facts.knowledge import Known
from cds_service.facts.patient import Medication, PatientFacts
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


def is_hypnotic_doxepin(ingredient: str, daily_mg: float | None, limit_mg: float) -> bool:
    """Doxepin at a known daily dose up to the limit is a hypnotic, not an antidepressant."""
    return ingredient == "doxepin" and daily_mg is not None and daily_mg <= limit_mg


def timing(start: Interval | None, increased: Interval | None, onset: Interval | None, days: int) -> Timing:
    """Where the start or a dose increase lies; the category must hold for the whole of partial dates."""
    if onset is None or start is None:
        return Timing.UNKNOWN
    if any(_days_before(when, onset, days) for when in (start, increased) if when):
        return Timing.FITS
    if (onset.first - start.last).days > days:
        return Timing.LONG_STANDING
    return Timing.AFTER if onset.last < start.first else Timing.UNKNOWN


def _days_before(when: Interval, onset: Interval, days: int) -> bool:
    return (onset.first - when.last).days >= 0 and (onset.last - when.first).days <= days


def current(facts: PatientFacts, doxepin_limit_mg: float) -> tuple[Medication, ...]:
    """The associated drugs that the patient takes; unavailable data give none: ask ``facts.current_drugs`` as well."""
    found = facts.current_drugs(*SETS)
    if not isinstance(found, Known):
        return ()
    return tuple(m for m in found.value if not is_hypnotic_doxepin(m.ingredient, m.dose.daily_mg, doxepin_limit_mg))


def is_strong(sets: frozenset[str]) -> bool:
    return not sets.isdisjoint(STRONG_SETS)
