"""Dementia, cognitive impairment, or a low score alone (clinical specification 2.2 DEM, MCI and CLZ-01)."""

from __future__ import annotations

from enum import Enum

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, Known, either
from cds_service.facts.numbers import Numbers
from cds_service.facts.patient import Condition, PatientFacts
from cds_service.fhir.dates import Interval, within_months
from cds_service.phenotypes import labs

DEMENTIA_SETS = ("alzheimer-disease", "dementia-with-lewy-bodies", "creutzfeldt-jakob-disease", "dementia")
_SCORES = {"moca-total": "MoCA", "mmse-total": "MMSE"}
_LABELS = {
    "alzheimer-disease": "Alzheimer's disease",
    "dementia-with-lewy-bodies": "Lewy body dementia",
    "creutzfeldt-jakob-disease": "Creutzfeldt-Jakob disease",
    "dementia": "dementia",
}


class Kind(Enum):
    DEMENTIA = "dementia"
    IMPAIRMENT = "mild cognitive impairment"
    LOW_SCORE = "low cognitive score"


class Decline(msgspec.Struct, frozen=True):
    """What the record says of the patient's thinking, in our own short label and in its words."""

    kind: Kind
    label: str
    words: str
    since: Interval | None
    possible: bool
    sets: frozenset[str]
    source: str


def decline(facts: PatientFacts, numbers: Numbers) -> Fact[Decline]:
    """The most serious of dementia, mild cognitive impairment, and a newest MoCA or MMSE below its limit."""
    certain, impaired = dementia(facts), _diagnosis(facts.conditions("mild-cognitive-impairment"), Kind.IMPAIRMENT)
    if _is_possible(certain) and isinstance(impaired, Known) and not impaired.value.possible:
        return impaired
    coded = either(certain, impaired)
    return coded if isinstance(coded, Known) else either(coded, low_score(facts, numbers))


def _is_possible(found: Fact[Decline]) -> bool:
    return isinstance(found, Known) and found.value.possible


def dementia(facts: PatientFacts) -> Fact[Decline]:
    return _diagnosis(facts.conditions(*DEMENTIA_SETS), Kind.DEMENTIA)


def label_of(condition: Condition) -> str:
    """The service's own short name for a dementia."""
    return next((_LABELS[s] for s in DEMENTIA_SETS if s in condition.sets), "dementia")


def _diagnosis(found: Fact[tuple[Condition, ...]], kind: Kind) -> Fact[Decline]:
    if not isinstance(found, Known):
        return found
    best = min(found.value, key=lambda c: (c.possible, _rank(c)))
    label = label_of(best) if kind is Kind.DEMENTIA else kind.value
    label = f"possible {label}" if best.possible else label
    return Known(Decline(kind, label, best.words, best.since, best.possible, best.sets, best.source), (best.source,))


def _rank(condition: Condition) -> int:
    return next((n for n, name in enumerate(DEMENTIA_SETS) if name in condition.sets), len(DEMENTIA_SETS))


def low_score(facts: PatientFacts, numbers: Numbers) -> Fact[Decline]:
    """The newest MoCA or MMSE of the window, if it is below its limit."""
    return either(*(_low(facts, numbers, name, title) for name, title in _SCORES.items()))


def _low(facts: PatientFacts, numbers: Numbers, name: str, title: str) -> Fact[Decline]:
    window = numbers.months("cognition", "score-months")
    found = labs.newest(facts, name, "{score}", lambda day: within_months(day, window, facts.today), same=("",))
    if not isinstance(found, Known):
        return found
    score = found.value
    if not score.amount.definitely_below(numbers.value("cognition", f"{name}-low")):
        return ABSENT
    words = f"{title} {score.amount.value:g}"
    low = Decline(Kind.LOW_SCORE, f"low {words}", words, score.when, False, frozenset({name}), score.source)
    return Known(low, (score.source,))
