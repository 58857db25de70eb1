"""Counts that can be shown outside: rounded by chance, so that neither a sum nor a difference tells a small one.

Leaving small counts out is not enough: what is missing in one table follows from its total, or from another table.
Here every count, totals too, is rounded by itself to a multiple of the least that may be told: up or down, each with
the chance that leaves its mean where it is. A count of 3 may so stand as "<10" or as 10, and a total fits its parts
only about. The chance is drawn from what was counted, so that the same results are always rounded alike, and nobody
who does not have them can repeat the draw.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from cds_service.replay.numbers import Key


class Mask:
    """How counts are told: as they are, or rounded to multiples of ``below``."""

    def __init__(self, below: int | None, counts: Mapping[Key, int]) -> None:
        self.below = below
        told = sorted((*key, str(count)) for key, count in counts.items()) if below else []
        self._secret = hashlib.blake2b(msgspec.json.encode(told), digest_size=32).digest()

    def __call__(self, count: int, *place: str) -> int:
        """The count as it may be told; what is told more than once must be told of the same place."""
        if self.below is None:
            return count
        down = count // self.below * self.below
        drawn = hashlib.blake2b(msgspec.json.encode(place), key=self._secret, digest_size=8).digest()
        is_up = int.from_bytes(drawn) % self.below < count - down
        return down + self.below * is_up

    def hides(self, count: int) -> bool:
        """Whether a row that exists for so few, such as that of a rare code, would tell of them by its name."""
        return self.below is not None and count < self.below
