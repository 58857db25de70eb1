"""The rules as clinicians read them: the generated pages of the card folders, rendered as HTML."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from cds_service import __version__
from cds_service.settings import Settings
from cds_service.web.answers import HTML, Written
from cds_service.web.pages import PAGE_HEADERS, templates
from cds_service.web.routes import Address, Endpoint, get

_PAGE_LINK = re.compile(r'href="(?:\.\./)?([a-z0-9-]+)(/README)?\.md(#[^"]*)?"')


def addresses(cards: Path, settings: Settings) -> dict[str, Address]:
    """``/catalogue`` and a page below it for every Markdown file of the cards."""
    found = {"/catalogue": cards / "README.md"}
    found |= {f"/catalogue/{path.parent.name}": path for path in sorted(cards.glob("*/README.md"))}
    found |= {f"/catalogue/{path.stem}": path for path in sorted(cards.glob("*.md")) if path.stem != "README"}
    return {address: get(_page(path, settings)) for address, path in found.items() if path.is_file()}


def _page(path: Path, settings: Settings) -> Endpoint:
    @cache
    def page() -> bytes:
        names = {"version": __version__, "settings": settings}
        text = path.read_text(encoding="utf-8")
        title = text.partition("\n")[0].lstrip("# ")
        return templates().get_template("catalogue.html").render(title=title, body=rendered(text), **names).encode()

    async def answer(_: Request) -> Response:
        return Written(page(), HTML, headers=PAGE_HEADERS)

    return answer


def rendered(text: str) -> str:
    """Markdown as HTML; raw HTML in it is shown, not obeyed, and links between pages lead within the catalogue."""
    from markdown_it import MarkdownIt

    html = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    return _PAGE_LINK.sub(r'href="/catalogue/\1"', html)
