"""What a service answers: cards, suggestions, actions and links, written in one pass.

Optional members without a value are left out, never sent as null or empty. What would break the closed
response schema raises :class:`UnwritableCard` when it is made: nothing is cut or dropped silently.
"""

from __future__ import annotations

import os
from typing import Any, Literal, TypeAlias

import msgspec

from cds_service.errors import UnwritableCard

Indicator: TypeAlias = Literal["info", "warning", "critical"]
SelectionBehavior: TypeAlias = Literal["at-most-one", "any"]

LONGEST_SUMMARY = 139
"""CDS Hooks: a summary has fewer than 140 characters."""

_VARIANTS = "89ab89ab89ab89ab"


def new_uuid() -> str:
    """A random UUID (RFC 4122, version 4) in the bare lower-case form that cards and suggestions carry."""
    digits = os.urandom(16).hex()
    variant = _VARIANTS[int(digits[16], 16)]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def _require(holds: object, why: str) -> None:
    if not holds:
        raise UnwritableCard(why)


class _Wire(msgspec.Struct, rename="camel", omit_defaults=True, frozen=True):
    """A JSON object of CDS Hooks."""


class Coding(_Wire, frozen=True, kw_only=True):
    """CDS Hooks' own Coding: system and code are required."""

    system: str
    code: str
    display: str | None = None


class OverrideReason(_Wire, frozen=True, kw_only=True):
    """A reason the clinician may give for not following a card; it needs words to show."""

    system: str
    code: str
    display: str


class Source(_Wire, frozen=True, kw_only=True):
    """Where the guidance on a card comes from."""

    label: str
    url: str | None = None
    icon: str | None = None
    topic: Coding | None = None

    def __post_init__(self) -> None:
        _require(self.label.strip(), "a source needs a label")
        _require_https(self.url)
        _require_https(self.icon)


class Link(_Wire, frozen=True, kw_only=True):
    """A page or a SMART app that says more."""

    label: str
    url: str
    type: Literal["absolute", "smart"]
    app_context: str | None = None

    def __post_init__(self) -> None:
        _require(self.label.strip(), "a link needs a label")
        _require_https(self.url)
        _require(self.app_context is None or self.type == "smart", "only a smart link has an appContext")


class Action(_Wire, frozen=True, kw_only=True):
    """One change a suggestion makes.

    ``resource`` is a complete FHIR resource: a plain object, or the bytes of one that is passed on unread.
    ``resource_id`` is the ``Type/id`` of what a delete removes.
    """

    type: Literal["create", "update", "delete"]
    description: str
    resource: dict[str, Any] | msgspec.Raw | None = None
    resource_id: str | None = None

    def __post_init__(self) -> None:
        _require(self.description.strip(), "an action needs a description")
        if self.type == "delete":
            _require(self.resource_id and self.resource is None, "a delete names a resourceId and has no resource")
        else:
            _require(self.resource and self.resource_id is None, "a create or update has a resource and no resourceId")


class DeleteById(_Wire, frozen=True, kw_only=True):
    """A deletion as CDS Hooks 1.0 spelled it: the id string stands in ``resource``."""

    type: Literal["delete"]
    description: str
    resource: str
    resource_id: None = None


class Suggestion(_Wire, frozen=True, kw_only=True):
    """Actions that apply together at one click."""

    label: str
    uuid: str = msgspec.field(default_factory=new_uuid)
    is_recommended: bool = False
    actions: tuple[Action | DeleteById, ...] = ()

    def __post_init__(self) -> None:
        _require(self.label.strip(), "a suggestion needs a label")


class Card(_Wire, frozen=True, kw_only=True):
    """One piece of advice as the clinician sees it."""

    uuid: str = msgspec.field(default_factory=new_uuid)
    summary: str
    indicator: Indicator
    detail: str | None = None
    source: Source
    suggestions: tuple[Suggestion, ...] = ()
    selection_behavior: SelectionBehavior | None = None
    override_reasons: tuple[OverrideReason, ...] = ()
    links: tuple[Link, ...] = ()
    extension: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        _require(self.summary.strip(), "a card needs a summary")
        _require(len(self.summary) <= LONGEST_SUMMARY, f"a summary has at most {LONGEST_SUMMARY} characters")
        _require("\n" not in self.summary and "\r" not in self.summary, "a summary is one line")
        _require(self.detail is None or self.detail.strip(), "a detail is left out rather than empty")
        _require(self.extension is None or self.extension, "an extension is left out rather than empty")
        self._check_choice()

    def _check_choice(self) -> None:
        chosen = self.selection_behavior
        _require(bool(self.suggestions) == (chosen is not None), "suggestions and selectionBehavior come together")
        recommended = sum(suggestion.is_recommended for suggestion in self.suggestions)
        _require(chosen == "any" or recommended <= 1, "with at-most-one, one suggestion at most is recommended")


class Response(_Wire, frozen=True, kw_only=True):
    """The answer to one hook; no cards is the normal one."""

    cards: tuple[Card, ...]
    extension: dict[str, Any] | None = None

    def encode(self) -> bytes:
        return _ENCODER.encode(self)


_ENCODER = msgspec.json.Encoder()


def _require_https(url: str | None) -> None:
    _require(url is None or (url.startswith("https://") and len(url) > len("https://")), "an address is https")
