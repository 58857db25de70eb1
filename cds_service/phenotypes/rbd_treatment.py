"""Melatonin and clonazepam for RBD on record: taken, to come, over, refused or without effect."""

from __future__ import annotations

from cds_service.facts.attempts import Outcome
from cds_service.facts.knowledge import Fact, Known, either, unread
from cds_service.facts.patient import Medication, PatientFacts
from cds_service.phenotypes import rbd

_DRUGS = ("melatonin", "clonazepam")
_VIOLENT = ("injury", "complex-movements")


def treated(facts: PatientFacts, months: int) -> Fact[object]:
    """Either drug is taken, drafted or on hold, lapsed, or was taken within the months; an end not told counts."""
    taken: Fact[object] = facts.current_drugs(*_DRUGS)
    to_come = facts.attempts(*_DRUGS).where(lambda one: one.outcome is Outcome.TO_COME)
    return either(taken, to_come, facts.past_drugs(*_DRUGS).where(lambda drug: _is_recent(drug, facts, months)))


def _is_recent(drug: Medication, facts: PatientFacts, months: int) -> bool:
    last = drug.ended or drug.written
    return drug.lapsed is not None or last is None or facts.within_months(last, months)


def given_up(facts: PatientFacts) -> Fact[object]:
    """Melatonin did not help, or either drug was refused, whenever that was."""
    without_effect = facts.attempts("melatonin").where(lambda one: one.outcome is Outcome.WITHOUT_EFFECT)
    return either(without_effect, facts.attempts(*_DRUGS).where(lambda one: one.outcome is Outcome.REFUSED))


def violent(facts: PatientFacts, months: int) -> Fact[tuple[str, ...]]:
    """Which of injury and complex movements was told within the months."""
    flags = rbd.flags(facts)
    told = [name for name in _VIOLENT if flags[name].yes and facts.within_months(flags[name].when, months)]
    if told:
        return Known(tuple(told), tuple([flags[name].source for name in told]))
    return unread(*[facts.answer(name) for name in _VIOLENT])
