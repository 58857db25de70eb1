"""Opioids that treat opioid use disorder: the same risk to breathing, another message (CLZ-04)."""

from __future__ import annotations

from enum import Enum

from cds_service.facts.knowledge import ABSENT, Fact, Known, either
from cds_service.facts.patient import Drug, PatientFacts
from cds_service.phenotypes.pairs import Side
from cds_service.terminology.phrases import words
from cds_service.terminology.products import product

_DISORDER = "opioid-use-disorder"


class Use(Enum):
    """What a product of buprenorphine is made for."""

    PAIN = "buprenorphine-pain"
    DISORDER = "buprenorphine-opioid-use-disorder"


_SAYS_DISORDER = frozenset(("naloxone", "sublingual", "depot", "implant"))
_SAYS_PAIN = frozenset(("buccal", "mcg", "ug", "microgram", "micrograms"))


def treats_addiction(opioid: Side, facts: PatientFacts) -> Fact[str]:
    """Buprenorphine by its product, or methadone whose reason says so; without either the problem list decides."""
    stated = _DISORDER in opioid.therapy.reasons
    use = product_use(opioid.drug) if opioid.ingredient == "buprenorphine" else None
    if use is Use.DISORDER or (use is None and stated and opioid.ingredient in ("buprenorphine", "methadone")):
        return Known(opioid.ingredient, (opioid.therapy.source,))
    if use is Use.PAIN or opioid.ingredient not in ("buprenorphine", "methadone"):
        return ABSENT
    if opioid.ingredient == "methadone" and opioid.therapy.reason_words:
        return ABSENT
    listed = facts.conditions(_DISORDER)
    if opioid.ingredient == "methadone":
        listed = either(listed, facts.past_conditions(_DISORDER))
    return listed.read_as(lambda _: opioid.ingredient)


def is_of_unknown_use(opioid: Side, facts: PatientFacts) -> bool:
    """Buprenorphine of which neither product nor reason nor problem list tells whether it treats the disorder."""
    unknown = opioid.ingredient == "buprenorphine" and product_use(opioid.drug) is None
    return unknown and not treats_addiction(opioid, facts).known


def product_use(drug: Drug) -> Use | None:
    """What buprenorphine is for, by its code or brand, else by naloxone, route and strength."""
    said = frozenset(words(f"{drug.words} {drug.form}"))
    if "naloxone" in said:
        return Use.DISORDER
    if drug.transdermal:
        return Use.PAIN
    by_set = [use for use in Use if use.value in drug.sets]
    if len(by_set) == 1:
        return by_set[0]
    if not said.isdisjoint(_SAYS_PAIN):
        return Use.PAIN
    if drug.extended_release or not said.isdisjoint(_SAYS_DISORDER):
        return Use.DISORDER
    return Use.PAIN if product(drug.words).form == "injection" else None
