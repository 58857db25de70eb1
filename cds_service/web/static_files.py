"""Stylesheet, script and icon of the pages: a table of names, each with an address that changes with its content."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

from cds_service.web.answers import CSS, SCRIPT, SVG
from cds_service.web.endpoints import document
from cds_service.web.routes import Address, get

MEDIA_TYPES = {"bench.js": SCRIPT, "house.css": CSS, "icon.svg": SVG, "live.js": SCRIPT}
"""What is served, each with its media type; nothing else in the folder can be asked for."""
_PATH = "/static"
_A_DAY = 86_400


def addresses() -> dict[str, Address]:
    return {f"{_PATH}/{name}": get(document(content_of(name), kind, _A_DAY)) for name, kind in MEDIA_TYPES.items()}


@cache
def address(name: str) -> str:
    """What a page asks for: caches may keep it, as another content has another address."""
    return f"{_PATH}/{name}?{hashlib.sha256(content_of(name)).hexdigest()[:8]}"


@cache
def content_of(name: str) -> bytes:
    return files("cds_service.web").joinpath("static", name).read_bytes()
