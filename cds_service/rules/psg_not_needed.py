"""A sleep study ordered for simple twitching (PSG-01)."""

from collections.abc import Mapping

from cds_service.content.text import listed
from cds_service.facts.knowledge import ABSENT, Fact, of
from cds_service.facts.patient import Order, PatientFacts
from cds_service.phenotypes import rbd, sleep_study
from cds_service.phenotypes.rbd import Flag, Level, Suspicion
from cds_service.rules.review import Finding, Record, Review, rule

_OTHER = ("sleep-apnea", "narcolepsy", "hypersomnia", "epilepsy", "complex-sleep-movements", "sleep-injury")
_ASKED = ("complex-movements", "vocalizations", "dream-enactment", "injury")
_SCREEN = ("brief-jerks", *_ASKED)
_NAMES = {
    "brief-jerks": "brief jerks",
    "complex-movements": "complex movements",
    "vocalizations": "voices",
    "dream-enactment": "acting out dreams",
    "injury": "injury",
    "sustained-contractions": "sustained contractions",
    "dream-recall": "dream recall",
}


@rule("psg-not-needed", gives="answers reason screened")
def psg_not_needed(review: Review) -> Finding:
    order, facts = review.order, review.facts
    studies = {sleep_study.ATTENDED, sleep_study.HOME}
    review.only_if("study-proposed", not order.sets.isdisjoint(studies), order.source)
    review.unless("titration", sleep_study.TITRATION in order.sets, order.source)
    review.only_if("for-twitching", _for_twitching(order, facts))
    review.unless("another-reason", facts.conditions(*_OTHER))
    seen = rbd.suspicion(facts)
    review.unless("suspicion", sleep_study.for_study(seen))
    flags = rbd.flags(facts)
    screened = rbd.only_jerks(flags) and (not seen.known or seen.value.level is Level.BENIGN)
    days = [flags[name].when for name in _ASKED]
    newest = max((day for day in days if day), key=lambda day: day.last, default=None)
    reason = Record(order.reason_words or _complaint(facts))
    values = {"screened": newest, "reason": reason, "answers": _answers(seen, flags)}
    outcome = "screened" if screened else "not-screened"
    return Finding(outcome, outcome, values, ("common",))


def _for_twitching(order: Order, facts: PatientFacts) -> Fact[object]:
    """The only stated reason is twitching; without a stated reason, twitching is an active complaint."""
    if order.each_reason:
        return of(order) if sleep_study.only_for_twitching(order) else ABSENT
    return facts.conditions(*sorted(sleep_study.TWITCHING))


def _answers(seen: Fact[Suspicion], flags: Mapping[str, Flag]) -> str:
    """Why the screen does not settle it: RBD in the history, what was not asked, else what was answered yes."""
    if seen.known and seen.value.level is Level.HISTORY:
        return "recorded: RBD in the history"
    missing = listed(words for name, words in _NAMES.items() if name in _SCREEN and flags[name].yes is None)
    if missing:
        return f"not recorded: {missing}"
    told = listed(words for name, words in _NAMES.items() if name != "brief-jerks" and flags[name].yes)
    return f"recorded: {told}" if told else "brief jerks answered no"


def _complaint(facts: PatientFacts) -> str:
    return facts.conditions(*sorted(sleep_study.TWITCHING)).read_as(lambda listed: listed[0].words).value_or("")
