"""Valproate where its label speaks against it (MYO-03 a)."""

from __future__ import annotations

from cds_service.facts.knowledge import ABSENT, Fact, Known, unread
from cds_service.facts.patient import Condition
from cds_service.facts.words import Value, dated, on, phrasing, possible, since
from cds_service.phenotypes import valproate as label
from cds_service.phenotypes.age import years
from cds_service.phenotypes.valproate import CONTRAINDICATIONS, Hazard
from cds_service.rules.myoclonus_offers import offered
from cds_service.rules.review import Finding, Review

_NAMES = {
    name: phrasing(name, rule="myoclonus-drug")() for name in (*CONTRAINDICATIONS, "pregnancy", "absence-epilepsy")
}
_CONTRACEPTION = phrasing("review-childbearing", rule="myoclonus-drug")()
_INDICATORS = {
    "contraindicated": "contraindicated",
    "pregnancy": "fetal-harm",
    "childbearing": "childbearing",
    "absence": "absence",
}
_LEVELS = {"contraindicated": 0, "fetal-harm": 0, "fetal-harm-epilepsy": 1, "childbearing": 1, "absence": 2}
_ONE_STEP_DOWN = {0: "possible-critical", 1: "possible-warning", 2: "absence"}
_NOTES = {
    "contraindicated": ("alternative", "aim"),
    "pregnancy": ("pregnant",),
    "childbearing": ("counsel", "alternative", "aim"),
    "absence": (),
}


def valproate(review: Review, disorder: Condition, values: dict[str, Value]) -> Finding:
    """The part of the rule on valproate: the most serious hazard speaks, the others have a line each."""
    hazards = review.known("valproate-hazard", _hazards(review))
    ranked = sorted(hazards, key=lambda h: _level(review, h, disorder)[0])
    lead = ranked[0]
    for hazard in hazards:
        values |= _told(hazard, review)
    also = tuple(f"also-{hazard.kind}" for hazard in ranked[1:])
    offers = ("remove-draft",)
    indicator = _level(review, lead, disorder)[1]
    classes = (indicator, *(f"{h.kind}/{h.name}/{h.possible}" for h in hazards))
    found = Finding(lead.kind, indicator, values, (*also, *_NOTES[lead.kind]), offers, classes, lead.stale)
    return offered(review, found, values[f"{lead.kind}_label"] if lead.kind != "childbearing" else _CONTRACEPTION)


def _hazards(review: Review) -> Fact[tuple[Hazard, ...]]:
    """What was found; without anything, unavailable if something could not be looked at."""
    facts = review.facts
    disease, pregnant, age = label.contraindicated(facts), label.fetal_harm(facts), label.childbearing_age(facts)
    review.consider("contraindication", disease)
    review.consider("pregnancy", pregnant)
    review.consider("childbearing-age", age)
    if age.known and not pregnant.known:
        covered = label.contraception(facts)
        review.consider("contraception", covered)
        age = ABSENT if covered.known else age
    status = label.absence_status(facts, review.order)
    review.consider("absence-epilepsy-with-clonazepam", status)
    looked = (disease, pregnant, ABSENT if pregnant.known else age, status)
    found = tuple([fact.value for fact in looked if fact.known])
    return Known(found) if found else unread(*looked)


def _level(review: Review, hazard: Hazard, disorder: Condition) -> tuple[int, str]:
    """The place in the order of severity, and the indicator: one step down where a diagnosis is only possible."""
    name = _INDICATORS[hazard.kind]
    if name == "fetal-harm" and _epilepsy(review).known:
        name = "fetal-harm-epilepsy"
    level = _LEVELS[name]
    unsure = hazard.possible or disorder.possible
    return (min(level + 1, 2), _ONE_STEP_DOWN[level]) if unsure else (level, name)


def _epilepsy(review: Review) -> Fact[tuple[Condition, ...]]:
    return review.facts.conditions("epilepsy", "progressive-myoclonus-epilepsy")


def _told(hazard: Hazard, review: Review) -> dict[str, Value]:
    """The values by which the card names a hazard."""
    if hazard.kind == "childbearing":
        return {"childbearing_label": review.facts.age.read_as(years).value_or("")}
    name = _NAMES[hazard.name]
    named = possible(name) if hazard.possible else name
    when = on(hazard.when) if hazard.kind == "pregnancy" else since(hazard.when)
    found = dated(hazard.words, when, unsure=hazard.possible) if hazard.words else named
    return {f"{hazard.kind}_label": named, f"{hazard.kind}_found": found}
