"""What the web layer asks of the service behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from cds_service.hooks.requests import HookRequest
from cds_service.hooks.responses import Response
from cds_service.trust.clients import Client


class Caller(msgspec.Struct, frozen=True):
    """Who calls: the key under which a trusted EHR is configured, or ``anyone`` in open mode.

    ``tenant`` and ``token`` are the organization and the id that its token names, where they may be written down.
    """

    name: str
    client: Client | None = None
    tenant: str | None = None
    token: str | None = None

    def probes(self, hook: HookRequest) -> bool:
        """Whether the call only tries the service: by the site's own probe, and about a patient who does not exist.

        In open mode, which anyone on this machine may try out, the patient alone says so.
        """
        return hook.is_about_probed and (self.client is None or self.client.probe)

    @property
    def told(self) -> dict[str, str]:
        """What the line of a call says of its caller."""
        said = {"caller": self.name, "tenant": self.tenant, "token": self.token}
        return {name: value for name, value in said.items() if value}


ANYONE = Caller("anyone")


class HookAnswer(msgspec.Struct, frozen=True):
    """A hook's answer.

    ``timings`` are seconds by phase (gather, decide), in the order of their course; ``outcomes`` goes into the log
    and holds ids of rules, never patient data.
    """

    response: Response
    timings: Mapping[str, float]
    outcomes: Mapping[str, Any]
