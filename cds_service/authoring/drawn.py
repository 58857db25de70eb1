"""The card of a rule as a page draws it: answered by the rules themselves to one of the rule's written cases."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

import msgspec

from cds_service.authoring.cases import DAY, Case, Parts, cases_of
from cds_service.authoring.run_cases import CaseRunner
from cds_service.decisions.ruleset import Ruleset
from cds_service.errors import CallRefused, ContentError


class DrawnCard(msgspec.Struct, frozen=True):
    """A card as it travels, and the case that got it."""

    rule: str
    case: Case
    card: dict[str, Any]
    day: date = DAY


class Drawer:
    """Draws each rule's card once, when it is first asked for."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._content = ruleset.content
        self._parts = Parts.shipped()
        self._runner = CaseRunner(ruleset, self._parts)
        self.card = cache(self._card)

    def _card(self, rule: str) -> DrawnCard | None:
        """The card of the first case that shows one; None where there is none, or the cases have a fault."""
        try:
            cases = cases_of(self._content, rule, self._parts)
        except ContentError:
            return None
        return next((drawn for case in cases if (drawn := self._of(rule, case))), None)

    def _of(self, rule: str, case: Case) -> DrawnCard | None:
        if not (case.found and case.shown):
            return None
        try:
            card = self._runner.run(rule, case).card
        except CallRefused:
            return None
        return DrawnCard(rule, case, msgspec.json.decode(msgspec.json.encode(card))) if card else None
