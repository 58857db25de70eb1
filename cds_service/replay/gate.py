"""A replay held against a budget: which hooks would be too loud to go live with."""

from __future__ import annotations

import tomllib
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from cds_service.content.budget import Budget, faults_of_budget
from cds_service.errors import ReplayError
from cds_service.replay.numbers import Numbers

_ENOUGH = 3
"""Of cards that the ceiling would allow; where they are due, chance alone brings none in 1 of 20."""


class Held(msgspec.Struct, frozen=True):
    """One ceiling, and how many of so many answers held such a card."""

    hook: str
    indicator: str
    ceiling: float
    events: int
    answers: int
    verdict: Literal["kept", "exceeded", "too few to tell", "nothing judged", "not replayed"]

    @property
    def stops(self) -> bool:
        """Whether one should not go live so: nothing judged is never nothing found."""
        return self.verdict in ("exceeded", "nothing judged")


def held(numbers: Numbers, budget: Budget, replayed: Container[str]) -> Iterator[Held]:
    """Every ceiling, by hook and the lightest card first."""
    for hook, ceilings in budget.by_hook.items():
        answers = numbers.counts["answered", hook]
        for indicator, ceiling in ceilings.by_indicator.items():
            one = Held(hook, indicator, ceiling, numbers.counts["with", hook, indicator], answers, "not replayed")
            yield msgspec.structs.replace(one, verdict=_verdict(one)) if hook in replayed else one


def _verdict(one: Held) -> Literal["kept", "exceeded", "too few to tell", "nothing judged"]:
    if not one.answers:
        return "nothing judged"
    if one.events > one.ceiling * one.answers:
        return "exceeded"
    # A ceiling of none is kept by none; any other by none only where some could have been expected.
    return "kept" if one.ceiling == 0 or one.ceiling * one.answers >= _ENOUGH else "too few to tell"


def read_budget(path: Path) -> Budget:
    """The ceilings of a file, and no others."""
    try:
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Budget)
    except (OSError, ValueError, msgspec.ValidationError) as fault:
        raise ReplayError([f"{path.name}: no budget: {fault}"]) from fault
    if faults := list(faults_of_budget(found)):
        raise ReplayError(faults)
    return found
