"""What in this patient speaks against valproate, by its label (MYO-03 a)."""

from __future__ import annotations

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, either, unread
from cds_service.facts.patient import CERTAIN_FIRST, Condition, Medication, Order, PatientFacts, Procedure
from cds_service.facts.words import Record, Said
from cds_service.fhir.dates import Interval
from cds_service.phenotypes.pregnancy import Pregnancy, pregnancy

_CONTRACEPTION, _VISIT = "contraception-or-sterility", "contraception-encounter"
_PLACED = ("contraceptive-implant", "contraceptive-device")
_KINDS = {
    _VISIT: "contraception-encounter",
    "contraceptive-implant": "contraception-implant",
    "contraceptive-device": "contraception-device",
}
CONTRAINDICATIONS = ("liver-failure", "polg", "urea-cycle-disorder")


class Hazard(msgspec.Struct, frozen=True):
    """One reason, with the record's words."""

    kind: str
    """``contraindicated``, ``pregnancy``, ``childbearing`` or ``absence``."""
    name: str
    """The value set of the disease; else the kind again."""
    words: Record | Said | None = None
    when: Interval | None = None
    possible: bool = False
    stale: Medication | None = None
    """The drug beside it, where only an old entry tells that it is taken."""


def contraindicated(facts: PatientFacts) -> Fact[Hazard]:
    """Liver failure, POLG disease or a urea cycle disorder, certain before possible."""
    return facts.conditions(*CONTRAINDICATIONS).best(CERTAIN_FIRST).read_as(_contraindication)


def _contraindication(listed: Condition) -> Hazard:
    return _hazard("contraindicated", next(name for name in CONTRAINDICATIONS if name in listed.sets), listed)


def _hazard(kind: str, name: str, listed: Condition) -> Hazard:
    return Hazard(kind, name, Record(listed.words), listed.since, listed.possible)


def fetal_harm(facts: PatientFacts) -> Fact[Hazard]:
    """A pregnancy now; in a man nothing is missing when it could not be looked for."""
    found = pregnancy(facts).read_as(_pregnant)
    return found if found.known or not _male(facts) else ABSENT


def _pregnant(now: Pregnancy) -> Hazard:
    return Hazard("pregnancy", "pregnancy", now.words, now.when, now.possible)


def childbearing_age(facts: PatientFacts) -> Fact[Hazard]:
    """A woman between the two ages, both included; a birth date of a year only must leave no doubt."""
    if _male(facts):
        return ABSENT
    if not (facts.age.known and facts.sex.known):
        return unread(facts.age, facts.sex)
    lowest, highest = (facts.numbers.whole("valproate", f"childbearing-{end}") for end in ("from", "to"))
    fits = facts.age.provided(lambda age: age.at_least(lowest) and age.under(highest + 1))
    return fits.read_as(lambda _: Hazard("childbearing", "childbearing"))


def _male(facts: PatientFacts) -> bool:
    return facts.sex.value_or("") == "male"


def contraception(facts: PatientFacts) -> Fact[object]:
    """Contraception or sterility that lasts: a diagnosis, a visit of late, a procedure, or a current drug."""
    visited = facts.past_conditions(_VISIT).where(lambda listed: _is_of_late(listed, facts))
    found: tuple[Fact[object], ...] = (
        facts.conditions(_CONTRACEPTION).where(lambda listed: _is_of_late(listed, facts)),
        visited,
        facts.procedures(_CONTRACEPTION).where(lambda done: _lasts(done, facts)),
        facts.current_drugs("contraceptive"),
    )
    return either(*found)


def _is_of_late(listed: Condition, facts: PatientFacts) -> bool:
    """A visit tells of its day and a while after, anything else for as long as it is active."""
    return _VISIT not in listed.sets or facts.within_months(listed.last_recorded, _months(_VISIT, facts))


def _lasts(done: Procedure, facts: PatientFacts) -> bool:
    """A device or an implant lasts some years, unless it was removed since; a ligation or a hysterectomy for good."""
    kind = next((name for name in (*_PLACED, _VISIT) if name in done.sets), None)
    if kind is None:
        return True
    if not facts.within_months(done.day, _months(kind, facts)):
        return False
    placed = done.day
    removed = facts.procedures("contraceptive-removal").where(lambda out: out.day is None or out.day.last > placed.last)
    return kind == _VISIT or not removed.known


def _months(kind: str, facts: PatientFacts) -> int:
    return facts.numbers.whole("valproate", f"{_KINDS[kind]}-months")


def absence_status(facts: PatientFacts, order: Order) -> Fact[Hazard]:
    """Absence epilepsy in a patient who takes clonazepam, or for whom it is drafted beside."""
    listed = facts.conditions("absence-epilepsy").best(CERTAIN_FIRST)
    taken = facts.current_drugs("clonazepam")
    beside = any(
        o.drug and "clonazepam" in o.drug.sets and not o.stops for o in facts.orders if o.source != order.source
    )
    if listed.known and not taken.known and not beside:
        return taken
    stale = None if beside else next((drug for drug in taken.value_or(()) if drug.old), None)
    return listed.read_as(lambda e: msgspec.structs.replace(_hazard("absence", "absence-epilepsy", e), stale=stale))
