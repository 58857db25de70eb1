"""The front page: what this is, one card, the services, and how to connect to them."""

from __future__ import annotations

from cds_service.authoring.examples import Examples
from cds_service.hooks.services import Discovery
from cds_service.web import sandbox
from cds_service.web.pages import Site, page
from cds_service.web.routes import Endpoint

_CARD_OF = "clonazepam-dementia"


def start(offered: Discovery, site: Site, examples: Examples) -> Endpoint:
    """GET /: what this is, which services it has, and how to try them."""
    discovery, fhir = f"{site.settings.public_url}/cds-services", sandbox.demo_fhir()

    def names() -> dict[str, object]:
        return {
            "site": site,
            "drawn": examples.card(_CARD_OF) if _CARD_OF in site.rules else None,
            "services": offered.services,
            "discovery": discovery,
            "fhir": fhir,
            "at_the_chart": sandbox.at_the_chart(discovery, fhir),
            "at_an_order": sandbox.at_an_order(discovery, fhir),
        }

    return page("start.html", names)
