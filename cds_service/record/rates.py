"""How often something came, and whether it still comes as often: plain statistics on counts by day.

Two rates are compared by the exact test for two Poisson counts: if nothing has changed, the events of both times
together fall on the one or the other as their exposures do, and that is a binomial. The baseline's own uncertainty is
thereby in it, so that a few events prove nothing. Events that come in clusters, as a chart that is opened again and
again, are counted as so many fewer as their days are spread wider than chance would spread them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

_NEGLIGIBLE = 1e-17


class Rate(msgspec.Struct, frozen=True):
    """So many events in so many calls, evaluations or days."""

    events: int = 0
    exposure: int = 0

    @property
    def share(self) -> float:
        return self.events / self.exposure if self.exposure else 0.0


def total(days: Iterable[Rate]) -> Rate:
    """The days as one."""
    listed = list(days)
    return Rate(sum(day.events for day in listed), sum(day.exposure for day in listed))


def spread(days: Iterable[Rate]) -> float:
    """How much wider the days vary than by chance (Pearson's chi-square by its degrees of freedom); at least 1."""
    asked = [day for day in days if day.exposure]
    share = total(asked).share
    if len(asked) < 2 or not share:
        return 1.0
    squares = ((day.events - share * day.exposure) ** 2 / (share * day.exposure) for day in asked)
    return max(1.0, sum(squares) / (len(asked) - 1))


def chance_of_fewer(recent: Rate, before: Rate, spread: float = 1.0) -> float:
    """How likely as few events as these or fewer are, if nothing has changed."""
    few, many = math.ceil(recent.events / spread), math.floor(before.events / spread)
    return _below(few, few + many, recent.exposure / (recent.exposure + before.exposure))


def chance_of_more(recent: Rate, before: Rate, spread: float = 1.0) -> float:
    """How likely as many events as these or more are, if nothing has changed."""
    many, few = math.floor(recent.events / spread), math.ceil(before.events / spread)
    return _below(few, few + many, before.exposure / (recent.exposure + before.exposure))


def chance_above(recent: Rate, ceiling: float, spread: float = 1.0) -> float:
    """How likely as many events as these or more are, if each has at most this share for its chance."""
    if not ceiling:
        return 0.0 if recent.events else 1.0
    many, trials = math.floor(recent.events / spread), math.ceil(recent.exposure / spread)
    return _below(trials - many, trials, 1 - ceiling) if ceiling < 1 else 1.0


def _below(events: int, trials: int, share: float) -> float:
    """P(X <= events) of a binomial, added up from its end downward; 1 on the far side of the middle."""
    if events >= trials * share:
        return 1.0
    term = found = math.exp(
        math.lgamma(trials + 1)
        - math.lgamma(events + 1)
        - math.lgamma(trials - events + 1)
        + events * math.log(share)
        + (trials - events) * math.log1p(-share)
    )
    odds = (1 - share) / share
    for number in range(events, 0, -1):
        term *= number / (trials - number + 1) * odds
        found += term
        if term < found * _NEGLIGIBLE:
            break
    return found
