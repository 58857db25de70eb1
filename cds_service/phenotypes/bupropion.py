"""Whether bupropion may be named as an option (clinical specification MED-01, MYO-05)."""

from __future__ import annotations

from cds_service.facts.knowledge import ABSENT
from cds_service.facts.patient import PatientFacts
from cds_service.phenotypes.mao_inhibitors import INHIBITORS, recently_taken
from cds_service.phenotypes.stopping import BENZODIAZEPINES, in_steps

_SPEAKS_AGAINST = (
    "epilepsy",
    "seizure",
    "progressive-myoclonus-epilepsy",
    "eating-disorder",
    "alcohol-use-disorder",
    "withdrawal",
    "dementia-with-lewy-bodies",
    "parkinson-disease",
    "psychotic-disorder",
)
_PAST_TOO = ("eating-disorder", "epilepsy", "seizure", "psychotic-disorder")


def may_be_named(facts: PatientFacts) -> bool:
    """Nothing that brings seizures, hypertension or psychosis nearer, and not taken already; all of it checked."""
    speaks_against = (
        facts.conditions(*_SPEAKS_AGAINST),
        facts.past_conditions(*_PAST_TOO),
        facts.current_drugs(*INHIBITORS, "bupropion"),
        recently_taken(facts, *INHIBITORS),
    )
    drafted = any(o.drug and not o.drug.sets.isdisjoint(INHIBITORS) for o in facts.orders)
    lessened = in_steps(facts, *BENZODIAZEPINES).known
    return not drafted and not lessened and all(fact == ABSENT for fact in speaks_against)
