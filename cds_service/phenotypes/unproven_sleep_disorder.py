"""Sleep apnea or narcolepsy that is suspected and not yet diagnosed (REF-01 c)."""

from __future__ import annotations

from enum import Enum

import msgspec

from cds_service.facts.knowledge import Fact, Known, either, unread
from cds_service.facts.patient import PatientFacts
from cds_service.facts.words import Record, Value, listed
from cds_service.fhir.dates import Interval
from cds_service.phenotypes import sleep_apnea


class Disorder(Enum):
    APNEA = "sleep-apnea"
    NARCOLEPSY = "narcolepsy"


class Suspected(msgspec.Struct, frozen=True):
    disorder: Disorder
    words: Value
    when: Interval | None
    measured: bool = False
    """An index, which has a day, and no beginning."""


def suspected(facts: PatientFacts) -> Fact[Suspected]:
    """An apnea index over its limit, snoring with sleepiness, or a diagnosis that is not confirmed."""
    return either(_apnea(facts), _narcolepsy(facts))


def _apnea(facts: PatientFacts) -> Fact[Suspected]:
    found = sleep_apnea.apnea(facts)
    if found.known:
        unproven = found.provided(lambda seen: seen.possible or not seen.diagnosed)
        return unproven.read_as(lambda seen: Suspected(Disorder.APNEA, seen.words, seen.when, not seen.diagnosed))
    snoring = _snoring(facts)
    return snoring if snoring.known else unread(found, snoring)


def _snoring(facts: PatientFacts) -> Fact[Suspected]:
    snores, sleepy = facts.conditions("snoring"), facts.conditions("hypersomnia")
    if not (snores.known and sleepy.known):
        return either(unread(snores), unread(sleepy))
    words = listed((Record(snores.value[0].words), Record(sleepy.value[0].words)), "comma")
    return Known(Suspected(Disorder.APNEA, words, snores.value[0].since), snores.sources + sleepy.sources)


def _narcolepsy(facts: PatientFacts) -> Fact[Suspected]:
    unproven = facts.conditions("narcolepsy").provided(lambda listed: all(c.possible for c in listed))
    return unproven.read_as(lambda told: Suspected(Disorder.NARCOLEPSY, Record(told[0].words), told[0].since))
