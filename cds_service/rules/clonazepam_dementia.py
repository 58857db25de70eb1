"""Clonazepam in dementia or cognitive impairment (CLZ-01)."""

from cds_service.facts.words import Value, since
from cds_service.phenotypes import cognition
from cds_service.phenotypes.age import is_older
from cds_service.phenotypes.cognition import Decline, Kind
from cds_service.rules.clonazepam_alternative import Alternative, alternative, proposed
from cds_service.rules.review import Finding, Review, rule

_LADDER = ("low-score", "possible-impairment", "impairment", "possible-dementia", "dementia")


@rule("clonazepam-dementia", gives="because clause drug found indication label label_maximum since when")
def clonazepam_dementia(review: Review) -> Finding:
    proposed(review)
    decline = review.known("cognitive-decline", cognition.decline(review.facts))
    offer = alternative(review, decline.label)
    older = is_older(review.facts)
    notes = [decline.kind.value, *(["age-65"] if older else []), *offer.notes]
    if not review.facts.age.known:
        notes.append("age-unknown")
    found = decline.words
    values = {"label": decline.label, "found": found, "when": _dated(decline), "clause": offer.clause, **offer.values}
    indicator = _indicator(offer, decline, older)
    return Finding(offer.card, indicator, values, tuple(notes), offer.offers, _classes(decline), offer.stale)


def _classes(decline: Decline) -> tuple[str, ...]:
    """Whatever is worse than what was found before is new; what is less is not."""
    name = decline.kind.value
    step = _LADDER.index(f"possible-{name}" if decline.possible else name)
    return _LADDER[: step + 1]


def _dated(decline: Decline) -> Value:
    """A score has a day, a diagnosis a beginning."""
    return decline.since if decline.kind is Kind.LOW_SCORE and decline.since else since(decline.since)


def _indicator(offer: Alternative, decline: Decline, older: bool) -> str:
    if offer.palliative:
        return "palliative"
    if decline.possible:
        return "possible"
    if decline.kind is Kind.DEMENTIA:
        return "dementia"
    if decline.kind is Kind.IMPAIRMENT:
        return "impairment-65" if older else "impairment"
    return "low-score"
