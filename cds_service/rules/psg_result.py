"""A sleep-study result that shows REM sleep without atonia, and no diagnosis of RBD (PSG-05)."""

from cds_service.facts.words import phrasing
from cds_service.phenotypes import rbd, sleep_apnea, sleep_study
from cds_service.rules.review import Finding, Review, rule

_AMOUNT = phrasing("amount", "percent", rule="psg-result")
_BEHAVIOR = ("complex-movements", "vocalizations", "dream-enactment", "injury")


@rule("psg-result", gives="amount day index")
def psg_result(review: Review) -> Finding:
    facts = review.facts
    told, result = review.known("without-atonia", sleep_study.without_atonia(facts))
    review.unless("rbd-recorded", facts.conditions("rbd"))
    review.unless("rbd-in-history", facts.past_conditions("rbd"))
    flags = rbd.flags(facts)
    enacts = any(flags[name].yes for name in _BEHAVIOR)
    review.consider("behavior", facts.answer("dream-enactment"))
    apnea = sleep_apnea.index(facts)
    moderate = facts.numbers.value("sleep-apnea", "index-moderate")
    high = apnea.known and apnea.value.amount.definitely_at_least(moderate)
    values = {
        "day": told.day,
        "amount": "" if result.value is None else _AMOUNT(percent=result.value),
        "index": apnea.value.amount.value if apnea.known else None,
    }
    notes = ("cut-offs", *(("apnea",) if high else ()))
    return Finding("with-behavior" if enacts else "isolated", "result", values, notes)
