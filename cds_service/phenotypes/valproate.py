"""What in this patient speaks against valproate, by its label (MYO-03 a)."""

from __future__ import annotations

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, Known, Unavailable, either
from cds_service.facts.numbers import Numbers
from cds_service.facts.patient import Order, PatientFacts
from cds_service.fhir.dates import Interval
from cds_service.phenotypes.pregnancy import pregnancy

_CONTRAINDICATIONS = {
    "liver-failure": "liver failure or cirrhosis",
    "polg": "POLG disease",
    "urea-cycle-disorder": "urea cycle disorder",
}


class Hazard(msgspec.Struct, frozen=True):
    """One reason, named by the service, with the record's words."""

    kind: str
    label: str
    words: str = ""
    when: Interval | None = None
    possible: bool = False


def contraindicated(facts: PatientFacts) -> Fact[Hazard]:
    """Liver failure, POLG disease or a urea cycle disorder, certain before possible."""
    found = facts.conditions(*_CONTRAINDICATIONS)
    if not isinstance(found, Known):
        return found
    worst = min(found.value, key=lambda c: c.possible)
    label = next(said for name, said in _CONTRAINDICATIONS.items() if name in worst.sets)
    named = f"possible {label}" if worst.possible else label
    return Known(Hazard("contraindicated", named, worst.words, worst.since, worst.possible), (worst.source,))


def fetal_harm(facts: PatientFacts, numbers: Numbers) -> Fact[Hazard]:
    """A pregnancy now; in a man nothing is missing when it could not be looked for."""
    found = pregnancy(facts, numbers)
    if not isinstance(found, Known):
        return ABSENT if _male(facts) else found
    now = found.value
    label = "possible pregnancy" if now.possible else "pregnancy"
    return Known(Hazard("pregnancy", label, now.words, now.when, now.possible), found.sources)


def childbearing_age(facts: PatientFacts, numbers: Numbers) -> Fact[Hazard]:
    """A woman between the two ages, both included; a birth date of a year only must leave no doubt."""
    age, sex = facts.age, facts.sex
    if _male(facts):
        return ABSENT
    if not (isinstance(age, Known) and isinstance(sex, Known)):
        return next((fact for fact in (age, sex) if isinstance(fact, Unavailable)), ABSENT)
    lowest, highest = (int(numbers.value("valproate", f"childbearing-{end}")) for end in ("from", "to"))
    fits = age.value.at_least(lowest) and age.value.under(highest + 1)
    return Known(Hazard("childbearing", str(age.value)), age.sources) if fits else ABSENT


def _male(facts: PatientFacts) -> bool:
    return isinstance(facts.sex, Known) and facts.sex.value == "male"


def contraception(facts: PatientFacts) -> Fact[object]:
    """Contraception or sterility on record: a diagnosis, a procedure, or a current drug or device."""
    name = "contraception-or-sterility"
    found: tuple[Fact[object], ...] = (
        facts.conditions(name),
        facts.procedures(name),
        facts.current_drugs("contraceptive"),
    )
    return either(*found)


def absence_status(facts: PatientFacts, order: Order) -> Fact[Hazard]:
    """Absence epilepsy in a patient who takes clonazepam, or for whom it is drafted beside."""
    listed = facts.conditions("absence-epilepsy")
    if not isinstance(listed, Known):
        return listed
    taken = facts.current_drugs("clonazepam")
    beside = any(
        o.drug and "clonazepam" in o.drug.sets and not o.stops for o in facts.orders if o.source != order.source
    )
    if not isinstance(taken, Known) and not beside:
        return taken
    epilepsy = min(listed.value, key=lambda c: c.possible)
    label = "possible absence epilepsy" if epilepsy.possible else "absence epilepsy"
    return Known(Hazard("absence", label, epilepsy.words, epilepsy.since, epilepsy.possible), (epilepsy.source,))
