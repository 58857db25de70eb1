"""Clonazepam in dementia or cognitive impairment (CLZ-01)."""

from cds_service.facts.knowledge import Fact
from cds_service.facts.patient import Medication
from cds_service.facts.words import Value, phrasing, since
from cds_service.phenotypes import cognition
from cds_service.phenotypes.age import is_older
from cds_service.phenotypes.cognition import Decline, Kind
from cds_service.rules.clonazepam_alternative import Alternative, alternative, proposed
from cds_service.rules.review import Finding, Review, rule

_RULE = "clonazepam-dementia"
_IN = phrasing("in", "label", rule=_RULE)
_WITH = phrasing("with", "label", rule=_RULE)
_WITH_A = phrasing("with-a", "label", rule=_RULE)
_AND_DRUG = phrasing("score-and-drug", "score", "treatment", rule=_RULE)
_LADDER = ("low-score", "possible-impairment", "impairment", "possible-dementia", "dementia")


@rule(
    _RULE,
    gives="because clause clearance drug found indication label label_maximum melatonin_failed since "
    "standing taken treatment when until",
)
def clonazepam_dementia(review: Review) -> Finding:
    proposed(review)
    decline = review.known("cognitive-decline", cognition.decline(review.facts))
    treatment = _treatment(review, decline)
    label = _AND_DRUG(score=decline.words, treatment=treatment) if treatment else decline.label
    offer = alternative(review, label)
    older = is_older(review.facts)
    notes = [*_points(decline, treatment, older=older), *offer.notes]
    if not review.facts.age.known:
        notes.append("age-unknown")
    found = decline.words
    values = {
        "label": label,
        "standing": _standing(label, decline, treatment),
        "treatment": treatment,
        "found": found,
        "when": _dated(decline),
        "clause": offer.clause,
        **offer.values,
    }
    level = "impairment" if treatment else decline.kind.value
    indicator = _indicator(offer, decline, level, older=older)
    return Finding(offer.card, indicator, values, tuple(notes), offer.offers, _classes(decline, level), offer.stale)


def _treatment(review: Review, decline: Decline) -> str | None:
    """The drug beside which a low score counts as cognitive impairment; one of an old entry is none."""
    if decline.kind is not Kind.LOW_SCORE:
        return None
    taken: Fact[tuple[Medication, ...]] = review.facts.current_drugs("cholinesterase-inhibitor", "memantine")
    taken = taken.where(lambda drug: not drug.old)
    review.consider("cognitive-drug", taken)
    return taken.first().read_as(lambda drug: drug.ingredient).value_or(None)


def _standing(label: Value, decline: Decline, treatment: str | None) -> Value:
    if decline.kind is not Kind.LOW_SCORE:
        return _IN(label=label)
    return _WITH(label=label) if treatment else _WITH_A(label=label)


def _points(decline: Decline, treatment: str | None, *, older: bool) -> list[str]:
    """Why it matters: what Beers says is said from its age on, and below it what the label says."""
    if decline.kind is Kind.LOW_SCORE:
        return ["on-treatment" if treatment else "low-score", "age-65" if older else "younger"]
    return [decline.kind.value, "age-65"] if older else ["younger"]


def _classes(decline: Decline, level: str) -> tuple[str, ...]:
    """Whatever is worse than what was found before is new; what is less is not."""
    step = _LADDER.index(f"possible-{level}" if decline.possible else level)
    return _LADDER[: step + 1]


def _dated(decline: Decline) -> Value:
    """A score has a day, a diagnosis a beginning."""
    return decline.since if decline.kind is Kind.LOW_SCORE and decline.since else since(decline.since)


def _indicator(offer: Alternative, decline: Decline, level: str, *, older: bool) -> str:
    if offer.palliative:
        return "palliative"
    if decline.possible:
        return "possible"
    return "impairment-65" if level == "impairment" and older else level
