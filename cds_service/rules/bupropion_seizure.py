"""Bupropion where seizures are likely (MED-04)."""

import msgspec

from cds_service.content.text import escape, listed, since
from cds_service.facts.knowledge import ABSENT, Fact, either, together
from cds_service.facts.patient import CERTAIN_FIRST, Condition, Order, PatientFacts
from cds_service.facts.words import Value
from cds_service.phenotypes import stopping
from cds_service.phenotypes.stopping import BENZODIAZEPINES
from cds_service.phenotypes.therapy import current_of
from cds_service.rules.review import Finding, Review, rule

_EPILEPSY = ("epilepsy", "progressive-myoclonus-epilepsy")
_MYOCLONUS = ("myoclonus", "progressive-myoclonus-epilepsy")


class _Risk(msgspec.Struct, frozen=True):
    """What makes a seizure likely: the variant of the card, our short words, and those of the record."""

    card: str
    label: str
    found: str
    """The record's words with their date, already escaped."""


_RANK = ("contraindicated", "abrupt", "possible", "taper", "myoclonus")


@rule("bupropion-seizure", gives="drug found label others")
def bupropion_seizure(review: Review) -> Finding:
    name = review.drug("bupropion-proposed", "bupropion")
    order, facts = review.order, review.facts
    review.unless("already-taken", current_of(order, facts))
    review.only_if("relevant-here", _relevant(facts))
    found = sorted(review.known("seizure-risk", _risks(facts)), key=lambda risk: _RANK.index(risk.card))
    worst = found[0]
    same = [risk for risk in found if risk.card == worst.card]
    values: dict[str, Value] = {
        "drug": name,
        "label": listed(risk.label for risk in same),
        "found": "; ".join(risk.found for risk in same),
        "others": listed(risk.label for risk in found if risk not in same),
    }
    notes = (*({worst.card} & {"abrupt", "taper", "myoclonus"}), *(["others"] if values["others"] else []))
    return Finding(worst.card, worst.card, values, notes)


def _relevant(facts: PatientFacts) -> Fact[object]:
    """This service speaks of bupropion only where it speaks of the patient anyway."""
    changed = (stopping.abruptly(facts, "clonazepam"), stopping.in_steps(facts, "clonazepam"))
    listed_here = (facts.conditions("rbd", *_MYOCLONUS), facts.past_conditions("rbd"))
    return either(*changed, *listed_here, facts.current_drugs("clonazepam"))


def _risks(facts: PatientFacts) -> Fact[tuple[_Risk, ...]]:
    return together(
        _diseases(facts.conditions(*_EPILEPSY), "epilepsy"),
        _diseases(facts.conditions("eating-disorder"), "eating disorder"),
        _diseases(facts.past_conditions("eating-disorder"), "past eating disorder"),
        _session(stopping.abruptly(facts, *BENZODIAZEPINES), "abrupt"),
        _session(_steps(facts), "taper"),
        _myoclonus(facts),
    )


def _diseases(found: Fact[tuple[Condition, ...]], label: str) -> Fact[tuple[_Risk, ...]]:
    return found.best(CERTAIN_FIRST).read_as(lambda listed: (_disease(listed, label),))


def _disease(listed: Condition, label: str) -> _Risk:
    card = "possible" if listed.possible else "contraindicated"
    return _Risk(card, listed.called(label), f"{escape(listed.words)} ({since(listed.since)})")


def _steps(facts: PatientFacts) -> Fact[Order]:
    abrupt = stopping.abruptly(facts, *BENZODIAZEPINES)
    return ABSENT if abrupt.known else stopping.in_steps(facts, *BENZODIAZEPINES)


def _session(found: Fact[Order], card: str) -> Fact[tuple[_Risk, ...]]:
    return found.read_as(lambda order: (_Risk(card, _named(order), escape(order.words)),))


def _named(order: Order) -> str:
    return order.drug.ingredient(*BENZODIAZEPINES) if order.drug else ""


def _myoclonus(facts: PatientFacts) -> Fact[tuple[_Risk, ...]]:
    return facts.conditions("myoclonus").read_as(lambda listed: (_jerks(listed[0]),))


def _jerks(listed: Condition) -> _Risk:
    return _Risk("myoclonus", "myoclonus", f"{escape(listed.words)} ({since(listed.since)})")
