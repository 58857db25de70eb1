"""A sleep study ordered for simple twitching (PSG-01)."""

from collections.abc import Mapping

from cds_service.facts.knowledge import Fact
from cds_service.facts.patient import Order, PatientFacts
from cds_service.facts.words import Record, Value, listed, phrasing
from cds_service.phenotypes import rbd, sleep_study
from cds_service.phenotypes.rbd import Flag, Level, Suspicion
from cds_service.rules.rbd_signs import NAMES
from cds_service.rules.review import Finding, Review, rule

_OTHER = ("sleep-apnea", "narcolepsy", "hypersomnia", "epilepsy", "complex-sleep-movements", "sleep-injury")
_ASKED = ("complex-movements", "vocalizations", "dream-enactment", "injury")
_SCREEN = {"brief-jerks": phrasing("sign-brief-jerks")(), **{name: NAMES[name] for name in _ASKED}}
_TELLING = (*_ASKED, "sustained-contractions", "dream-recall")
_IN_HISTORY = phrasing("rbd-in-history", rule="psg-not-needed")()
_NOT_RECORDED = phrasing("not-recorded-signs", "signs", rule="psg-not-needed")
_NO_JERKS = phrasing("no-brief-jerks", rule="psg-not-needed")()


@rule("psg-not-needed", gives="answers reason screened")
def psg_not_needed(review: Review) -> Finding:
    order, facts = review.order, review.facts
    studies = {sleep_study.ATTENDED, sleep_study.HOME}
    review.only_if("study-proposed", sleep_study.proposed(order, *studies), order.source)
    review.unless("titration", sleep_study.TITRATION in order.sets, order.source)
    review.only_if("for-twitching", _for_twitching(order, facts))
    review.unless("another-reason", facts.conditions(*_OTHER))
    seen = rbd.suspicion(facts)
    review.unless("suspicion", sleep_study.for_study(seen))
    flags = rbd.flags(facts)
    told = [flags[name].source for name in _TELLING if flags[name].yes]
    review.unless("red-flag", bool(told), *filter(None, told))
    screened = rbd.only_jerks(flags) and (not seen.known or seen.value.level is Level.BENIGN)
    days = [flags[name].when for name in _ASKED]
    newest = max((day for day in days if day), key=lambda day: day.last, default=None)
    reason = Record(order.reason_words or _complaint(facts))
    values = {"screened": newest, "reason": reason, "answers": _answers(seen, flags)}
    outcome = "screened" if screened else "not-screened"
    unasked = any(flags[name].yes is None for name in _SCREEN)
    offers = None if screened or unasked else ("remove-study",)
    return Finding(outcome, outcome, values, ("common",), offers)


def _for_twitching(order: Order, facts: PatientFacts) -> Fact[object]:
    """The only stated reason is twitching; without a stated reason, twitching is an active complaint."""
    if order.each_reason or order.reasons_unreadable:
        return sleep_study.only_for_twitching(order)
    return facts.conditions(*sorted(sleep_study.TWITCHING))


def _answers(seen: Fact[Suspicion], flags: Mapping[str, Flag]) -> Value:
    """Why the screen does not settle it: RBD in the history, what was not asked, else that there are no jerks."""
    if seen.known and seen.value.level is Level.HISTORY:
        return _IN_HISTORY
    if missing := listed(words for name, words in _SCREEN.items() if flags[name].yes is None):
        return _NOT_RECORDED(signs=missing)
    return _NO_JERKS


def _complaint(facts: PatientFacts) -> str:
    return facts.conditions(*sorted(sleep_study.TWITCHING)).read_as(lambda listed: listed[0].words).value_or("")
