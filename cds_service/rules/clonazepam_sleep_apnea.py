"""Clonazepam with sleep apnea (CLZ-03)."""

from cds_service.facts.words import Value, phrasing, since
from cds_service.phenotypes import sleep_apnea
from cds_service.phenotypes.sleep_apnea import Apnea
from cds_service.rules.clonazepam_alternative import alternative, proposed
from cds_service.rules.review import Finding, Review, rule

_RULE = "clonazepam-sleep-apnea"
_WITHOUT_PAP = phrasing("without-pap", "apnea", rule=_RULE)
_CLASSES = {
    "treated": ("apnea",),
    "possible": ("apnea", "untreated"),
    "mild-index": ("apnea", "untreated"),
    "untreated": ("apnea", "untreated", "marked"),
}
"""Each level with those below it: only what is more is new."""


@rule(_RULE, gives="apnea because clause clearance drug found indication label label_maximum melatonin_failed when")
def clonazepam_sleep_apnea(review: Review) -> Finding:
    proposed(review)
    apnea = review.known("sleep-apnea", sleep_apnea.apnea(review.facts))
    therapy = sleep_apnea.airway_pressure(review.facts)
    review.consider("airway-pressure", therapy)
    treated = therapy.known
    label = apnea.label if treated else _WITHOUT_PAP(apnea=apnea.label)
    offer = alternative(review, apnea.label)
    card = offer.card if not treated or offer.card == "current" else f"{offer.card}-treated"
    values = {
        "label": label,
        "apnea": apnea.label,
        "found": apnea.words,
        "when": _dated(apnea),
        "clause": offer.clause,
        **offer.values,
    }
    notes = ("treated" if treated else "untreated", "evidence-thin", *offer.notes)
    level = _level(review, apnea, treated)
    indicator = "palliative" if offer.palliative else level
    return Finding(card, indicator, values, notes, offer.offers, _CLASSES[level], offer.stale)


def _dated(apnea: Apnea) -> Value:
    """An index has a day, a diagnosis a beginning."""
    return since(apnea.when) if apnea.diagnosed else apnea.when


def _level(review: Review, apnea: Apnea, treated: bool) -> str:
    if treated:
        return "treated"
    moderate = review.facts.numbers.value("sleep-apnea", "index-moderate")
    severe = apnea.index is not None and apnea.index >= moderate
    if apnea.possible and not severe:
        return "possible"
    return "untreated" if apnea.diagnosed or severe else "mild-index"
