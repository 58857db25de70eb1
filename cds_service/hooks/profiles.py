"""The dialects of real clients: which of our members they take, and in what shape.

Section 7.3 of what is known of real clients: the default is CDS Hooks 2.0.1; ``epic`` takes ``any`` only, one action a
suggestion and no update of a medication; ``sandbox`` applies one action a suggestion; ``v1`` is frozen at 1.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from cds_service.fhir.code_systems import ICD_10_CM, RXNORM
from cds_service.hooks.responses import Action, Card, DeleteById, Response, Suggestion

AnyAction: TypeAlias = Action | DeleteById


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What to change for a client before the answer is written."""

    name: str
    behavior: Literal["any", "at-most-one"] | None = None
    """The one selection behaviour that it takes; None for either."""
    one_action: bool = False
    medication_updates: bool = True
    """Else a changed medication is drafted anew and its draft removed."""
    takes: frozenset[str] | None = None
    """The resource types that its actions may be about; None for any."""
    also: Mapping[str, str] = {}
    """By code system, another name under which it looks for the codes of what is created."""
    alphanumeric_topics: bool = False
    topics: bool = True
    override_reasons: bool = True
    recommendations: bool = True
    deprecated_delete: bool = False


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(name="default"),
        Profile(
            name="epic",
            behavior="any",
            one_action=True,
            medication_updates=False,
            takes=frozenset({"Condition", "MedicationRequest", "ServiceRequest"}),
            also={RXNORM: "urn:oid:2.16.840.1.113883.6.88", ICD_10_CM: "urn:oid:2.16.840.1.113883.6.90"},
            alphanumeric_topics=True,
        ),
        Profile(name="sandbox", one_action=True),
        Profile(
            name="v1",
            behavior="at-most-one",
            topics=False,
            override_reasons=False,
            recommendations=False,
            deprecated_delete=True,
        ),
    )
}
DEFAULT = PROFILES["default"]
_MEDICATION = "medicationCodeableConcept"
_CODED = {"MedicationRequest": _MEDICATION, "Condition": "code"}
"""What is created with a code that a client may look for under another name."""


def spoken(response: Response, profile: Profile) -> Response:
    """The answer in a client's dialect; the default's is the answer itself."""
    if profile == DEFAULT or not response.cards:
        return response
    return msgspec.structs.replace(response, cards=tuple(_card(card, profile) for card in response.cards))


def _card(card: Card, profile: Profile) -> Card:
    suggestions = _distinct(s for one in card.suggestions for s in _suggestions(one, profile))
    behavior = (profile.behavior or card.selection_behavior) if suggestions else None
    topic = card.source.topic
    if topic is not None and profile.alphanumeric_topics:
        topic = msgspec.structs.replace(topic, code="".join(c for c in topic.code if c.isalnum()))
    return msgspec.structs.replace(
        card,
        suggestions=suggestions,
        selection_behavior=behavior,
        source=msgspec.structs.replace(card.source, topic=topic if profile.topics else None),
        override_reasons=card.override_reasons if profile.override_reasons else (),
    )


def _distinct(suggestions: Iterable[Suggestion]) -> tuple[Suggestion, ...]:
    """Of suggestions that would do the same only the first: a replacement taken apart leaves a removal behind."""
    kept: dict[object, Suggestion] = {}
    for one in suggestions:
        does = [(action.type, action.resource_id, action.resource) for action in one.actions]
        kept.setdefault(msgspec.json.encode(does) if does else one.uuid, one)
    return tuple(kept.values())


def _suggestions(suggestion: Suggestion, profile: Profile) -> list[Suggestion]:
    if not suggestion.actions:
        return [suggestion]
    actions = tuple(a for one in suggestion.actions for a in _actions(one, profile) if _is_taken(a, profile))
    if not actions:
        return []
    if not profile.recommendations:
        suggestion = msgspec.structs.replace(suggestion, is_recommended=False)
    if not profile.one_action or len(actions) == 1:
        return [msgspec.structs.replace(suggestion, actions=actions)]
    return _split(suggestion, actions, profile)


def _actions(action: AnyAction, profile: Profile) -> list[AnyAction]:
    if isinstance(action, DeleteById) or action.type == "delete":
        return [_old_delete(action) if profile.deprecated_delete else action]
    resource = _read(action.resource)
    concept = _CODED.get(str(resource.get("resourceType")))
    if concept is None:
        return [action]
    if concept == _MEDICATION and action.type == "update" and not profile.medication_updates:
        anew = {name: value for name, value in resource.items() if name != "id"}
        draft = f"MedicationRequest/{resource.get('id')}"
        remove = Action(type="delete", description="Remove the draft that is changed", resource_id=draft)
        return [Action(type="create", description=action.description, resource=_coded(anew, concept, profile)), remove]
    return [msgspec.structs.replace(action, resource=_coded(resource, concept, profile))] if profile.also else [action]


def _is_taken(action: AnyAction, profile: Profile) -> bool:
    if profile.takes is None:
        return True
    kind = action.resource_id.partition("/")[0] if action.resource_id else _read(action.resource).get("resourceType")
    return kind in profile.takes


def _read(resource: object) -> dict[str, Any]:
    if isinstance(resource, msgspec.Raw):
        resource = msgspec.json.decode(resource)
    return resource if isinstance(resource, dict) else {}


def _coded(resource: dict[str, Any], member: str, profile: Profile) -> dict[str, Any]:
    """The resource with its codes under the client's own names of their systems as well."""
    concept = resource.get(member)
    codes = concept.get("coding") if isinstance(concept, dict) else None
    if not isinstance(concept, dict) or not isinstance(codes, list):
        return resource
    again = [
        {**code, "system": name}
        for code in codes
        for system, name in profile.also.items()
        if isinstance(code, dict) and code.get("system") == system
    ]
    return {**resource, member: {**concept, "coding": [*codes, *again]}}


def _split(suggestion: Suggestion, actions: tuple[AnyAction, ...], profile: Profile) -> list[Suggestion]:
    """One suggestion per action, the creation first: a client that applies one action then offers the better order.

    The first keeps the id, by which its acceptance is known.
    """
    ordered = sorted(actions, key=lambda a: a.type == "delete")
    if profile.behavior == "any":
        first, *others = [
            Suggestion(label=action.description, actions=(action,), is_recommended=suggestion.is_recommended)
            for action in ordered
        ]
        return [msgspec.structs.replace(first, uuid=suggestion.uuid), *others]
    return [msgspec.structs.replace(suggestion, actions=(ordered[0],))]


def _old_delete(action: AnyAction) -> AnyAction:
    return DeleteById(
        type="delete", description=action.description, resource=(action.resource_id or "").partition("/")[2]
    )
