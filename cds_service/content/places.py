"""Where the folders of data beside the code are: a setting, the installed wheel, or the checkout."""

from __future__ import annotations

from pathlib import Path

from cds_service.settings import Settings

_PACKAGE = Path(__file__).parents[1]


def cards(settings: Settings) -> Path:
    """The folder of card folders."""
    return settings.cards or shipped_cards()


def shipped_cards() -> Path:
    """What holds where a site's own folder may leave something out."""
    return _shipped("cards")


def fhir_examples() -> Path:
    return _shipped("fhir_examples")


def _shipped(name: str) -> Path:
    """A folder that the wheel carries inside the package and a checkout has beside it."""
    in_wheel = _PACKAGE / "_data" / name
    return in_wheel if in_wheel.is_dir() else _PACKAGE.parent / name
