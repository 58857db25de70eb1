"""What on record may explain myoclonus and can be changed, or needs to be known first (MYO-02)."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, Known, Unavailable
from cds_service.facts.numbers import Numbers
from cds_service.facts.patient import Condition, Medication, PatientFacts
from cds_service.fhir.dates import Interval, spell, within_days, within_months
from cds_service.phenotypes import kidney, labs, myoclonus

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


def drugs_begun(facts: PatientFacts, numbers: Numbers, onset: Interval | None) -> Causes:
    """Current drugs known to cause myoclonus that were begun in the days before its onset."""
    found = myoclonus.drugs(facts, numbers)
    days = int(numbers.value("myoclonus", "drug-days"))
    taken = found.value if isinstance(found, Known) else ()
    begun = [m for m in taken if myoclonus.begun_before(m.start, onset, days)]
    made = (Cause("drug", _begun(m, facts), m.source, m.start, ingredient=m.ingredient) for m in begun)
    return _known(made) or _unread(facts.current_drugs())


def _begun(drug: Medication, facts: PatientFacts) -> str:
    """``gabapentin since 20 May``: without the year where it is this one."""
    day = spell(drug.start) if drug.start else ""
    return f"{drug.ingredient} since {day.removesuffix(f' {facts.today.year}') or day}"


def serotonergic_drugs(facts: PatientFacts, numbers: Numbers) -> Causes:
    """Any two current drugs that raise serotonin."""
    found = myoclonus.serotonergic(facts, numbers)
    if not isinstance(found, Known) or len(found.value) < 2:
        return _unread(facts.current_drugs())
    names = [m.ingredient for m in found.value]
    return Known((Cause("serotonergic", " with ".join(names), found.sources[0]),), found.sources)


def kidney_failure(facts: PatientFacts, numbers: Numbers) -> Causes:
    """The newest eGFR of the window below its limit, else a coded failure."""
    months = numbers.months("myoclonus", "kidney-months")
    found = kidney.egfr(facts, kidney.within(facts, months))
    if isinstance(found, Known) and found.value.amount.definitely_below(numbers.value("myoclonus", "egfr-low")):
        low = found.value
        label = f"eGFR {low.amount.comparator}{low.amount.value:g}"
        return Known((Cause("kidney", label, low.source, low.when),), found.sources)
    coded = _coded(facts, "kidney-failure", "kidney", "kidney failure")
    return found if isinstance(found, Unavailable) and not isinstance(coded, Known) else coded


def liver_failure(facts: PatientFacts) -> Causes:
    return _coded(facts, "liver-failure", "liver", "liver failure or cirrhosis")


def _coded(facts: PatientFacts, name: str, kind: str, label: str) -> Causes:
    found = facts.conditions(name)
    if not isinstance(found, Known):
        return found
    best = min(found.value, key=lambda c: c.possible)
    return Known((_cause(best, kind, label),), (best.source,))


def low_values(facts: PatientFacts, numbers: Numbers) -> Causes:
    """Sodium, glucose or calcium of the last days below its limit."""
    days = int(numbers.value("myoclonus", "value-days"))
    low: list[Cause] = []
    unread: Unavailable | None = None
    for name, unit in VALUES.items():
        same = _PLAIN_SODIUM if name == "sodium" else ()
        limit = numbers.value("myoclonus", f"{name}-low")
        found = labs.newest(facts, name, unit, lambda when: within_days(when, days, facts.today), same=same)
        if isinstance(found, Unavailable):
            unread = found
        elif isinstance(found, Known) and found.value.amount.definitely_below(limit):
            result = found.value
            low.append(Cause(name, f"{name} {result.amount.value:g}", result.source, result.when))
    return _known(low) or unread or ABSENT


def injuries(facts: PatientFacts, numbers: Numbers) -> Causes:
    """Injury, stroke or tumor of the brain dated in the last months; one that is over is a cause all the same."""
    months = numbers.months("myoclonus", "injury-months")
    made = []
    for name, label in _INJURIES.items():
        for fact in (facts.conditions(name), facts.past_conditions(name)):
            dated = [c for c in fact.value if c.since] if isinstance(fact, Known) else []
            recent = [c for c in dated if c.since and within_months(c.since, months, facts.today)]
            made += [_cause(c, name, label) for c in recent]
    return _known(made) or _unread(facts.conditions())


def _cause(found: Condition, kind: str, label: str) -> Cause:
    known = f"possible {label}" if found.possible else label
    return Cause(kind, known, found.source, found.since, found.words, found.possible)


def _known(found: Iterable[Cause]) -> Known[tuple[Cause, ...]] | None:
    """Each label once."""
    kept = tuple({cause.label: cause for cause in found}.values())
    return Known(kept, tuple(cause.source for cause in kept)) if kept else None


def _unread(rest: Fact[object]) -> Causes:
    """Nothing was found: absent only if all could be read."""
    return rest if isinstance(rest, Unavailable) else ABSENT
