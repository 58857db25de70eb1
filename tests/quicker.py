"""What thousands of starts of the service in one process need not do each time."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from cds_service.content import load as loading
from cds_service.content.model import Content
from cds_service.content.places import shipped_cards

_LOADERS = ("content.load", "decisions.service", "replay.basis")
_load = loading.load
_loaded: dict[object, Content] = {}


def _loaded_once(folder: Path) -> Content:
    """Cards are loaded again only where a file of theirs has changed; faults are found each time."""
    files = [path for place in {shipped_cards(), folder} for path in sorted(place.rglob("*")) if path.is_file()]
    key = folder, tuple((path, path.stat().st_mtime_ns, path.stat().st_size) for path in files)
    if key not in _loaded:
        _loaded[key] = _load(folder)
    return _loaded[key]


@pytest.fixture(scope="session", autouse=True)
def quicker() -> Iterator[None]:
    """The collector is told as in the service, and does not look through all that the suite holds."""
    told = SimpleNamespace(collect=lambda: 0, freeze=gc.freeze, set_threshold=gc.set_threshold)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("cds_service.decisions.collector.gc", told)
        for name in _LOADERS:
            patched.setattr(f"cds_service.{name}.load", _loaded_once)
        yield
