"""What vendors' public documents say that their FHIR servers do not serve, and how they want to be asked."""

from __future__ import annotations

import datetime as dt
import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal, TypeAlias

import msgspec

CodeForm: TypeAlias = Literal["bare", "with-system"]


class Statement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a public document says, where it stands and when it was read."""

    says: str
    source: str
    read: dt.date


class NotServed(Statement, frozen=True, kw_only=True, forbid_unknown_fields=True):
    key: str


class ObservationCodes(Statement, frozen=True, kw_only=True, forbid_unknown_fields=True):
    form: CodeForm


class SearchParameters(Statement, frozen=True, kw_only=True, forbid_unknown_fields=True):
    key: str
    parameters: str


class Known(Statement, frozen=True, kw_only=True, forbid_unknown_fields=True):
    about: str
    """A key of clients.toml, or a part of CDS Hooks."""


class Vendor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """One vendor's FHIR server and CDS Hooks as far as publicly documented; what is not said of them is unknown."""

    title: str
    client: dict[str, str | tuple[str, ...]] = {}
    """What is publicly known for a table of clients.toml."""
    known: tuple[Known, ...] = ()
    unknown: tuple[str, ...] = ()
    not_served: tuple[NotServed, ...] = ()
    observation_codes: ObservationCodes | None = None
    search_parameters: tuple[SearchParameters, ...] = ()

    @property
    def keys_not_served(self) -> frozenset[str]:
        return frozenset(one.key for one in self.not_served)

    @property
    def parameters(self) -> dict[str, str]:
        return {one.key: one.parameters for one in self.search_parameters}


@cache
def vendors() -> dict[str, Vendor]:
    """All of them, by the name that a clients.toml uses."""
    text = files("cds_service.trust").joinpath("vendors.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Vendor])


def code_form(vendor: str | None, profile: str) -> CodeForm:
    """How codes are asked for at a vendor's server, or at that of the vendor whose dialect is spoken."""
    known = vendors().get(vendor or profile)
    return known.observation_codes.form if known and known.observation_codes else "bare"
