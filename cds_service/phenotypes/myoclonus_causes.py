"""What on record may explain myoclonus and can be changed, or needs to be known first (MYO-02)."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from cds_service.facts.knowledge import Absent, Fact, Known, all_of, either, unread
from cds_service.facts.patient import CERTAIN_FIRST, Condition, Medication, PatientFacts
from cds_service.fhir.dates import Interval, spell
from cds_service.phenotypes import kidney, labs, myoclonus
from cds_service.phenotypes.labs import Result

VALUES = {"sodium": "mmol/L", "glucose": "mg/dL", "calcium": "mg/dL"}
_INJURIES = {
    "hypoxic-brain-injury": "hypoxic brain injury",
    "cardiac-arrest": "cardiac arrest",
    "stroke": "stroke",
    "head-spinal-injury": "head or spinal injury",
    "brain-tumour": "brain tumor",
}
_PLAIN_SODIUM = ("",)  # a bare number can only be mmol/L or mEq/L, which are the same


class Cause(msgspec.Struct, frozen=True):
    """One possible cause, named by the service in few words."""

    kind: str
    label: str
    source: str
    when: Interval | None = None
    words: str = ""
    """The record's own, where it has any."""
    possible: bool = False
    ingredient: str = ""


Causes = Fact[tuple[Cause, ...]]


def drugs_begun(facts: PatientFacts, onset: Interval | None) -> Causes:
    """Current drugs known to cause myoclonus that were begun in the days before its onset."""
    days = facts.numbers.whole("myoclonus", "drug-days")
    begun = myoclonus.drugs(facts).where(lambda drug: myoclonus.begun_before(drug.start, onset, days)).value_or(())
    made = [Cause("drug", _begun(m, facts), m.source, m.start, ingredient=m.ingredient) for m in begun]
    return either(_each_once(made), facts.unread("medications"))


def _begun(drug: Medication, facts: PatientFacts) -> str:
    """``gabapentin since 20 May``: without the year where it is this one."""
    day = spell(drug.start) if drug.start else ""
    return f"{drug.ingredient} since {day.removesuffix(f' {facts.today.year}') or day}"


def serotonergic_drugs(facts: PatientFacts) -> Causes:
    """Any two current drugs that raise serotonin."""
    found = myoclonus.serotonergic(facts)
    if not found.known or len(found.value) < 2:
        return facts.unread("medications")
    label = " with ".join([m.ingredient for m in found.value])
    return found.read_as(lambda _: (Cause("serotonergic", label, found.sources[0]),))


def kidney_failure(facts: PatientFacts) -> Causes:
    """The newest eGFR of the window below its limit, else a coded failure."""
    limit = facts.numbers.value("myoclonus", "egfr-low")
    reported = kidney.egfr(facts, facts.numbers.whole("myoclonus", "kidney-months"))
    low = reported.provided(lambda rate: rate.amount.definitely_below(limit))
    if low.known:
        return low.read_as(lambda rate: (_measured(rate, "kidney", f"eGFR {rate.amount.comparator}"),))
    coded = _coded(facts, "kidney-failure", "kidney", "kidney failure")
    return coded if coded.known else unread(reported, coded)


def _measured(result: Result, kind: str, name: str) -> Cause:
    return Cause(kind, f"{name}{result.amount.value:g}", result.source, result.when)


def liver_failure(facts: PatientFacts) -> Causes:
    return _coded(facts, "liver-failure", "liver", "liver failure or cirrhosis")


def _coded(facts: PatientFacts, name: str, kind: str, label: str) -> Causes:
    return facts.conditions(name).best(CERTAIN_FIRST).read_as(lambda listed: (_cause(listed, kind, label),))


def low_values(facts: PatientFacts) -> Causes:
    """Sodium, glucose or calcium of the last days below its limit."""
    looked = [_low(facts, name, unit) for name, unit in VALUES.items()]
    return either(_each_once([fact.value for fact in looked if fact.known]), unread(*looked))


def _low(facts: PatientFacts, name: str, unit: str) -> Fact[Cause]:
    days, limit = facts.numbers.whole("myoclonus", "value-days"), facts.numbers.value("myoclonus", f"{name}-low")
    same = _PLAIN_SODIUM if name == "sodium" else ()
    newest = labs.newest(facts, name, unit, lambda day: facts.within_days(day, days), same=same)
    low = newest.provided(lambda result: result.amount.definitely_below(limit))
    return low.read_as(lambda result: _measured(result, name, f"{name} "))


def injuries(facts: PatientFacts) -> Causes:
    """Injury, stroke or tumor of the brain dated in the last months; one that is over is a cause all the same."""
    months = facts.numbers.whole("myoclonus", "injury-months")
    made = [
        _cause(injury, name, label)
        for name, label in _INJURIES.items()
        for listed in (facts.conditions(name), facts.past_conditions(name))
        for injury in listed.value_or(())
        if facts.within_months(injury.since, months)
    ]
    return either(_each_once(made), facts.unread("conditions"))


def _cause(found: Condition, kind: str, label: str) -> Cause:
    return Cause(
        kind, f"possible {label}" if found.possible else label, found.source, found.since, found.words, found.possible
    )


def _each_once(found: Iterable[Cause]) -> Known[tuple[Cause, ...]] | Absent:
    return all_of({cause.label: cause for cause in found}.values())
