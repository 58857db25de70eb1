"""A reversible cause of myoclonus is on record (MYO-02)."""

from __future__ import annotations

from cds_service.content.text import LABEL_LIMIT, escape, listed, since
from cds_service.facts.knowledge import together
from cds_service.phenotypes import myoclonus
from cds_service.phenotypes import myoclonus_causes as causes
from cds_service.phenotypes.myoclonus_causes import VALUES, Cause
from cds_service.rules.review import Finding, Review, rule

_UNITS = {**VALUES, "kidney": "mL/min/1.73 m²"}
_MOST = 3


@rule("myoclonus-reversible-cause", gives="causes cleared drugs found level_a pair since told")
def myoclonus_reversible_cause(review: Review) -> Finding:
    facts = review.facts
    disorder = review.known("myoclonus", myoclonus.diagnosis(facts))
    looked = {
        "drug-begun-before-onset": causes.drugs_begun(facts, disorder.since),
        "two-serotonergic-drugs": causes.serotonergic_drugs(facts),
        "kidney-failure": causes.kidney_failure(facts),
        "liver-failure": causes.liver_failure(facts),
        "low-value": causes.low_values(facts),
        "brain-injury": causes.injuries(facts),
    }
    for criterion, fact in looked.items():
        review.consider(criterion, fact)
    found = review.known("reversible-cause", together(*looked.values()))
    values = {
        "found": escape(disorder.words),
        "since": since(disorder.since),
        "causes": ", ".join(_label(cause) for cause in found[:_MOST]),
        "told": "; ".join(_told(cause) for cause in found),
        **_drugs(review, found),
    }
    unsure = disorder.possible or all(cause.possible for cause in found)
    card = "possible" if disorder.possible else "listed"
    classes = tuple(f"{cause.kind}/{cause.ingredient}/{cause.possible}" for cause in found)
    return Finding(card, "possible" if unsure else "cause", values, _notes(found, values), classes=classes)


def _label(cause: Cause) -> str:
    if cause.kind == "serotonergic" and len(cause.label) > LABEL_LIMIT:
        return "several serotonergic drugs"
    return cause.label[:LABEL_LIMIT]


def _told(cause: Cause) -> str:
    if cause.kind == "drug":
        return f"{cause.ingredient} ({since(cause.when)})"
    if cause.kind in _UNITS and not cause.words:
        return f"{escape(cause.label)} {_UNITS[cause.kind]} ({since(cause.when).removeprefix('since ')})"
    if cause.kind == "serotonergic":
        return _together(cause)
    return f"{escape(cause.words)} ({since(cause.when)})" if cause.words else cause.label


def _together(cause: Cause) -> str:
    return listed(cause.label.split(" with "))


def _drugs(review: Review, found: tuple[Cause, ...]) -> dict[str, str]:
    """The drugs that the notes name."""
    begun = [cause.ingredient for cause in found if cause.ingredient]
    cleared = myoclonus.drugs(review.facts, *myoclonus.KIDNEY_CLEARED_SETS)
    pair = next((_together(cause) for cause in found if cause.kind == "serotonergic"), "")
    return {
        "drugs": listed(begun),
        "level_a": listed(name for name in begun if myoclonus.is_level_a(name)),
        "cleared": listed(m.ingredient for m in cleared.value_or(())),
        "pair": pair,
    }


def _notes(found: tuple[Cause, ...], values: dict[str, str]) -> tuple[str, ...]:
    kinds = {cause.kind for cause in found}
    said = (
        ("drug", "drug" in kinds),
        ("level-a", bool(values["level_a"])),
        ("accumulates", "kidney" in kinds and bool(values["cleared"])),
        ("serotonin", "serotonergic" in kinds),
        ("low-value", not kinds.isdisjoint(VALUES)),
        ("sodium", "sodium" in kinds),
        ("hypoxia", not kinds.isdisjoint(("hypoxic-brain-injury", "cardiac-arrest"))),
        ("tumor", "brain-tumour" in kinds),
        ("lapse", True),
    )
    return tuple(name for name, holds in said if holds)
