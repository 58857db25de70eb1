"""What an antidepressant is given for, as far as it changes what may be said of it (MED-01, MED-02)."""

from __future__ import annotations

from enum import Enum

from cds_service.facts.patient import Medication, Order, PatientFacts

_MIND = frozenset({"depression", "anxiety", "panic", "ptsd", "obsessive-compulsive-disorder", "eating-disorder"})
_CATAPLEXY = "narcolepsy"
_PARKINSON = "parkinson-disease"


class Purpose(Enum):
    """The rows of the table of MED-01."""

    MIND = "mind"
    """A disorder of mood or anxiety; so is what states no reason and is explained by no diagnosis."""
    CATAPLEXY = "cataplexy"
    PARKINSON = "parkinson"
    """An MAO-B inhibitor in Parkinson's disease."""
    OTHER = "other"
    """Pain, migraine or any other stated use; an MAO-B inhibitor that is given for nothing of this."""


def purpose(therapy: Order | Medication, facts: PatientFacts) -> Purpose:
    """The stated reason; without one, the only active diagnosis that the drug treats."""
    stated = therapy.reasons
    if stated & _MIND:
        return Purpose.MIND
    if _CATAPLEXY in stated:
        return Purpose.CATAPLEXY
    told = bool(stated or therapy.reason_words)
    if therapy.drug is not None and "maob" in therapy.drug.sets:
        treated = stated if told else stated | ({_PARKINSON} if facts.conditions(_PARKINSON).known else set())
        return Purpose.PARKINSON if _PARKINSON in treated else Purpose.OTHER
    if told or therapy.reasons_unreadable:
        return Purpose.OTHER
    only_narcolepsy = facts.conditions(_CATAPLEXY).known and not facts.conditions(*_MIND).known
    return Purpose.CATAPLEXY if only_narcolepsy else Purpose.MIND
