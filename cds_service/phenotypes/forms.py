"""How a drafted drug is given, as far as its name says so."""

from __future__ import annotations

from cds_service.facts.patient import Order
from cds_service.terminology.phrases import words

_INJECTED = {"injection", "injectable", "infusion", "intravenous", "iv"}


def is_injected(order: Order) -> bool:
    """Whether the product's name speaks of an injection."""
    return not _INJECTED.isdisjoint(words(order.words))
