"""Dream enactment that goes on: on treatment, or as injury after injury despite a safe bedroom (REF-01 b, d)."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, Known, unread
from cds_service.facts.patient import Condition, Medication, PatientFacts
from cds_service.fhir.dates import Interval
from cds_service.phenotypes import rbd
from cds_service.phenotypes.bedroom_safety import advised_by
from cds_service.phenotypes.rbd import Flag

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
    disorder, taken = rbd.diagnosis(facts), facts.current_drugs("melatonin", "clonazepam").where(_is_sure)
    if not disorder.known:
        return disorder
    if not taken.known:
        return taken
    told = rbd.flags(facts)
    for drug in taken.value:
        start = _enough_since(drug, melatonin_mg)
        for name in _DANGEROUS:
            day = _told(told[name])
            if start and day and day.first >= start.last + timedelta(weeks=weeks):
                unhelped = Unhelped(disorder.value, drug, start, name, day)
                return Known(unhelped, (drug.source, told[name].source))
    return unread(*[facts.answer(name) for name in _DANGEROUS])


def _is_sure(drug: Medication) -> bool:
    """Whether more than an old entry shows that it is taken."""
    return not drug.old


def _enough_since(drug: Medication, melatonin_mg: float) -> Interval | None:
    """Since when the drug has been taken at a dose that counts: clonazepam at any, melatonin from its limit on."""
    if "melatonin" not in drug.sets:
        return drug.start
    if drug.dose.daily_mg is None or drug.dose.daily_mg < melatonin_mg or drug.start is None:
        return None
    raised = drug.increased
    return raised if raised and raised.last > drug.start.last else drug.start


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
