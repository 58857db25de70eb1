"""The services of the discovery document and the hooks they answer."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

PATIENT_VIEW = "patient-view"
ORDER_SELECT = "order-select"
ORDER_SIGN = "order-sign"
HOOKS = (PATIENT_VIEW, ORDER_SELECT, ORDER_SIGN)
HOOK_VERSION = "1.0"
"""What the published definition of each of the three hooks says of itself."""


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

    @property
    def takes_orders(self) -> bool:
        """Whether its hook hands over draft orders."""
        return self.hook in (ORDER_SELECT, ORDER_SIGN)

    @property
    def takes_selections(self) -> bool:
        """Whether its hook says which of the drafts were selected."""
        return self.hook == ORDER_SELECT


class Discovery(msgspec.Struct, frozen=True):
    """The discovery document."""

    services: tuple[Service, ...]

    @classmethod
    def of(cls, services: Iterable[Service], spec_version: str) -> Discovery:
        """The document of these services, each labelled with the version of CDS Hooks it is built to."""
        labels = {"version": spec_version, "hook_version": HOOK_VERSION}
        return cls(tuple(msgspec.structs.replace(service, **labels) for service in services))

    def encode(self) -> bytes:
        """The document as bytes: the same services give the same bytes."""
        return msgspec.json.encode(self)
