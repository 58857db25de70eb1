"""A sleep study for RBD in a patient who takes a drug that changes its result (PSG-04)."""

from cds_service.facts.words import Value
from cds_service.phenotypes import antidepressants, sleep_study
from cds_service.rules.rbd_signs import with_starts
from cds_service.rules.review import Finding, Review, rule

_SETS = (*antidepressants.STRONG_SETS, "other-antidepressant", "clonazepam")


@rule("psg-rem-active-drug", gives="Drug drugs")
def psg_rem_active_drug(review: Review) -> Finding:
    order, facts = review.order, review.facts
    review.only_if("attended-study-proposed", sleep_study.proposed(order, sleep_study.ATTENDED), order.source)
    review.only_if("for-rbd", sleep_study.for_rbd(order, facts))
    drugs = review.known("rem-active-drug", antidepressants.taken(facts, *_SETS))
    drugs = tuple(m for m in drugs if not m.old) or drugs
    raising = [m for m in drugs if "clonazepam" not in m.sets]
    lead = (raising or list(drugs))[0]
    named = lead.ingredient
    notes = [*(["raises"] if raising else []), *(["clonazepam"] if len(raising) < len(drugs) else [])]
    values: dict[str, Value] = {"Drug": named[:1].upper() + named[1:], "drugs": with_starts(drugs)}
    card = "raising" if raising else "clonazepam"
    return Finding(card, "drug", values, tuple(notes), stale=lead if lead.old else None)
