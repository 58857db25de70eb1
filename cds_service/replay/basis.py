"""What a run is of: one program and one state of the cards, in every process and after every stop."""

from __future__ import annotations

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


_held: dict[tuple[Path, Basis], Content] = {}
_MOST_HELD = 2


def hold(cards: Path, content: Content) -> Basis:
    """What the content of a folder is of; neither this process nor one that is forked from it loads it again."""
    basis = Basis.of(content)
    while len(_held) >= _MOST_HELD:
        del _held[next(iter(_held))]
    _held[cards, basis] = content
    return basis


def content_of(cards: Path, basis: Basis) -> Content:
    """The cards of a folder, loaded once in a process; raises ReplayError if they are not of this state."""
    if (cards, basis) not in _held:
        hold(cards, basis.require(load(cards)))
    return _held[cards, basis]
