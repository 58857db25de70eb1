"""The gates of ``cards/gates.toml``: criteria that many rules share, with one implementation each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cds_service.facts.knowledge import ABSENT, Fact, Known
from cds_service.facts.patient import Order
from cds_service.phenotypes.age import is_child
from cds_service.phenotypes.palliative import palliative_care
from cds_service.rules.review import Review

Gate = Callable[[Review], bool | Fact[object]]


def adult(review: Review) -> bool:
    return not is_child(review.facts)


def not_being_stopped(review: Review) -> Fact[bool]:
    """What is current at patient-view is no draft, and so not being stopped."""
    subject = review.subject
    if not isinstance(subject, Order):
        return Known(True)
    return ABSENT if subject.stops else Known(True, (subject.source,))


def palliative(review: Review) -> Fact[object]:
    return palliative_care(review.facts)


GATES: Mapping[str, Gate] = {
    "adult": adult,
    "not-being-stopped": not_being_stopped,
    "palliative-care": palliative,
}
