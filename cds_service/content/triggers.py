"""What must be there for a rule to start: known from drafts alone, or from a few collections of the chart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from cds_service.content.model import About, RuleContent
from cds_service.facts.drafted import DraftedSets
from cds_service.facts.queries import DRAFTS, MEDICATIONS, REASONS
from cds_service.hooks.hooks import Hook

_NO_SETS: frozenset[str] = frozenset()


class Trigger(msgspec.Struct, frozen=True):
    """One of the ways in which a rule can start: each collection that it names holds one of the value sets."""

    drafts: frozenset[str] = _NO_SETS
    """Of the drafts under review; empty where it names none."""
    of_drugs: bool = False
    """Whether a drug is among those of the drafts."""
    reasons: frozenset[str] = _NO_SETS
    """Of what the drugs under review are for, as the drafts say it; empty where it names none."""
    chart: Mapping[str, frozenset[str]] = {}

    def counts(self, about: About, hook: Hook) -> bool:
        """Whether a rule about this can start so at a hook."""
        if self.drafts:
            return hook.brings_orders
        return hook.is_chart_view or about in ("patient", "each-drug")

    def is_drafted(self, drafted: DraftedSets) -> bool:
        """Whether the drafts under review hold what it names; what cannot be read could be any drug, or any service."""
        if self.reasons and self.reasons.isdisjoint(drafted.reasons):
            return False
        if not self.drafts or not self.drafts.isdisjoint(drafted.reviewed):
            return True
        return drafted.reviewed_unreadable if self.of_drugs else drafted.service_unreadable

    def left_open(self, drafted: DraftedSets) -> Mapping[str, frozenset[str]]:
        """What the chart must hold beside these drafts; empty where they alone start the rule.

        The drugs of all drafts count among the medications, as two drafts may be the pair that a rule is about.
        """
        return {
            name: sets for name, sets in self.chart.items() if name != MEDICATIONS or sets.isdisjoint(drafted.every)
        }


def triggers_of(text: RuleContent, drugs: frozenset[str]) -> Iterator[Trigger]:
    """The triggers of a card file; ``drugs`` are the value sets of drugs."""
    for one in text.triggers:
        drafts = frozenset(one.get(DRAFTS, ()))
        chart = {name: frozenset(sets) for name, sets in one.items() if name not in (DRAFTS, REASONS)}
        yield Trigger(drafts, not drafts.isdisjoint(drugs), frozenset(one.get(REASONS, ())), chart)
