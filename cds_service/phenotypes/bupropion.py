"""Whether bupropion may be named as an option (clinical specification MED-01, MYO-05)."""

from __future__ import annotations

from cds_service.facts.knowledge import ABSENT
from cds_service.facts.patient import PatientFacts
from cds_service.phenotypes.mao_inhibitors import INHIBITORS, recently_taken
from cds_service.phenotypes.stopping import BENZODIAZEPINES, in_steps


def may_be_named(facts: PatientFacts) -> bool:
    """No epilepsy or seizure, eating disorder, withdrawal, or MAO inhibitor within its wash-out; all of it checked."""
    speaks_against = (
        facts.conditions("epilepsy", "seizure", "progressive-myoclonus-epilepsy", "eating-disorder", "withdrawal"),
        facts.past_conditions("eating-disorder", "epilepsy", "seizure"),
        facts.current_drugs(*INHIBITORS),
        recently_taken(facts, *INHIBITORS),
    )
    drafted = any(o.drug and not o.drug.sets.isdisjoint(INHIBITORS) for o in facts.orders)
    lessened = in_steps(facts, *BENZODIAZEPINES).known
    return not drafted and not lessened and all(fact == ABSENT for fact in speaks_against)
