"""The files of a folder of cards: one that is whole, or one that a site lays over the shipped cards.

A folder with every file of ``WHOLE`` stands alone.
Any other holds only what a site changes, TOML by table and key, other files as a whole.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from msgspec import inspect

from cds_service.content.places import shipped_cards
from cds_service.errors import ContentError

Table: TypeAlias = dict[str, Any]
REVIEWS = "reviews.toml"
"""The signatures, which are a site's own and never the shipped ones."""
WHOLE = (
    "services.toml",
    "families.toml",
    "evidence.toml",
    "override-reasons.toml",
    "memory.toml",
    "suggestions.toml",
    "links.toml",
    "statements.toml",
    "wording.toml",
    "gates.toml",
)
_OPTIONAL = {
    "alarms.toml",
    "budget.toml",
    "not-checked.toml",
    "leaflets.toml",
    "orderables.toml",
    "source-attributes.toml",
}
"""What a whole folder may leave out too, and then has as it is shipped."""
_OPEN = {
    ("evidence.toml", ""),
    ("links.toml", ""),
    ("leaflets.toml", ""),
    ("orderables.toml", ""),
    ("override-reasons.toml", ""),
    ("memory.toml", "accepted-months-of"),
    ("memory.toml", "once-months"),
    ("services.toml", "service"),
    ("card.toml", "evidence"),
    ("cases.toml", "case"),
}
"""File and table in which a site may write entries that the shipped cards do not have."""
_UNKNOWN = "the shipped cards have nothing of this name"


class CardFiles(msgspec.Struct, frozen=True):
    """Where each file of the cards is, and what it says."""

    folder: Path
    under: Path | None = None
    """The shipped cards, where the folder is laid over them."""

    @classmethod
    def of(cls, folder: Path) -> CardFiles:
        shipped = shipped_cards()
        whole = folder.resolve() == shipped.resolve() or all((folder / name).is_file() for name in WHOLE)
        return cls(folder, None if whole else shipped)

    @property
    def folders(self) -> tuple[Path, ...]:
        """The lowest first."""
        return (self.under, self.folder) if self.under else (self.folder,)

    def path(self, name: str) -> Path:
        """The folder's own file; where it may be left out and is, the shipped one."""
        own = self.folder / name
        optional = self.under or name in _OPTIONAL or name.startswith("leaflets/")
        return shipped_cards() / name if optional and not own.is_file() else own

    def layers(self, name: str) -> list[Path]:
        """The files that make up one file, the lowest first; the last is where it is."""
        found = [folder / name for folder in self.folders if (folder / name).is_file()]
        return found or [self.path(name)]

    def names(self, pattern: str) -> list[str]:
        """The files of a pattern, in the order of their names."""
        found = ((folder, path) for folder in self.folders for path in folder.glob(pattern))
        return sorted({path.relative_to(folder).as_posix() for folder, path in found})

    def table(self, name: str, kind: Any) -> Table:
        """A TOML file that holds a ``kind``, with the site's words in it.

        Raises ContentError with every key that does not fit, FileNotFoundError, and what tomllib and decoding raise.
        """
        shipped, *own = [tomllib.loads(path.read_text(encoding="utf-8")) for path in self.layers(name)]
        if not own:
            return shipped
        laying = _Laying(name.rpartition("/")[2])
        made: Table = laying.over(inspect.type_info(kind), shipped, own[0])
        if laying.unknown:
            raise ContentError(f"{name}: {key}: {_UNKNOWN}" for key in laying.unknown)
        return made

    def faults(self) -> Iterator[str]:
        """The files of an overlay that change nothing, as the shipped cards have no such file."""
        if self.under is None:
            return
        own = CardFiles(self.folder)
        patterns = ("*.toml", "*.json", "*/*.toml", "*/*.json")
        names = [name for pattern in patterns for name in own.names(pattern) if not name.startswith(".")]
        if not names and not own.names("leaflets/*.md"):
            yield f"{self.folder}: no file of cards is in it"
        strange = [name for name in names if not self._fits(self.under, name)]
        if strange:
            lacks = ", ".join(name for name in WHOLE if not own.path(name).is_file())
            yield f"{self.folder}: laid over the shipped cards, as it lacks {lacks}"
        yield from (f"{name}: {_UNKNOWN}" for name in strange)

    def _fits(self, shipped: Path, name: str) -> bool:
        changes = name.startswith("value-sets/") and (shipped / name).with_suffix(".json").is_file()
        return changes or name == REVIEWS or name.startswith("suggestions/") or (shipped / name).is_file()


class _Laying:
    """Lays what a site writes over what is shipped, along the type that the file holds."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.unknown: list[str] = []

    def over(self, kind: inspect.Type, shipped: Any, own: Any, *at: str) -> Any:
        if isinstance(kind, inspect.StructType) and isinstance(own, dict):
            return self._members({field.encode_name: field.type for field in kind.fields}, shipped, own, at)
        if isinstance(kind, inspect.DictType) and isinstance(own, dict):
            known = own if (self._file, ".".join(at)) in _OPEN else shipped
            return self._members(dict.fromkeys(known, kind.value_type), shipped, own, at)
        if isinstance(kind, inspect.VarTupleType) and (key := _key(kind.item_type)) and _keyed(own, key):
            entries = self.over(
                inspect.DictType(inspect.StrType(), kind.item_type),
                {one[key]: one for one in shipped},
                {one[key]: one for one in own},
                *at,
            )
            return list(entries.values())
        return own

    def _members(self, kinds: Mapping[str, inspect.Type], shipped: Table, own: Table, at: Sequence[str]) -> Table:
        """The members of a table; one that is not among the kinds does not fit."""
        self.unknown += (".".join((*at, key)) for key in own if key not in kinds)
        fitting = {key: value for key, value in own.items() if key in kinds}
        return shipped | {
            key: self.over(kinds[key], shipped[key], value, *at, key) if key in shipped else value
            for key, value in fitting.items()
        }


def _key(item: inspect.Type) -> str | None:
    """By which member the entries of a list are told apart, if by any."""
    if not isinstance(item, inspect.StructType):
        return None
    required = {field.encode_name for field in item.fields if field.required}
    return next((name for name in ("id", "name") if name in required), None)


def _keyed(entries: Any, key: str) -> bool:
    return isinstance(entries, list) and all(isinstance(one, dict) and isinstance(one.get(key), str) for one in entries)
