"""Dose and form of melatonin for RBD (MEL-01)."""

from cds_service.facts.words import Record
from cds_service.phenotypes.therapy import is_for_rbd, is_new, upper
from cds_service.rules.review import Finding, Review, rule

_OTHER_FORM = ("replace-with-immediate-release",)
_LOWER_DOSE = ("melatonin-highest",)


@rule("melatonin-dose", gives="dose drug found highest_mg")
def melatonin_dose(review: Review) -> Finding:
    review.drug("melatonin-proposed", "melatonin")
    order = review.order
    review.only_if("for-rbd", is_for_rbd(order, review.facts))
    daily = order.dose.daily_mg
    if order.dose.unreadable:
        review.only_if("dose-or-signing", order.dose.lacks)
    review.only_if("dose-or-signing", daily is not None or review.signing, order.source)
    highest = review.facts.numbers.value("melatonin", "melatonin-highest")
    high = daily is not None and daily > highest
    slow = order.drug is not None and order.drug.extended_release
    review.only_if("dose-or-form", high or slow, order.source)
    values = {"drug": "melatonin", "dose": upper(order.dose), "found": Record(order.words), "highest_mg": highest}
    notes = [*(["trials"] if slow else []), "product", *(["age-unknown"] if not review.facts.age.known else [])]
    card = "dose" if high else "form"
    remove = ("remove-draft",) if is_new(order, review.facts) else ()
    return Finding(card, card, values, tuple(notes), _OTHER_FORM if slow else (*_LOWER_DOSE, *remove))
