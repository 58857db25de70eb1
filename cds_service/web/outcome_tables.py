"""The numbers of the outcomes page as tables: each is shown, drawn, and given as CSV and as a line of JSON a row."""

from __future__ import annotations

import datetime as dt
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from cds_service.record.alarms import Verdict, told
from cds_service.record.entries import CALL, QUERY
from cds_service.record.outcomes import Outcomes
from cds_service.record.rates import Rate
from cds_service.record.spreadsheets import write_rows

Cell: TypeAlias = str | int | float
_DAY = dt.timedelta(days=1)
_ENCODER = msgspec.json.Encoder()
_ALWAYS = ("shown", "accepted", "overridden", "ignored", "muted", "undetermined", "evaluated")
_IF_ANY = ("silent", "draft", "cut")
_OF = {"accepted": "shown", "overridden": "shown", "ignored": "shown", "undetermined": "evaluated"}
"""What each count is a share of."""
_TITLES = {CALL: "calls"}


class Table(msgspec.Struct, frozen=True):
    """Rows of cells under names; a count that is a share of another one is shown with it."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]

    def column(self, name: str) -> list[Cell]:
        place = self.columns.index(name)
        return [row[place] for row in self.rows]

    def share(self, row: Sequence[Cell], column: str) -> Rate | None:
        """The count with what it is a share of, where it is one."""
        whole = _OF.get(column)
        if whole is None or whole not in self.columns:
            return None
        return Rate(int(row[self.columns.index(column)]), int(row[self.columns.index(whole)]))

    def rates(self, column: str) -> list[Rate]:
        return [self.share(row, column) or Rate() for row in self.rows]

    def csv(self) -> bytes:
        file = io.StringIO()
        write_rows(file, [self.columns, *self.rows])
        return file.getvalue().encode()

    def ndjson(self) -> bytes:
        lines = (_ENCODER.encode(dict(zip(self.columns, row, strict=True))) for row in self.rows)
        return b"".join(line + b"\n" for line in lines)


def by_rule(found: Outcomes) -> Table:
    """What each version of a rule came to, the rules that are seen most first."""
    summed = found.of_rules.summed("rule", "version")
    kept = sorted(summed.items(), key=lambda one: (-one[1]["shown"], -one[1]["evaluated"], one[0]))
    return _counted("rules", "By rule and version", ("rule", "version"), kept)


def by_period(found: Outcomes) -> Table:
    summed = found.summed("period")
    ends = [day - _DAY for day in found.starts[1:]] + [found.last]
    days = [(start.isoformat(), end.isoformat()) for start, end in zip(found.starts, ends, strict=True)]
    return _counted(
        "periods", "Over time", ("from", "to"), [(day, summed.get((n,), Counter())) for n, day in enumerate(days)]
    )


def by_caller(found: Outcomes) -> Table:
    return _counted(
        "callers", "By service and client", ("service", "client"), found.summed("service", "client").items()
    )


def _counted(
    name: str, title: str, keys: tuple[str, ...], rows: Iterable[tuple[tuple[str, ...], Mapping[str, int]]]
) -> Table:
    listed = list(rows)
    calls = () if name == "rules" else (CALL,)
    counts = (*calls, *_ALWAYS, *(one for one in _IF_ANY if any(found.get(one) for _, found in listed)))
    made: list[tuple[Cell, ...]] = [(*key, *(found.get(one, 0) for one in counts)) for key, found in listed]
    return Table(name, title, (*keys, *(_TITLES.get(one, one) for one in counts)), made)


def by_reason(found: Outcomes) -> Table:
    """Why cards were overridden, the reasons given most first."""
    summed = found.of_rules.summed("rule", "reason")
    given = ((rule, reason, counts["overridden"]) for (rule, reason), counts in summed.items())
    rows = sorted((row for row in given if row[2]), key=lambda row: (-row[2], row))
    return Table("reasons", "Overridden, by reason", ("rule", "reason", "overridden"), rows)


def by_hook(found: Outcomes, hooks: Mapping[str, str]) -> Table:
    """The queries that calls of each hook put to FHIR servers."""
    summed: dict[str, Counter[str]] = {}
    for (service,), counts in found.summed("service").items():
        summed.setdefault(hooks.get(service, service), Counter()).update(counts)
    rows = [(hook, one[CALL], one[QUERY], _per(one[QUERY], one[CALL])) for hook, one in sorted(summed.items())]
    return Table("hooks", "Queries to FHIR servers, by hook", ("hook", "calls", "queries", "queries per call"), rows)


def _per(events: int, of: int) -> float:
    return round(events / of, 2) if of else 0.0


def of_alarms(verdicts: Iterable[Verdict]) -> Table:
    """What `cds-service watch` rings for."""
    before = "events before", "of before", "ceiling"
    columns = ("kind", "rule", "service", "client", "since", "events", "of", *before, "words")
    rows = [
        (
            one.kind,
            one.series.rule,
            one.series.service,
            one.series.client,
            one.since.isoformat(),
            one.recent.events,
            one.recent.exposure,
            one.before.events,
            one.before.exposure,
            "" if one.series.ceiling is None else one.series.ceiling,
            told(one),
        )
        for one in verdicts
    ]
    return Table("alarms", "What stands out", columns, rows)
