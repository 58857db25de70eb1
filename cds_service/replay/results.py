"""A folder of results, opened: what does not fit is told by its file, and never taken for fewer patients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from cds_service.errors import ReplayError
from cds_service.replay.judgements import CODES, RUN, Codes, Judgement, Run, read_codes, read_judgements, read_run

T = TypeVar("T")


class Results(msgspec.Struct, frozen=True):
    folder: Path
    run: Run
    codes: Codes

    @classmethod
    def of(cls, folder: Path) -> Results:
        return cls(folder, _read(read_run, folder, RUN), _read(read_codes, folder, CODES))

    def judgements(self) -> Iterator[Judgement]:
        """All of them, one at a time; raises ReplayError where a line cannot be read or lines are missing."""
        count = 0
        try:
            for judged in read_judgements(self.folder):
                count += 1
                yield judged
        except msgspec.DecodeError as fault:
            raise ReplayError([f"{self.folder}: judgement {count + 1} cannot be read: {fault}"]) from fault
        if count != self.run.judgements:
            raise ReplayError(
                [f"{self.folder}: {RUN} tells of {self.run.judgements} judgements, and {count} are there"]
            )


def _read(read: Callable[[Path], T], folder: Path, name: str) -> T:
    try:
        return read(folder)
    except OSError as fault:
        raise ReplayError([f"{folder / name}: {fault.strerror}: has the replay ended?"]) from fault
    except msgspec.DecodeError as fault:
        raise ReplayError([f"{folder / name}: {fault}"]) from fault
