"""Sleep-study orders and results: what a study is for, and what a scored result says (PSG-01 to PSG-05)."""

from __future__ import annotations

from cds_service.facts.knowledge import ABSENT, Fact, Known, Unavailable
from cds_service.facts.patient import Observation, Order, PatientFacts, Report
from cds_service.fhir.dates import within_days
from cds_service.phenotypes.numbers import Numbers
from cds_service.phenotypes.rbd import Level, Suspicion

ATTENDED = "sleep-study-attended"
HOME = "sleep-study-home"
TITRATION = "sleep-study-titration"
RBD_REASONS = frozenset({"rbd", "dream-enactment", "complex-sleep-movements", "sleep-injury"})
TWITCHING = frozenset({"sleep-twitching", "sleep-myoclonus"})
APNEA_REASONS = frozenset({"sleep-apnea", "snoring", "hypersomnia"})
LEVELS_FOR_STUDY = (Level.CONFIRMED, Level.SUSPECTED, Level.POSSIBLE)
_CUTOFFS = (
    ("rswa-chin-any-3s", "chin-any"),
    ("rswa-chin-any-arm-phasic-3s", "chin-any-arm-phasic"),
)


def is_for_rbd(order: Order) -> bool:
    """Whether a stated reason says RBD or dream enactment."""
    return not order.reasons.isdisjoint(RBD_REASONS)


def only_for(order: Order, reasons: frozenset[str]) -> bool:
    """Whether a reason is stated and every stated reason is among these."""
    return bool(order.each_reason) and all(not one.isdisjoint(reasons) for one in order.each_reason)


def for_study(found: Fact[Suspicion]) -> Fact[Suspicion]:
    """The suspicion if its level calls for attended video polysomnography."""
    return ABSENT if isinstance(found, Known) and found.value.level not in LEVELS_FOR_STUDY else found


def without_atonia(facts: PatientFacts, numbers: Numbers) -> Fact[tuple[Report, Observation]]:
    """The newest sleep-study report of the window whose scored result shows REM sleep without atonia.

    A percentage counts only with the method that its code names; signals are never read.
    """
    found = facts.reports(ATTENDED)
    if not isinstance(found, Known):
        return found
    days = int(numbers.value("sleep-study", "result-days"))
    for told in found.value:
        if told.day is None or not within_days(told.day, days, facts.today):
            continue
        shown = next((o for o in told.results if _shows(o, numbers)), None)
        if shown:
            return Known((told, shown), (told.source, shown.source))
    rest = facts.reports()
    return rest if isinstance(rest, Unavailable) else ABSENT


def _shows(result: Observation, numbers: Numbers) -> bool:
    if "rswa-present" in result.sets:
        return result.answer is True
    if result.value is None or result.unit not in ("%", "") or result.comparator in ("<", "<="):
        return False
    for name, cutoff in _CUTOFFS:
        if name in result.sets:
            return result.value >= numbers.value("sleep-study", cutoff)
    return "rswa-30s" in result.sets and result.value > numbers.value("sleep-study", "thirty-second-epochs")
