"""What on record may explain myoclonus and can be changed, or needs to be known first (MYO-02)."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, Unavailable, all_of, either, unread
from cds_service.facts.patient import CERTAIN_FIRST, Condition, Medication, PatientFacts
from cds_service.fhir.dates import Interval
from cds_service.phenotypes import kidney, labs, myoclonus
from cds_service.phenotypes.labs import Result

VALUES = {"sodium": "mmol/L", "glucose": "mg/dL", "calcium": "mg/dL"}
INJURIES = ("hypoxic-brain-injury", "cardiac-arrest", "stroke", "head-spinal-injury", "brain-tumour")
_START_LOST = "the start of a drug cannot be read"
_PLAIN_SODIUM = ("",)  # a bare number can only be mmol/L or mEq/L, which are the same


class Cause(msgspec.Struct, frozen=True):
    """One possible cause."""

    kind: str
    """``drug``, ``serotonergic``, ``kidney``, ``liver``, a value of ``VALUES`` or an injury of ``INJURIES``."""
    source: str
    when: Interval | None = None
    words: str = ""
    """The record's own, where it has any."""
    possible: bool = False
    ingredients: tuple[str, ...] = ()
    """The drug, or the drugs that do it together."""
    amount: str = ""
    """What was measured, in the unit of its limit."""
    stale: Medication | None = None
    """The drug, or one of two, of which only an old entry tells that it is taken."""


Causes = Fact[tuple[Cause, ...]]


def drugs_begun(facts: PatientFacts, onset: Interval | None) -> Causes:
    """Current drugs known to cause myoclonus that were begun in the days before its onset."""
    days = facts.numbers.whole("myoclonus", "drug-days")
    taken = myoclonus.drugs(facts)
    begun = taken.where(lambda drug: myoclonus.begun_before(drug.start, onset, days)).value_or(())
    made = [Cause("drug", m.source, m.start, ingredients=(m.ingredient,), stale=m if m.old else None) for m in begun]
    undated = onset is not None and any(drug.start_unreadable for drug in taken.value_or(()))
    lost: Causes = Unavailable(f"medications: {_START_LOST}") if undated else ABSENT
    return either(_each_once(made), facts.unread("medications"), lost)


def serotonergic_drugs(facts: PatientFacts) -> Causes:
    """Any two current drugs that raise serotonin, those of late before those that only an old entry tells of."""
    found = myoclonus.serotonergic(facts)
    if not found.known or len(found.value) < 2:
        return facts.unread("medications")
    drugs = sorted(found.value, key=lambda m: m.old)
    together = tuple([m.ingredient for m in drugs])
    stale = drugs[1] if drugs[1].old else None
    return found.read_as(lambda _: (Cause("serotonergic", found.sources[0], ingredients=together, stale=stale),))


def kidney_failure(facts: PatientFacts) -> Causes:
    """The newest eGFR of the window below its limit, else a coded failure."""
    limit = facts.numbers.value("myoclonus", "egfr-low")
    reported = kidney.egfr(facts, facts.numbers.whole("myoclonus", "kidney-months"))
    low = reported.provided(lambda rate: rate.amount.definitely_below(limit))
    if low.known:
        return low.read_as(lambda rate: (_measured(rate, "kidney"),))
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
