"""On which side of an age a patient stands; an age that is not known for certain stands on neither."""

from __future__ import annotations

from cds_service.facts.knowledge import Known
from cds_service.facts.numbers import Numbers
from cds_service.facts.patient import PatientFacts


def is_child(facts: PatientFacts, numbers: Numbers) -> bool:
    """Certainly under the age of an adult."""
    return isinstance(facts.age, Known) and facts.age.value.under(int(numbers.value("age", "adult")))


def is_older(facts: PatientFacts, numbers: Numbers) -> bool:
    """Certainly of the age from which the Beers criteria speak."""
    return isinstance(facts.age, Known) and facts.age.value.at_least(int(numbers.value("age", "older")))
