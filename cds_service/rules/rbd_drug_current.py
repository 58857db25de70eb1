"""RBD in a patient who takes a drug that can cause or worsen it (MED-02)."""

from cds_service.content.text import listed, since
from cds_service.facts.patient import Condition, Medication
from cds_service.fhir.dates import Interval
from cds_service.phenotypes import antidepressants, rbd
from cds_service.phenotypes.antidepressants import Timing, timing
from cds_service.rules.review import Finding, Record, Review, rule

_ORDER = (Timing.FITS, Timing.LONG_STANDING, Timing.UNKNOWN, Timing.AFTER)


@rule("rbd-drug-current", gives="disorder drug gap line_only onset others start written")
def rbd_drug_current(review: Review) -> Finding:
    facts = review.facts
    disorder = review.known("rbd-active", rbd.diagnosis(facts))
    drugs = review.known("associated-drug-current", antidepressants.taken(facts, *antidepressants.SETS))
    ranked = sorted(((_timing(review, drug, disorder), drug) for drug in drugs), key=_rank)
    when, drug = ranked[0]
    strong = antidepressants.is_strong(drug.sets)
    serious = when is Timing.FITS and strong and not disorder.possible
    notes = ["no-abrupt-stop", *(["fluoxetine"] if drug.ingredient == "fluoxetine" else []), "still-follow-up"]
    others = listed(m.ingredient for _, m in ranked[1:])
    line = facts.current_drugs(*antidepressants.LINE_ONLY_SETS)
    line_only = listed(m.ingredient for m in line.value_or(()))
    notes += [name for name, said in (("others", others), ("line-only", line_only), ("old-entry", drug.old)) if said]
    values = {
        "drug": drug.ingredient,
        "start": since(drug.start),
        "written": drug.written,
        "gap": _gap(drug, disorder) if when is Timing.FITS else "",
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


def _gap(drug: Medication, disorder: Condition) -> str:
    """How long before the onset the drug was started or raised: ``started 2 months``."""
    onset = disorder.since
    if onset is None or drug.start is None:
        return "started shortly"
    fits_start = (onset.first - drug.start.last).days <= 183
    verb, when = ("started", drug.start) if fits_start or drug.increased is None else ("raised", drug.increased)
    return f"{verb} {_length(when, onset)}"


def _length(start: Interval, onset: Interval) -> str:
    days = (onset.first - start.first).days
    if days < 14:
        return f"{days} days" if days != 1 else "1 day"
    if days < 60:
        return f"{round(days / 7)} weeks"
    return f"{round(days / 30.44)} months"
