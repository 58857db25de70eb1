"""The pages people read in a browser: rendered here, one stylesheet, no script."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from cds_service import __version__
from cds_service.hooks.services import Discovery
from cds_service.settings import Settings
from cds_service.web.answers import CSS, HTML, RawHeaders, Written
from cds_service.web.routes import Endpoint

if TYPE_CHECKING:
    from jinja2 import Environment

SANDBOX = "https://sandbox.cds-hooks.org/"
R4_SERVER = "https://launch.smarthealthit.org/v/r4/fhir"
PAGE_HEADERS: RawHeaders = [
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
        b"frame-ancestors 'none'",
    ),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-cache"),
]


@cache
def templates() -> Environment:
    """The page templates; jinja2 is loaded when the first page is asked for."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("cds_service.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def start(offered: Discovery, settings: Settings) -> Endpoint:
    """GET /: what this is, which services it has, and how to try them."""

    @cache
    def page() -> bytes:
        discovery = f"{settings.public_url}/cds-services"
        try_it = {"fhirServiceUrl": R4_SERVER, "serviceDiscoveryURL": discovery}
        sandbox = f"{SANDBOX}?{urlencode(try_it)}"
        names = {"version": __version__, "discovery": discovery, "sandbox": sandbox, "settings": settings}
        return templates().get_template("start.html").render(services=offered.services, **names).encode()

    async def answer(_: Request) -> Response:
        return Written(page(), HTML, headers=PAGE_HEADERS)

    return answer


async def stylesheet(_: Request) -> Response:
    """GET /static/house.css: the one stylesheet of every page."""
    return Written(_stylesheet(), CSS, headers=[(b"cache-control", b"public, max-age=3600")])


@cache
def _stylesheet() -> bytes:
    return files("cds_service.web").joinpath("static/house.css").read_bytes()
