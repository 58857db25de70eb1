"""The dialects of real clients: which of our members they take, and in what shape.

Section 7.3 of what is known of real clients: the default is CDS Hooks 2.0.1; ``epic`` takes ``any`` only, one action a
suggestion and no update of a medication; ``sandbox`` applies one action a suggestion; ``v1`` is frozen at 1.0.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from cds_service.hooks.responses import Action, Card, DeleteById, Response, Suggestion

AnyAction: TypeAlias = Action | DeleteById


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What to change for a client before the answer is written."""

    name: str
    always_any: bool = False
    one_action: bool = False
    medication_updates: bool = True
    alphanumeric_topics: bool = False
    topics: bool = True
    override_reasons: bool = True
    recommendations: bool = True
    deprecated_delete: bool = False


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(name="default"),
        Profile(name="epic", always_any=True, one_action=True, medication_updates=False, alphanumeric_topics=True),
        Profile(name="sandbox", one_action=True),
        Profile(name="v1", topics=False, override_reasons=False, recommendations=False, deprecated_delete=True),
    )
}
DEFAULT = PROFILES["default"]


def spoken(response: Response, profile: Profile) -> Response:
    """The answer in a client's dialect; the default's is the answer itself."""
    if profile == DEFAULT or not response.cards:
        return response
    return msgspec.structs.replace(response, cards=tuple(_card(card, profile) for card in response.cards))


def _card(card: Card, profile: Profile) -> Card:
    suggestions = _distinct(s for one in card.suggestions for s in _suggestions(one, profile))
    behavior = card.selection_behavior if suggestions else None
    topic = card.source.topic
    if topic is not None and profile.alphanumeric_topics:
        topic = msgspec.structs.replace(topic, code="".join(c for c in topic.code if c.isalnum()))
    return msgspec.structs.replace(
        card,
        suggestions=suggestions,
        selection_behavior="any" if behavior and profile.always_any else behavior,
        source=msgspec.structs.replace(card.source, topic=topic if profile.topics else None),
        override_reasons=card.override_reasons if profile.override_reasons else (),
    )


def _distinct(suggestions: Iterable[Suggestion]) -> tuple[Suggestion, ...]:
    """Of suggestions that would do the same only the first: a replacement taken apart leaves a removal behind."""
    kept: list[Suggestion] = []
    for one in suggestions:
        if not one.actions or all(one.actions != other.actions for other in kept):
            kept.append(one)
    return tuple(kept)


def _suggestions(suggestion: Suggestion, profile: Profile) -> list[Suggestion]:
    actions = suggestion.actions
    if not profile.medication_updates:
        actions = tuple(a for a in actions if not _updates_medication(a))
    if not actions:
        return []
    if not profile.recommendations:
        suggestion = msgspec.structs.replace(suggestion, is_recommended=False)
    if profile.deprecated_delete:
        actions = tuple(_old_delete(a) for a in actions)
    if not profile.one_action or len(actions) == 1:
        return [msgspec.structs.replace(suggestion, actions=actions)]
    return _split(suggestion, actions, profile)


def _split(suggestion: Suggestion, actions: tuple[AnyAction, ...], profile: Profile) -> list[Suggestion]:
    """One suggestion per action, the creation first: a client that applies one action then offers the better order."""
    ordered = sorted(actions, key=lambda a: a.type == "delete")
    if profile.always_any:
        return [
            Suggestion(label=action.description, actions=(action,), is_recommended=suggestion.is_recommended)
            for action in ordered
        ]
    return [msgspec.structs.replace(suggestion, actions=(ordered[0],))]


def _updates_medication(action: AnyAction) -> bool:
    resource = action.resource
    return (
        action.type == "update" and isinstance(resource, dict) and resource.get("resourceType") == "MedicationRequest"
    )


def _old_delete(action: AnyAction) -> AnyAction:
    if action.type != "delete" or not action.resource_id:
        return action
    return DeleteById(type="delete", description=action.description, resource=action.resource_id.partition("/")[2])
