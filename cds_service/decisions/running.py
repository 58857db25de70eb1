"""How the steps of one request are run: here and at once, or beside whatever else waits, where they may take long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Run(Protocol):
    """Runs a step that waits for nothing, and gives what it gives."""

    async def __call__(self, step: Callable[[], T], /) -> T: ...


async def at_once(step: Callable[[], T], /) -> T:
    """For short requests, where changing the thread would cost more than the step."""
    return step()
