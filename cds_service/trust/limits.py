"""How often a client may call: a bucket per client that refills by the second."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from cds_service.errors import TooManyCalls


class Allowance:
    """Calls a minute per client name; a burst of a whole minute's worth is let through."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def spend(self, name: str, per_minute: int) -> None:
        """Counts one call; raises TooManyCalls with the seconds to wait when the allowance is used up."""
        now = self._clock()
        left, at = self._left.get(name, (float(per_minute), now))
        left = min(float(per_minute), left + (now - at) * per_minute / 60)
        if left < 1:
            self._left[name] = (left, now)
            raise TooManyCalls(math.ceil((1 - left) * 60 / per_minute))
        self._left[name] = (left - 1, now)
