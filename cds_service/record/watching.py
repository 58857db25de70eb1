"""A look at what was recorded: which rules, clients and services of today stand out."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping, Set as AbstractSet

from cds_service.decisions.ruleset import Ruleset
from cds_service.record.alarms import Look, look, watched
from cds_service.record.history import Series, read_history
from cds_service.record.store import Store


async def look_at(
    store: Store, ruleset: Ruleset, clients: AbstractSet[str], today: dt.date, since: dt.date | None = None
) -> Look:
    """What rings; with ``since`` the days from then on are judged. One of the store's ``lost`` where it is not read."""
    limits = ruleset.content.alarms
    first = (since or today - dt.timedelta(days=max(limits.days.values()))) - dt.timedelta(days=limits.baseline_days)
    history = await read_history(store, first, today)
    shown = _Shown(ruleset, clients)
    series = ((kind, one) for kind, one in watched(history, today, _ceilings(ruleset)) if shown.holds(one))
    # Beside the event loop: there are hundreds, and the service may be answering.
    return await asyncio.to_thread(look, history, series, limits, today, since)


def _ceilings(ruleset: Ruleset) -> dict[str, Mapping[str, float]]:
    """By service, those of its hook."""
    by_hook = ruleset.content.budget.by_hook
    return {one.id: by_hook[one.hook].by_indicator for one in ruleset.content.services.service}


class _Shown:
    """What is asked today: a rule, service or client that was taken away on purpose has not fallen silent."""

    def __init__(self, ruleset: Ruleset, clients: AbstractSet[str]) -> None:
        rules = ruleset.content.rules
        self._clients = clients
        self._rules = {
            one.id: {"", *(name for name in one.rules if rules[name].status != "retired")}
            for one in ruleset.content.services.service
        }

    def holds(self, series: Series) -> bool:
        return series.client in self._clients and series.rule in self._rules.get(series.service, ())
