"""At which age figures on what may follow RBD hold (clinical specification, PROG-01)."""

from __future__ import annotations

from cds_service.facts.knowledge import Fact
from cds_service.facts.patient import PatientFacts
from cds_service.fhir.dates import Age


def of_cohort_age(facts: PatientFacts) -> Fact[Age]:
    """The age, if the cohorts had patients of it; an age that is not known for certain is none."""
    lowest, highest = (facts.numbers.whole("prognosis", name) for name in ("from-age", "to-age"))
    return facts.age.provided(lambda age: age.at_least(lowest) and age.at_most(highest))
