"""``not-checked.toml``: the words of the cards that say what could not be checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import get_args

from cds_service.content.model import Content, NotCheckedText, RuleContent
from cds_service.content.text import placeholders
from cds_service.facts.queries import READS, TEMPLATES, collection
from cds_service.fhir.sources import Failure, Shortage
from cds_service.fhir_client.target import REFERENCES, TokenNotUsable, Why

ID = "not-checked"
"""Stands for this card where any other has the rules that it speaks for."""
FILE = f"{ID}.toml"
_VALUES = frozenset({"drugs", "topics", "reasons"})
_OF_UNREAD = frozenset({"topics"})
_OF_REASON = frozenset({"data", "why"})
_REASONS = (*get_args(Why), *get_args(TokenNotUsable), *get_args(Failure), *get_args(Shortage))


def faults_of_not_checked(content: Content) -> Iterator[str]:
    """What it names that does not exist, and what it has no words for."""
    text = content.not_checked
    yield from (f"{FILE}: {fault}" for fault in (*_unknown(text, content.rules), *_undeclared(text)))
    if text.enabled:
        yield from (f"{FILE}: {fault}" for fault in _unsaid(text, content.rules))


def _unknown(text: NotCheckedText, rules: Mapping[str, RuleContent]) -> Iterator[str]:
    yield from (f"topic: {name!r} is no rule" for name in text.topic if name not in rules)
    yield from (f"data: {key!r} is no prefetch key" for key in text.data if key not in {*TEMPLATES, REFERENCES})
    yield from (f"why: {why!r} is none of {', '.join(_REASONS)}" for why in text.why if why not in _REASONS)


def _undeclared(text: NotCheckedText) -> Iterator[str]:
    templates = {
        "summary": (text.summary, _VALUES),
        "summary-short": (text.summary_short, _VALUES),
        "detail": (text.detail, _VALUES),
        "reason": (text.reason, _OF_REASON),
        "summary-unread": (text.summary_unread, _OF_UNREAD),
        "detail-unread": (text.detail_unread, _OF_UNREAD),
    }
    for name, (template, values) in templates.items():
        for unknown in sorted(placeholders(template) - values):
            yield f"{name}: {{{unknown}}} is none of {', '.join(sorted(values))}"


def _unsaid(text: NotCheckedText, rules: Mapping[str, RuleContent]) -> Iterator[str]:
    reads = {read for name in text.topic if name in rules for read in rules[name].reads}
    keys = {key for read in reads for key in READS.get(collection(read), ())}
    for key in sorted((keys | {REFERENCES}) - text.data.keys()):
        yield f"data: {key!r} is missing"
    for why in sorted(set(_REASONS) - text.why.keys()):
        yield f"why: {why!r} is missing"
