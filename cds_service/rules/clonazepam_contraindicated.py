"""Clonazepam where its label rules it out (CLZ-05)."""

import msgspec

from cds_service.facts.knowledge import Fact, together
from cds_service.facts.patient import CERTAIN_FIRST, Allergy, Condition, PatientFacts
from cds_service.facts.words import Record, Said, listed, phrasing, possible, since
from cds_service.fhir.dates import Interval
from cds_service.rules.clonazepam_alternative import alternative, given, taken_already
from cds_service.rules.review import Finding, Review, rule

_RULE = "clonazepam-contraindicated"
_GLAUCOMA = "glaucoma-angle-closure-acute"
_LIVER = "liver-failure"
_LABELS = {
    _GLAUCOMA: phrasing("glaucoma", rule=_RULE)(),
    _LIVER: phrasing("liver", rule=_RULE)(),
}
_NOTES = {_GLAUCOMA: "label-glaucoma", _LIVER: "label-liver"}
_ALLERGY = phrasing("allergy", "drug", rule=_RULE)
_BENZODIAZEPINE = phrasing("benzodiazepine", rule=_RULE)()
_ALLERGY_ON_RECORD = phrasing("allergy-on-record", "allergy", rule=_RULE)
_ALLERGIES = ("clonazepam", "benzodiazepine-other", "benzodiazepine-class")
_NOT_SAID = {"palliative", "seizures", "specialist", "not-stated"}


class _Reason(msgspec.Struct, frozen=True):
    """What the label names, in our short words and in those of the record."""

    label: Said
    kind: str
    note: str
    words: Record | Said
    when: Interval | None = None
    possible: bool = False


@rule(_RULE, gives="because drug found indication label label_maximum when")
def clonazepam_contraindicated(review: Review) -> Finding:
    given(review)
    found = review.known("contraindication", _reasons(review))
    certain = tuple(reason for reason in found if not reason.possible)
    told = certain or found
    label = listed(reason.label for reason in told)
    offer = alternative(review, label)
    taken = taken_already(review)
    card = "draft" if taken is None or (taken.old and not review.chart_view) else "current"
    values = {
        **offer.values,
        "label": label if certain else possible(label),
        "found": listed((reason.words for reason in told), "semicolon"),
        "when": since(told[0].when),
    }
    notes = (*(reason.note for reason in told), *(note for note in offer.notes if note not in _NOT_SAID))
    key = card if certain else f"{card}-possible"
    classes = tuple(f"{reason.kind}/{bool(certain)}" for reason in told)
    return Finding(key, key, values, notes, offer.offers, classes, offer.stale)


def _reasons(review: Review) -> Fact[tuple[_Reason, ...]]:
    diseases = [_disease(review, name) for name in _LABELS]
    return together(*diseases, *([] if review.chart_view else [_allergy(review.facts)]))


def _disease(review: Review, name: str) -> Fact[tuple[_Reason, ...]]:
    counted = review.facts.conditions(name).where(lambda listed: _counts(listed, review)).best(CERTAIN_FIRST)
    return counted.read_as(lambda found: (_diagnosed(found, name),))


def _diagnosed(item: Condition, name: str) -> _Reason:
    return _Reason(_LABELS[name], name, _NOTES[name], Record(item.words), item.since, item.possible)


def _counts(item: Condition, review: Review) -> bool:
    """An acute glaucoma of the last months or without a date; at patient-view only what was newly recorded."""
    facts = review.facts
    acute = item.since is None or facts.within_months(item.since, int(review.number("glaucoma-months")))
    if _GLAUCOMA in item.sets and not acute:
        return False
    if not review.chart_view:
        return True
    return facts.within_days(item.recorded or item.onset, int(review.number("newly-recorded-days")))


def _allergy(facts: PatientFacts) -> Fact[tuple[_Reason, ...]]:
    return facts.allergies(*_ALLERGIES).first().read_as(lambda allergy: (_allergic(allergy),))


def _allergic(allergy: Allergy) -> _Reason:
    drug = next(iter(sorted(allergy.ingredients)), "")
    words = _ALLERGY_ON_RECORD(allergy=Record(allergy.words))
    return _Reason(_ALLERGY(drug=drug or _BENZODIAZEPINE), f"allergy-{drug}", "label-allergy", words)
