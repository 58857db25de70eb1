"""Opioids that treat opioid use disorder: the same risk to breathing, another message (CLZ-04)."""

from __future__ import annotations

from cds_service.facts.knowledge import ABSENT, Fact, Known, either
from cds_service.facts.patient import PatientFacts
from cds_service.phenotypes.pairs import Side

_DISORDER = "opioid-use-disorder"


def treats_addiction(opioid: Side, facts: PatientFacts) -> Fact[str]:
    """Buprenorphine, or methadone whose reason says so; without a reason the problem list decides."""
    stated = _DISORDER in opioid.therapy.reasons
    if opioid.ingredient == "buprenorphine" or (opioid.ingredient == "methadone" and stated):
        return Known(opioid.ingredient, (opioid.therapy.source,))
    if opioid.ingredient != "methadone" or opioid.therapy.reason_words:
        return ABSENT
    listed = either(facts.conditions(_DISORDER), facts.past_conditions(_DISORDER))
    return listed.read_as(lambda _: opioid.ingredient)
