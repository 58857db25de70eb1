"""Dream enactment that goes on: on treatment, or as injury after injury despite a safe bedroom (REF-01 b, d)."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, Known, Unavailable, unread
from cds_service.facts.patient import Condition, Medication, PatientFacts
from cds_service.fhir.dates import Interval
from cds_service.phenotypes import rbd
from cds_service.phenotypes.bedroom_safety import advised_by
from cds_service.phenotypes.rbd import Flag

_START_LOST = "the start of a drug cannot be read"
_DANGEROUS = ("complex-movements", "injury")


class Unhelped(msgspec.Struct, frozen=True):
    """A drug for RBD, and the sign that was told when it had been taken long enough."""

    disorder: Condition
    drug: Medication
    start: Interval
    sign: str
    told: Interval


def on_treatment(facts: PatientFacts, weeks: int, melatonin_mg: float) -> Fact[Unhelped]:
    """Active RBD, and complex movements or injury told after so many weeks of clonazepam, or of enough melatonin."""
    disorder, taken = rbd.firm_diagnosis(facts), facts.current_drugs("melatonin", "clonazepam").where(_is_sure)
    if not disorder.known:
        return disorder
    if not taken.known:
        return taken
    told = rbd.flags(facts)
    days = {name: day for name in _DANGEROUS if (day := _told(told[name]))}
    since = [_enough_since(drug, melatonin_mg) for drug in taken.value]
    for drug, start in zip(taken.value, since, strict=True):
        for name, day in days.items():
            if start.known and day.first >= start.value.last + timedelta(weeks=weeks):
                unhelped = Unhelped(disorder.value, drug, start.value, name, day)
                return Known(unhelped, (drug.source, told[name].source))
    earlier = [start.rest if start.known else start for start in since if days]
    return unread(*earlier, *[facts.answer(name) for name in _DANGEROUS])


def _is_sure(drug: Medication) -> bool:
    """Whether more than an old entry shows that it is taken."""
    return not drug.old


def _enough_since(drug: Medication, melatonin_mg: float) -> Fact[Interval]:
    """Since when the drug has been taken at a dose that counts: clonazepam at any, melatonin from its limit on."""
    start = drug.start
    if "melatonin" in drug.sets:
        if drug.dose.daily_mg is None:
            return drug.dose.lacks
        if drug.dose.daily_mg < melatonin_mg:
            return ABSENT
        if start and drug.increased and drug.increased.last > start.last:
            start = drug.increased
    rest = Unavailable(f"medications: {_START_LOST}") if drug.start_unreadable else ABSENT
    return Known(start, (drug.source,), rest) if start else rest


def _told(flag: Flag) -> Interval | None:
    return flag.when if flag.yes else None


def injured_again(facts: PatientFacts, months: int) -> Fact[tuple[Interval, Interval]]:
    """The first and the last day on which injury was recorded in the window, with safety advice before the last."""
    answers, listed = facts.answers("injury"), facts.conditions("sleep-injury")
    told = [answer.day for answer in answers.value_or(()) if answer.yes]
    told += [condition.since for condition in listed.value_or(())]
    days = [day for day in told if facts.within_months(day, months)]
    if len(days) < 2:
        return unread(answers, listed)
    first, last = min(days, key=lambda day: day.last), max(days, key=lambda day: day.first)
    if last.first <= first.last:
        return ABSENT
    return advised_by(facts, last.first - timedelta(days=1)).read_as(lambda _: (first, last))
