"""Who has read a card as it stands: signatures beside the cards, each with the digest that it holds for.

A signature lapses by itself when a word, number, suggestion, source or reason of the card changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Literal, TypeAlias

import msgspec

from cds_service.content import overlay
from cds_service.content.model import Content, RuleContent, Signature

FILE = overlay.REVIEWS
State: TypeAlias = Literal["signed", "lapsed", "unsigned"]
STATES: tuple[State, ...] = ("signed", "lapsed", "unsigned")


def state(content: Content, rule: str) -> State:
    if signature(content, rule):
        return "signed"
    return "lapsed" if content.reviews.get(rule) else "unsigned"


def signature(content: Content, rule: str) -> Signature | None:
    """The newest that holds."""
    held = [one for one in content.reviews.get(rule, ()) if one.digest == content.said[rule]]
    return max(held, key=lambda one: one.on, default=None)


def unsigned(content: Content) -> frozenset[str]:
    """The rules that no signature holds for."""
    return frozenset(name for name in content.rules if state(content, name) != "signed")


def overdue(content: Content, today: date) -> list[str]:
    """The active rules whose next review has passed."""
    return [name for name in _active(content) if content.rules[name].review.next_review < today]


def signed_only(content: Content) -> Content:
    """The same with every rule evaluated but not shown that no signature holds for."""
    hidden = unsigned(content)
    rules = {
        name: msgspec.structs.replace(rule, status="draft") if name in hidden and rule.status == "active" else rule
        for name, rule in content.rules.items()
    }
    return msgspec.structs.replace(content, rules=rules)


def digest_of(content: Content, rule: RuleContent) -> str:
    """Eight characters that change with what a rule's cards say and offer of their own.

    That is the card file with its numbers, its suggestions, sources and reasons, and the words of its family; not the
    phrases that all cards share, nor whether the rule is shown and when it is read again.
    """
    own = msgspec.to_builtins(rule)
    del own["status"], own["review"]["next-review"]
    suggestions = {name: content.suggestions[name] for card in rule.card.values() for name in card.suggestions}
    resources = {one.resource: content.resources[one.resource] for text in suggestions.values() for one in text.create}
    said = (
        own,
        suggestions,
        resources,
        [content.evidence[cited.id] for cited in rule.evidence],
        [content.overrides[code] for code in rule.override],
        content.families.family[rule.family],
    )
    encoded = msgspec.json.encode(msgspec.to_builtins(said), order="deterministic")
    return hashlib.sha256(encoded).hexdigest()[:8]


def written(rule: str, signed: Signature) -> str:
    """A signature as it stands in ``reviews.toml``."""
    texts = {"by": signed.by, "role": signed.role, "digest": signed.digest, "note": signed.note}
    lines = (f"{key} = {json.dumps(text, ensure_ascii=False)}\n" for key, text in texts.items() if text)
    return f"[[{rule}]]\non = {signed.on}\n{''.join(lines)}\n"


def counted(content: Content, today: date) -> dict[str, int]:
    """How many active rules are signed, lapsed or unsigned, and of how many the next review has passed."""
    active = _active(content)
    states = [state(content, name) for name in active]
    return {**{each: states.count(each) for each in STATES}, "due": len(overdue(content, today))}


def told(content: Content, today: date) -> Iterator[str]:
    """The counts, then a line each on what has lapsed and what is due."""
    counts = ", ".join(f"{number} {each}" for each, number in counted(content, today).items())
    yield f"Clinical review of {len(_active(content))} active rules: {counts}."
    lapsed = (name for name in _active(content) if state(content, name) == "lapsed")
    yield from _named("The signature no longer holds, as the card has changed", lapsed)
    yield from _named("The next review has passed", overdue(content, today))


def _active(content: Content) -> list[str]:
    return [name for name, rule in content.rules.items() if rule.status == "active"]


def _named(what: str, rules: Iterable[str]) -> Iterator[str]:
    if names := sorted(rules):
        yield f"{what}: {', '.join(names)}."
