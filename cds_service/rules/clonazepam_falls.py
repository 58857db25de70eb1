"""Clonazepam in a patient at risk of falling (CLZ-02)."""

from cds_service.facts.patient import PatientFacts
from cds_service.facts.words import Listed, listed, on, phrasing
from cds_service.phenotypes import fall_risk, planned_care
from cds_service.phenotypes.age import is_older
from cds_service.phenotypes.fall_risk import FallRisk
from cds_service.rules.clonazepam_alternative import Alternative, alternative, proposed
from cds_service.rules.review import Finding, Review, rule

_RULE = "clonazepam-falls"
_REFERRAL = phrasing("referral-reason", rule=_RULE)()


@rule(
    _RULE,
    gives="because clause clearance drug found indication label label_maximum melatonin_failed "
    "referral_reason sedatives since taken when until",
)
def clonazepam_falls(review: Review) -> Finding:
    proposed(review)
    risk = review.known("fall-risk", fall_risk.fall_risk(review.facts))
    review.consider("fall-denied", risk.denial)
    offer = alternative(review, risk.label)
    hypotension, sedatives = review.facts.conditions("orthostatic-hypotension"), _sedatives(review.facts)
    review.consider("orthostatic-hypotension", hypotension)
    notes = []
    if hypotension.known:
        notes.append("hypotension")
    if sedatives:
        notes.append("sedatives")
    notes += ["beers-falls" if is_older(review.facts) else "younger", *offer.notes]
    if "levetiracetam" in offer.notes:
        notes.append("levetiracetam-after-fall")
    offers = offer.offers
    if not review.chart_view and not _physiotherapy(review):
        offers = (*offers, "physiotherapy")
    values = {
        "label": risk.label,
        "found": risk.words,
        "when": on(risk.when),
        "clause": offer.clause,
        "referral_reason": _REFERRAL,
        "sedatives": sedatives,
        **offer.values,
    }
    classes = ("possible",) if risk.possible else ("possible", "fall-risk")
    return Finding(offer.card, _indicator(offer, risk), values, tuple(notes), offers, classes, offer.stale)


def _indicator(offer: Alternative, risk: FallRisk) -> str:
    if offer.palliative:
        return "palliative"
    return "possible" if risk.possible else "fall-risk"


def _sedatives(facts: PatientFacts) -> Listed:
    taken = facts.current_drugs("benzodiazepine-other", "z-drug", "opioid", "gabapentinoid", "cns-depressant-other")
    return listed(sorted({m.ingredient for m in taken.value_or(())}), "comma")


def _physiotherapy(review: Review) -> bool:
    return planned_care.recent(review.facts, int(review.number("physiotherapy-months")), "physiotherapy").known
