"""RBD in a patient who takes a drug that can cause or worsen it (MED-02)."""

from cds_service.facts.patient import Condition, Medication
from cds_service.facts.words import Said, listed, phrasing, since
from cds_service.phenotypes import antidepressants, rbd
from cds_service.phenotypes.antidepressants import Timing, timing
from cds_service.rules.review import Finding, Record, Review, rule

_RULE = "rbd-drug-current"
_STARTED = phrasing("started", "length", rule=_RULE)
_RAISED = phrasing("raised", "length", rule=_RULE)
_ORDER = (Timing.FITS, Timing.LONG_STANDING, Timing.UNKNOWN, Timing.AFTER)


@rule(_RULE, gives="disorder drug gap line_only onset others start written")
def rbd_drug_current(review: Review) -> Finding:
    facts = review.facts
    disorder = review.known("rbd-active", rbd.diagnosis(facts))
    drugs = review.known("associated-drug-current", antidepressants.taken(facts, *antidepressants.SETS))
    ranked = sorted(((_timing(review, drug, disorder), drug) for drug in drugs), key=_rank)
    when, drug = ranked[0]
    strong = antidepressants.is_strong(drug.sets)
    serious = when is Timing.FITS and strong and not disorder.possible
    others = listed(m.ingredient for _, m in ranked[1:])
    line = facts.current_drugs(*antidepressants.LINE_ONLY_SETS)
    line_only = listed(m.ingredient for m in line.value_or(()))
    notes = [
        *(["old-entry"] if drug.old else []),
        "no-abrupt-stop",
        *(["fluoxetine"] if drug.ingredient == "fluoxetine" else []),
        "still-follow-up",
        *(["others"] if others else []),
        *(["line-only"] if line_only else []),
    ]
    values = {
        "drug": drug.ingredient,
        "start": since(drug.start),
        "written": drug.written,
        "gap": _gap(review, drug, disorder),
        "disorder": Record(disorder.words),
        "onset": since(disorder.since),
        "others": others,
        "line_only": line_only,
    }
    indicator = "timing-fits" if serious else "uncertain"
    classes = (indicator, *(m.ingredient for _, m in ranked))
    return Finding(when.value, indicator, values, tuple(notes), classes=classes)


def _timing(review: Review, drug: Medication, disorder: Condition) -> Timing:
    return timing(drug.start, drug.increased, disorder.since, int(review.number("timing-days")))


def _rank(pair: tuple[Timing, Medication]) -> tuple[int, bool, str]:
    when, drug = pair
    return _ORDER.index(when), not antidepressants.is_strong(drug.sets), drug.ingredient


def _gap(review: Review, drug: Medication, disorder: Condition) -> Said | None:
    """How long before the onset the drug was started, or raised where only that fits."""
    onset, days = disorder.since, int(review.number("timing-days"))
    for said, when in ((_STARTED, drug.start), (_RAISED, drug.increased)):
        if onset and when and antidepressants.precedes(when, onset, days):
            return said(length=onset.first - when.first)
    return None
