"""Findings about one order become one group; one group takes in or silences another (clinical specification 2.7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from cds_service.content.load import Content
from cds_service.content.model import WEIGHT_OF, Families, Fold, Indicator
from cds_service.facts.patient import Medication, Order
from cds_service.rules.review import Evaluation, Finding


class Joined(msgspec.Struct, frozen=True):
    """A finding with its place among the others."""

    evaluation: Evaluation
    finding: Finding
    indicator: Indicator
    weight: int


class Group(msgspec.Struct, frozen=True):
    """What one card shows: findings by weight, the first leads; ``folded`` are taken in from other families."""

    family: str
    subject: Order | Medication | None
    members: tuple[Joined, ...]
    folded: tuple[Joined, ...] = ()
    replaced: bool = False
    """The detail of the leader is replaced by that of what it took in."""

    @property
    def leader(self) -> Joined:
        return self.members[0]

    @property
    def indicator(self) -> Indicator:
        return self.leader.indicator

    @property
    def rules(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(j.evaluation.rule for j in (*self.members, *self.folded)))


def group(found: Iterable[Evaluation], content: Content) -> list[Group]:
    """One group per family and order, drug or patient."""
    weights = {name: place for place, name in enumerate(content.families.weight)}
    groups: dict[tuple[str, str], list[Joined]] = {}
    for evaluation in found:
        if evaluation.finding is None:
            continue
        text = content.rules[evaluation.rule]
        indicator = text.indicator[evaluation.finding.indicator].indicator
        joined = Joined(evaluation, evaluation.finding, indicator, weights[evaluation.rule])
        key = (text.family, evaluation.subject.source if evaluation.subject else "")
        groups.setdefault(key, []).append(joined)
    return [
        Group(family, members[0].evaluation.subject, tuple(sorted(members, key=_place)))
        for (family, _), members in groups.items()
    ]


def _place(joined: Joined) -> tuple[int, int]:
    return WEIGHT_OF[joined.indicator], joined.weight


def fold(groups: list[Group], families: Families) -> list[Group]:
    """Applies the folds in their order: what is taken in leaves its own group, what is silenced is gone."""
    for rule in families.fold:
        if any(rule.by in g.rules for g in groups):
            groups = _apply(rule, groups)
    return groups


def _apply(rule: Fold, groups: Sequence[Group]) -> list[Group]:
    taken: list[Joined] = []
    rest: list[Group] = []
    for found in groups:
        kept = []
        for joined in found.members:
            if joined.evaluation.rule == rule.by:
                kept.append(joined)
            elif _named(joined, rule.takes):
                taken.append(joined)
            elif joined.evaluation.rule not in rule.silences:
                kept.append(joined)
        if kept:
            rest.append(msgspec.structs.replace(found, members=tuple(kept)))
    return [_with(found, taken, rule) for found in rest]


def _named(joined: Joined, takes: Iterable[str]) -> bool:
    name = joined.evaluation.rule
    return name in takes or f"{name}/{joined.finding.card}" in takes


def _with(found: Group, taken: list[Joined], rule: Fold) -> Group:
    if not taken or rule.by not in found.rules:
        return found
    folded = tuple(dict.fromkeys((*found.folded, *taken)))
    return msgspec.structs.replace(found, folded=folded, replaced=found.replaced or rule.replaces_detail)
