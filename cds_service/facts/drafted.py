"""What the drafts tell before anything of the chart is read."""

from __future__ import annotations

import msgspec


class DraftedSets(msgspec.Struct, frozen=True):
    """The value sets of the drafts: enough to tell which rules they can start."""

    reviewed: frozenset[str] = frozenset()
    """Those of the drafts under review."""
    every: frozenset[str] = frozenset()
    """Those of all drafts."""
    reviewed_unreadable: bool = False
    """The drug of a draft under review cannot be read: it could be any."""
    unreadable: bool = False
    """The same of any draft."""
    service_unreadable: bool = False
    """A draft under review may order a service that cannot be read."""
    reasons: frozenset[str] = frozenset()
    """Those of what the drugs under review are ordered for, as far as the drafts themselves say it."""


NOTHING_DRAFTED = DraftedSets()
