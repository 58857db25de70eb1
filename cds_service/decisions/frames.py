"""What a card carries whatever the patient: its source and override reasons, made when the rules are loaded."""

from __future__ import annotations

import msgspec

from cds_service.content.model import CardText, Content, RuleContent
from cds_service.hooks.responses import Coding, Link, OverrideReason, Source

TOPICS = "urn:org.rbd-cds:topics"


class CardFrame(msgspec.Struct, frozen=True):
    """The fixed parts of the card that a finding leads."""

    source: Source
    evidence: Link | None
    """To the source."""
    override_reasons: tuple[OverrideReason, ...]
    stale_reasons: tuple[OverrideReason, ...]
    """Those in their place where the finding rests on an old entry."""


def frames(content: Content, rule: RuleContent) -> dict[str, CardFrame]:
    """By the key of the card in the card file; a rule without evidence is a draft that is not shown."""
    return {key: _frame(content, rule, card) for key, card in rule.card.items() if _cited(rule, card)}


def _frame(content: Content, rule: RuleContent, card: CardText) -> CardFrame:
    first = content.evidence[_cited(rule, card)[0]]
    topic = Coding(system=TOPICS, code=rule.id, display=rule.title)
    stale = content.families.stale
    return CardFrame(
        source=Source(label=first.label, url=first.url, topic=topic),
        evidence=Link(label=first.label, url=first.url, type="absolute") if first.url else None,
        override_reasons=tuple(
            [_override(content, code, rule.override_display.get(code)) for code in card.override or rule.override]
        ),
        stale_reasons=tuple([_override(content, code, stale.display.get(code)) for code in stale.override]),
    )


def _cited(rule: RuleContent, card: CardText) -> tuple[str, ...]:
    return card.cites or tuple([cited.id for cited in rule.evidence])


def _override(content: Content, code: str, display: str | None = None) -> OverrideReason:
    text = content.overrides[code]
    return OverrideReason(system=text.system, code=code, display=display or text.display)
