"""Cards of a rule as a page draws them: answered by the rules themselves to the rule's written cases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Any

import msgspec

from cds_service.authoring.answers import CaseAnswer
from cds_service.authoring.cases import DAY, Case, Parts, cases_of
from cds_service.authoring.rows import example
from cds_service.authoring.run_cases import CaseRunner
from cds_service.decisions.ruleset import Ruleset
from cds_service.errors import CallRefused, ContentError


class DrawnCard(msgspec.Struct, frozen=True):
    """A card as it travels, and the case that got it."""

    rule: str
    case: Case
    card: dict[str, Any]
    day: date = DAY


class Examples:
    """The cases of each rule and a few of their answers, made once, when they are first asked for."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._content = ruleset.content
        self._parts = Parts.shipped()
        self._runner = CaseRunner(ruleset, self._parts)
        self.cases = cache(self._cases)
        self.answers = cache(self._answers)

    def card(self, rule: str) -> DrawnCard | None:
        """A card that speaks for the rule, alone if any does; None where no case shows one, or none can be read."""
        shown = example(answer for answer in self.answers(rule) if answer.card)
        return DrawnCard(rule, shown.case, msgspec.json.decode(msgspec.json.encode(shown.card))) if shown else None

    def _cases(self, rule: str) -> tuple[Case, ...] | None:
        """None where they have a fault."""
        try:
            return cases_of(self._content, rule, self._parts)
        except ContentError:
            return None

    def _answers(self, rule: str) -> tuple[CaseAnswer, ...]:
        """What the first case of each variant got."""
        first: dict[str | None, Case] = {}
        for case in self.cases(rule) or ():
            if case.found and case.shown:
                first.setdefault(case.card, case)
        return tuple(answer for case in first.values() for answer in self._got(rule, case))

    def _got(self, rule: str, case: Case) -> Iterator[CaseAnswer]:
        try:
            yield from self._runner.answers(rule, (case,))
        except CallRefused:
            return
