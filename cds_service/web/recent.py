"""What the last calls led to, so that a card can be asked why: kept by each worker in memory, for a quarter of an hour.

In open mode with what each step rests on; with trusted clients ids of rules and criteria, and outcomes, alone.
"""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic

import msgspec

from cds_service.authoring import explain
from cds_service.decisions.decide import Decision
from cds_service.decisions.ruleset import Ruleset
from cds_service.rules.review import Evaluation, Outcome, Step

SECONDS = 900
_MOST = 200
_RULES_OF_CARD = "org.rbd-cds.rules"


class KeptRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one rule came to about one patient, order or drug."""

    rule: str
    version: str
    outcome: str
    steps: tuple[Step, ...]
    about: str = ""
    fate: str = ""
    """What became of a finding: a key of :data:`explain.FATES`."""


class KeptCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call, by the names under which it can be found: its hookInstance and the uuids of its cards."""

    at: dt.datetime
    service: str
    hook: str
    client: str
    instance: str | None
    cards: dict[str, tuple[str, ...]]
    """The rules of each card."""
    rules: tuple[KeptRule, ...]
    not_started: tuple[str, ...]
    gate: str | None = None


class Made(msgspec.Struct, frozen=True):
    """Which call it was."""

    service: str
    hook: str
    client: str
    instance: str | None


class Recent:
    """The last calls of this process."""

    def __init__(self, *, whole: bool) -> None:
        self.whole = whole
        """Whether what the steps rest on is kept with them."""
        self._calls: deque[tuple[float, KeptCall]] = deque(maxlen=_MOST)

    def note(self, call: Made, decision: Decision, ruleset: Ruleset, at: dt.datetime) -> None:
        """Keeps what came of a call, of which nothing is held on to but what is kept here."""
        kept = KeptCall(
            at=at,
            service=call.service,
            hook=call.hook,
            client=call.client,
            instance=call.instance,
            cards={card.uuid: tuple((card.extension or {}).get(_RULES_OF_CARD, ())) for card in decision.all_cards},
            rules=tuple(self._rules(decision, ruleset)),
            not_started=tuple(decision.started.not_started),
            gate=decision.gate,
        )
        self.forget()
        self._calls.append((monotonic(), kept))

    def find(self, name: str) -> KeptCall | None:
        """The last call of this name, if it is not too long ago."""
        self.forget()
        # A copy: what was tried on the bench may be noted by another thread meanwhile.
        named = (call for _, call in reversed(tuple(self._calls)) if name == call.instance or name in call.cards)
        return next(named, None)

    def forget(self) -> None:
        """Lets go of what is too old."""
        oldest = monotonic() - SECONDS
        with suppress(IndexError):
            while self._calls[0][0] < oldest:
                self._calls.popleft()

    def _rules(self, decision: Decision, ruleset: Ruleset) -> Iterator[KeptRule]:
        shown = {rule for group in decision.groups for rule in group.rules}
        cut = explain.cut(decision)
        for evaluation in decision.evaluations:
            content = ruleset.rules[evaluation.rule].content
            steps = self._steps(evaluation)
            about = evaluation.subject.source if self.whole and evaluation.subject else ""
            fate = ""
            if evaluation.outcome is Outcome.FOUND:
                fate = "draft" if content.status != "active" else _fate(evaluation, decision, shown, cut)
            yield KeptRule(content.id, content.version, evaluation.outcome.value, steps, about, fate)

    def _steps(self, evaluation: Evaluation) -> tuple[Step, ...]:
        return evaluation.steps if self.whole else tuple(Step(one.criterion, one.met) for one in evaluation.steps)


def _fate(evaluation: Evaluation, decision: Decision, shown: set[str], cut: set[str]) -> str:
    if evaluation.key in decision.muted:
        return "muted"
    if evaluation.rule in shown:
        return "shown"
    return "cut" if evaluation.rule in cut else "folded"
