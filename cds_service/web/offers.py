"""What one caller is offered: the services with the queries that its own FHIR server answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from cds_service.facts.queries import with_all_reports, with_components, with_parameters, with_systems
from cds_service.hooks.services import Discovery, Service
from cds_service.trust.clients import Client
from cds_service.trust.vendors import CodeForm


class Asking(msgspec.Struct, frozen=True):
    """How a server wants to be asked."""

    form: CodeForm = "bare"
    parameters: Mapping[str, str] = {}
    """By key, what a search must have beside the patient."""
    all_reports: bool = False
    components: bool = False

    @classmethod
    def of(cls, client: Client) -> Asking:
        reports, components = client.diagnostic_reports == "all", client.observation_search == "combo-code"
        return cls(client.code_form, client.parameters, reports, components)

    def put(self, templates: Mapping[str, str]) -> dict[str, str]:
        asked = with_all_reports(templates) if self.all_reports else dict(templates)
        asked = asked if self.form == "bare" else with_systems(asked)
        return with_parameters(with_components(asked) if self.components else asked, self.parameters)


class Offer(msgspec.Struct, frozen=True):
    """The services as the caller's server is asked for their data, and what discovery leaves out of it.

    The answers are the same whatever is left out: ``services`` names all that the rules read.
    """

    services: Mapping[str, Service]
    not_served: frozenset[str] = frozenset()
    lean: Mapping[str, Iterable[str]] | None = None
    """Per hook, the only keys that discovery asks for; None for all."""

    @classmethod
    def of(
        cls,
        services: Mapping[str, Service],
        not_served: frozenset[str],
        asking: Asking,
        lean: Mapping[str, Iterable[str]] | None = None,
    ) -> Offer:
        replace = msgspec.structs.replace
        asked = {name: replace(one, prefetch=asking.put(one.prefetch)) for name, one in services.items()}
        return cls(asked, not_served, lean)

    def discovery(self, spec_version: str) -> Discovery:
        """The discovery document: neither what the server does not serve nor what is not lean is asked for."""
        return Discovery.of(map(self._asked, self.services.values()), spec_version)

    def _asked(self, service: Service) -> Service:
        wanted = service.prefetch if self.lean is None else self.lean[service.hook]
        keys = frozenset(wanted) - self.not_served
        asked = {key: template for key, template in service.prefetch.items() if key in keys}
        return msgspec.structs.replace(service, prefetch=asked)
