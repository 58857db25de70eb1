"""RBD with injury or violent behavior in sleep, and no treatment on record (TRT-01)."""

from __future__ import annotations

from cds_service.facts.patient import PatientFacts
from cds_service.facts.words import Listed, Record, listed, phrasing, since
from cds_service.phenotypes import cognition, rbd, rbd_treatment
from cds_service.phenotypes.bedroom_safety import advised
from cds_service.phenotypes.pregnancy import pregnancy
from cds_service.rules.rbd_signs import drugs, told_of
from cds_service.rules.review import Finding, Review, rule

_CAUTIONS = (
    (phrasing("dementia")(), cognition.DEMENTIA_SETS),
    (phrasing("cognitive-impairment")(), cognition.IMPAIRMENT_SETS),
    (phrasing("sleep-apnea")(), ("sleep-apnea",)),
    (phrasing("fall-tendency")(), ("fall-tendency",)),
)


@rule("rbd-untreated", gives="cautions disorder drugs found onset")
def rbd_untreated(review: Review) -> Finding:
    facts = review.facts
    disorder = review.known("rbd-active", rbd.firm_diagnosis(facts))
    told = review.known("violent", rbd_treatment.violent(facts, int(review.number("violence-months"))))
    review.unless("treated", rbd_treatment.treated(facts, int(review.number("treatment-months"))))
    review.unless("given-up", rbd_treatment.given_up(facts))
    fluvoxamine = facts.current_drugs("ssri").where(lambda drug: drug.ingredient == "fluvoxamine")
    review.unless("fluvoxamine", fluvoxamine)
    review.unless("melatonin-allergy", facts.allergies("melatonin"))
    review.unless("liver-failure", facts.conditions("liver-failure"))
    review.unless("pregnancy", pregnancy(facts))
    safe = advised(facts)
    cautions, taken = _cautions(facts), drugs(facts)
    notes = [
        *(["apnea"] if facts.conditions("sleep-apnea").known else []),
        *(["drugs"] if taken else []),
        *(["cautions"] if cautions else []),
        "evidence",
    ]
    values = {
        "found": told_of(rbd.flags(facts), told),
        "disorder": Record(disorder.words),
        "onset": since(disorder.since),
        "drugs": taken,
        "cautions": cautions,
    }
    offers = ("start-melatonin",) if safe.known else None
    card = "injury" if "injury" in told else "violent"
    return Finding(card, "option", values, tuple(notes), offers, classes=("untreated",))


def _cautions(facts: PatientFacts) -> Listed:
    """What on the problem list speaks for caution with clonazepam."""
    return listed((words for words, sets in _CAUTIONS if facts.conditions(*sets).known), "comma")
