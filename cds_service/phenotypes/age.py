"""On which side of an age a patient stands; an age that is not known for certain stands on neither."""

from __future__ import annotations

from cds_service.facts.patient import PatientFacts


def is_child(facts: PatientFacts) -> bool:
    """Certainly under the age of an adult."""
    return facts.age.known and facts.age.value.under(facts.numbers.whole("age", "adult"))


def is_older(facts: PatientFacts) -> bool:
    """Certainly of the age from which the Beers criteria speak."""
    return facts.age.known and facts.age.value.at_least(facts.numbers.whole("age", "older"))
