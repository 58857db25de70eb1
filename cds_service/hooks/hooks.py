"""The hooks that services may answer: one entry each, and nothing else in the program names one of them."""

from __future__ import annotations

import msgspec


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """An event in the EHR, as its published definition has it; ``version`` is what that says of itself."""

    name: str
    version: str
    brings_orders: bool = False
    """Whether it hands over draft orders."""
    brings_selections: bool = False
    """Whether it says which of the drafts were selected."""

    @property
    def is_chart_view(self) -> bool:
        """A chart is looked at and no order is under review."""
        return not self.brings_orders

    @property
    def is_signing(self) -> bool:
        """Every draft is under review, as it is about to become an order."""
        return self.brings_orders and not self.brings_selections


HOOKS: dict[str, Hook] = {
    hook.name: hook
    for hook in (
        Hook(name="patient-view", version="1.0"),
        Hook(name="order-select", version="1.0", brings_orders=True, brings_selections=True),
        Hook(name="order-sign", version="1.0", brings_orders=True),
    )
}
