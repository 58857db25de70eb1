"""``source-attributes.toml``: what all rules share of the source attributes, and the words for them."""

from __future__ import annotations

from typing import Literal

import msgspec

Personal = Literal[
    "race",
    "ethnicity",
    "language",
    "sexual-orientation",
    "gender-identity",
    "sex",
    "date-of-birth",
    "social-determinants",
]


class SourceAttribute(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    title: str
    used: str | None = None
    """What is said of a rule that uses it; it may name the ``assessments``."""


class SourceAttributes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """What is not known is empty."""

    developer: str
    funding: str
    released: str
    revised: str
    not_stated: str
    not_used: str
    attribute: dict[str, SourceAttribute]
    assessment: dict[str, str]
    """Per name of ``reads``, the health status assessment that it is."""
