"""Dementia, cognitive impairment, or a low score alone (clinical specification 2.2 DEM, MCI and CLZ-01)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, Known, either
from cds_service.facts.patient import Condition, Observation, PatientFacts
from cds_service.fhir.dates import Interval, within_months
from cds_service.phenotypes.numbers import Numbers

DEMENTIA_SETS = ("alzheimer-disease", "dementia-with-lewy-bodies", "creutzfeldt-jakob-disease", "dementia")
SCORE_SETS = ("moca-total", "mmse-total")
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
    return either(certain, impaired, low_score(facts, numbers))


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
    found = facts.observations(*SCORE_SETS)
    if not isinstance(found, Known):
        return found
    window = numbers.months("cognition", "score-months")
    newest = _newest_per_test(o for o in found.value if o.day and within_months(o.day, window, facts.today))
    for name, score in newest.items():
        if score.value is not None and score.value < numbers.value("cognition", f"{name}-low"):
            words = f"{'MoCA' if name == 'moca-total' else 'MMSE'} {score.value:g}"
            return Known(
                Decline(Kind.LOW_SCORE, f"low {words}", words, score.day, False, score.sets, score.source),
                (score.source,),
            )
    return ABSENT


def _newest_per_test(found: Iterable[Observation]) -> dict[str, Observation]:
    kept: dict[str, Observation] = {}
    for score in found:
        name = next(s for s in SCORE_SETS if s in score.sets)
        kept.setdefault(name, score)
    return kept
