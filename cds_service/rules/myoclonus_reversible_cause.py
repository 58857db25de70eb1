"""A reversible cause of myoclonus is on record (MYO-02)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from cds_service.facts.knowledge import together
from cds_service.facts.words import Listed, Record, Said, Value, dated, listed, on, phrasing, possible, short, since
from cds_service.phenotypes import myoclonus, myoclonus_causes as causes
from cds_service.phenotypes.myoclonus_causes import DOSES, INJURIES, VALUES, Cause
from cds_service.phenotypes.palliative import palliative_care
from cds_service.rules.myoclonus_reviews import due
from cds_service.rules.review import Finding, Review, rule

_phrasing = partial(phrasing, rule="myoclonus-reversible-cause")
_NAMES = {kind: _phrasing(kind)() for kind in ("kidney", "liver", *INJURIES)}
_MEASURED = ("kidney", *VALUES)
_SHORT = {kind: _phrasing(f"{kind}-value", "amount") for kind in (*_MEASURED, "lithium", "lithium-level")}
_IN_FULL = {kind: _phrasing(f"{kind}-value-in-full", "amount", "when") for kind in _MEASURED}
_OVER = {
    True: _phrasing("over-dose-egfr", "dose", "drug", "rate"),
    False: _phrasing("over-dose-clearance", "dose", "drug", "rate"),
}
_OVER_IN_FULL = {
    True: _phrasing("over-dose-egfr-in-full", "begun", "dose", "drug", "rate", "when"),
    False: _phrasing("over-dose-clearance-in-full", "begun", "dose", "drug", "rate", "when"),
}
_LITHIUM_IN_FULL = {
    kind: _phrasing(f"{kind}-value-in-full", "amount", "begun", "when") for kind in ("lithium", "lithium-level")
}
_AT_MOST = _phrasing("at-most", "drug", "limit")
_BEGUN = _phrasing("begun", "drug", "when")
_PAIR = _phrasing("pair", "one", "other")
_SEVERAL = _phrasing("several")()
_MOST = 3
_MOST_REVIEWS = 2
_REVIEWS = (("review", "review-drug"), ("second", "review-second-drug"))


@rule(
    "myoclonus-reversible-cause",
    gives="causes cleared found level_a limits pair since told "
    "review_drug review_focus review_reason second_drug second_focus second_reason",
)
def myoclonus_reversible_cause(review: Review) -> Finding:
    facts = review.facts
    disorder = review.known("myoclonus", myoclonus.diagnosis(facts))
    cared_for = palliative_care(facts)
    review.consider("palliative-care", cared_for)
    looked = {
        "dose-over-the-label": causes.doses_over_the_label(facts),
        "lithium-too-high": causes.lithium(facts),
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
    named = tuple(_named_once(found))
    drugs, reviews = _drugs(review, found), tuple(due(found, facts, comfort=cared_for.known))[:_MOST_REVIEWS]
    values: dict[str, Value] = {
        "found": Record(disorder.words),
        "since": since(disorder.since),
        "causes": listed((_label(cause, review) for cause in named[:_MOST]), "comma"),
        "told": listed(map(_told, named), "semicolon"),
        **drugs,
    }
    for (name, _), one in zip(_REVIEWS, reviews, strict=False):
        values |= {f"{name}_drug": one.drug, f"{name}_reason": one.reason, f"{name}_focus": one.source}
    unsure = disorder.possible or all(cause.possible for cause in found)
    card = "palliative" if cared_for.known else "possible" if disorder.possible else "listed"
    classes = tuple(f"{cause.kind}/{cause.drug}/{cause.possible}" for cause in found)
    stale = None if any(cause.stale is None for cause in found) else found[0].stale
    offers = tuple([name for _, name in _REVIEWS[: len(reviews)]])
    notes = tuple(_notes(found, drugs, comfort=cared_for.known))
    return Finding(card, "possible" if unsure else "cause", values, notes, offers, classes, stale)


def _named_once(found: tuple[Cause, ...]) -> Iterator[Cause]:
    """The causes without what another has said already: the start of its drug, or the kidney function."""
    doses = [cause for cause in found if cause.kind in DOSES]
    kidneys_told = any(cause.kind == "lithium" or (cause.rate and cause.rate.estimated) for cause in doses)
    for cause in found:
        begun_too = cause.kind == "drug" and cause.ingredients in [dose.ingredients for dose in doses]
        if not begun_too and not (cause.kind == "kidney" and cause.amount and kidneys_told):
            yield cause


def _label(cause: Cause, review: Review) -> Said:
    """The cause in few words, for the summary."""
    if cause.kind == "drug":
        return _BEGUN(drug=cause.drug, when=short(cause.when, review.facts.today))
    if cause.rate:
        return _OVER[cause.rate.estimated](drug=cause.drug, dose=cause.dose, rate=cause.shown_rate)
    if cause.kind == "serotonergic":
        one, *others = cause.ingredients
        return _PAIR(one=one, other=others[0]) if len(others) == 1 else _SEVERAL
    if cause.amount:
        return _SHORT[cause.kind](amount=cause.amount)
    name = _NAMES[cause.kind]
    return possible(name) if cause.possible else name


def _told(cause: Cause) -> Value:
    """The cause in the record's words, or with its unit, and its day."""
    begun = since(cause.when)
    if cause.kind == "drug":
        return dated(cause.drug, begun)
    if rate := cause.rate:
        told = _OVER_IN_FULL[rate.estimated]
        return told(drug=cause.drug, dose=cause.dose, begun=begun, rate=cause.shown_rate, when=on(rate.when))
    if cause.kind in _LITHIUM_IN_FULL:
        return _LITHIUM_IN_FULL[cause.kind](amount=Record(cause.amount), begun=begun, when=on(cause.measured))
    if cause.kind == "serotonergic":
        return listed(cause.ingredients)
    if cause.amount:
        return _IN_FULL[cause.kind](amount=Record(cause.amount), when=on(cause.when))
    if cause.words:
        return dated(Record(cause.words), since(cause.when))
    return possible(_NAMES[cause.kind]) if cause.possible else _NAMES[cause.kind]


def _drugs(review: Review, found: tuple[Cause, ...]) -> dict[str, Listed]:
    """The drugs that the notes name."""
    begun = [cause.drug for cause in found if cause.kind == "drug"]
    cleared = myoclonus.drugs(review.facts, *myoclonus.KIDNEY_CLEARED_SETS)
    return {
        "level_a": listed(name for name in begun if myoclonus.is_level_a(name)),
        "limits": listed(_AT_MOST(drug=cause.drug, limit=cause.limit) for cause in found if cause.rate),
        "cleared": listed(m.ingredient for m in cleared.value_or(())),
        "pair": listed(name for cause in found if cause.kind == "serotonergic" for name in cause.ingredients),
    }


def _notes(found: tuple[Cause, ...], drugs: dict[str, Listed], *, comfort: bool) -> Iterator[str]:
    kinds = {cause.kind for cause in found}
    blamed = [cause for cause in found if cause.kind in (*DOSES, "drug")]
    sets = frozenset[str]().union(*(cause.sets for cause in blamed))
    accumulates = "kidney" in kinds and bool(drugs["cleared"])
    said = (
        ("limits", bool(drugs["limits"])),
        ("opioid", "opioid" in sets),
        ("stepwise", "gabapentinoid" in sets),
        ("lithium", "lithium" in sets),
        ("review", any(cause.sets.isdisjoint(("opioid", "gabapentinoid", "lithium")) for cause in blamed)),
        ("comfort", comfort),
        ("accumulates", accumulates and not drugs["limits"]),
        ("serotonin", "serotonergic" in kinds),
        ("level-a", bool(drugs["level_a"])),
        ("low-value", not kinds.isdisjoint(VALUES)),
        ("sodium", "sodium" in kinds),
        ("hypoxia", not kinds.isdisjoint(("hypoxic-brain-injury", "cardiac-arrest"))),
        ("tumor", "brain-tumour" in kinds and not comfort),
        ("lapse", not comfort),
    )
    yield from (name for name, holds in said if holds)
