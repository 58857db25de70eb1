"""``budget.toml``: how often cards may come before they are too many to go live with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, TypeAlias

import msgspec

from cds_service.content.tables import Strict

FILE = "budget.toml"
Ceiling: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1)]
Kept: TypeAlias = Literal["kept", "exceeded", "too few to tell", "nothing judged"]
_ENOUGH = 3
"""Of cards that the ceiling would allow; where they are due, chance alone brings none in 1 of 20."""


class Ceilings(Strict, frozen=True, kw_only=True):
    """Of a hook's answers, the share that may hold a card as grave as this or graver; None where nothing is set."""

    info: Ceiling | None = None
    warning: Ceiling | None = None
    critical: Ceiling | None = None

    @property
    def by_indicator(self) -> Mapping[str, float]:
        told = (("info", self.info), ("warning", self.warning), ("critical", self.critical))
        return {indicator: ceiling for indicator, ceiling in told if ceiling is not None}


class Budget(Strict, frozen=True, kw_only=True):
    patient_view: Ceilings = Ceilings()
    order_select: Ceilings = Ceilings()
    order_sign: Ceilings = Ceilings()

    @property
    def by_hook(self) -> Mapping[str, Ceilings]:
        return {"patient-view": self.patient_view, "order-select": self.order_select, "order-sign": self.order_sign}


def kept(ceiling: float, events: int, answers: int) -> Kept:
    """Whether so many answers with a card, of all, keep a ceiling."""
    if not answers:
        return "nothing judged"
    if events > ceiling * answers:
        return "exceeded"
    # A ceiling of none is kept by none; any other by none only where some could have been expected.
    return "kept" if ceiling == 0 or ceiling * answers >= _ENOUGH else "too few to tell"


def faults_of_budget(budget: Budget) -> Iterator[str]:
    """Ceilings that another makes needless."""
    for hook, ceilings in budget.by_hook.items():
        told = list(ceilings.by_indicator.values())
        if told != sorted(told, reverse=True):
            yield f"{FILE}: {hook}: a graver card may not come more often than any card: lower its ceiling"
