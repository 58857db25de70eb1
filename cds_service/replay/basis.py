"""What a run is of: one program and one state of the cards, in every process and after every stop."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import msgspec

from cds_service import __version__
from cds_service.content.load import load
from cds_service.content.model import Content
from cds_service.errors import ReplayError


class Basis(msgspec.Struct, frozen=True):
    program: str
    cards: str
    """The digest of their content."""

    @classmethod
    def of(cls, content: Content) -> Basis:
        return cls(__version__, content.digest)

    def require(self, content: Content) -> Content:
        """The content, if it is of this state; raises ReplayError else, as two answers must not stand in one result."""
        found = Basis.of(content)
        if found != self:
            raise ReplayError([f"it began with {self}, and a process has {found}: give the command again"])
        return content

    def __str__(self) -> str:
        return f"program {self.program} and cards {self.cards}"


@lru_cache(2)
def content_of(cards: Path, basis: Basis) -> Content:
    """The cards of a folder, loaded once in a process; raises ReplayError if they are not of this state."""
    return basis.require(load(cards))
