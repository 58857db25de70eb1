"""A group of findings as a CDS Hooks card: the words, the suggestions, the reasons to override, the basis."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import partial

import msgspec
import structlog

from cds_service.content.model import SuggestionText
from cds_service.content.text import SUMMARY_LIMIT, clipped, count_of_words
from cds_service.content.wording import (
    ALREADY_OPEN,
    AT_BEDTIME,
    FOUND,
    IF_NOT_TAKEN,
    NOT_CHECKED,
    NOT_REVIEWED,
    STILL_ORDERED,
    STILL_TAKEN,
    TIMES_A_DAY,
    Wording,
)
from cds_service.decisions.frames import CardFrame
from cds_service.decisions.group import CardGroup, WordedFinding
from cds_service.decisions.open_tasks import open_task
from cds_service.decisions.placing import placed
from cds_service.decisions.reasons import fitting
from cds_service.decisions.ruleset import Ruleset
from cds_service.errors import UnwritableCard
from cds_service.facts.patient import Medication, Order, PatientFacts
from cds_service.facts.words import Listed, Value, dated, listed, since
from cds_service.fhir.code_systems import UCUM
from cds_service.fhir.references import local
from cds_service.hooks.responses import (
    Action,
    Card,
    Link,
    SelectionBehavior,
    Suggestion,
)
from cds_service.phenotypes.therapy import lapsed_of

SERVICE_URL = "http://127.0.0.1:8000"
"""Where the service is as long as nothing else is set."""
_MOST_PHRASES = 3
_MOST_LINKS = 4
_WHY = "why-this-card"
_SERVICE = "{service}"
log = structlog.get_logger()


class Visit(msgspec.Struct, frozen=True):
    """Who looks at whom: what suggestions are addressed to."""

    user_id: str
    patient_id: str
    encounter_id: str | None = None
    service_url: str = SERVICE_URL
    """Where the screening form is, for the task that refers to it."""


class CardWriter:
    """Writes the cards of one request."""

    def __init__(self, ruleset: Ruleset, visit: Visit, facts: PatientFacts) -> None:
        self._rules = ruleset.rules
        self._frames = ruleset.frames
        self._resources = ruleset.resources
        self._content = ruleset.content
        self._wording = ruleset.content.wording
        self._unsigned = ruleset.unsigned
        self._visit = visit
        self._facts = facts

    def card(self, group: CardGroup) -> Card:
        """The card of a group; its leader gives topic, source and override reasons."""
        frame = self._frame(group.leader)
        suggestions, pick, withheld = self._suggestions(group)
        return Card(
            summary=clipped(self._summary(group)),
            indicator=group.indicator,
            detail=self._detail(group, withheld),
            source=frame.source,
            suggestions=suggestions,
            selection_behavior=pick if suggestions else None,
            override_reasons=fitting(
                frame.stale_reasons if group.leader.finding.stale else frame.override_reasons,
                group.leader,
                suggestions,
                self._content.overrides,
            ),
            links=tuple(self._links(group)),
            extension={
                "org.rbd-cds.rules": list(group.rules),
                "org.rbd-cds.versions": {name: self._version(name) for name in group.rules},
            },
        )

    def _version(self, rule: str) -> str:
        """Version and digest of a card file: what was shown can be shown again."""
        return f"{self._rules[rule].content.version}+{self._rules[rule].digest}"

    def _summary(self, group: CardGroup) -> str:
        """The leader's own summary, or its family's for several of its findings about one order.

        Of what rests on an old entry it asks whether the drug is taken, and says why that matters.
        """
        lead = group.leader
        family = self._content.families.family[group.family]
        if stale := lead.finding.stale:
            point = self._joint(group, family.together_if_taken) or self._fill(
                lead, lead.card.if_taken or lead.card.summary
            )
            drug = stale.ingredient[:1].upper() + stale.ingredient[1:]
            return self._wording.show(STILL_TAKEN(drug=drug, since=stale.written, point=point))
        own = self._fill(lead, lead.card.summary)
        if lead.indicator == "critical":
            return own
        together = family.together_order if isinstance(group.subject, Order) else family.together_drug
        return self._joint(group, together) or own

    def _joint(self, group: CardGroup, template: str | None) -> str | None:
        """The family's words for several findings; None for one alone, and where there is no room for any name."""
        alike = [joined for joined in group.members if joined.text.family == group.family]
        if len(alike) == 1 or template is None:
            return None
        lead = group.leader
        phrases = [self._fill(j, j.card.phrase or j.text.title) for j in alike[:_MOST_PHRASES]]
        while phrases:
            named = Listed(tuple(phrases), "comma")
            joint = self._fill(lead, template, phrases=named, clause=lead.finding.values.get("clause", ""))
            if len(joint) <= SUMMARY_LIMIT:
                return joint
            phrases.pop()
        return None

    def _detail(self, group: CardGroup, withheld: Iterable[str]) -> str:
        """One line of findings, what they mean here, what was not checked, and whether a clinician has signed it.

        Where that has too many words, paragraphs are left out from the last on: those of the other findings, then the
        leader's own; never what was found, the leader's point, what was folded in, or what was not checked.
        """
        members = group.replacing or group.members
        lead, others = members[0], members[1:]
        found = listed((self._fill(joined, text) for joined in members for text in joined.card.found), "semicolon")
        kept = [self._wording.show(FOUND(found=found)), *self._points((lead,))]
        if lead.finding.stale:
            kept.append(self._wording.show(IF_NOT_TAKEN))
        last = [
            *(self._fill(j, j.card.folded) for j in group.folded if j.card.folded and j not in members),
            *withheld,
            *self._closing(group),
        ]
        words = self._wording.words
        room = words.of_one if len(group.findings) == 1 else words.of_several
        room -= sum(map(count_of_words, (*kept, *last)))
        for paragraph in (*self._points(others), *self._notes(members)):
            room -= count_of_words(paragraph)
            if room < 0:
                break
            kept.append(paragraph)
        return "\n\n".join(dict.fromkeys((*kept, *last)))

    def _points(self, members: Iterable[WordedFinding]) -> Iterator[str]:
        return (self._fill(joined, joined.card.detail) for joined in members if joined.card.detail)

    def _closing(self, group: CardGroup) -> Iterator[str]:
        unchecked = listed(text for joined in group.findings for text in joined.evaluation.not_checked)
        if unchecked:
            yield self._wording.show(NOT_CHECKED(unchecked=unchecked))
        if not self._unsigned.isdisjoint(group.rules):
            yield self._wording.show(NOT_REVIEWED())

    def _notes(self, members: tuple[WordedFinding, ...]) -> Iterator[str]:
        """Each finding's paragraphs; one of the family is said once, with everything that it rests on."""
        reasons = ((j, j.finding.values.get("because")) for j in members)
        because = listed(self._wording_of(joined).show(reason) for joined, reason in reasons if reason)
        said: set[str] = set()
        for joined in members:
            text = joined.text
            shared = self._content.families.family[text.family].note
            for name in joined.finding.notes:
                if name in text.note:
                    yield self._fill(joined, text.note[name].text)
                elif name not in said:
                    said.add(name)
                    yield self._fill(joined, shared[name].text, because=because)

    def _fill(self, joined: WordedFinding, template: str, **more: Value) -> str:
        """A text of the finding's card file with the values of the finding."""
        values = {**joined.finding.values, **more} if more else joined.finding.values
        return self._wording_of(joined).fill(template, values)

    def _wording_of(self, joined: WordedFinding) -> Wording:
        """The shared words with the phrases of the finding's own card file."""
        return self._rules[joined.evaluation.rule].wording

    def _suggestions(self, group: CardGroup) -> tuple[tuple[Suggestion, ...], SelectionBehavior, tuple[str, ...]]:
        """What is offered, how much of it may be chosen, and in words why something is not: it is open, or lapsed."""
        texts = self._content.suggestions
        pick = (group.offering(texts) or group.leader).card.pick
        made: list[Suggestion] = []
        already: list[Value] = []
        lapsed: Medication | None = None
        recommended = False
        for name, joined in group.suggested(texts).items():
            text, order = texts[name], joined.evaluation.subject
            if text.remove_draft and isinstance(order, Order) and (until := lapsed_of(order, self._facts)):
                lapsed = until
                continue
            best = text.recommended and (pick == "any" or not recommended)
            suggestion = self._suggestion(text, joined, recommended=best)
            if waiting := open_task(suggestion.actions, self._facts):
                name, task = waiting
                already.append(dated(name, since(task.day)))
            else:
                recommended = recommended or best
                made.append(suggestion)
        told = [STILL_ORDERED(until=lapsed.lapsed)] if lapsed else []
        told += [ALREADY_OPEN(open=listed(already, "semicolon"))] if already else []
        return tuple(made), pick, tuple(map(self._wording.show, told))

    def _suggestion(self, text: SuggestionText, joined: WordedFinding, *, recommended: bool) -> Suggestion:
        values = joined.finding.values
        actions = []
        subject = joined.evaluation.subject
        fill = partial(self._fill, joined)
        if text.remove_draft and isinstance(subject, Order):
            actions.append(Action(type="delete", description=fill(text.remove_draft), resource_id=subject.source))
        for create in text.create:
            resource = self._resource(create.resource, joined)
            actions.append(Action(type="create", description=fill(create.description), resource=resource))
        if text.change_dose and isinstance(subject, Order):
            changed = _with_dose(self._wording, subject, values[text.dose_from], values.get("times_a_day", 1))
            actions.append(Action(type="update", description=fill(text.change_dose), resource=changed))
        return Suggestion(label=fill(text.label), is_recommended=recommended, actions=tuple(actions))

    def _resource(self, name: str, joined: WordedFinding) -> dict[str, object]:
        visit = self._visit
        whom: dict[str, Value] = {
            "patient": visit.patient_id,
            "service": visit.service_url,
            "user": local(visit.user_id),
        }
        addressed = {**joined.finding.values, **whom}
        made = self._resources[name](self._wording_of(joined).fill, addressed)
        assert isinstance(made, dict)  # noqa: S101 - the loader admits objects only
        if visit.encounter_id:
            made = made | {"encounter": {"reference": f"Encounter/{visit.encounter_id}"}}
        return placed(made, joined, self._facts, visit.user_id)

    def _frame(self, joined: WordedFinding) -> CardFrame:
        return self._frames[joined.evaluation.rule][joined.finding.card]

    def _links(self, group: CardGroup) -> Iterable[Link]:
        """Why this card, its first source, what the cards link to, then the other findings' sources (2.5)."""
        lead, others = group.leader, group.findings[1:]
        named = dict.fromkeys(name for joined in group.findings for name in (*joined.card.links, *joined.text.links))
        links = [
            self._link(_WHY, lead),
            self._frame(lead).evidence,
            *[self._link(name, lead) for name in named],
            *[self._frame(joined).evidence for joined in others],
        ]
        return list({link.url: link for link in links if link}.values())[:_MOST_LINKS]

    def _link(self, name: str, lead: WordedFinding) -> Link | None:
        """A link of the cards; None where it is not given out, or where this service has no address to lead to."""
        text = self._content.links.get(name)
        if text is None or (_SERVICE in text.url and not self._visit.service_url.startswith("https://")):
            return None
        address = text.url.replace(_SERVICE, self._visit.service_url).replace("{rule}", lead.text.id)
        return Link(label=text.label, url=address, type=text.type)


def write_cards(
    writer: CardWriter, groups: Iterable[CardGroup]
) -> tuple[list[tuple[CardGroup, Card]], list[WordedFinding]]:
    """The cards of the groups, and the findings that could not be put into words: these cost no other's card."""
    written: list[tuple[CardGroup, Card]] = []
    failed: list[WordedFinding] = []
    for group in groups:
        if card := _attempt(writer, group):
            written.append((group, card))
            continue
        faulty = _faulty(writer, group)
        failed += faulty
        written += [(kept, card) for kept in group.without(faulty) if (card := _attempt(writer, kept))]
    return written, failed


def _faulty(writer: CardWriter, group: CardGroup) -> list[WordedFinding]:
    """The findings that cannot be written beside those before them: the first of all leads, and is tried first."""
    faulty: list[WordedFinding] = []
    waiting = list(group.findings)
    while waiting:
        one = waiting.pop(0)
        if not all(_attempt(writer, part) for part in group.without([*faulty, *waiting])):
            faulty.append(one)
    return faulty


def _attempt(writer: CardWriter, group: CardGroup) -> Card | None:
    """The card; None, with a line in the log, where its words cannot be put together."""
    try:
        return writer.card(group)
    except Exception as fault:
        log.error("card failed", rules=list(group.rules), fault=type(fault).__name__)
        return None


def _with_dose(wording: Wording, order: Order, dose: Value, times: Value) -> dict[str, object]:
    """The whole draft with its dose set to so many mg, so many times a day; its route is kept.

    Its other numbers stay as they were written: Python would shorten some, and refuse to read the longest.
    """
    if not isinstance(dose, (int, float)):
        raise UnwritableCard("the dose is no number")
    resource: dict[str, object] = json.loads(order.raw, parse_int=_as_written, parse_float=_as_written)
    quantity = {"value": dose, "unit": "mg", "system": UCUM, "code": "mg"}
    repeat: dict[str, object] = {"frequency": times, "period": 1, "periodUnit": "d"}
    if times == 1:
        repeat["when"] = ["HS"]
    text = AT_BEDTIME(dose=dose) if times == 1 else TIMES_A_DAY(dose=dose, times=times)
    instruction = {
        "text": wording.show(text),
        "timing": {"repeat": repeat},
        "doseAndRate": [{"doseQuantity": quantity}],
    }
    resource["dosageInstruction"] = [instruction | _route(resource.get("dosageInstruction"))]
    return resource


def _as_written(number: str) -> msgspec.Raw:
    return msgspec.Raw(number.encode())


def _route(instructions: object) -> dict[str, object]:
    first = instructions[0] if isinstance(instructions, list) and instructions else instructions
    return {"route": first["route"]} if isinstance(first, dict) and "route" in first else {}
