"""Sleep-study orders and results: what a study is for, and what a scored result says (PSG-01 to PSG-05)."""

from __future__ import annotations

from cds_service.facts.conditions import PROVEN
from cds_service.facts.knowledge import ABSENT, Absent, Fact, Known, Unavailable, either, of
from cds_service.facts.patient import (
    Condition,
    DiagnosticReport,
    Observation,
    Order,
    PatientFacts,
    PlannedCare,
    Procedure,
)
from cds_service.fhir.dates import Interval
from cds_service.phenotypes.rbd import Level, Suspicion, suspicion

ATTENDED = "sleep-study-attended"
HOME = "sleep-study-home"
TITRATION = "sleep-study-titration"
RBD_REASONS = frozenset({"rbd", "rbd-in-question", "dream-enactment", "complex-sleep-movements", "sleep-injury"})
TWITCHING = frozenset({"sleep-twitching", "sleep-myoclonus"})
_TWITCHING_REASONS = TWITCHING | {"twitching"}
APNEA_REASONS = frozenset({"sleep-apnea", "sleep-apnea-in-question", "snoring", "hypersomnia"})
LEVELS_FOR_STUDY = (Level.CONFIRMED, Level.SUSPECTED, Level.POSSIBLE)
RESULTS = frozenset({"rswa-present", "rswa-chin-any-3s", "rswa-chin-any-arm-phasic-3s", "rswa-30s"})
_CUTOFFS = (
    ("rswa-chin-any-3s", "chin-any"),
    ("rswa-chin-any-arm-phasic-3s", "chin-any-arm-phasic"),
)


def proposed(order: Order, *studies: str) -> bool | Unavailable:
    """Whether it orders one of these studies; unavailable where that cannot be read of it."""
    known = not order.sets.isdisjoint(studies)
    if order.service_unreadable and (known or not order.sets):
        return Unavailable(f"orders: {order.service_unreadable}")
    return known


def states_rbd(order: Order) -> Fact[Order]:
    """An order of which a stated reason says RBD or dream enactment."""
    return of(order) if not order.reasons.isdisjoint(RBD_REASONS) else _other_reasons(order)


def only_for_apnea(order: Order) -> Fact[Order]:
    """An order with a stated reason, of which every one is apnea or its signs, and none names RBD beside it."""
    if states_rbd(order).known or any(one.isdisjoint(APNEA_REASONS) for one in order.each_reason):
        return ABSENT
    return of(order) if order.each_reason else _other_reasons(order)


def only_for_twitching(order: Order) -> Fact[Order]:
    """An order with a stated reason, of which every one names twitching and nothing else; sleep may go unsaid."""
    if any(not one or not one <= _TWITCHING_REASONS for one in order.each_reason):
        return ABSENT
    others = _other_reasons(order)
    return of(order) if order.each_reason and others == ABSENT else others


def _other_reasons(order: Order) -> Absent | Unavailable:
    """What is told of the reasons that were not read."""
    return Unavailable(f"orders: {order.reasons_unreadable}") if order.reasons_unreadable else ABSENT


def for_rbd(order: Order, facts: PatientFacts) -> Fact[Order | Suspicion]:
    """An order whose stated reason says RBD, else a suspicion that calls for the study."""
    stated: Fact[Order | Suspicion] = states_rbd(order)
    return stated if stated.known else either(for_study(suspicion(facts)), stated)


def for_study(found: Fact[Suspicion]) -> Fact[Suspicion]:
    """The suspicion if its level calls for attended video polysomnography."""
    return found.provided(lambda seen: seen.level in LEVELS_FOR_STUDY)


def done(facts: PatientFacts) -> Fact[tuple[Procedure | DiagnosticReport, ...]]:
    """Attended sleep studies of the window, as procedures or as results; one without a date counts."""
    procedures = facts.procedures(ATTENDED).where(lambda study: _counts(study.day, facts))
    return either(procedures, facts.reports(ATTENDED).where(lambda study: _counts(study.day, facts)))


def _counts(day: Interval | None, facts: PatientFacts) -> bool:
    return day is None or facts.within_months(day, facts.numbers.whole("sleep-study", "study-months"))


def is_readable(report: DiagnosticReport) -> bool:
    """Whether a report brings a scored result on REM sleep without atonia, whatever it says."""
    return any(_is_result(result) and result.readable for result in report.results)


def _is_result(result: Observation) -> bool:
    return not result.sets.isdisjoint(RESULTS)


def on_order(facts: PatientFacts) -> Fact[tuple[PlannedCare, ...]]:
    """Attended sleep studies that are ordered and not done."""
    return facts.requests(ATTENDED).where(lambda order: order.open)


def done_or_ordered(facts: PatientFacts) -> Fact[object]:
    studies: Fact[object] = done(facts)
    return either(studies, on_order(facts))


def proves(disorder: Condition, facts: PatientFacts) -> Fact[object]:
    """RBD proven (level 0+): by the words beside the diagnosis, or by an attended study, unless its result denies it.

    That the verification status is confirmed proves nothing: records write it on every entry.
    """
    if PROVEN in disorder.sets:
        return of(disorder)
    done = facts.procedures(ATTENDED)
    told = facts.reports(ATTENDED)
    read = [report for report in told.value_or(()) if is_readable(report)]
    if any(_shows(result, facts) for report in read for result in report.results):
        return told
    studies: Fact[object] = done
    return ABSENT if read else either(studies, told)


def without_atonia(facts: PatientFacts) -> Fact[tuple[DiagnosticReport, Observation]]:
    """The newest sleep-study report of the window whose scored result shows REM sleep without atonia.

    A percentage counts only with the method that its code names; signals are never read.
    """
    days = facts.numbers.whole("sleep-study", "result-days")
    recent = [told for told in facts.reports(ATTENDED).value_or(()) if facts.within_days(told.day, days)]
    for told in recent:
        shown = next((result for result in told.results if _shows(result, facts)), None)
        if shown:
            return Known((told, shown), (told.source, shown.source))
    lost = any(_is_result(result) and not result.readable for told in recent for result in told.results)
    return Unavailable("reports: a result cannot be read") if lost else facts.unread("reports", ATTENDED)


def _shows(result: Observation, facts: PatientFacts) -> bool:
    if "rswa-present" in result.sets:
        return result.answer is True
    if result.value is None or result.unit not in ("%", "") or result.comparator in ("<", "<="):
        return False
    for name, cutoff in _CUTOFFS:
        if name in result.sets:
            return result.value >= facts.numbers.value("sleep-study", cutoff)
    return "rswa-30s" in result.sets and result.value > facts.numbers.value("sleep-study", "thirty-second-epochs")
