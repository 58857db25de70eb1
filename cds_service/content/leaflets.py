"""The pages for patients that cards link to: their words, and their places under the public address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from cds_service.content.model import Content, Leaflet, LinkText
from cds_service.content.overlay import CardFiles

PATH = "/leaflets"


def link_name(name: str) -> str:
    """What a card file calls the link to a leaflet."""
    return f"leaflet-{name}"


def links_to(leaflets: Mapping[str, Leaflet]) -> dict[str, LinkText]:
    """The links to those that are given out, by the names that card files use."""
    return {
        link_name(name): LinkText(label=leaflet.label, url=f"{{service}}{PATH}/{name}")
        for name, leaflet in leaflets.items()
        if leaflet.enabled
    }


def text_of(files: CardFiles, name: str) -> Path:
    return files.path(f"leaflets/{name}.md")


def faults_of_leaflets(content: Content) -> Iterator[str]:
    for name, leaflet in content.leaflets.items():
        text = text_of(content.files, name)
        if not text.is_file():
            yield f"leaflets.toml: {name}: no file leaflets/{name}.md"
        elif not text.read_text(encoding="utf-8").startswith("# "):
            yield f"leaflets/{name}.md: begins with its title, '# ...'"
        if (leaflet.reviewed_by is None) != (leaflet.reviewed_on is None):
            yield f"leaflets.toml: {name}: reviewed-by and reviewed-on come together"
    for path in content.files.names("leaflets/*.md"):
        if (name := Path(path).stem) not in content.leaflets:
            yield f"{path}: leaflets.toml has no {name!r}"
