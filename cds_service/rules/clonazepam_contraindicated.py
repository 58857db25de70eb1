"""Clonazepam where its label rules it out (CLZ-05)."""

import msgspec

from cds_service.content.text import listed, since
from cds_service.facts.knowledge import ABSENT, Fact, Known, together
from cds_service.facts.patient import Condition, PatientFacts
from cds_service.facts.words import Record
from cds_service.fhir.dates import Interval, within_days, within_months
from cds_service.rules.clonazepam_alternative import alternative, given
from cds_service.rules.review import Finding, Moment, Review, rule

_GLAUCOMA = "glaucoma-angle-closure-acute"
_LIVER = "liver-failure"
_LABELS = {_GLAUCOMA: "acute angle-closure glaucoma", _LIVER: "liver failure or cirrhosis"}
_NOTES = {_GLAUCOMA: "label-glaucoma", _LIVER: "label-liver"}
_ALLERGIES = ("clonazepam", "benzodiazepine-other", "benzodiazepine-class")
_NOT_SAID = {"palliative", "specialist", "not-stated"}


class _Reason(msgspec.Struct, frozen=True):
    """What the label names, in our short words and in those of the record."""

    label: str
    note: str
    words: str
    when: Interval | None = None
    possible: bool = False


@rule("clonazepam-contraindicated", gives="because drug found indication label label_maximum when")
def clonazepam_contraindicated(review: Review) -> Finding:
    given(review)
    found = review.known("contraindication", _reasons(review))
    certain = tuple(reason for reason in found if not reason.possible)
    told = certain or found
    label = listed(reason.label for reason in told)
    offer = alternative(review, label)
    card = "current" if review.moment is Moment.VIEW else "draft"
    values = {
        **offer.values,
        "label": label if certain else f"possible {label}",
        "found": Record("; ".join(reason.words for reason in told)),
        "when": since(told[0].when),
    }
    notes = (*(reason.note for reason in told), *(note for note in offer.notes if note not in _NOT_SAID))
    key = card if certain else f"{card}-possible"
    return Finding(key, key, values, notes, offer.offers, tuple(f"{reason.label}/{bool(certain)}" for reason in told))


def _reasons(review: Review) -> Fact[tuple[_Reason, ...]]:
    diseases = [_disease(review, name) for name in _LABELS]
    return together(*diseases, *([] if review.moment is Moment.VIEW else [_allergy(review.facts)]))


def _disease(review: Review, name: str) -> Fact[tuple[_Reason, ...]]:
    found = review.facts.conditions(name)
    if not isinstance(found, Known):
        return found
    best = min((c for c in found.value if _counts(c, review)), key=lambda c: c.possible, default=None)
    if best is None:
        return ABSENT
    reason = _Reason(_LABELS[name], _NOTES[name], best.words, best.since, best.possible)
    return Known((reason,), (best.source,))


def _counts(item: Condition, review: Review) -> bool:
    """An acute glaucoma of the last months or without a date; at patient-view only what was newly recorded."""
    today = review.facts.today
    acute = item.since is None or within_months(item.since, int(review.number("glaucoma-months")), today)
    if _GLAUCOMA in item.sets and not acute:
        return False
    if review.moment is not Moment.VIEW:
        return True
    when = item.recorded or item.onset
    return when is not None and within_days(when, int(review.number("newly-recorded-days")), today)


def _allergy(facts: PatientFacts) -> Fact[tuple[_Reason, ...]]:
    found = facts.allergies(*_ALLERGIES)
    if not isinstance(found, Known):
        return found
    one = found.value[0]
    name = next(iter(sorted(one.ingredients)), "benzodiazepine")
    return Known((_Reason(f"allergy to {name}", "label-allergy", f"allergy: {one.words}"),), (one.source,))
