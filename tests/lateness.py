"""How late this machine is by itself, so that tests of time hold on one that others use too."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_TICK = 0.005


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
