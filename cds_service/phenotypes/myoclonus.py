"""Myoclonus, and what can cause it: drugs, organ failure, laboratory values, injury of the brain (MYO-01, MYO-02)."""

from __future__ import annotations

from collections.abc import Iterable

from cds_service.facts.knowledge import ABSENT, Fact, Known
from cds_service.facts.numbers import Numbers
from cds_service.facts.patient import Condition, Medication, PatientFacts
from cds_service.fhir.dates import Interval, within_months
from cds_service.phenotypes.antidepressants import is_hypnotic_doxepin
from cds_service.phenotypes.cognition import DEMENTIA_SETS
from cds_service.terminology.phrases import words

CAUSE_SETS = (
    "ssri",
    "snri",
    "tca",
    "opioid",
    "gabapentinoid",
    "carbamazepine-oxcarbazepine",
    "phenytoin",
    "valproate",
    "lithium",
    "amantadine",
    "cefepime",
    "bismuth",
    "myoclonus-cause-by-name",
)
"""Drugs that can cause myoclonus."""

SEROTONERGIC_SETS = ("ssri", "snri", "tca", "maoi", "other-antidepressant", "trazodone-nefazodone", "triptan")
SEROTONERGIC_OPIOIDS = frozenset({"tramadol", "meperidine", "methadone", "fentanyl", "tapentadol"})

KIDNEY_CLEARED_SETS = ("gabapentinoid", "opioid", "cefepime")
"""Drugs of which they or their products accumulate when the kidneys fail."""

_PRION = "creutzfeldt-jakob-disease"
_ASLEEP = frozenset({"sleep", "asleep", "nocturnal", "hypnic", "hypnagogic"})

# Pitton Rissardo 2025. Other SSRIs and tricyclics, all SNRIs and the other opioids stand lower there.
_LEVEL_A = frozenset(
    {
        "citalopram",
        "escitalopram",
        "paroxetine",
        "sertraline",
        "amitriptyline",
        "morphine",
        "fentanyl",
        "gabapentin",
        "pregabalin",
        "carbamazepine",
        "oxcarbazepine",
        "phenytoin",
        "valproate",
        "lithium",
        "amantadine",
        "clozapine",
        "quetiapine",
        "cefepime",
        "ceftazidime",
        "ciprofloxacin",
        "bismuth",
    }
)


def is_level_a(ingredient: str) -> bool:
    """Whether a systematic review rates the evidence that it causes myoclonus at its highest level."""
    return ingredient in _LEVEL_A


def diagnosis(facts: PatientFacts, *sets: str) -> Fact[Condition]:
    """The active diagnosis of myoclonus (or of ``sets``): certain before possible, then the earliest."""
    found = facts.conditions(*(sets or ("myoclonus",)))
    if not isinstance(found, Known):
        return found
    best = min(found.value, key=lambda c: (c.possible, c.since is None, c.since.first if c.since else facts.today))
    return Known(best, (best.source,))


def only_asleep(facts: PatientFacts, disorder: Condition, numbers: Numbers) -> Fact[str]:
    """Whether the jerks come only in sleep, by the words of the diagnosis or by an answer that is still valid."""
    if not _ASLEEP.isdisjoint(words(disorder.words)):
        return Known(disorder.words, (disorder.source,))
    told = facts.answer("only-at-sleep-onset")
    if not isinstance(told, Known):
        return told
    answer, months = told.value, numbers.months("rbd", "yes-months")
    valid = answer.yes and answer.day is not None and within_months(answer.day, months, facts.today)
    return Known("only at sleep onset", (answer.source,)) if valid else ABSENT


def drugs(facts: PatientFacts, numbers: Numbers, *sets: str) -> Fact[tuple[Medication, ...]]:
    """Current drugs that can cause myoclonus, or those of ``sets``."""
    found = facts.current_drugs(*(sets or CAUSE_SETS))
    return _kept(m for m in found.value if not _hypnotic(m, numbers)) if isinstance(found, Known) else found


def serotonergic(facts: PatientFacts, numbers: Numbers) -> Fact[tuple[Medication, ...]]:
    """Current drugs that raise serotonin or act like it."""
    found = facts.current_drugs(*SEROTONERGIC_SETS, "opioid")
    if not isinstance(found, Known):
        return found
    return _kept(m for m in found.value if _raises_serotonin(m) and not _hypnotic(m, numbers))


def rapid_dementia(facts: PatientFacts, months: int) -> Condition | None:
    """Creutzfeldt-Jakob disease, or a dementia that is new: beside new jerks a reason to hurry."""
    found = facts.conditions(*DEMENTIA_SETS)
    if not isinstance(found, Known):
        return None
    fast = [c for c in found.value if _PRION in c.sets or (c.since and within_months(c.since, months, facts.today))]
    return min(fast, key=lambda c: (_PRION not in c.sets, c.possible), default=None)


def begun_before(start: Interval | None, onset: Interval | None, days: int) -> bool:
    """Whether some start and onset that the dates may mean lie 0 to ``days`` days apart, the start first."""
    if start is None or onset is None:
        return False
    return start.first <= onset.last and (onset.first - start.last).days <= days


def _kept(wanted: Iterable[Medication]) -> Fact[tuple[Medication, ...]]:
    kept = tuple(wanted)
    return Known(kept, tuple(m.source for m in kept)) if kept else ABSENT


def _raises_serotonin(drug: Medication) -> bool:
    return not drug.sets.isdisjoint(SEROTONERGIC_SETS) or drug.ingredient in SEROTONERGIC_OPIOIDS


def _hypnotic(drug: Medication, numbers: Numbers) -> bool:
    limit = numbers.value("antidepressants", "doxepin-hypnotic-mg")
    return is_hypnotic_doxepin(drug.ingredient, drug.dose.daily_mg, limit)
