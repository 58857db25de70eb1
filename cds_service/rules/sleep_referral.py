"""When sleep medicine can take it further: an open diagnosis, failing treatment, another disorder, injury (REF-01)."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, Known, unread
from cds_service.facts.patient import Procedure
from cds_service.facts.words import Record, Value, phrasing, since
from cds_service.fhir.dates import Interval
from cds_service.phenotypes import persistence, planned_care, rbd, sleep_study, unproven_sleep_disorder
from cds_service.phenotypes.persistence import Unhelped
from cds_service.phenotypes.rbd import Level, Suspicion
from cds_service.phenotypes.unproven_sleep_disorder import Disorder, Suspected
from cds_service.rules.rbd_signs import NAMES, signs
from cds_service.rules.review import Finding, Review, rule

_INJURED = phrasing("reason-repeated-injury", rule="sleep-referral")()
_ACTIVE = phrasing("reason-still-active", rule="sleep-referral")()
_UNCERTAIN = phrasing("reason-uncertain", rule="sleep-referral")()
_OTHER = phrasing("reason-other-disorder", "other", rule="sleep-referral")
_AT_DOSE = phrasing("drug-at-dose", "drug", "dose", rule="sleep-referral")
_SETTINGS = {
    Level.CONFIRMED: phrasing("with-rbd", rule="sleep-referral")(),
    Level.SUSPECTED: phrasing("with-red-flags", rule="sleep-referral")(),
}
_DISORDERS = {one: phrasing(one.value)() for one in Disorder}
_FIRST = {one: phrasing(f"{one.value}-first", rule="sleep-referral")() for one in Disorder}


class ReferralReason(msgspec.Struct, frozen=True):
    """One reason to refer: the variant of the card, and the values its words need."""

    card: str
    values: dict[str, Value]


@rule(
    "sleep-referral",
    gives="Other disorder drug duration first known last onset other other_when other_words "
    "referral_reason setting sign signs start study told",
)
def sleep_referral(review: Review) -> Finding:
    reasons = review.known("reason-to-refer", _reasons(review))
    months = int(review.number("referral-months"))
    review.unless("referred", planned_care.open_or_recent(review.facts, months, "referral-sleep-medicine"))
    leading = reasons[0].card
    values = {name: value for reason in reversed(reasons) for name, value in reason.values.items()}
    also = tuple(f"also-{reason.card}" for reason in reasons[1:])
    indicator = "injury" if leading == "repeated-injury" else "other"
    return Finding(leading, indicator, values, also, classes=tuple(reason.card for reason in reasons))


def _reasons(review: Review) -> Fact[tuple[ReferralReason, ...]]:
    """Every reason that holds, the weightiest first; unavailable if none does and one could not be looked up."""
    seen = rbd.firm_suspicion(review.facts)
    looked = (_injured(review), _unhelped(review), _uncertain(review, seen), _other(review, seen))
    known = [fact for fact in looked if fact.known]
    if not known:
        return unread(*looked)
    return Known(tuple([fact.value for fact in known]), tuple([source for fact in known for source in fact.sources]))


def _injured(review: Review) -> Fact[ReferralReason]:
    return persistence.injured_again(review.facts, int(review.number("injury-months"))).read_as(_repeated)


def _repeated(days: tuple[Interval, Interval]) -> ReferralReason:
    first, last = days
    return ReferralReason("repeated-injury", {"first": first, "last": last, "referral_reason": _INJURED})


def _unhelped(review: Review) -> Fact[ReferralReason]:
    weeks, melatonin = int(review.number("treatment-weeks")), review.number("melatonin-mg")
    return persistence.on_treatment(review.facts, weeks, melatonin).read_as(_still_active)


def _still_active(seen: Unhelped) -> ReferralReason:
    drug, dose = seen.drug.ingredient, seen.drug.dose.daily_mg
    values: dict[str, Value] = {
        "disorder": Record(seen.disorder.words),
        "onset": since(seen.disorder.since),
        "drug": _AT_DOSE(drug=drug, dose=dose) if dose else drug,
        "start": since(seen.start),
        "sign": NAMES[seen.sign],
        "told": seen.told,
        "duration": _between(seen.start, seen.told),
        "referral_reason": _ACTIVE,
    }
    return ReferralReason("still-active", values)


def _between(start: Interval, told: Interval) -> timedelta:
    """The time that has passed for certain."""
    return told.first - start.last


def _uncertain(review: Review, seen: Fact[Suspicion]) -> Fact[ReferralReason]:
    """Red flags that a study did not settle, or that no study has looked at for long."""
    if not seen.known or seen.value.level is not Level.SUSPECTED:
        return unread(seen)
    done = review.facts.procedures(sleep_study.ATTENDED)
    values: dict[str, Value] = {"signs": signs(seen.value), "referral_reason": _UNCERTAIN}
    if not done.known:
        return _unstudied(review, seen, values) if done == ABSENT else done
    sources = seen.sources + done.sources
    study = _unsettled(review, done.value)
    return study.then(lambda day: Known(ReferralReason("uncertain", {**values, "study": day}), sources))


def _unsettled(review: Review, done: tuple[Procedure, ...]) -> Fact[Interval]:
    """The day of the newest study, if it is past its time and no result of it can be read."""
    newest = done[0].day
    facts, days = review.facts, int(review.number("result-days"))
    if newest is None or newest.last == date.max or facts.within_days(newest, days):
        return ABSENT
    if any(sleep_study.is_readable(report) for report in facts.reports(sleep_study.ATTENDED).value_or(())):
        return ABSENT
    rest = facts.unread("reports", sleep_study.ATTENDED)
    return Known(newest) if rest == ABSENT else rest


def _unstudied(review: Review, seen: Known[Suspicion], values: dict[str, Value]) -> Fact[ReferralReason]:
    facts = review.facts
    known = rbd.suspected_since(facts, seen.value)
    if known is None or (facts.today - known.last).days < int(review.number("unstudied-days")):
        return ABSENT
    for fact in (facts.reports(sleep_study.ATTENDED), sleep_study.on_order(facts)):
        if fact != ABSENT:
            return unread(fact)
    return Known(ReferralReason("unstudied", {**values, "known": since(known)}), seen.sources)


def _other(review: Review, seen: Fact[Suspicion]) -> Fact[ReferralReason]:
    """Sleep apnea or narcolepsy suspected, with RBD or red flags for it."""
    if not seen.known or seen.value.level not in _SETTINGS:
        return unread(seen)
    level = seen.value.level
    return unproven_sleep_disorder.suspected(review.facts).read_as(lambda other: _beside(other, level))


def _beside(other: Suspected, level: Level) -> ReferralReason:
    disorder = _DISORDERS[other.disorder]
    values: dict[str, Value] = {
        "other": disorder,
        "Other": _FIRST[other.disorder],
        "other_words": other.words,
        "other_when": other.when if other.measured else since(other.when),
        "setting": _SETTINGS[level],
        "referral_reason": _OTHER(other=disorder),
    }
    return ReferralReason("other-disorder", values)
