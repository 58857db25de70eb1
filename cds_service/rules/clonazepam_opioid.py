"""Clonazepam together with an opioid (CLZ-04)."""

import msgspec

from cds_service.facts.knowledge import Fact
from cds_service.facts.patient import Medication, Order
from cds_service.facts.words import Record, Value, listed, phrasing
from cds_service.phenotypes import opioids, pairs, sleep_apnea
from cds_service.phenotypes.age import is_older
from cds_service.phenotypes.pairs import Side
from cds_service.rules.clonazepam_alternative import REVIEW_ONLY, alternative, is_palliative
from cds_service.rules.review import Finding, Review, rule

_RULE = "clonazepam-opioid"
_TAKEN_WITH_IT = phrasing("taken-with-it", "opioid", rule=_RULE)


class _Pair(msgspec.Struct, frozen=True):
    clonazepam: Side
    opioid: Side
    both_taken: Fact[Medication]
    for_addiction: Fact[str]
    use_unknown: bool

    @property
    def stale(self) -> Medication | None:
        """Of the two, one that only an old entry tells of."""
        return self.clonazepam.stale or self.opioid.stale

    @property
    def rank(self) -> tuple[bool, bool, bool, bool]:
        """A new combination comes first, then treatment of addiction, and last what may not be taken any more."""
        return self.stale is not None, self.for_addiction.known, self.use_unknown, self.both_taken.known


@rule(
    _RULE,
    gives="apnea because clause clearance clonazepam_state clonazepam_words drug indication label_maximum "
    "melatonin_failed opioid opioid_state opioid_words others partner since taken until",
)
def clonazepam_opioid(review: Review) -> Finding:
    name = review.drug("clonazepam-or-opioid", "clonazepam", "opioid")
    therapy = review.therapy
    review.only_if("opioid-at-signing", name == "clonazepam" or review.signing, therapy.source)
    found = review.known("other-one", _pairs(review, Side(name, therapy)))
    pair, *rest = sorted(found, key=lambda p: p.rank)
    review.consider("both-taken", pair.both_taken)
    review.consider("addiction-treatment", pair.for_addiction)
    apnea = sleep_apnea.apnea(review.facts)
    review.consider("sleep-apnea", apnea)
    values = {"drug": name, **_values(pair, rest, apnea.value.label if apnea.known else None)}
    card = _card(review, pair)
    warning = ["addiction" if pair.for_addiction.known else "boxed-warning"]
    warning += ["use-unknown"] if pair.use_unknown else []
    more = [*(key for key in ("others", "apnea") if values[key]), *_general(review)]
    classes = ("new" if card == "new" else "taken", *(p.opioid.ingredient for p in found))
    if card == "palliative":
        taken = isinstance(pair.clonazepam.therapy, Medication) or pair.both_taken.known
        return Finding(card, card, values, (*warning, *more), REVIEW_ONLY if taken else (), classes, pair.stale)
    if name != "clonazepam":
        removal = REVIEW_ONLY if pair.both_taken.known else () if pair.for_addiction.known else ("remove-draft",)
        return Finding(card, card, values, (*warning, "no-abrupt-end", *more), removal, classes, pair.stale)
    offer = alternative(review, _TAKEN_WITH_IT(opioid=pair.opioid.ingredient))
    instead = [note for note in offer.notes if note != "palliative"]
    values |= {"clause": offer.clause, **offer.values}
    if card == "continued":
        instead = ["taper", *(note for note in instead if note != "taper")]
        return Finding(card, card, values, (*warning, *instead, *more), REVIEW_ONLY, classes, pair.stale)
    return Finding(card, card, values, (*warning, *instead, *more), offer.offers, classes, pair.stale)


def _values(pair: _Pair, rest: list[_Pair], apnea: Value) -> dict[str, Value]:
    name = pair.opioid.ingredient
    return {
        "opioid": name,
        "partner": name if pair.clonazepam.stale else pair.clonazepam.ingredient,
        "clonazepam_words": Record(pair.clonazepam.drug.words),
        "clonazepam_state": pair.clonazepam.state,
        "opioid_words": Record(pair.opioid.drug.words),
        "opioid_state": pair.opioid.state,
        "others": listed(p.opioid.ingredient for p in rest if p.opioid.ingredient != name),
        "apnea": apnea,
    }


def _pairs(review: Review, side: Side) -> Fact[tuple[_Pair, ...]]:
    other = "opioid" if side.ingredient == "clonazepam" else "clonazepam"
    partners = pairs.partners(side.therapy, review.facts, (other,), lambda order: _takes_card(order, review))
    return partners.read_as(lambda found: tuple([_pair(review, side, partner) for partner in found]))


def _pair(review: Review, side: Side, partner: Side) -> _Pair:
    clonazepam, opioid = (side, partner) if side.ingredient == "clonazepam" else (partner, side)
    both = pairs.continued(clonazepam, opioid, review.facts)
    for_addiction = opioids.treats_addiction(opioid, review.facts)
    return _Pair(clonazepam, opioid, both, for_addiction, opioids.is_of_unknown_use(opioid, review.facts))


def _takes_card(order: Order, review: Review) -> bool:
    """Whether an order starts this rule: at order-select no opioid does."""
    clonazepam = order.drug is not None and "clonazepam" in order.drug.sets
    return review.reviews(order) and (clonazepam or review.signing)


def _card(review: Review, pair: _Pair) -> str:
    if is_palliative(review):
        return "palliative"
    if review.chart_view:
        return "current-addiction" if pair.for_addiction.known else "current"
    if pair.for_addiction.known:
        return "addiction"
    if pair.use_unknown:
        return "use-unknown"
    return "continued" if pair.both_taken.known else "new"


def _general(review: Review) -> list[str]:
    """In palliative care neither naloxone nor what holds for older people at large."""
    if is_palliative(review):
        return []
    return ["naloxone", *(["beers-opioid"] if is_older(review.facts) else [])]
