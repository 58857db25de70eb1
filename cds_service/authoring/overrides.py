"""The reasons to override of a rule's page, each with when it is offered."""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.content.model import Content, RuleContent


def overrides(content: Content, rule: RuleContent) -> Iterator[str]:
    """The section in lines of Markdown."""
    yield from ("## Reasons to override", "")
    yield from (f"- {reason}" for reason in reasons(content, rule))
    yield ""


def reasons(content: Content, rule: RuleContent) -> Iterator[str]:
    """Each reason, and when it is offered."""
    for code in rule.override:
        yield f"{rule.override_display.get(code, content.overrides[code].display)}{_only(content, rule, code)}"


def _only(content: Content, rule: RuleContent, code: str) -> str:
    """When the reason is offered: with what was found, with what is suggested, or with some of the words."""
    notes = {**content.families.family[rule.family].note, **rule.note}
    holds = {name: one.when for table in (notes, rule.card, rule.indicator) for name, one in table.items()}
    needs = {"alternative": "another drug is suggested", "suggestion": "something is suggested"}
    told = []
    if code in rule.override_with:
        condition = holds[rule.override_with[code]].rstrip(".")
        told.append(condition[:1].lower() + condition[1:])
    if needed := content.overrides[code].needs:
        told.append(needs[needed])
    keys = [key for key, card in rule.card.items() if code in (card.override or rule.override)]
    if len(keys) < len(rule.card):
        told.append(f"with the words {', '.join(f'`{key}`' for key in keys)}")
    return f" (only: {'; '.join(told)})" if told else ""
