"""What stands out in the counts of the record: what is no longer as it was, and hooks that are louder than they may be.

Pure functions of a history, ``alarms.toml``, the ceilings of ``budget.toml`` and a day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from cds_service.content.alarms import OVER_BUDGET, Alarms, Change
from cds_service.content.budget import kept
from cds_service.record.history import History, Series
from cds_service.record.rates import Rate, chance_above, chance_of_fewer, chance_of_more, spread, total
from cds_service.rules.review import Outcome

_DAY = dt.timedelta(days=1)


class Verdict(msgspec.Struct, frozen=True):
    """One series held against its own past, or against its ceiling."""

    kind: str
    series: Series
    since: dt.date
    recent: Rate
    before: Rate
    """Nothing where there is a ceiling."""
    chance: float
    """Of such a change or a larger one, if nothing has changed; or of so many or more, if the ceiling is kept."""
    large: bool
    lacks: Mapping[str, int] = {}
    """The data for want of which a rule could not tell in the days judged."""
    new_versions: tuple[str, ...] = ()
    """Of the rule, in the days judged."""


class Look(msgspec.Struct, frozen=True):
    """What was judged, and what rings of it."""

    judged: int
    too_little: int
    """What had too short a past, or too few calls, to be judged."""
    alarms: tuple[Verdict, ...]


def watched(
    history: History, last: dt.date, ceilings: Mapping[str, Mapping[str, float]]
) -> Iterator[tuple[str, Series]]:
    """Every series that may ring, with its kind in ``alarms.toml``; ``ceilings`` are by service and indicator."""
    yield from (("unasked", one) for one in history.calls(last))
    yield from (("unread-codes", one) for one in history.unread())
    for one in history.outcomes(Outcome.FOUND):
        yield "silent", one
        yield "flood", one
    yield from (("undetermined", one) for one in history.outcomes(Outcome.UNDETERMINED))
    yield from ((OVER_BUDGET, one) for one in history.answers(ceilings))


def look(
    history: History, series: Iterable[tuple[str, Series]], alarms: Alarms, today: dt.date, since: dt.date | None = None
) -> Look:
    """What rings today; with ``since`` the days from then on are judged, else as many as each kind says."""
    listed = list(series)
    verdicts = [judge(kind, one, alarms, today, since) for kind, one in listed]
    judged = [verdict for verdict in verdicts if verdict]
    # A chance that is small for one is not small for the best of hundreds: the share is parted among all.
    limit = alarms.false_alarms / max(1, len(judged))
    ringing = (verdict for verdict in judged if verdict.large and verdict.chance < limit)
    return Look(len(judged), len(listed) - len(judged), tuple(_explained(one, history) for one in ringing))


def judge(kind: str, series: Series, alarms: Alarms, today: dt.date, since: dt.date | None = None) -> Verdict | None:
    """The series against its past or its ceiling; None where they hold too little to tell."""
    begin = since or today - alarms.days[kind] * _DAY
    new = [rate for day, rate in series.days.items() if begin <= day <= today]
    if series.ceiling is not None:
        return _held(series, series.ceiling, alarms, begin, new)
    change, first = alarms.kinds[kind], begin - alarms.baseline_days * _DAY
    past = [rate for day, rate in series.days.items() if first <= day < begin and rate.exposure]
    recent, before = total(new), total(past)
    if not _is_enough(kind, recent, before, len(past), alarms):
        return None
    chance = chance_of_more if change.at_most is None else chance_of_fewer
    found = chance(recent, before, spread(past))
    return Verdict(kind, series, begin, recent, before, found, _is_large(change, recent, before))


def _held(series: Series, ceiling: float, alarms: Alarms, begin: dt.date, new: Iterable[Rate]) -> Verdict | None:
    asked = [rate for rate in new if rate.exposure]
    recent = total(asked)
    verdict = kept(ceiling, recent.events, recent.exposure)
    is_fresh = len(asked) < alarms.least_days or recent.exposure < alarms.least_before
    if is_fresh or verdict == "too few to tell":
        return None
    chance = chance_above(recent, ceiling, spread(asked))
    return Verdict(OVER_BUDGET, series, begin, recent, Rate(), chance, verdict == "exceeded")


def _is_enough(kind: str, recent: Rate, before: Rate, days: int, alarms: Alarms) -> bool:
    if days < alarms.least_days:
        return False
    # The calls themselves are counted by days, and their own number is the past that must be there.
    asked = before.events if kind == "unasked" else before.exposure
    return asked >= alarms.least_before and (kind == "unasked" or recent.exposure >= alarms.least_calls)


def _is_large(change: Change, recent: Rate, before: Rate) -> bool:
    if change.at_most is not None:
        return before.events > 0 and recent.share <= change.at_most * before.share
    enough = recent.events >= change.least and recent.share >= change.share
    return enough and recent.share >= change.at_least * before.share


def _explained(verdict: Verdict, history: History) -> Verdict:
    lacks = history.lacked(verdict.series, verdict.since) if verdict.kind == "undetermined" else {}
    versions = history.new_versions(verdict.series, verdict.since) if verdict.series.rule else ()
    return msgspec.structs.replace(verdict, lacks=lacks, new_versions=tuple(versions))


def told(verdict: Verdict) -> str:
    """The alarm as one line for a person."""
    one, recent, before = verdict.series, verdict.recent, verdict.before
    who = f"{one.rule or one.what or 'calls'} at {one.service} for {one.client}"
    said = _SAID[verdict.kind].format(events=recent.events, of=recent.exposure, since=verdict.since)
    line = f"{verdict.kind}: {who}: {said}"
    if one.ceiling is not None:
        return f"{line}; the budget allows {100 * one.ceiling:.4g}%"
    line += f"; before, {before.events} of {before.exposure}"
    if verdict.lacks:
        line += "; for want of " + ", ".join(f"{name} ({count})" for name, count in verdict.lacks.items())
    if verdict.new_versions:
        line += f"; new version {', '.join(verdict.new_versions)}"
    return line


_SAID = {
    "silent": "found something in {events} of {of} calls since {since}",
    "unasked": "{events} calls in {of} days since {since}",
    "flood": "found {events} times in {of} calls since {since}",
    "undetermined": "could not tell in {events} of {of} evaluations since {since}",
    OVER_BUDGET: "such a card or a graver one in {events} of {of} answers since {since}",
    "unread-codes": "codes that are not read in {events} of {of} calls since {since}",
}
