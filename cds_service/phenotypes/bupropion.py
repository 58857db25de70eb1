"""Whether bupropion may be named as an option (clinical specification MED-01, MYO-05)."""

from __future__ import annotations

from cds_service.facts.knowledge import Absent
from cds_service.facts.patient import PatientFacts
from cds_service.phenotypes.mao_inhibitors import INHIBITORS, recently_taken
from cds_service.phenotypes.numbers import Numbers
from cds_service.phenotypes.stopping import BENZODIAZEPINES


def may_be_named(facts: PatientFacts, numbers: Numbers) -> bool:
    """No epilepsy, eating disorder, withdrawal, or MAO inhibitor within its wash-out; all of it checked."""
    speaks_against = (
        facts.conditions("epilepsy", "progressive-myoclonus-epilepsy", "eating-disorder", "withdrawal"),
        facts.past_conditions("eating-disorder", "epilepsy"),
        facts.current_drugs(*INHIBITORS),
        recently_taken(facts, numbers, *INHIBITORS),
    )
    drafted = any(
        (o.drug and not o.drug.sets.isdisjoint(INHIBITORS))
        or (o.stops and o.drug and not o.drug.sets.isdisjoint(BENZODIAZEPINES))
        for o in facts.orders
    )
    return not drafted and all(isinstance(f, Absent) for f in speaks_against)
