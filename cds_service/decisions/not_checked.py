"""Quiet cards that say which safety rules could not be decided for a draft.

What was asked for could not be had, or the draft itself cannot be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from cds_service.content.not_checked import ID
from cds_service.content.text import SUMMARY_LIMIT, clipped
from cds_service.decisions.decide import Decision
from cds_service.decisions.frames import TOPICS
from cds_service.decisions.ruleset import Ruleset
from cds_service.facts.patient import Order
from cds_service.facts.queries import DRAFTS, MEDICATIONS
from cds_service.fhir_client.target import REFERENCES
from cds_service.hooks.responses import Card, Coding, Source
from cds_service.rules.review import Evaluation, Outcome, data_lacking


class _Unchecked(msgspec.Struct, frozen=True):
    """A safety rule about a draft that could not be decided, and the keys whose data lack."""

    rule: str
    drug: str
    keys: tuple[str, ...]


def not_checked_cards(ruleset: Ruleset, decision: Decision, in_vain: Mapping[str, str]) -> Iterator[Card]:
    """The cards for orders that cannot be read, and for what was asked for in vain.

    ``in_vain`` are the keys of that, each with why it was not had.
    """
    yield from (card for card in (_unread_card(ruleset, decision), _lacking_card(ruleset, decision, in_vain)) if card)


def _unread_card(ruleset: Ruleset, decision: Decision) -> Card | None:
    text, wording = ruleset.content.not_checked, ruleset.content.wording
    topics = [
        topic
        for name, topic in text.topic.items()
        if name in decision.undetermined and any(_is_about_unread(e, name) for e in decision.evaluations)
    ]
    if not text.enabled or not topics:
        return None
    values = {"topics": wording.listed(topics)}
    return _written(ruleset, wording.fill(text.summary_unread, values), wording.fill(text.detail_unread, values))


def _is_about_unread(evaluation: Evaluation, rule: str) -> bool:
    """Whether the rule was left undecided by a draft of which it cannot be told what it orders."""
    order = evaluation.subject
    left_open = evaluation.rule == rule and evaluation.outcome is Outcome.UNDETERMINED
    return left_open and isinstance(order, Order) and bool(order.unread)


def _lacking_card(ruleset: Ruleset, decision: Decision, in_vain: Mapping[str, str]) -> Card | None:
    text = ruleset.content.not_checked
    lacking = {key: why for key, why in in_vain.items() if why in text.why and key in text.data}
    if not text.enabled or not lacking:
        return None
    unchecked = tuple(_unchecked(ruleset, decision, lacking))
    return _card(ruleset, unchecked, lacking) if unchecked else None


def _unchecked(ruleset: Ruleset, decision: Decision, lacking: Mapping[str, str]) -> Iterator[_Unchecked]:
    """In the order of the file; a rule that applies has a card of its own, or was answered before."""
    for name in ruleset.content.not_checked.topic:
        for evaluation in decision.evaluations if name in decision.undetermined else ():
            drug = _drug(ruleset, evaluation) if evaluation.rule == name else ""
            keys = tuple(_keys(evaluation, lacking)) if drug else ()
            if keys:
                yield _Unchecked(name, drug, keys)


def _drug(ruleset: Ruleset, evaluation: Evaluation) -> str:
    """The drug of a draft that starts the rule and left it undecided; empty where there is none."""
    order = evaluation.subject
    if evaluation.outcome is not Outcome.UNDETERMINED or not isinstance(order, Order) or order.drug is None:
        return ""
    triggers = ruleset.rules[evaluation.rule].content.triggers
    return order.drug.ingredient(*(name for one in triggers for name in one.get(DRAFTS, ())))


def _keys(evaluation: Evaluation, lacking: Iterable[str]) -> Iterator[str]:
    """The keys that the rule ended for want of; a drug without its Medication lacks what it refers to."""
    named = data_lacking(evaluation.missing)
    wanted = named | ({REFERENCES} if MEDICATIONS in named else set())
    yield from (key for key in lacking if key in wanted)


def _card(ruleset: Ruleset, unchecked: tuple[_Unchecked, ...], lacking: Mapping[str, str]) -> Card:
    content = ruleset.content
    text, values = content.not_checked, _values(ruleset, unchecked, lacking)
    summary = content.wording.fill(text.summary, values)
    if len(summary) > SUMMARY_LIMIT:
        summary = content.wording.fill(text.summary_short, values)
    return _written(ruleset, summary, content.wording.fill(text.detail, values))


def _written(ruleset: Ruleset, summary: str, detail: str) -> Card:
    text = ruleset.content.not_checked
    return Card(
        summary=clipped(summary),
        indicator="info",
        detail=detail,
        source=Source(label=text.source_label, topic=Coding(system=TOPICS, code=ID, display=text.title)),
        extension={
            "org.rbd-cds.rules": [ID],
            "org.rbd-cds.versions": {ID: ruleset.content.not_checked_version},
        },
    )


def _values(ruleset: Ruleset, unchecked: tuple[_Unchecked, ...], lacking: Mapping[str, str]) -> dict[str, str]:
    text, wording = ruleset.content.not_checked, ruleset.content.wording
    drugs = wording.listed(one.drug for one in unchecked)
    keys = dict.fromkeys(key for one in unchecked for key in one.keys)
    reasons = (wording.fill(text.reason, {"data": text.data[key], "why": text.why[lacking[key]]}) for key in keys)
    return {
        "drugs": drugs[:1].upper() + drugs[1:],
        "topics": wording.listed(text.topic[one.rule] for one in unchecked),
        "reasons": wording.listed(reasons, "comma"),
    }
