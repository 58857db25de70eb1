"""``families.toml`` as the program sees it: which findings share a card, and how many are seen at once."""

from __future__ import annotations

from collections.abc import Mapping

from cds_service.content.tables import Count, Strict


class Note(Strict, frozen=True, kw_only=True):
    """A paragraph that is added when its condition holds."""

    when: str
    text: str
    values: tuple[str, ...] = ()


class Family(Strict, frozen=True, kw_only=True):
    """Findings that share a card."""

    title: str
    together_order: str | None = None
    """Summary of a card that joins several findings about one order; it names their ``phrases`` and the ``clause``."""
    together_drug: str | None = None
    together_if_taken: str | None = None
    """The point of a card that joins several findings and rests on an old entry; it names their ``phrases``."""
    note: Mapping[str, Note] = {}


class Fold(Strict, frozen=True, kw_only=True):
    """A card that takes in other findings on the same event."""

    by: str
    takes: tuple[str, ...] = ()
    """Rule ids, or ``rule/variant``: folded text and suggestions move here; where they are more serious, to them."""
    silences: tuple[str, ...] = ()
    """Rule ids, or ``rule/variant``, whose findings are not shown beside this card."""
    replaces_detail: bool = False


class StaleText(Strict, frozen=True, kw_only=True):
    """What is alike on all cards that rest on an entry too old to show that the drug is taken."""

    override: tuple[str, ...]
    display: Mapping[str, str] = {}
    """Other words for a reason, as they are true of these cards."""


class Cap(Strict, frozen=True, kw_only=True):
    cards: Count
    per_order: Count | None = None


class Families(Strict, frozen=True, kw_only=True):
    """``families.toml``: merging, weight and caps of section 2.7."""

    weight: tuple[str, ...]
    family: dict[str, Family]
    fold: tuple[Fold, ...]
    stale: StaleText
    cap: dict[str, Cap]
