"""What one caller is offered: the services with the queries that its own FHIR server answers."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cds_service.facts.queries import with_systems
from cds_service.hooks.services import Discovery, Service
from cds_service.trust.vendors import CodeForm


class Offer(msgspec.Struct, frozen=True):
    """The services as the caller's server is asked for their data, and the keys that it does not serve."""

    services: Mapping[str, Service]
    not_served: frozenset[str] = frozenset()

    @classmethod
    def of(cls, services: Mapping[str, Service], not_served: frozenset[str], form: CodeForm) -> Offer:
        if form == "bare":
            return cls(services, not_served)
        replace = msgspec.structs.replace
        asked = {name: replace(one, prefetch=with_systems(one.prefetch)) for name, one in services.items()}
        return cls(asked, not_served)

    def discovery(self, spec_version: str) -> Discovery:
        """The discovery document: what the server does not serve is not asked for."""
        return Discovery.of(map(self._served, self.services.values()), spec_version)

    def _served(self, service: Service) -> Service:
        served = {key: template for key, template in service.prefetch.items() if key not in self.not_served}
        return msgspec.structs.replace(service, prefetch=served)
