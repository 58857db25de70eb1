"""Clonazepam where its label rules it out, or that of sodium oxybate beside it (CLZ-05)."""

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, together
from cds_service.facts.patient import CERTAIN_FIRST, Allergy, Condition, Medication, Order
from cds_service.facts.words import Record, Value, dated, listed, phrasing, since
from cds_service.phenotypes import pairs
from cds_service.phenotypes.pairs import Side
from cds_service.rules.clonazepam_alternative import REVIEW_ONLY, alternative, is_palliative, taken_already
from cds_service.rules.review import Finding, Review, rule

_RULE = "clonazepam-contraindicated"
_OXYBATE = "sodium-oxybate"
_GLAUCOMA = "glaucoma-angle-closure-acute"
_LIVER = "liver-failure"
_CIRRHOSIS = "cirrhosis"
_LABELS = {
    _GLAUCOMA: phrasing("glaucoma", rule=_RULE)(),
    _CIRRHOSIS: phrasing("cirrhosis", rule=_RULE)(),
    _LIVER: phrasing("liver", rule=_RULE)(),
}
_NOTES = {_GLAUCOMA: "label-glaucoma", _LIVER: "label-liver"}
_BENZODIAZEPINE = phrasing("benzodiazepine", rule=_RULE)()
_ALLERGY = phrasing("allergy", "drug", rule=_RULE)
_ALLERGY_ON_RECORD = phrasing("allergy-on-record", "allergy", rule=_RULE)
_ALLERGIES = ("clonazepam", "benzodiazepine-other", "benzodiazepine-class")
_OXYBATE_NAME = phrasing("oxybate", rule=_RULE)()
_NOT_SAID = {"palliative", "seizures", "specialist", "not-stated"}
_BY_WEIGHT = ("draft", "allergy", "oxybate", "current", "oxybate-taken", "draft-possible", "current-possible")
_OFFERS = {
    "draft": ("remove-interacting-draft",),
    "allergy": ("remove-interacting-draft",),
    "oxybate": ("remove-interacting-draft",),
    "oxybate-taken": ("oxybate-review",),
    "draft-possible": ("remove-draft",),
}


class _Reason(msgspec.Struct, frozen=True):
    """What a label names: our short words, what the record says of it, and the variant of the card by itself."""

    card: str
    kind: str
    note: str
    label: Value
    told: Value
    stale: Medication | None = None

    @property
    def rank(self) -> tuple[bool, int]:
        return self.stale is not None, _BY_WEIGHT.index(self.card)


@rule(_RULE, gives="because clearance drug found indication label label_maximum melatonin_failed since taken until")
def clonazepam_contraindicated(review: Review) -> Finding:
    name = review.drug("clonazepam-proposed", "clonazepam", _OXYBATE)
    given = name == "clonazepam"
    review.only_if("oxybate-at-signing", given or review.signing, review.therapy.source)
    found = review.known(
        "contraindication", together(_of_the_label(review) if given else ABSENT, _beside(review, name))
    )
    lead, *rest = sorted(found, key=lambda reason: reason.rank)
    told = (
        lead,
        *(reason for reason in rest if lead.card.endswith("possible") or not reason.card.endswith("possible")),
    )
    taken = taken_already(review) if given else None
    values: dict[str, Value] = {
        "drug": name,
        "label": lead.label,
        "found": listed((reason.told for reason in told), "semicolon"),
    }
    notes = [reason.note for reason in told]
    if given:
        offer = alternative(review, lead.label)
        values = {**offer.values, **values}
        notes += [note for note in offer.notes if note not in _NOT_SAID]
    else:
        notes.append("no-abrupt-end")
    card = "palliative" if is_palliative(review) else lead.card
    offers = _OFFERS.get(card, ()) if taken is None or card.startswith("oxybate") else REVIEW_ONLY
    if card == "oxybate" and (taken is not None or "lapsed" in notes):
        offers = _OFFERS["oxybate-taken"]
    elif "lapsed" in notes:
        offers = REVIEW_ONLY
    classes = tuple(f"{reason.kind}/{not reason.card.endswith('possible')}" for reason in told)
    return Finding(card, card, values, tuple(notes), offers, classes, lead.stale)


def _of_the_label(review: Review) -> Fact[tuple[_Reason, ...]]:
    diseases = [_disease(review, name) for name in _NOTES]
    return together(*diseases, *([] if review.chart_view else [_allergy(review)]))


def _base(review: Review) -> str:
    """A draft beside an old entry is a new start: nothing shows that the drug was taken of late."""
    taken = taken_already(review)
    return "draft" if taken is None or (taken.old and not review.chart_view) else "current"


def _disease(review: Review, name: str) -> Fact[tuple[_Reason, ...]]:
    counted = review.facts.conditions(name).where(lambda listed: _counts(listed, review)).best(CERTAIN_FIRST)
    return counted.read_as(lambda found: (_diagnosed(found, name, review),))


def _diagnosed(item: Condition, name: str, review: Review) -> _Reason:
    label = item.called(_LABELS[_CIRRHOSIS if _CIRRHOSIS in item.sets else name])
    told = dated(Record(item.words), since(item.since), unsure=item.possible)
    card = f"{_base(review)}-possible" if item.possible else _base(review)
    return _Reason(card, name, _NOTES[name], label, told, _stale_at_view(review))


def _stale_at_view(review: Review) -> Medication | None:
    therapy = review.therapy
    return therapy if isinstance(therapy, Medication) and therapy.old else None


def _counts(item: Condition, review: Review) -> bool:
    """An acute glaucoma of the last months or without a date; at patient-view only what was newly recorded."""
    facts = review.facts
    acute = item.since is None or facts.within_months(item.since, int(review.number("glaucoma-months")))
    if _GLAUCOMA in item.sets and not acute:
        return False
    if not review.chart_view:
        return True
    return facts.within_days(item.recorded or item.onset, int(review.number("newly-recorded-days")))


def _allergy(review: Review) -> Fact[tuple[_Reason, ...]]:
    card = "allergy" if _base(review) == "draft" else "current"
    return review.facts.allergies(*_ALLERGIES).first().read_as(lambda allergy: (_allergic(allergy, card),))


def _allergic(allergy: Allergy, card: str) -> _Reason:
    drug = next(iter(sorted(allergy.ingredients)), "")
    told = _ALLERGY_ON_RECORD(allergy=Record(allergy.words))
    return _Reason(card, f"allergy-{drug}", "label-allergy", _ALLERGY(drug=drug or _BENZODIAZEPINE), told)


def _beside(review: Review, name: str) -> Fact[tuple[_Reason, ...]]:
    """Sodium oxybate with clonazepam: the other of the two is current, or drafted."""
    side, other = Side(name, review.therapy), _OXYBATE if name == "clonazepam" else "clonazepam"
    met = pairs.partners(side.therapy, review.facts, (other,), lambda order: _takes_card(order, review))
    return met.read_as(lambda found: tuple([_together(review, side, partner) for partner in found]))


def _together(review: Review, side: Side, partner: Side) -> _Reason:
    taken = review.chart_view or pairs.continued(side, partner, review.facts).known
    told = dated(Record(partner.drug.words), partner.state)
    card = "oxybate-taken" if taken else "oxybate"
    return _Reason(card, "oxybate", "label-oxybate", _OXYBATE_NAME, told, side.stale or partner.stale)


def _takes_card(order: Order, review: Review) -> bool:
    """Whether an order starts this rule: at order-select no oxybate does."""
    clonazepam = order.drug is not None and "clonazepam" in order.drug.sets
    return review.reviews(order) and (clonazepam or review.signing)
