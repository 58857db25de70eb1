"""Bupropion where seizures are likely (MED-04)."""

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, either, together
from cds_service.facts.patient import CERTAIN_FIRST, Condition, Medication, Order, PatientFacts
from cds_service.facts.words import Record, Said, Value, dated, listed, phrasing, since
from cds_service.phenotypes import stopping
from cds_service.phenotypes.stopping import BENZODIAZEPINES
from cds_service.phenotypes.therapy import current_of
from cds_service.rules.review import Finding, Review, rule

_RULE = "bupropion-seizure"
_EPILEPSY = ("epilepsy", "progressive-myoclonus-epilepsy")
_MYOCLONUS = ("myoclonus", "progressive-myoclonus-epilepsy")


_EPILEPSY_NAME = phrasing("epilepsy")()
_EATING = phrasing("eating-disorder", rule=_RULE)()
_PAST_EATING = phrasing("past-eating-disorder", rule=_RULE)()
_JERKS = phrasing("myoclonus", rule=_RULE)()
_RANK = ("contraindicated", "abrupt", "possible", "taper", "myoclonus")


class _Risk(msgspec.Struct, frozen=True):
    """What makes a seizure likely: the variant of the card, our short words, and those of the record."""

    card: str
    label: Value
    found: Record | Said
    stale: Medication | None = None
    """The drug that is ended, where only an old entry tells that it is taken."""


@rule(_RULE, gives="drug found label others")
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
        "found": listed((risk.found for risk in same), "semicolon"),
        "others": listed(risk.label for risk in found if risk not in same),
    }
    notes = (*({worst.card} & {"abrupt", "taper", "myoclonus"}), *(["others"] if values["others"] else []))
    return Finding(worst.card, worst.card, values, notes, stale=worst.stale)


def _relevant(facts: PatientFacts) -> Fact[object]:
    """This service speaks of bupropion only where it speaks of the patient anyway."""
    changed = (stopping.abruptly(facts, "clonazepam"), stopping.in_steps(facts, "clonazepam"))
    listed_here = (facts.conditions("rbd", *_MYOCLONUS), facts.past_conditions("rbd"))
    return either(*changed, *listed_here, facts.current_drugs("clonazepam"))


def _risks(facts: PatientFacts) -> Fact[tuple[_Risk, ...]]:
    return together(
        _diseases(facts.conditions(*_EPILEPSY), _EPILEPSY_NAME),
        _diseases(facts.conditions("eating-disorder"), _EATING),
        _diseases(facts.past_conditions("eating-disorder"), _PAST_EATING),
        _session(stopping.abruptly(facts, *BENZODIAZEPINES), "abrupt", facts),
        _session(_steps(facts), "taper", facts),
        _myoclonus(facts),
    )


def _diseases(found: Fact[tuple[Condition, ...]], name: Said) -> Fact[tuple[_Risk, ...]]:
    return found.best(CERTAIN_FIRST).read_as(lambda item: (_disease(item, name),))


def _disease(item: Condition, name: Said) -> _Risk:
    card = "possible" if item.possible else "contraindicated"
    return _Risk(card, item.called(name), _dated(item))


def _dated(item: Condition) -> Said:
    return dated(Record(item.words), since(item.since))


def _steps(facts: PatientFacts) -> Fact[Order]:
    abrupt = stopping.abruptly(facts, *BENZODIAZEPINES)
    return ABSENT if abrupt.known else stopping.in_steps(facts, *BENZODIAZEPINES)


def _session(found: Fact[Order], card: str, facts: PatientFacts) -> Fact[tuple[_Risk, ...]]:
    return found.read_as(lambda order: (_Risk(card, _named(order), Record(order.words), _stale(order, facts)),))


def _stale(order: Order, facts: PatientFacts) -> Medication | None:
    taken = current_of(order, facts).value_or(None)
    return taken if taken and taken.old else None


def _named(order: Order) -> str:
    return order.drug.ingredient(*BENZODIAZEPINES) if order.drug else ""


def _myoclonus(facts: PatientFacts) -> Fact[tuple[_Risk, ...]]:
    return facts.conditions("myoclonus").read_as(lambda items: (_Risk("myoclonus", _JERKS, _dated(items[0])),))
