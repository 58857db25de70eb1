"""RBD in a patient who takes a drug that can cause or worsen it (MED-02)."""

from collections.abc import Iterator

from cds_service.facts.patient import Condition, Medication, PatientFacts
from cds_service.facts.words import Said, listed, phrasing, since
from cds_service.phenotypes import antidepressants, rbd
from cds_service.phenotypes.antidepressant_purpose import Purpose, purpose
from cds_service.phenotypes.antidepressants import Timing, timing
from cds_service.rules.review import Finding, Record, Review, rule

_RULE = "rbd-drug-current"
_STARTED = phrasing("started", "length", rule=_RULE)
_RAISED = phrasing("raised", "length", rule=_RULE)
_NAME = phrasing("rbd", rule=_RULE)()
_POSSIBLE_NAME = phrasing("possible-rbd", rule=_RULE)()
_ORDER = (Timing.FITS, Timing.LONG_STANDING, Timing.UNKNOWN, Timing.AFTER)


@rule(_RULE, gives="Rbd disorder drug focus gap line_only onset others reason start")
def rbd_drug_current(review: Review) -> Finding:
    facts = review.facts
    disorder = review.known("rbd-active", rbd.diagnosis(facts))
    review.consider("parkinson-disease", facts.conditions("parkinson-disease"))
    taken = antidepressants.taken(facts, *antidepressants.SETS)
    drugs = review.known("associated-drug-current", taken.where(lambda drug: not _is_for_parkinson(drug, facts)))
    ranked = sorted(((_timing(review, drug, disorder), drug) for drug in drugs), key=_rank)
    when, drug = ranked[0]
    strong = antidepressants.is_strong(drug.sets)
    serious = when is Timing.FITS and strong and not disorder.possible
    others = listed(m.ingredient for _, m in ranked[1:])
    line = facts.current_drugs(*antidepressants.LINE_ONLY_SETS)
    line_only = listed(m.ingredient for m in line.value_or(()))
    values = {
        "drug": drug.ingredient,
        "focus": drug.source,
        "start": since(drug.start),
        "gap": _gap(review, drug, disorder),
        "reason": Record(drug.reason_words) if drug.reason_words else None,
        "Rbd": _POSSIBLE_NAME if disorder.possible else _NAME,
        "disorder": Record(disorder.words),
        "onset": since(disorder.since),
        "others": others,
        "line_only": line_only,
    }
    indicator = "timing-fits" if serious else "uncertain"
    classes = (indicator, *(m.ingredient for _, m in ranked))
    notes = (
        *_notes(drug, when, purpose(drug, facts)),
        *(n for n in ("others", "line-only") if values[n.replace("-", "_")]),
    )
    return Finding(when.value, indicator, values, notes, None, classes, drug if drug.old else None)


def _is_for_parkinson(drug: Medication, facts: PatientFacts) -> bool:
    """An MAO-B inhibitor in Parkinson's disease, which is not known to bring on RBD."""
    listed_so = "maob" in drug.drug.sets and facts.conditions("parkinson-disease").known
    return listed_so or purpose(drug, facts) is Purpose.PARKINSON


def _notes(drug: Medication, when: Timing, use: Purpose) -> Iterator[str]:
    """By what the drug is for (the table of MED-01), then what holds for all of them."""
    yield use.value
    if use is Purpose.OTHER and drug.reason_words:
        yield "other-use"
    if when is Timing.FITS and use is not Purpose.CATAPLEXY:
        yield "guideline"
    if drug.ingredient == "fluoxetine":
        yield "fluoxetine"
    yield "still-follow-up"


def _timing(review: Review, drug: Medication, disorder: Condition) -> Timing:
    return timing(drug.start, drug.increased, disorder.since, int(review.number("timing-days")))


def _rank(pair: tuple[Timing, Medication]) -> tuple[bool, int, bool, str]:
    when, drug = pair
    return drug.old, _ORDER.index(when), not antidepressants.is_strong(drug.sets), drug.ingredient


def _gap(review: Review, drug: Medication, disorder: Condition) -> Said | None:
    """How long before the onset the drug was started, or raised where only that fits."""
    onset, days = disorder.since, int(review.number("timing-days"))
    for said, when in ((_STARTED, drug.start), (_RAISED, drug.increased)):
        if onset and when and antidepressants.precedes(when, onset, days):
            return said(length=onset.first - when.first)
    return None
