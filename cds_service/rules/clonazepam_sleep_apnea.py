"""Clonazepam with sleep apnea or respiratory failure (CLZ-03)."""

from __future__ import annotations

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, either
from cds_service.facts.words import Record, Value, dated, listed, phrasing, since
from cds_service.phenotypes import sleep_apnea
from cds_service.phenotypes.sleep_apnea import AirwayPressure, Apnea, Failure
from cds_service.phenotypes.therapy import Indication, indication
from cds_service.rules.clonazepam_alternative import alternative, proposed
from cds_service.rules.review import Finding, Review, rule

_RULE = "clonazepam-sleep-apnea"
_WITHOUT_PAP = phrasing("without-pap", "apnea", rule=_RULE)
_UNTREATED = phrasing("untreated", "apnea", rule=_RULE)
_UNCHECKED = phrasing("pap-unchecked", "apnea", rule=_RULE)
_LOW_INDEX = phrasing("newest-index", "apnea", "index", rule=_RULE)
_ON_PAP = phrasing("on-pap", "apnea", rule=_RULE)
_PAP_SINCE = phrasing("pap-since", "apnea", "pap_since", rule=_RULE)
_PAP_UNDATED = phrasing("pap-undated", "apnea", rule=_RULE)
_HYPERCAPNIA = phrasing("deepens", "failure", rule=_RULE)
_FAILURE = phrasing("depresses", "failure", rule=_RULE)
_CLASSES = {
    "treated": ("apnea",),
    "low-index": ("apnea", "untreated"),
    "possible": ("apnea", "untreated"),
    "mild-index": ("apnea", "untreated"),
    "untreated": ("apnea", "untreated", "marked"),
    "possible-failure": ("failure",),
    "failure": ("failure",),
    "hypercapnia": ("failure", "hypercapnia"),
}
"""Each level with those below it: only what is more is new."""
_BY_WEIGHT = (
    "hypercapnia",
    "untreated",
    "mild-index",
    "low-index",
    "treated",
    "possible",
    "failure",
    "possible-failure",
)


class _Found(msgspec.Struct, frozen=True):
    """One of the two: how it stands in the summary, its short name, what the record says, its level and its notes."""

    level: str
    standing: Value
    label: Value
    told: Value
    because: Value
    notes: tuple[str, ...]
    source: str


@rule(
    _RULE,
    gives="because clause clearance drug found indication label label_maximum melatonin_failed since standing taken "
    "until",
)
def clonazepam_sleep_apnea(review: Review) -> Finding:
    proposed(review)
    apnea, failure = sleep_apnea.apnea(review.facts), sleep_apnea.failure(review.facts)
    either_of: Fact[Apnea | Failure] = either(apnea, failure)
    review.known("sleep-apnea", either_of)
    review.consider("respiratory-failure", failure)
    found = []
    if apnea.known:
        therapy = sleep_apnea.airway_pressure(review.facts)
        review.consider("airway-pressure", therapy)
        found.append(_apneic(review, apnea.value, therapy))
    if failure.known:
        found.append(_failing(failure.value))
    lead, *rest = sorted(found, key=lambda one: _BY_WEIGHT.index(one.level))
    offer = alternative(review, lead.because)
    values = {
        "label": lead.label,
        "standing": lead.standing,
        "found": listed((one.told for one in (lead, *rest)), "semicolon"),
        "clause": offer.clause,
        **offer.values,
    }
    notes = (*lead.notes, "evidence-thin", *offer.notes)
    indicator = "palliative" if offer.palliative else lead.level
    classes = tuple(name for one in found for name in _CLASSES[one.level])
    return Finding(offer.card, indicator, values, notes, offer.offers, classes, offer.stale)


def _apneic(review: Review, apnea: Apnea, pressure: Fact[AirwayPressure]) -> _Found:
    newest = sleep_apnea.is_low_since(apnea, review.facts) if apnea.diagnosed else None
    low = newest.value if newest is not None and newest.known else None
    told = dated(apnea.words, since(apnea.when) if apnea.diagnosed else apnea.when)
    level = _level(review, apnea, treated=pressure.known, low=low is not None)
    notes: tuple[str, ...] = ()
    if pressure.known:
        standing, label, notes = _on_pressure(apnea, pressure.value), apnea.label, ("treated",)
    elif pressure != ABSENT:
        standing, label = _UNCHECKED(apnea=apnea.label), apnea.label
    else:
        standing, label = _UNTREATED(apnea=apnea.label), _WITHOUT_PAP(apnea=apnea.label)
        for_rbd = indication(review.therapy, review.facts) is Indication.RBD
        notes = ("untreated-rbd" if for_rbd else "untreated",)
    if low and not pressure.known:
        standing = _LOW_INDEX(apnea=apnea.label, index=str(low))
    return _Found(level, standing, label, told, apnea.label, notes, apnea.source)


def _on_pressure(apnea: Apnea, therapy: AirwayPressure) -> Value:
    if therapy.confirmed:
        return _ON_PAP(apnea=apnea.label)
    if therapy.since is None:
        return _PAP_UNDATED(apnea=apnea.label)
    return _PAP_SINCE(apnea=apnea.label, pap_since=since(therapy.since))


def _failing(failure: Failure) -> _Found:
    disease, label = failure.disease, failure.label
    standing = (_HYPERCAPNIA if failure.hypercapnic else _FAILURE)(failure=label)
    told = dated(Record(disease.words), since(disease.since), unsure=disease.possible)
    level = "possible-failure" if disease.possible else "hypercapnia" if failure.hypercapnic else "failure"
    return _Found(level, standing, label, told, label, ("depresses-breathing",), disease.source)


def _level(review: Review, apnea: Apnea, *, treated: bool, low: bool) -> str:
    if treated:
        return "treated"
    moderate = review.facts.numbers.value("sleep-apnea", "index-moderate")
    severe = apnea.index is not None and apnea.index >= moderate
    if apnea.possible and not severe:
        return "possible"
    if low:
        return "low-index"
    return "untreated" if apnea.diagnosed or severe else "mild-index"
