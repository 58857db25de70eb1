"""The rules as clinicians read them: the generated pages of the card folders, rendered as HTML."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import msgspec
from markupsafe import Markup

from cds_service.content.model import Content
from cds_service.content.overlay import CardFiles
from cds_service.content.source_attributes import path, source_attributes
from cds_service.web.endpoints import document
from cds_service.web.pages import Site, as_html, page, title_of
from cds_service.web.routes import Address, get

_PAGE_LINK = re.compile(r'href="(?:\.\./)?([a-z0-9-]+)(/README)?\.md(#[^"]*)?"')


def addresses(cards: CardFiles, site: Site) -> dict[str, Address]:
    """``/catalogue`` and a page below it for every Markdown file of the cards."""
    of_folders = {f"/{name.partition('/')[0]}": name for name in cards.names("*/README.md")}
    beside = {f"/{Path(name).stem}": name for name in cards.names("*.md") if name != "README.md"}
    names = {"": "README.md", **of_folders, **beside}
    found = {f"/catalogue{address}": cards.path(name) for address, name in names.items()}
    return {
        address: get(page("catalogue.html", partial(_names, path, site)))
        for address, path in found.items()
        if path.is_file()
    }


def attributes(content: Content) -> dict[str, Address]:
    """The source attributes of each rule as JSON."""
    return {
        path(name): get(document(msgspec.json.encode(source_attributes(content, rule))))
        for name, rule in content.rules.items()
    }


def _names(path: Path, site: Site) -> dict[str, object]:
    text = path.read_text(encoding="utf-8")
    return {"title": title_of(text), "body": rendered(text), "site": site}


def rendered(text: str) -> Markup:
    """A page as HTML; links between pages lead within the catalogue."""
    return Markup(_PAGE_LINK.sub(r'href="/catalogue/\1"', str(as_html(text))))  # noqa: S704
