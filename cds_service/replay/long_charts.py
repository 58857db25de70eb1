"""Charts of more results than are read of any: what of them can still matter, so that no patient fills the memory.

Facts read the first results of a chart and name the rest as not read in time. In a chart the results lie by the day on
which they became known: those known on any day are its first ones, and of them none after so many is ever read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal, NamedTuple, TypeAlias

from cds_service.facts.chart import MOST_RESOURCES
from cds_service.fhir import elements as fhir
from cds_service.fhir.sources import Reading
from cds_service.replay.chart import ChartReader, Entry, Record, place
from cds_service.replay.coverage import Counting, Known

_Side: TypeAlias = Literal["now", "later", "never", "odd", "unreadable"]
_RESULT = fhir.Observation.__name__
_MOST = MOST_RESOURCES + 1
"""With one more than are read it still shows that there are more."""


class _Result(NamedTuple):
    record: Record
    entry: Entry
    side: _Side
    """When rules look at it; as a chart looks at each side by itself first, each has its own first ones."""


class LongCharts:
    """Shortens charts while they are gathered, and counts by patient what it leaves out."""

    def __init__(self, reader: ChartReader, known: Known) -> None:
        self._reader, self._known = reader, known
        self._kept: dict[str, dict[int, _Result]] = {}
        """By patient and record: each is read once, however often its chart grows."""
        self.lines: Counter[str] = Counter()
        self.codes: dict[str, Counting] = {}

    def shortened(self, patient: str, records: Iterable[Record]) -> list[Record]:
        """The records without the results that are never read, whatever came before and is still to come."""
        before = self._kept.get(patient, {})
        others: list[Record] = []
        results: list[_Result] = []
        for record in records:
            if record.type == _RESULT:
                results.append(before.get(id(record)) or self._read(record))
            else:
                others.append(record)
        kept, left_out = _parted(results)
        self.lines[patient] += len(left_out)
        counting = self.codes.setdefault(patient, Counting(self._known))
        counting.count(one.entry.reading.resource for one in left_out)
        self._kept[patient] = {id(one.record): one for one in kept}
        return [*others, *(one.record for one in kept)]

    def _read(self, record: Record) -> _Result:
        reading = self._reader.read(record)
        side = self._side(reading)
        return _Result(record, self._reader.entry(record, reading), side)

    def _side(self, reading: Reading) -> _Side:
        if reading.resource is None:
            return "unreadable"
        if reading.unreadable:
            return "odd"
        parts = self._reader.parts([reading.resource], ())
        return "now" if parts.now else "later" if parts.later else "never"


def _parted(results: Iterable[_Result]) -> tuple[list[_Result], list[_Result]]:
    """The first results of each side, and all others."""
    room: dict[_Side, int] = {"now": _MOST, "later": _MOST, "odd": _MOST, "unreadable": _MOST, "never": 0}
    kept: list[_Result] = []
    left_out: list[_Result] = []
    for one in sorted(results, key=lambda one: (place(one.entry), one.record.raw, one.record.address)):
        (kept if room[one.side] else left_out).append(one)
        room[one.side] -= bool(room[one.side])
    return kept, left_out
