"""What each case got, as the generated pages tell it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from cds_service.authoring.cases import Case
from cds_service.facts.words import Values
from cds_service.hooks.responses import Card


class CaseAnswer(msgspec.Struct, frozen=True):
    """What a case got."""

    case: Case
    said: str
    """An indicator, ``silent`` or ``undetermined``."""
    variant: str | None = None
    notes: tuple[str, ...] = ()
    values: Values = {}
    card: Card | None = None
    alone: bool = False
    """The card speaks for this rule only."""
    missing: str = ""


Answers = Mapping[str, Sequence[CaseAnswer]]
"""By rule."""
