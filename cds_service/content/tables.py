"""What is alike in all tables of the content files: every key is known, and no number is too large to count with."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

LARGEST = 100_000
"""No number of the cards is larger: dates can be counted with so many days or months."""
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=LARGEST)]


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """A table of a content file."""
