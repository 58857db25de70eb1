"""The pages people read in a browser: rendered here, one stylesheet, no script."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


def page(template: str, names: Callable[[], Mapping[str, object]]) -> Endpoint:
    """A page that is rendered when it is first asked for."""

    @cache
    def rendered() -> bytes:
        return templates().get_template(template).render(**names()).encode()

    async def answer(_: Request) -> Response:
        return Written(rendered(), HTML, headers=PAGE_HEADERS)

    return answer


def start(offered: Discovery, settings: Settings) -> Endpoint:
    """GET /: what this is, which services it has, and how to try them."""

    def names() -> dict[str, object]:
        discovery = f"{settings.public_url}/cds-services"
        try_it = {"fhirServiceUrl": R4_SERVER, "serviceDiscoveryURL": discovery}
        sandbox = f"{SANDBOX}?{urlencode(try_it)}"
        shown = {"version": __version__, "discovery": discovery, "sandbox": sandbox, "settings": settings}
        return {"services": offered.services, **shown}

    return page("start.html", names)


def title_of(markdown: str) -> str:
    """The heading that a page begins with."""
    return markdown.partition("\n")[0].lstrip("# ")


def as_html(markdown: str) -> str:
    """Raw HTML in it is shown, not obeyed."""
    from markdown_it import MarkdownIt

    html: str = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown)
    return html


async def stylesheet(_: Request) -> Response:
    """GET /static/house.css: the one stylesheet of every page."""
    return Written(_stylesheet(), CSS, headers=[(b"cache-control", b"public, max-age=3600")])


@cache
def _stylesheet() -> bytes:
    return files("cds_service.web").joinpath("static/house.css").read_bytes()
