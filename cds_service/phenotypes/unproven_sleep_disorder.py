"""Sleep apnea or narcolepsy that is suspected and not yet diagnosed (REF-01 c)."""

from __future__ import annotations

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, Known, Unavailable, either
from cds_service.facts.numbers import Numbers
from cds_service.facts.patient import PatientFacts
from cds_service.fhir.dates import Interval
from cds_service.phenotypes import sleep_apnea


class Suspected(msgspec.Struct, frozen=True):
    label: str
    words: str
    when: Interval | None
    measured: bool = False
    """An index, which has a day, and no beginning."""


def suspected(facts: PatientFacts, numbers: Numbers) -> Fact[Suspected]:
    """An apnea index over its limit, snoring with sleepiness, or a diagnosis that is not confirmed."""
    return either(_apnea(facts, numbers), _narcolepsy(facts))


def _apnea(facts: PatientFacts, numbers: Numbers) -> Fact[Suspected]:
    found = sleep_apnea.apnea(facts, numbers)
    if isinstance(found, Known):
        seen = found.value
        if seen.diagnosed and not seen.possible:
            return ABSENT
        return Known(Suspected("sleep apnea", seen.words, seen.when, not seen.diagnosed), found.sources)
    snoring = _snoring(facts)
    return found if isinstance(found, Unavailable) and not isinstance(snoring, Known) else snoring


def _snoring(facts: PatientFacts) -> Fact[Suspected]:
    snores, sleepy = facts.conditions("snoring"), facts.conditions("hypersomnia")
    if not (isinstance(snores, Known) and isinstance(sleepy, Known)):
        return either(*(fact for fact in (snores, sleepy) if isinstance(fact, Unavailable)))
    words = dict.fromkeys((snores.value[0].words, sleepy.value[0].words))
    return Known(Suspected("sleep apnea", ", ".join(words), snores.value[0].since), snores.sources + sleepy.sources)


def _narcolepsy(facts: PatientFacts) -> Fact[Suspected]:
    found = facts.conditions("narcolepsy")
    if not isinstance(found, Known):
        return found
    seen = found.value[0]
    proven = any(not condition.possible for condition in found.value)
    return ABSENT if proven else Known(Suspected("narcolepsy", seen.words, seen.since), found.sources)
