"""On which side of an age a patient stands; an age that is not known for certain stands on neither."""

from __future__ import annotations

from cds_service.facts.patient import PatientFacts
from cds_service.facts.words import Value, phrasing
from cds_service.fhir.dates import Age

_OR = phrasing("age-or", "lowest", "highest")
_TO = phrasing("age-to", "lowest", "highest")


def is_child(facts: PatientFacts) -> bool:
    """Certainly under the age of an adult."""
    return facts.age.known and facts.age.value.under(facts.numbers.whole("age", "adult"))


def is_adult(facts: PatientFacts) -> bool:
    """Certainly of the age of an adult."""
    return facts.age.known and facts.age.value.at_least(facts.numbers.whole("age", "adult"))


def is_older(facts: PatientFacts) -> bool:
    """Certainly of the age from which the Beers criteria speak."""
    return facts.age.known and facts.age.value.at_least(facts.numbers.whole("age", "older"))


def years(age: Age) -> Value:
    """Completed years, as far as the birth date tells them: 52, 52 or 53."""
    if age.lowest == age.highest:
        return age.lowest
    return (_OR if age.highest == age.lowest + 1 else _TO)(lowest=age.lowest, highest=age.highest)
