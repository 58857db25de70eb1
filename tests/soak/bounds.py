"""What a run must keep to: nothing lost, nothing refused that should not be, and nothing that grows with time."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence

import msgspec

MEMORY_MB, MEMORY_TIMES = 16.0, 1.1
DESCRIPTORS = 16
LATENCY_TIMES = 1.5
LATENCY_MS = 2.0


class Sample(msgspec.Struct, frozen=True):
    """The server at a moment, and how long it took for the calls since the one before."""

    memory_mb: float
    descriptors: int
    latency_ms: float


class Ended(msgspec.Struct, frozen=True):
    samples: tuple[Sample, ...]
    calls: int
    unexpected: dict[str, int]
    acknowledged: int
    lost: int


class Bound(msgspec.Struct, frozen=True):
    name: str
    found: str
    at_most: str
    is_kept: bool


def bounds(ended: Ended) -> Iterator[Bound]:
    """The first quarter of the samples is the warm-up, and the second is what the last is compared with."""
    memory, then = _drift(ended.samples, lambda one: one.memory_mb)
    most = then * MEMORY_TIMES + MEMORY_MB
    yield Bound("memory, MB", f"{then:.0f} to {memory:.0f}", f"{most:.0f}", memory <= most)
    held, then = _drift(ended.samples, lambda one: one.descriptors)
    yield Bound("descriptors", f"{then:.0f} to {held:.0f}", f"{then + DESCRIPTORS:.0f}", held <= then + DESCRIPTORS)
    late, then = _drift(ended.samples, lambda one: one.latency_ms)
    most = then * LATENCY_TIMES + LATENCY_MS
    yield Bound("median latency, ms", f"{then:.1f} to {late:.1f}", f"{most:.1f}", late <= most)
    yield Bound("lost of the acknowledged", f"{ended.lost} of {ended.acknowledged}", "0", ended.lost == 0)
    wrong = sum(ended.unexpected.values())
    yield Bound("answers that should be others", f"{wrong} of {ended.calls}", "0", wrong == 0)


def _drift(samples: Sequence[Sample], of: Callable[[Sample], float]) -> tuple[float, float]:
    """The median of the last quarter, and that of the second."""
    quarter = max(len(samples) // 4, 1)
    second, last = samples[quarter : 2 * quarter] or samples, samples[-quarter:]
    return statistics.median(map(of, last)), statistics.median(map(of, second))
