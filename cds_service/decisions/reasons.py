"""The reasons to override that a card offers: the first that can be true of what was found (2.6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from cds_service.content.model import OVERRIDES_AT_MOST, OverrideText
from cds_service.decisions.group import WordedFinding
from cds_service.hooks.responses import OverrideReason, Suggestion


def fitting(
    reasons: Iterable[OverrideReason],
    leader: WordedFinding,
    suggestions: Iterable[Suggestion],
    texts: Mapping[str, OverrideText],
) -> tuple[OverrideReason, ...]:
    """Those of the leader's reasons that can be true of its card, and no more than there is room for."""
    offered = frozenset(_offered(suggestions))
    found = {leader.finding.card, leader.finding.indicator, *leader.finding.notes}
    only_with = leader.text.override_with
    able = [
        reason
        for reason in reasons
        if texts[reason.code].needs in (None, *offered) and only_with.get(reason.code) in (None, *found)
    ]
    return tuple(able[:OVERRIDES_AT_MOST])


def _offered(suggestions: Iterable[Suggestion]) -> Iterator[str]:
    """What a reason may need: that anything is created, and that it is a drug."""
    for suggestion in suggestions:
        for action in suggestion.actions:
            if action.type == "create":
                yield "suggestion"
                if isinstance(action.resource, dict) and action.resource["resourceType"] == "MedicationRequest":
                    yield "alternative"
