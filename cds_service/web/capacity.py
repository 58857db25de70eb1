"""How many calls are answered at once: what is let in beyond would only wait, and hold its body in memory."""

from __future__ import annotations

from cds_service.errors import TooBusy
from cds_service.web import metrics


class Capacity:
    """Entered by a call once its caller is known and until its answer is made; TooBusy where there is no room."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._inside = 0

    def __enter__(self) -> None:
        if self._inside >= self._most:
            raise TooBusy
        self._inside += 1
        metrics.UNDER_WAY.inc()

    def __exit__(self, *_: object) -> None:
        self._inside -= 1
        metrics.UNDER_WAY.dec()
