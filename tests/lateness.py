"""How late this machine is by itself, so that tests of time hold on one that others use too.

What takes time of the machine is measured in the thread's own time (``time.thread_time``); what waits is given longer
on a machine that is late. Such a test bears the mark ``timing``, and is run once more where it fails.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_TICK = 0.005
_TICKS = 20
_MOST = 20.0


class Lateness:
    """The longest time by which a thread that only sleeps was woken too late."""

    def __init__(self) -> None:
        self.worst = 0.0
        self.over = threading.Event()

    def watch(self) -> None:
        while not self.over.is_set():
            started = time.perf_counter()
            time.sleep(_TICK)
            self.worst = max(self.worst, time.perf_counter() - started - _TICK)


@contextmanager
def measured() -> Iterator[Lateness]:
    found = Lateness()
    watching = threading.Thread(target=found.watch, daemon=True)
    watching.start()
    try:
        yield found
    finally:
        found.over.set()
        watching.join()


def slowness() -> float:
    """How many times longer a short while lasts here and now than on a free core: 1 to 20."""
    started = time.perf_counter()
    for _ in range(_TICKS):
        time.sleep(_TICK)
    return min(max(1.0, (time.perf_counter() - started) / (_TICKS * _TICK)), _MOST)
