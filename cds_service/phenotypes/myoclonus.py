"""Myoclonus, and what can cause it: drugs, organ failure, laboratory values, injury of the brain (MYO-01, MYO-02)."""

from __future__ import annotations

from cds_service.facts.knowledge import Fact, Known
from cds_service.facts.patient import Condition, Medication, PatientFacts
from cds_service.facts.words import Record, Said, Value, dated, phrasing, since
from cds_service.fhir.dates import Interval
from cds_service.phenotypes import antidepressants
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

KIDNEY_CLEARED_SETS = ("gabapentinoid", "opioid", "cefepime", "lithium")
"""Drugs of which they or their products accumulate when the kidneys fail."""

_NAMES = {
    (False, False): phrasing("myoclonus")(),
    (False, True): phrasing("myoclonus-first")(),
    (True, False): phrasing("possible-myoclonus")(),
    (True, True): phrasing("possible-myoclonus-first")(),
}
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
    return facts.conditions(*(sets or ("myoclonus",))).best(
        lambda c: (c.possible, c.since is None, c.since.first if c.since else facts.today)
    )


def name(disorder: Condition, *, first: bool = False) -> Said:
    """Our own name for it; ``first`` where a sentence begins with it."""
    return _NAMES[disorder.possible, first]


def told(found: Condition) -> Value:
    """A diagnosis in the record's words, with its date."""
    return dated(Record(found.words), since(found.since), unsure=found.possible)


def only_asleep(facts: PatientFacts, disorder: Condition) -> Fact[object]:
    """Whether the jerks come only in sleep, by the words of the diagnosis or by an answer that is still valid."""
    if not _ASLEEP.isdisjoint(words(disorder.words)):
        return Known(disorder.words, (disorder.source,))
    months = facts.numbers.whole("rbd", "yes-months")
    asked = facts.answer("only-at-sleep-onset")
    return asked.provided(lambda answer: answer.yes and facts.within_months(answer.day, months))


def drugs(facts: PatientFacts, *sets: str) -> Fact[tuple[Medication, ...]]:
    """Current drugs that can cause myoclonus, or those of ``sets``."""
    return antidepressants.taken(facts, *(sets or CAUSE_SETS))


def serotonergic(facts: PatientFacts) -> Fact[tuple[Medication, ...]]:
    """Current drugs that raise serotonin or act like it."""
    return antidepressants.taken(facts, *SEROTONERGIC_SETS, "opioid").where(
        lambda drug: not drug.sets.isdisjoint(SEROTONERGIC_SETS) or drug.ingredient in SEROTONERGIC_OPIOIDS
    )


def rapid_dementia(facts: PatientFacts) -> Condition | None:
    """Creutzfeldt-Jakob disease, or a dementia that is new: beside new jerks a reason to hurry."""
    months = facts.numbers.whole("myoclonus", "dementia-months")
    fast = facts.conditions(*DEMENTIA_SETS).where(lambda c: _PRION in c.sets or facts.within_months(c.since, months))
    return fast.best(lambda c: (_PRION not in c.sets, c.possible)).value_or(None)


def begun_before(start: Interval | None, onset: Interval | None, days: int) -> bool:
    """Whether some start and onset that the dates may mean lie 0 to ``days`` days apart, the start first."""
    if start is None or onset is None:
        return False
    return start.first <= onset.last and (onset.first - start.last).days <= days
