"""Dream enactment that goes on: on treatment, or as injury after injury despite a safe bedroom (REF-01 b, d)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, Known, Unavailable
from cds_service.facts.numbers import Numbers
from cds_service.facts.patient import Condition, Medication, PatientFacts, ScreeningAnswer
from cds_service.fhir.dates import Interval, within_months
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


def on_treatment(facts: PatientFacts, numbers: Numbers, weeks: int, melatonin_mg: float) -> Fact[Unhelped]:
    """Active RBD, and complex movements or injury told after so many weeks of clonazepam, or of enough melatonin."""
    disorder = rbd.diagnosis(facts)
    if not isinstance(disorder, Known):
        return disorder
    taken = facts.current_drugs("melatonin", "clonazepam")
    if not isinstance(taken, Known):
        return taken
    told = rbd.flags(facts, numbers)
    for drug in taken.value:
        start = _enough_since(drug, melatonin_mg)
        for name in _DANGEROUS:
            day = _told(told[name])
            if start and day and day.first >= start.last + timedelta(weeks=weeks):
                found = Unhelped(disorder.value, drug, start, name, day)
                return Known(found, (drug.source, told[name].source))
    answers = [facts.answer(name) for name in _DANGEROUS]
    return next((answer for answer in answers if isinstance(answer, Unavailable)), ABSENT)


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
    days = list(_days(answers, listed, months, facts))
    if len(days) < 2:
        return next((fact for fact in (answers, listed) if isinstance(fact, Unavailable)), ABSENT)
    first, last = min(days, key=lambda day: day.last), max(days, key=lambda day: day.first)
    if last.first <= first.last:
        return ABSENT
    advice = advised_by(facts, last.first - timedelta(days=1))
    return Known((first, last), advice.sources) if isinstance(advice, Known) else advice


def _days(
    answers: Fact[tuple[ScreeningAnswer, ...]],
    listed: Fact[tuple[Condition, ...]],
    months: int,
    facts: PatientFacts,
) -> Iterator[Interval]:
    told = [answer.day for answer in answers.value if answer.yes] if isinstance(answers, Known) else []
    told += [condition.since for condition in listed.value] if isinstance(listed, Known) else []
    return (day for day in told if day and within_months(day, months, facts.today))
