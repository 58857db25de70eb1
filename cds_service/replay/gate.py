"""A replay held against a budget: which hooks would be too loud to go live with."""

from __future__ import annotations

import tomllib
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from cds_service.content.budget import Budget, Kept, faults_of_budget, kept
from cds_service.errors import ReplayError
from cds_service.replay.numbers import Numbers


class Held(msgspec.Struct, frozen=True):
    """One ceiling, and how many of so many answers held such a card."""

    hook: str
    indicator: str
    ceiling: float
    events: int
    answers: int
    verdict: Kept | Literal["not replayed"]

    @property
    def stops(self) -> bool:
        """Whether one should not go live so: nothing judged is never nothing found."""
        return self.verdict in ("exceeded", "nothing judged")


def held(numbers: Numbers, budget: Budget, replayed: Container[str]) -> Iterator[Held]:
    """Every ceiling, by hook and the lightest card first."""
    for hook, ceilings in budget.by_hook.items():
        answers = numbers.counts["answered", hook]
        for indicator, ceiling in ceilings.by_indicator.items():
            events = numbers.counts["with", hook, indicator]
            verdict = kept(ceiling, events, answers) if hook in replayed else "not replayed"
            yield Held(hook, indicator, ceiling, events, answers, verdict)


def read_budget(path: Path) -> Budget:
    """The ceilings of a file, and no others."""
    try:
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Budget)
    except (OSError, ValueError, msgspec.ValidationError) as fault:
        raise ReplayError([f"{path.name}: no budget: {fault}"]) from fault
    if faults := list(faults_of_budget(found)):
        raise ReplayError(faults)
    if not any(one.by_indicator for one in found.by_hook.values()):
        raise ReplayError([f"{path.name}: no budget: it sets no ceiling, so that any number of cards would pass"])
    return found
