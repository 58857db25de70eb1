"""Which prefetch keys changed an answer: told from the steps that the rules left, nothing being evaluated again."""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.decisions.decide import Decision
from cds_service.decisions.ruleset import Ruleset
from cds_service.facts.patient import PatientFacts
from cds_service.facts.queries import TEMPLATES
from cds_service.fhir.sources import query
from cds_service.rules.review import Outcome, Step

_KEY_OF = {query(template).kind.__name__: key for key, template in TEMPLATES.items()}
"""Each type is asked for under one key."""


def changed_by(ruleset: Ruleset, decision: Decision, facts: PatientFacts) -> tuple[str, ...]:
    """The keys of which a resource carries a card, or kept a started rule from having one; drafts are none of them.

    That nothing was found under a key changes no answer, though a card may then say less of what was not checked.
    """
    if facts.dead:
        return ("patient",)
    drafts = {order.source for order in facts.orders}
    named = {source for step in _telling(ruleset, decision) for source in step.sources}
    kinds = {source.partition("/")[0] for source in named - drafts}
    return tuple([key for kind, key in _KEY_OF.items() if kind in kinds])


def _telling(ruleset: Ruleset, decision: Decision) -> Iterator[Step]:
    """The steps of what the cards speak for, and the exclusions that ended a rule."""
    for group in decision.groups:
        for finding in group.findings:
            yield from finding.evaluation.steps
    for evaluation in decision.evaluations:
        if evaluation.outcome is Outcome.NOT_MET:
            last = evaluation.steps[-1]
            if ruleset.rules[evaluation.rule].criteria[last.criterion].kind == "unless":
                yield last
