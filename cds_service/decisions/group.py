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

    @property
    def priority(self) -> str:
        """How soon what is offered for it is to be done."""
        said = self.text.indicator[self.finding.indicator].priority
        return said or ("routine" if self.indicator == "info" else "asap")

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
        """What the weightiest finding that offers any offers, what may stand beside it, and that of what it took in."""
        first = self.offering(texts)
        found: dict[str, WordedFinding] = {}
        for joined in (*self.members, *self.folded):
            for name in joined.offered(texts):
                if joined is first or joined in self.folded or texts[name].beside:
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
    """One group per order or drug, whatever the families; what is about the patient stands alone unless it is folded.

    The most serious finding leads, among equals the weightiest.
    """
    groups: dict[str, list[WordedFinding]] = {}
    for evaluation in found:
        if evaluation.finding is None:
            continue
        key = evaluation.subject.source if evaluation.subject else evaluation.rule
        groups.setdefault(key, []).append(_joined(evaluation, evaluation.finding, content))
    return [_of(sorted(members, key=_place)) for members in groups.values()]


def _of(members: list[WordedFinding]) -> CardGroup:
    leader = members[0]
    return CardGroup(leader.text.family, leader.evaluation.subject, tuple(members))


def _joined(evaluation: Evaluation, finding: Finding, content: Content) -> WordedFinding:
    text = content.rules[evaluation.rule]
    indicator = finding.level(text)
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
    return any(name.partition("/")[0] in present for name in (*rule.takes, *rule.silences))


def silenced(found: Collection[Evaluation], families: Families) -> frozenset[str]:
    """The rules that others among what was found silence, whether those others are shown or not."""
    cards = {evaluation.rule: evaluation.finding.card for evaluation in found if evaluation.finding}
    gone: set[str] = set()
    for rule in families.fold:
        if rule.by in cards:
            gone |= {name for name, card in cards.items() if _is_among(name, card, rule.silences)}
            cards = {name: card for name, card in cards.items() if name not in gone}
    return frozenset(gone)


def _apply(rule: Fold, groups: Sequence[CardGroup]) -> list[CardGroup]:
    hosts = [found for found in groups if rule.by in found.rules]
    taken: list[WordedFinding] = []
    rest: list[CardGroup] = []
    for found in groups:
        leaving = [j for j in found.members if _named(j, rule.takes) and _is_taken(j, found, rule, hosts)]
        gone = [j for j in found.members if _named(j, rule.silences)]
        kept = tuple(j for j in found.members if j not in leaving and j not in gone)
        taken += leaving
        if kept:
            rest.append(msgspec.structs.replace(found, members=kept))
        elif leaving:
            taken += found.folded
    return [_with(found, taken, rule) for found in rest]


def _is_taken(joined: WordedFinding, found: CardGroup, rule: Fold, hosts: Iterable[CardGroup]) -> bool:
    """Whether another finding takes it in: not one that it has taken in itself, nor one about another order."""
    if joined.evaluation.rule == rule.by or any(one.evaluation.rule == rule.by for one in found.folded):
        return False
    return any(_meets(host, joined) for host in hosts)


def _meets(host: CardGroup, joined: WordedFinding) -> bool:
    subject = joined.evaluation.subject
    return host.subject is None or subject is None or host.subject.source == subject.source


def _named(joined: WordedFinding, names: Iterable[str]) -> bool:
    return _is_among(joined.evaluation.rule, joined.finding.card, names)


def _is_among(rule: str, card: str, names: Iterable[str]) -> bool:
    return rule in names or f"{rule}/{card}" in names


def _with(found: CardGroup, taken: Iterable[WordedFinding], rule: Fold) -> CardGroup:
    taken = [joined for joined in taken if _meets(found, joined)]
    if not taken or rule.by not in found.rules:
        return found
    folded = _each_once(*found.folded, *taken)
    replacing = _each_once(*found.replacing, *taken) if rule.replaces_detail else found.replacing
    return _led_by_the_highest(msgspec.structs.replace(found, folded=folded, replacing=replacing))


def _led_by_the_highest(found: CardGroup) -> CardGroup:
    """Nothing is folded under a finding of a lower indicator: the higher one leads, and takes the other in."""
    if found.leader.indicator == found.indicator:
        return found
    leader = min(found.folded, key=_place)
    others = tuple([one for one in found.findings if one is not leader])
    return CardGroup(leader.text.family, leader.evaluation.subject, (leader,), others)


def _each_once(*found: WordedFinding) -> tuple[WordedFinding, ...]:
    return tuple({id(joined): joined for joined in found}.values())
