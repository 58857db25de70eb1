"""A reversible cause of myoclonus is on record (MYO-02)."""

from __future__ import annotations

from functools import partial

from cds_service.facts.knowledge import together
from cds_service.facts.words import Listed, Record, Said, Value, dated, listed, on, phrasing, possible, short, since
from cds_service.phenotypes import myoclonus, myoclonus_causes as causes
from cds_service.phenotypes.myoclonus_causes import INJURIES, VALUES, Cause
from cds_service.rules.review import Finding, Review, rule

_phrasing = partial(phrasing, rule="myoclonus-reversible-cause")
_NAMES = {kind: _phrasing(kind)() for kind in ("kidney", "liver", *INJURIES)}
_SHORT = {kind: _phrasing(f"{kind}-value", "amount") for kind in ("kidney", *VALUES)}
_IN_FULL = {kind: _phrasing(f"{kind}-value-in-full", "amount", "when") for kind in ("kidney", *VALUES)}
_BEGUN = _phrasing("begun", "drug", "when")
_PAIR = _phrasing("pair", "one", "other")
_SEVERAL = _phrasing("several")()
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
    drugs = _drugs(review, found)
    values: dict[str, Value] = {
        "found": Record(disorder.words),
        "since": since(disorder.since),
        "causes": listed((_label(cause, review) for cause in found[:_MOST]), "comma"),
        "told": listed(map(_told, found), "semicolon"),
        **drugs,
    }
    unsure = disorder.possible or all(cause.possible for cause in found)
    card = "possible" if disorder.possible else "listed"
    classes = tuple(f"{cause.kind}/{_drug(cause)}/{cause.possible}" for cause in found)
    stale = None if any(cause.stale is None for cause in found) else found[0].stale
    return Finding(card, "possible" if unsure else "cause", values, _notes(found, drugs), None, classes, stale)


def _drug(cause: Cause) -> str:
    return cause.ingredients[0] if cause.kind == "drug" else ""


def _label(cause: Cause, review: Review) -> Said:
    """The cause in few words, for the summary."""
    if cause.kind == "drug":
        return _BEGUN(drug=_drug(cause), when=short(cause.when, review.facts.today))
    if cause.kind == "serotonergic":
        one, *others = cause.ingredients
        return _PAIR(one=one, other=others[0]) if len(others) == 1 else _SEVERAL
    if cause.amount:
        return _SHORT[cause.kind](amount=cause.amount)
    name = _NAMES[cause.kind]
    return possible(name) if cause.possible else name


def _told(cause: Cause) -> Value:
    """The cause in the record's words, or with its unit, and its day."""
    if cause.kind == "drug":
        return dated(_drug(cause), since(cause.when))
    if cause.kind == "serotonergic":
        return listed(cause.ingredients)
    if cause.amount:
        return _IN_FULL[cause.kind](amount=Record(cause.amount), when=on(cause.when))
    if cause.words:
        return dated(Record(cause.words), since(cause.when))
    return possible(_NAMES[cause.kind]) if cause.possible else _NAMES[cause.kind]


def _drugs(review: Review, found: tuple[Cause, ...]) -> dict[str, Listed]:
    """The drugs that the notes name."""
    begun = [_drug(cause) for cause in found if cause.kind == "drug"]
    cleared = myoclonus.drugs(review.facts, *myoclonus.KIDNEY_CLEARED_SETS)
    return {
        "drugs": listed(begun),
        "level_a": listed(name for name in begun if myoclonus.is_level_a(name)),
        "cleared": listed(m.ingredient for m in cleared.value_or(())),
        "pair": listed(name for cause in found if cause.kind == "serotonergic" for name in cause.ingredients),
    }


def _notes(found: tuple[Cause, ...], drugs: dict[str, Listed]) -> tuple[str, ...]:
    kinds = {cause.kind for cause in found}
    said = (
        ("drug", "drug" in kinds),
        ("level-a", bool(drugs["level_a"])),
        ("accumulates", "kidney" in kinds and bool(drugs["cleared"])),
        ("serotonin", "serotonergic" in kinds),
        ("low-value", not kinds.isdisjoint(VALUES)),
        ("sodium", "sodium" in kinds),
        ("hypoxia", not kinds.isdisjoint(("hypoxic-brain-injury", "cardiac-arrest"))),
        ("tumor", "brain-tumour" in kinds),
        ("lapse", True),
    )
    return tuple(name for name, holds in said if holds)
