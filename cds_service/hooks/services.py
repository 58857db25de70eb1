"""The services of the discovery document and the hooks they answer."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from cds_service.hooks.hooks import HOOKS


class Service(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One entry of the discovery document; ``{baseUrl}/cds-services/{id}`` answers its hook.

    ``prefetch`` maps a key to a FHIR read or search whose only token is ``{{context.patientId}}``.
    """

    hook: str
    title: str
    description: str
    id: str
    prefetch: dict[str, str] = {}
    usage_requirements: str | None = None
    version: str | None = None
    hook_version: str | None = None


class Discovery(msgspec.Struct, frozen=True):
    """The discovery document."""

    services: tuple[Service, ...]

    @classmethod
    def of(cls, services: Iterable[Service], spec_version: str) -> Discovery:
        """The document of these services, each labelled with the versions of CDS Hooks and of its hook."""
        replace = msgspec.structs.replace
        return cls(tuple(replace(s, version=spec_version, hook_version=HOOKS[s.hook].version) for s in services))

    def encode(self) -> bytes:
        """The document as bytes: the same services give the same bytes."""
        return msgspec.json.encode(self)
