"""A group of findings as a CDS Hooks card: the words, the suggestions, the reasons to override, the basis."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec

from cds_service.content.model import SuggestionText
from cds_service.content.text import SUMMARY_LIMIT, Value, Values, clipped, fill, listed
from cds_service.decisions.group import CardGroup, WordedFinding
from cds_service.decisions.ruleset import Ruleset
from cds_service.facts.patient import Order
from cds_service.hooks.responses import (
    Action,
    Card,
    Coding,
    Link,
    OverrideReason,
    SelectionBehavior,
    Source,
    Suggestion,
)

TOPICS = "urn:org.rbd-cds:topics"
SERVICE_URL = "http://127.0.0.1:8000"
"""Where the service is as long as nothing else is set."""
_MOST_PHRASES = 3


class Visit(msgspec.Struct, frozen=True):
    """Who looks at whom: what suggestions are addressed to."""

    user_id: str
    patient_id: str
    encounter_id: str | None = None
    service_url: str = SERVICE_URL
    """Where the screening form is, for the task that refers to it."""


class CardWriter:
    """Writes the cards of one request."""

    def __init__(self, ruleset: Ruleset, visit: Visit) -> None:
        self._rules = ruleset.rules
        self._resources = ruleset.resources
        self._content = ruleset.content
        self._visit = visit

    def card(self, group: CardGroup) -> Card:
        """The card of a group; its leader gives topic, source and override reasons."""
        lead = group.leader.text
        suggestions, pick = self._suggestions(group)
        cited = self._content.evidence[_cited(group.leader)[0]]
        return Card(
            summary=clipped(self._summary(group)),
            indicator=group.indicator,
            detail=self._detail(group),
            source=Source(
                label=cited.label,
                url=cited.url,
                topic=Coding(system=TOPICS, code=lead.id, display=lead.title),
            ),
            suggestions=suggestions,
            selection_behavior=pick if suggestions else None,
            override_reasons=tuple(map(self._override, group.leader.card.override or lead.override)),
            links=tuple(self._links(group.leader)),
            extension={
                "org.rbd-cds.rules": list(group.rules),
                "org.rbd-cds.versions": {name: self._version(name) for name in group.rules},
            },
        )

    def _version(self, rule: str) -> str:
        """Version and digest of a card file: what was shown can be shown again."""
        return f"{self._rules[rule].content.version}+{self._rules[rule].digest}"

    def _summary(self, group: CardGroup) -> str:
        """The leader's own summary, or the family's for several findings about one order."""
        lead = group.leader
        own = fill(lead.card.summary, lead.values)
        family = self._content.families.family[group.family]
        template = family.together_order if isinstance(group.subject, Order) else family.together_drug
        if len(group.members) == 1 or template is None or lead.indicator == "critical":
            return own
        phrases = [fill(j.card.phrase or j.text.title, j.values) for j in group.members[:_MOST_PHRASES]]
        while phrases:
            joint = fill(template, {**lead.values, "phrases": ", ".join(phrases)})
            if len(joint) <= SUMMARY_LIMIT:
                return joint
            phrases.pop()
        return own

    def _detail(self, group: CardGroup) -> str:
        """What was found, what it means, what was not checked, and on what basis: short paragraphs."""
        parts: dict[str, None] = {}
        members = group.replacing or group.members
        for joined in members:
            parts[fill(joined.card.detail, joined.values)] = None
        parts |= dict.fromkeys(self._notes(members))
        for joined in group.folded:
            folded = joined.card.folded
            if folded and joined not in members:
                parts[fill(folded, joined.values)] = None
        unchecked = listed(text for j in (*group.members, *group.folded) for text in j.evaluation.not_checked)
        if unchecked:
            parts[f"**Not checked:** {unchecked} (data not available)."] = None
        parts[self._basis(group)] = None
        return "\n\n".join(parts)

    def _notes(self, members: tuple[WordedFinding, ...]) -> Iterator[str]:
        """Each finding's paragraphs; one of the family is said once, with everything that it rests on."""
        because = listed(str(j.finding.values["because"]) for j in members if j.finding.values.get("because"))
        said: set[str] = set()
        for joined in members:
            text = joined.text
            shared = self._content.families.family[text.family].note
            for name in joined.finding.notes:
                if name in text.note:
                    yield fill(text.note[name].text, joined.values)
                elif name not in said:
                    said.add(name)
                    yield fill(shared[name].text, {**joined.values, "because": because})

    def _basis(self, group: CardGroup) -> str:
        """Rule, version and sources with their strength: the basis that a professional can review."""
        told = (*group.members, *group.replacing)
        ordered = dict.fromkeys(name for joined in told for name in _cited(joined))
        sources = "; ".join(
            f"{self._content.evidence[name].label} ({self._content.evidence[name].strength})" for name in ordered
        )
        rules = ", ".join(f"{self._rules[r].content.code} {self._rules[r].content.version}" for r in group.rules)
        return f"*Sources: {sources}. Rule: {rules}; no clinical review yet.*"

    def _suggestions(self, group: CardGroup) -> tuple[tuple[Suggestion, ...], SelectionBehavior]:
        """Those of the weightiest finding that offers any, then those of what it took in, each once."""
        offering = next((j for j in group.members if self._offered(j)), None)
        names: dict[str, WordedFinding] = {}
        for joined in [*([offering] if offering else []), *group.folded]:
            for name in self._offered(joined):
                names.setdefault(name, joined)
        pick = (offering or group.leader).card.pick
        made = []
        recommended = False
        for name, joined in names.items():
            text = self._content.suggestions[name]
            best = text.recommended and (pick == "any" or not recommended)
            recommended = recommended or best
            made.append(self._suggestion(text, joined, recommended=best))
        return tuple(made), pick

    def _offered(self, joined: WordedFinding) -> tuple[str, ...]:
        chosen = joined.finding.offers
        subject = joined.evaluation.subject
        unnamed = isinstance(subject, Order) and not subject.named
        offered = joined.card.suggestions if chosen is None else chosen
        return tuple(name for name in offered if not (unnamed and self._content.suggestions[name].changes_draft))

    def _suggestion(self, text: SuggestionText, joined: WordedFinding, *, recommended: bool) -> Suggestion:
        values = joined.values
        actions = []
        subject = joined.evaluation.subject
        if text.remove_draft and isinstance(subject, Order):
            actions.append(
                Action(type="delete", description=fill(text.remove_draft, values), resource_id=subject.source)
            )
        for create in text.create:
            resource = self._resource(create.resource, values)
            actions.append(Action(type="create", description=fill(create.description, values), resource=resource))
        if text.change_dose and isinstance(subject, Order):
            changed = _with_dose(subject, values[text.dose_from], values.get("times_a_day", 1))
            actions.append(Action(type="update", description=fill(text.change_dose, values), resource=changed))
        return Suggestion(label=fill(text.label, values), is_recommended=recommended, actions=tuple(actions))

    def _resource(self, name: str, values: Values) -> dict[str, object]:
        addressed = {**values, "patient": self._visit.patient_id, "service": self._visit.service_url}
        made = self._resources[name](addressed)
        assert isinstance(made, dict)  # noqa: S101 - the loader admits objects only
        if self._visit.encounter_id:
            made = made | {"encounter": {"reference": f"Encounter/{self._visit.encounter_id}"}}
        return made

    def _override(self, code: str) -> OverrideReason:
        text = self._content.overrides[code]
        return OverrideReason(system=text.system, code=code, display=text.display)

    def _links(self, lead: WordedFinding) -> Iterator[Link]:
        cited = self._content.evidence[_cited(lead)[0]]
        yield Link(label=cited.label, url=cited.url, type="absolute")
        for name in lead.text.links:
            text = self._content.links[name]
            yield Link(label=text.label, url=text.url, type=text.type)


def _cited(joined: WordedFinding) -> tuple[str, ...]:
    """The sources of the finding, the weightiest first."""
    return joined.card.cites or tuple([cited.id for cited in joined.text.evidence])


def _with_dose(order: Order, dose: Value, times: Value) -> dict[str, object]:
    """The whole draft with its dose set to so many mg, so many times a day; its route is kept.

    Its other numbers stay as they were written: Python would shorten some, and refuse to read the longest.
    """
    resource: dict[str, object] = json.loads(order.raw, parse_int=_as_written, parse_float=_as_written)
    quantity = {"value": dose, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}
    repeat: dict[str, object] = {"frequency": times, "period": 1, "periodUnit": "d"}
    if times == 1:
        repeat["when"] = ["HS"]
    text = f"{dose:g} mg by mouth at bedtime" if times == 1 else f"{dose:g} mg by mouth {times} times a day"
    instruction = {"text": text, "timing": {"repeat": repeat}, "doseAndRate": [{"doseQuantity": quantity}]}
    resource["dosageInstruction"] = [instruction | _route(resource.get("dosageInstruction"))]
    return resource


def _as_written(number: str) -> msgspec.Raw:
    return msgspec.Raw(number.encode())


def _route(instructions: object) -> dict[str, object]:
    first = instructions[0] if isinstance(instructions, list) and instructions else instructions
    return {"route": first["route"]} if isinstance(first, dict) and "route" in first else {}
