"""Which findings a chart no longer holds up, so that they are new where they come back."""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.content.model import RuleContent
from cds_service.decisions.decide import Decision
from cds_service.decisions.ruleset import Ruleset
from cds_service.rules.review import Evaluation, Outcome


class Withdrawals:
    def __init__(self, ruleset: Ruleset) -> None:
        self._criteria = {name: _chart_criteria(p.content) for name, p in ruleset.rules.items()}

    def of(self, decision: Decision) -> Iterator[str]:
        """Rules that this chart no longer meets, whatever is ordered."""
        found = decision.found
        yield from decision.started.unmet
        for evaluation in decision.evaluations:
            if evaluation.outcome is Outcome.NOT_MET and evaluation.rule not in found and self._by_chart(evaluation):
                yield evaluation.rule

    def _by_chart(self, evaluation: Evaluation) -> bool:
        return evaluation.steps[-1].criterion in self._criteria[evaluation.rule]


def _chart_criteria(content: RuleContent) -> frozenset[str]:
    """The criteria that hold a finding up; the first one of a rule about an order or drug says which order or drug."""
    needed = content.criteria if content.about == "patient" else content.criteria[1:]
    return frozenset(criterion.id for criterion in needed if criterion.kind == "only-if")
