"""The pages people read in a browser: rendered here, one stylesheet, script only where a page says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping
from datetime import date
from functools import cache, lru_cache
from typing import TYPE_CHECKING, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from cds_service import __version__
from cds_service.authoring import fields
from cds_service.content.reviews import unsigned
from cds_service.settings import Settings
from cds_service.web import bench_access
from cds_service.web.answers import HTML, NO_STORE, RawHeaders, Written
from cds_service.web.assembly import Application
from cds_service.web.routes import Endpoint
from cds_service.web.static_files import address

if TYPE_CHECKING:
    from jinja2 import Environment
    from markdown_it import MarkdownIt
    from markupsafe import Markup

A = TypeVar("A", bound=Hashable)
_KEPT = 8
NAVIGATION = {"/": "Start", "/catalogue": "Catalogue", "/bench": "Test bench", "/outcomes": "Outcomes"}
"""What stands at the head of every page, as far as it is switched on."""
_WITHIN = ("/bench", "/outcomes")
"""For whom the test bench is there, and nobody else."""


class Site(msgspec.Struct, frozen=True):
    """What every page tells of the service: ``site`` in ``base.html``."""

    settings: Settings
    rules: frozenset[str]
    reviewed: str
    navigation: Mapping[str, str]
    version: str = __version__

    @classmethod
    def of(cls, service: Application) -> Site:
        rules = frozenset(service.content.rules)
        there = bench_access.is_on(service.settings)
        navigation = {path: title for path, title in NAVIGATION.items() if there or path not in _WITHIN}
        reviewed = _reviewed(len(rules - unsigned(service.content)), len(rules))
        return cls(service.settings, rules, reviewed, navigation)


def _reviewed(signed: int, rules: int) -> str:
    if signed == 0:
        return f"No clinician has reviewed these {rules} rules yet."
    if signed < rules:
        return f"A clinician has signed {signed} of {rules} rules; the others are not yet reviewed."
    return f"A clinician has signed each of the {rules} rules."


def page_headers(
    *, script: bool = False, form: bool = False, kept: bool = True, referrer: bytes = b"no-referrer"
) -> RawHeaders:
    """The policy of a page, which lets in nothing but our own stylesheet unless the page needs more.

    Without ``kept`` no browser or cache may hold on to it.
    """
    policy = {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "'self'",
        "script-src": "'self'" if script else "'none'",
        "connect-src": "'self'" if script else "'none'",
        "form-action": "'self'" if form else "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    return [
        (b"content-security-policy", "; ".join(f"{name} {sources}" for name, sources in policy.items()).encode()),
        (b"referrer-policy", referrer),
        (b"cache-control", b"no-cache") if kept else NO_STORE,
    ]


@cache
def templates() -> Environment:
    """The page templates; jinja2 is loaded when the first page is asked for."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("cds_service.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(static=address)
    made.filters.update(markdown=as_html, inline=inline, spelt=spelt, words=fields.words, capitalize_first=_capitalized)
    return made


def page(template: str, names: Callable[[], Mapping[str, object]], headers: RawHeaders | None = None) -> Endpoint:
    """A page that is rendered when it is first asked for."""
    return asked_page(template, lambda _: None, lambda _: names(), headers)


def asked_page(
    template: str,
    read: Callable[[Mapping[str, str]], A],
    names: Callable[[A], Mapping[str, object]],
    headers: RawHeaders | None = None,
) -> Endpoint:
    """A page that answers to its query, rendered while others are answered; the last few are kept.

    ``read`` makes of the query what ``names`` needs to know, and nothing else changes the page.
    """
    sent = headers or page_headers()

    @lru_cache(_KEPT)
    def rendered(asked: A) -> bytes:
        return templates().get_template(template).render(**names(asked)).encode()

    async def answer(request: Request) -> Response:
        return Written(await asyncio.to_thread(rendered, read(request.query_params)), HTML, headers=sent)

    return answer


def title_of(markdown: str) -> str:
    """The heading that a page begins with."""
    return markdown.partition("\n")[0].lstrip("# ")


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]


def as_html(markdown: str) -> Markup:
    """Raw HTML in it is shown, not obeyed."""
    from markupsafe import Markup

    return Markup(_reader().render(markdown))  # noqa: S704  the reader escapes it


def spelt(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def inline(markdown: str) -> Markup:
    """Markdown within a line."""
    from markupsafe import Markup

    return Markup(_reader().renderInline(markdown))  # noqa: S704  the reader escapes it


@cache
def _reader() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table")
