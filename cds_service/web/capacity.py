"""How many calls are answered at once: what is let in beyond would only wait, and hold its body in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from cds_service.errors import TooBusy
from cds_service.web import metrics

_SHARE = 0.75
"""What one of several callers may fill, so that it shuts nobody out."""


class Capacity:
    """Room for so many calls at once, of which one of several callers may fill three quarters."""

    def __init__(self, most: int, callers: int) -> None:
        self._most = most
        self.share_among(callers)
        self._inside: Counter[str] = Counter()

    def share_among(self, callers: int) -> None:
        """From now on; who is inside stays."""
        self._most_of_one = self._most if callers < 2 else max(1, int(self._most * _SHARE))

    @contextmanager
    def taken_by(self, caller: str) -> Iterator[None]:
        """From when the caller is known until its answer is made; TooBusy where there is no room."""
        if self._inside.total() >= self._most or self._inside[caller] >= self._most_of_one:
            raise TooBusy
        self._inside[caller] += 1
        metrics.UNDER_WAY.inc()
        try:
            yield
        finally:
            self._inside[caller] -= 1
            metrics.UNDER_WAY.dec()
