"""What was read from some prefetch keys, and what of it cannot be told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from cds_service.facts.knowledge import ABSENT, Absent, Sourced, Unavailable


class Classified(Sourced, Protocol):
    """What the value sets know."""

    @property
    def sets(self) -> frozenset[str]: ...


class Untold(msgspec.Struct, frozen=True):
    """A resource that is there, of which it cannot be told whether or how it counts."""

    sets: frozenset[str] | None
    """The value sets that it belongs to; None where it could be any."""
    why: str

    def may_be_of(self, sets: Iterable[str] | None) -> bool:
        return sets is None or self.sets is None or not self.sets.isdisjoint(sets)


class Collection(msgspec.Struct, frozen=True):
    """What was read from some prefetch keys; ``gap`` says why it may not be all."""

    items: tuple[Classified, ...] = ()
    gap: str | None = None
    sets: frozenset[str] | None = None
    """Every value set that an item belongs to; None where that was not worked out."""
    untold: tuple[Untold, ...] = ()

    def lacks(self, sets: Iterable[str] | None) -> Absent | Unavailable:
        """Whether there may be more of these value sets, or of any, than its items tell; absent if not."""
        if self.gap is not None:
            return Unavailable(self.gap)
        return next((Unavailable(one.why) for one in self.untold if one.may_be_of(sets)), ABSENT)

    def may_hold(self, sets: Iterable[str]) -> bool:
        """Whether any of the value sets is there, or could be in what cannot be read."""
        return self.sets is None or not self.sets.isdisjoint(sets) or self.lacks(sets) != ABSENT
