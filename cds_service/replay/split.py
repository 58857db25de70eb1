"""The first stage: every line to the partition of its patient. A task is a few pieces of files, and can be repeated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from cds_service.fhir import elements as fhir
from cds_service.replay.basis import Basis, content_of
from cds_service.replay.judgements import Damage
from cds_service.replay.lines import BUNDLE, PATIENT, SHARED, DamagedLine, LineReader, Named, part_of
from cds_service.replay.sources import Piece, lines_of
from cds_service.replay.spill import SpillWriter, replaced

MOST_HELD = 32 * 2**20
MOST_PLACES = 5
_MOST_CODES = 20_000


class SplitTask(msgspec.Struct, frozen=True):
    number: int
    pieces: tuple[Piece, ...]
    work: Path
    partitions: int
    basis: Basis
    cards: Path | None
    """By which results are left out at once that no rule can read; None leaves none out."""
    only: frozenset[str] | None = None
    """Where it is given, all that the export holds of these patients and nothing of others."""

    @property
    def spill(self) -> Path:
        return self.work / f"split-{self.number:05}.spill"

    @property
    def shared(self) -> Path:
        return self.work / f"split-{self.number:05}.shared"

    @property
    def done(self) -> Path:
        return self.work / f"split-{self.number:05}.json"


class Tally(msgspec.Struct):
    """What became of the lines of a task."""

    lines: int = 0
    bytes: int = 0
    types: dict[str, int] = {}
    dropped: dict[str, int] = {}
    damaged: tuple[Damage, ...] = ()
    strange: list[tuple[str, str, int]] = []
    """The codes of the results that were left out: system, code and how many."""


class _Splitter:
    def __init__(self, task: SplitTask) -> None:
        self._reader = LineReader(content_of(task.cards, task.basis).vocabulary if task.cards else None)
        self._spill = SpillWriter(task.spill, task.partitions, MOST_HELD)
        self._only = task.only
        self._shared: set[tuple[str, bytes]] = set()
        self._seen: Counter[tuple[str, str, tuple[tuple[str, str], ...]]] = Counter()
        """By type, why it was left out, and the codes of a result that was."""
        self._damaged: Counter[tuple[str, str]] = Counter()
        self._places: dict[tuple[str, str], list[int]] = {}
        self._lines = self._bytes = 0
        self._file, self._at = "", 0

    def take(self, piece: Piece) -> None:
        self._file = piece.file.name
        for line in lines_of(piece):
            self._at = line.at
            self._bytes += len(line.text)
            text = line.text.strip()
            if line.fault:
                self._damage(line.fault)
            elif text:
                self._lines += 1
                self._one(text)

    def _damage(self, kind: str) -> None:
        self._damaged[self._file, kind] += 1
        places = self._places.setdefault((self._file, kind), [])
        if len(places) < MOST_PLACES:
            places.append(self._at)

    def _one(self, text: bytes) -> None:
        try:
            named = self._reader.read(text)
        except DamagedLine as fault:
            self._damage(fault.kind)
            return
        if named.type == BUNDLE:
            self._bundle(text)
        else:
            self._resource(named, text, "")

    def _bundle(self, text: bytes) -> None:
        """The resources of a Bundle; where it is of one patient, all of them are that patient's."""
        read = [(named, entry) for entry in self._entries(text) if (named := self._named(entry))]
        patients = {named.patient for named, _ in read if named.type == PATIENT}
        (only,) = patients if len(patients) == 1 else ("",)
        for named, entry in read:
            whose = named.of(only) if only else named
            if whose.patient or whose.dropped or whose.type in SHARED:
                self._resource(whose, bytes(entry.resource), entry.full_url or "")
            else:
                self._damage("names no patient")

    def _entries(self, text: bytes) -> Sequence[_BundleEntry]:
        bundle = part_of(_BUNDLE, text)
        if bundle is None:
            self._damage("no resource")
        return fhir.many(bundle.entry) if bundle else ()

    def _named(self, entry: _BundleEntry) -> Named | None:
        try:
            return self._reader.read_in_bundle(bytes(entry.resource))
        except DamagedLine as fault:
            self._damage(fault.kind)
            return None

    def _resource(self, named: Named, text: bytes, address: str) -> None:
        is_kept = self._only is not None and named.patient in self._only
        seen = named.type, named.dropped, named.codes
        self._seen[seen if len(self._seen) < _MOST_CODES or seen in self._seen else (*seen[:2], ())] += 1
        if named.dropped and not is_kept:
            return
        if b"\n" in text or b"\r" in text:
            text = msgspec.json.format(text, indent=-1)
        if named.type in SHARED and not named.patient:
            self._shared.add((f"{named.type}/{named.id}", text))
            return
        if self._only is None or is_kept:
            self._spill.add(named.patient, named.type, address if address.isprintable() else "", text)

    def _counts(self) -> tuple[Counter[str], Counter[str], Counter[tuple[str, str]]]:
        """Of the lines by type, of those left out by why, and of the codes of results that were."""
        types: Counter[str] = Counter()
        dropped: Counter[str] = Counter()
        strange: Counter[tuple[str, str]] = Counter()
        for (kind, why, codes), count in self._seen.items():
            types[kind] += count
            if why:
                dropped[why] += count
            for pair in codes:
                strange[pair] += count
        return types, dropped, strange

    def close(self, task: SplitTask) -> Tally:
        self._spill.close()
        written = b"".join(b"%b\t%b\n" % (name.encode(), text) for name, text in sorted(self._shared))
        replaced(task.shared, written)
        damaged = [
            Damage(file, kind, count, tuple(self._places[file, kind]))
            for (file, kind), count in sorted(self._damaged.items())
        ]
        types, dropped, strange = self._counts()
        tally = Tally(
            lines=self._lines,
            bytes=self._bytes,
            types=dict(types),
            dropped=dict(dropped),
            damaged=tuple(damaged),
            strange=[(system, code, count) for (system, code), count in sorted(strange.items())],
        )
        replaced(task.done, msgspec.json.encode(tally))
        return tally


def split(task: SplitTask) -> Tally:
    """Lays the lines of a task out by partition. Nothing of it counts before its tally is written."""
    splitter = _Splitter(task)
    for piece in task.pieces:
        splitter.take(piece)
    return splitter.close(task)


class _BundleEntry(msgspec.Struct, rename="camel", gc=False):
    full_url: str | None = None
    resource: msgspec.Raw = msgspec.Raw()


class _Bundle(msgspec.Struct, gc=False):
    entry: fhir.Many[_BundleEntry] = None


_BUNDLE = msgspec.json.Decoder(_Bundle)
