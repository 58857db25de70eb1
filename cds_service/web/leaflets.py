"""The leaflets for patients as pages: open to all, without script, nothing about the patient in the address."""

from __future__ import annotations

from functools import partial

from cds_service.content.leaflets import PATH, text_of
from cds_service.content.model import Content
from cds_service.content.text import plain
from cds_service.content.wording import NOT_REVIEWED
from cds_service.web.pages import as_html, page, title_of
from cds_service.web.routes import Address, get


def addresses(content: Content) -> dict[str, Address]:
    return {
        f"{PATH}/{name}": get(page("leaflet.html", partial(_names, content, name)))
        for name, leaflet in content.leaflets.items()
        if leaflet.enabled
    }


def _names(content: Content, name: str) -> dict[str, object]:
    text = text_of(content.files, name).read_text(encoding="utf-8")
    leaflet = content.leaflets[name]
    review = leaflet.review or plain(content.wording.show(NOT_REVIEWED()))
    told = {"written_on": leaflet.written_on, "review": review}
    return {"title": title_of(text), "body": as_html(text), **told}
