"""What on record may explain myoclonus and can be changed, or needs to be known first (MYO-02)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import msgspec

from cds_service.facts.knowledge import ABSENT, Absent, Fact, Unavailable, all_of, either, unread
from cds_service.facts.patient import CERTAIN_FIRST, Condition, Medication, PatientFacts
from cds_service.facts.words import Value
from cds_service.fhir.dates import Interval
from cds_service.phenotypes import kidney, labs, myoclonus
from cds_service.phenotypes.kidney import Clearance
from cds_service.phenotypes.labs import Result
from cds_service.phenotypes.therapy import upper

VALUES = {"sodium": "mmol/L", "glucose": "mg/dL", "calcium": "mg/dL"}
INJURIES = ("hypoxic-brain-injury", "cardiac-arrest", "stroke", "head-spinal-injury", "brain-tumour")
_START_LOST = "the start of a drug cannot be read"
_PLAIN_SODIUM = ("",)  # a bare number can only be mmol/L or mEq/L, which are the same


class Cause(msgspec.Struct, frozen=True):
    """One possible cause."""

    kind: str
    """``drug``, ``serotonergic``, ``kidney``, ``liver``, or one of ``DOSES``, ``VALUES`` and ``INJURIES``."""
    source: str
    when: Interval | None = None
    words: str = ""
    """The record's own, where it has any."""
    possible: bool = False
    ingredients: tuple[str, ...] = ()
    """The drug, or the drugs that do it together."""
    amount: str = ""
    """What was measured, in the unit of its limit."""
    dose: Value = None
    """The daily dose of a drug, in mg, where it is over the limit of its label."""
    limit: float = 0
    rate: Clearance | None = None
    """What kidney function the dose is held against."""
    shown_rate: str = ""
    measured: Interval | None = None
    """The day of a result that speaks against a drug."""
    sets: frozenset[str] = frozenset()
    """The value sets of the drug."""
    stale: Medication | None = None
    """The drug, or one of two, of which only an old entry tells that it is taken."""

    @property
    def drug(self) -> str:
        """The drug, or the first of several; none for other causes."""
        return self.ingredients[0] if self.ingredients else ""


DOSES = ("over-dose", "lithium", "lithium-level")
"""Kinds in which it is the dose of a drug that counts, whenever it was begun."""
Causes = Fact[tuple[Cause, ...]]


def drugs_begun(facts: PatientFacts, onset: Interval | None) -> Causes:
    """Current drugs known to cause myoclonus that were begun in the days before its onset."""
    days = facts.numbers.whole("myoclonus", "drug-days")
    taken = myoclonus.drugs(facts)
    begun = taken.where(lambda drug: myoclonus.begun_before(drug.start, onset, days)).value_or(())
    made = [_taken(drug, "drug") for drug in begun]
    undated = onset is not None and any(drug.start_unreadable for drug in taken.value_or(()))
    lost: Causes = Unavailable(f"medications: {_START_LOST}") if undated else ABSENT
    return either(_each_once(made), facts.unread("medications"), lost)


def doses_over_the_label(facts: PatientFacts) -> Causes:
    """Gabapentin or pregabalin above its label's largest daily dose for this kidney function, whenever begun."""
    taken, function = facts.current_drugs("gabapentinoid"), kidney.clearance(facts)
    if not taken.known or not function.known:
        return unread(taken) if not taken.known else unread(function)
    rate, made = function.value, []
    untold: Absent | Unavailable = ABSENT
    for drug in taken.value:
        if drug.ingredient not in kidney.GABAPENTINOIDS:
            continue
        band = kidney.gabapentinoid(drug.ingredient, facts)
        limit = band(rate.highest)
        if drug.dose.daily_mg is None and limit < math.inf:
            untold = Unavailable(f"medications: {drug.dose.why_not}")
        elif drug.dose.daily_mg is not None and drug.dose.daily_mg > limit:
            made.append(
                _taken(drug, "over-dose", dose=upper(drug.dose), limit=limit, rate=rate, shown_rate=rate.shown(band))
            )
    return either(_each_once(made), untold)


def lithium(facts: PatientFacts) -> Causes:
    """Lithium with a level above its range, or with a kidney function that asks for less, whenever begun."""
    taken = facts.current_drugs("lithium").first()
    if not taken.known:
        return unread(taken)
    level = _high_lithium(facts)
    if level.known:
        return level.read_as(
            lambda result: (_taken(taken.value, "lithium-level", amount=str(result), measured=result.when),)
        )
    limit = facts.numbers.value("myoclonus", "lithium-egfr-low")
    reported = kidney.egfr(facts, facts.numbers.whole("kidney", "months"))
    low = reported.provided(lambda rate: rate.amount.definitely_below(limit))
    found = low.read_as(lambda rate: (_taken(taken.value, "lithium", amount=str(rate), measured=rate.when),))
    return either(found, unread(level))


def _high_lithium(facts: PatientFacts) -> Fact[Result]:
    days, usual = (facts.numbers.value("myoclonus", f"lithium-level-{name}") for name in ("days", "high"))
    newest = labs.newest(facts, "lithium-level", "mmol/L", lambda day: facts.within_days(day, int(days)), same=("",))
    return newest.provided(lambda result: _is_over(result, usual))


def _is_over(level: Result, usual: float) -> bool:
    limit = level.high.value if level.high else usual
    return level.amount.definitely_at_least(limit) and (level.amount.value > limit or level.amount.comparator == ">")


def _taken(drug: Medication, kind: str, **more: Any) -> Cause:
    stale = drug if drug.old else None
    return Cause(kind, drug.source, drug.start, ingredients=(drug.ingredient,), sets=drug.sets, stale=stale, **more)


def serotonergic_drugs(facts: PatientFacts) -> Causes:
    """Any two current drugs that raise serotonin, those of late before those that only an old entry tells of."""
    found = myoclonus.serotonergic(facts)
    if not found.known or len(found.value) < 2:
        return facts.unread("medications")
    drugs = sorted(found.value, key=lambda m: m.old)
    together = tuple([m.ingredient for m in drugs])
    stale = drugs[1] if drugs[1].old else None
    return found.read_as(
        lambda _: (Cause("serotonergic", drugs[0].source, ingredients=together, sets=drugs[0].sets, stale=stale),)
    )


def kidney_failure(facts: PatientFacts) -> Causes:
    """The newest eGFR of the window below its limit; without one, a coded failure."""
    limit = facts.numbers.value("myoclonus", "egfr-low")
    reported = kidney.egfr(facts, facts.numbers.whole("myoclonus", "kidney-months"))
    low = reported.provided(lambda rate: rate.amount.definitely_below(limit))
    if low.known:
        return low.read_as(lambda rate: (_measured(rate, "kidney"),))
    if reported.known:
        return ABSENT
    coded = _coded(facts, "kidney-failure", "kidney")
    return coded if coded.known else unread(reported, coded)


def _measured(result: Result, kind: str) -> Cause:
    return Cause(kind, result.source, result.when, amount=str(result))


def liver_failure(facts: PatientFacts) -> Causes:
    return _coded(facts, "liver-failure", "liver")


def _coded(facts: PatientFacts, name: str, kind: str) -> Causes:
    return facts.conditions(name).best(CERTAIN_FIRST).read_as(lambda listed: (_cause(listed, kind),))


def low_values(facts: PatientFacts) -> Causes:
    """Sodium, glucose or calcium of the last days below its limit."""
    looked = [_low(facts, name, unit) for name, unit in VALUES.items()]
    return either(_each_once([fact.value for fact in looked if fact.known]), unread(*looked))


def _low(facts: PatientFacts, name: str, unit: str) -> Fact[Cause]:
    days, limit = facts.numbers.whole("myoclonus", "value-days"), facts.numbers.value("myoclonus", f"{name}-low")
    same = _PLAIN_SODIUM if name == "sodium" else ()
    newest = labs.newest(facts, name, unit, lambda day: facts.within_days(day, days), same=same)
    low = newest.provided(lambda result: result.amount.definitely_below(limit))
    return low.read_as(lambda result: _measured(result, name))


def injuries(facts: PatientFacts) -> Causes:
    """Injury, stroke or tumor of the brain dated in the last months; one that is over is a cause all the same."""
    months = facts.numbers.whole("myoclonus", "injury-months")
    made = [
        _cause(injury, name)
        for name in INJURIES
        for listed in (facts.conditions(name), facts.past_conditions(name))
        for injury in listed.value_or(())
        if facts.within_months(injury.since, months)
    ]
    return either(_each_once(made), facts.unread("conditions", *INJURIES))


def _cause(found: Condition, kind: str) -> Cause:
    return Cause(kind, found.source, found.since, found.words, found.possible)


def _each_once(found: Iterable[Cause]) -> Causes:
    return all_of({(cause.kind, cause.ingredients, cause.possible): cause for cause in found}.values())
