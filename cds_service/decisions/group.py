"""Findings about one order become one group; one group takes in or silences another (clinical specification 2.7)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from cds_service.content.families import Families, Fold
from cds_service.content.model import WEIGHT_OF, CardText, Content, Indicator, RuleContent, SuggestionText
from cds_service.facts.patient import Medication, Order
from cds_service.rules.review import Evaluation, Finding


class WordedFinding(msgspec.Struct, frozen=True):
    """A finding with its words, and its place among the others."""

    evaluation: Evaluation
    finding: Finding
    text: RuleContent
    card: CardText
    indicator: Indicator
    weight: int

    def offered(self, texts: Mapping[str, SuggestionText]) -> tuple[str, ...]:
        """The suggestions of this finding; a draft stays as it is without an id, and beside an old entry."""
        chosen, subject = self.finding.offers, self.evaluation.subject
        unnamed = isinstance(subject, Order) and not subject.named
        offered = self.card.suggestions if chosen is None else chosen
        kept = unnamed or self.finding.stale is not None
        return tuple([name for name in offered if not (kept and texts[name].changes_draft)])


class CardGroup(msgspec.Struct, frozen=True):
    """What one card shows: findings by weight, the first leads; ``folded`` are taken in from other families."""

    family: str
    subject: Order | Medication | None
    members: tuple[WordedFinding, ...]
    folded: tuple[WordedFinding, ...] = ()
    replacing: tuple[WordedFinding, ...] = ()
    """Those of the folded whose detail stands in place of the leader's."""

    @property
    def leader(self) -> WordedFinding:
        return self.members[0]

    @property
    def indicator(self) -> Indicator:
        """The highest of all that the card says: taking a warning in does not lower it."""
        return min((j.indicator for j in self.findings), key=WEIGHT_OF.__getitem__)

    @property
    def rules(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(j.evaluation.rule for j in self.findings))

    @property
    def findings(self) -> tuple[WordedFinding, ...]:
        """Every finding that the card speaks for."""
        return (*self.members, *self.folded)

    def offering(self, texts: Mapping[str, SuggestionText]) -> WordedFinding | None:
        """The weightiest finding that offers anything."""
        return next((one for one in self.members if one.offered(texts)), None)

    def suggested(self, texts: Mapping[str, SuggestionText]) -> dict[str, WordedFinding]:
        """What the card offers: that of its weightiest finding that offers any, then of what it took in, each once."""
        first = self.offering(texts)
        found: dict[str, WordedFinding] = {}
        for joined in (*([first] if first else []), *self.folded):
            for name in joined.offered(texts):
                found.setdefault(name, joined)
        return found

    def alone(self, one: WordedFinding) -> CardGroup:
        """One of the findings as it would stand without the others."""
        return CardGroup(one.text.family, one.evaluation.subject, (one,))

    def without(self, gone: Collection[WordedFinding]) -> tuple[CardGroup, ...]:
        """What is left without some of the findings; what lost its leader's card stands alone."""
        members, folded, replacing = (
            tuple([one for one in part if one not in gone]) for part in (self.members, self.folded, self.replacing)
        )
        if not members:
            return tuple([self.alone(one) for one in folded])
        return (msgspec.structs.replace(self, members=members, folded=folded, replacing=replacing),)


def group(found: Iterable[Evaluation], content: Content) -> list[CardGroup]:
    """One group per family and order or drug; what is about the patient stands alone unless it is folded."""
    groups: dict[tuple[str, str], list[WordedFinding]] = {}
    for evaluation in found:
        if evaluation.finding is None:
            continue
        joined = _joined(evaluation, evaluation.finding, content)
        key = (joined.text.family, evaluation.subject.source if evaluation.subject else evaluation.rule)
        groups.setdefault(key, []).append(joined)
    return [
        CardGroup(family, members[0].evaluation.subject, tuple(sorted(members, key=_place)))
        for (family, _), members in groups.items()
    ]


def _joined(evaluation: Evaluation, finding: Finding, content: Content) -> WordedFinding:
    text = content.rules[evaluation.rule]
    indicator = text.level(finding.indicator, stale=finding.stale is not None)
    weight = content.families.weight.index(evaluation.rule)
    return WordedFinding(evaluation, finding, text, text.card[finding.card], indicator, weight)


def _place(joined: WordedFinding) -> tuple[int, int]:
    return WEIGHT_OF[joined.indicator], joined.weight


def fold(groups: list[CardGroup], families: Families) -> list[CardGroup]:
    """Applies the folds in their order: what is taken in leaves its own group, what is silenced is gone."""
    present = {name for g in groups for name in g.rules}
    for rule in families.fold:
        if rule.by in present and _concerns(rule, present) and any(rule.by in g.rules for g in groups):
            groups = _apply(rule, groups)
    return groups


def _concerns(rule: Fold, present: set[str]) -> bool:
    """Whether there is anything that the fold may take in or silence."""
    return not present.isdisjoint(rule.silences) or any(name.partition("/")[0] in present for name in rule.takes)


def silenced(found: Iterable[Evaluation], families: Families) -> frozenset[str]:
    """The rules that others among what was found silence, whether those others are shown or not."""
    present = {evaluation.rule for evaluation in found}
    gone: set[str] = set()
    for rule in families.fold:
        if rule.by in present:
            gone |= present.intersection(rule.silences)
            present -= gone
    return frozenset(gone)


def _apply(rule: Fold, groups: Sequence[CardGroup]) -> list[CardGroup]:
    taken: list[WordedFinding] = []
    rest: list[CardGroup] = []
    for found in groups:
        leaving = [j for j in found.members if j.evaluation.rule != rule.by and _named(j, rule.takes)]
        gone = [j for j in found.members if j.evaluation.rule in rule.silences]
        kept = tuple(j for j in found.members if j not in leaving and j not in gone)
        taken += leaving
        if kept:
            rest.append(msgspec.structs.replace(found, members=kept))
        elif leaving:
            taken += found.folded
    return [_with(found, taken, rule) for found in rest]


def _named(joined: WordedFinding, takes: Iterable[str]) -> bool:
    name = joined.evaluation.rule
    return name in takes or f"{name}/{joined.finding.card}" in takes


def _with(found: CardGroup, taken: list[WordedFinding], rule: Fold) -> CardGroup:
    if not taken or rule.by not in found.rules:
        return found
    folded = _each_once(*found.folded, *taken)
    replacing = _each_once(*found.replacing, *taken) if rule.replaces_detail else found.replacing
    return msgspec.structs.replace(found, folded=folded, replacing=replacing)


def _each_once(*found: WordedFinding) -> tuple[WordedFinding, ...]:
    return tuple({id(joined): joined for joined in found}.values())
