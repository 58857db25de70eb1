"""The numbers that phenotypes read; each has its home, with unit and source, in ``cards/phenotypes``."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Numbers(msgspec.Struct, frozen=True):
    """Parameters by phenotype and name."""

    parameters: Mapping[str, Mapping[str, float]]

    def value(self, phenotype: str, name: str) -> float:
        return self.parameters[phenotype][name]

    def whole(self, phenotype: str, name: str) -> int:
        """A count, such as days, months or years."""
        return int(self.parameters[phenotype][name])
