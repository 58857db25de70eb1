"""One patient judged on the days that matter, by the service itself: what it would have answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from cds_service.content.model import Content
from cds_service.decisions.decide import Decision
from cds_service.decisions.service import DecidedHook, DecisionService
from cds_service.errors import CallRefused
from cds_service.facts.relevance import Relevance
from cds_service.fhir import elements as fhir
from cds_service.fhir.dates import age_on, interval
from cds_service.fhir.decoding import OBJECT
from cds_service.hooks.hooks import HOOKS
from cds_service.hooks.requests import Draft, HookRequest
from cds_service.hooks.services import Service
from cds_service.replay.chart import Chart, ChartReader, Entry, Shared, copied
from cds_service.replay.coverage import Known
from cds_service.replay.events import Event, events_of, may_fire, on_the_day
from cds_service.replay.judgements import Judgement, Sex, ShownCard, Verdict, Verdicts, What
from cds_service.replay.lines import part_of
from cds_service.replay.memory import Call, Memories, Memory
from cds_service.rules.review import Evaluation, Outcome
from cds_service.settings import zone_of

T = TypeVar("T")
USER = "Practitioner/replay"
_BANDS = ((0, 17), (18, 44), (45, 54), (55, 64), (65, 74), (75, 84))
_OLDEST = 85
_SEXES: Mapping[str, Sex] = {"female": "female", "male": "male", "other": "other"}
_WHAT: Mapping[Outcome, What] = {
    Outcome.FOUND: "found",
    Outcome.NOT_MET: "not_met",
    Outcome.UNDETERMINED: "undetermined",
    Outcome.FAILED: "failed",
}


class Site(msgspec.Struct, frozen=True):
    """What a process needs to answer as the service of the site does."""

    cards: Path
    time_zone: str = "UTC"
    only_signed: bool = False


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be judged."""

    hooks: tuple[str, ...]
    mode: Literal["as-of", "events", "requests"] = "as-of"
    day: date
    """The day as of which it is judged; with events, the last on which any counts."""
    since: date | None = None
    """With events, the first."""
    is_past: bool = False
    """Whether the chart is to be as it was known on the day, not as it stands."""
    with_memory: bool = False
    """Whether what was shown before may be muted."""
    not_exported: frozenset[str] = frozenset()
    """Prefetch keys whose data the export leaves out, though they exist."""


class Judge:
    """The service of a site on any day; ``content`` is that of its cards, where they are loaded already."""

    def __init__(self, site: Site, asked: Asked, content: Content | None = None) -> None:
        self._asked = asked
        self._day = asked.day
        self.zone = zone_of(site.time_zone)
        self.service = DecisionService.of(
            content or site.cards, lambda: self._day, zone=self.zone, only_signed=site.only_signed
        )
        vocabulary = self.service.ruleset.content.vocabulary
        self.known = Known(vocabulary)
        self._relevance = Relevance(vocabulary, self._watched(), self._stays)
        self._memories = Memories(self.service.ruleset, self.zone) if asked.with_memory else None

    def judgements(self, chart: Chart) -> Iterator[Judgement]:
        """What would have been answered for one patient, in the order of day, hook and event."""
        memory = self._memories.memory() if self._memories else None
        for event in self._events(chart):
            for service in self.service.services.values():
                if service.hook == event.hook:
                    yield self._judged(chart, event, service, memory)

    def reader(self, shared: Shared) -> ChartReader:
        """Reads charts as this judge needs them."""
        return ChartReader(self.zone, shared, self._relevance)

    def _watched(self) -> frozenset[str]:
        views = [one for one in self.service.services.values() if HOOKS[one.hook].is_chart_view]
        return frozenset[str]().union(*map(self.service.watched, views))

    def _stays(self, resource: fhir.Resource) -> bool:
        return may_fire(resource, None if self._asked.mode == "events" else self._asked.day)

    def services_for(self, body: bytes) -> tuple[Service, ...]:
        """The services that are asked, where one saved this request; none for a hook that is not asked about."""
        return self._services_at(part_of(_REQUEST, body))

    def _services_at(self, head: _Request | None) -> tuple[Service, ...]:
        hook = head.hook if head else ""
        return tuple([one for one in self.service.services.values() if one.hook == hook and hook in self._asked.hooks])

    def requests(self, patient: str, bodies: Iterable[bytes]) -> Iterator[Judgement]:
        """What saved hook requests would be answered with, as they stand, on the day that is asked about."""
        self._day = self._asked.day
        for body in bodies:
            head = part_of(_REQUEST, body)
            sent = part_of(OBJECT, head.prefetch) if head else None
            person = part_of(_PATIENT, (sent or {}).get("patient"))
            for service in self._services_at(head):
                yield self._replayed(patient, body, service, person)

    def _replayed(self, patient: str, body: bytes, service: Service, person: fhir.Patient | None) -> Judgement:
        judged = Judgement(
            patient=patient,
            day=self._day.isoformat(),
            hook=service.hook,
            service=service.id,
            event=f"request/{_digest(body)}",
            age=band_of(person, self._day),
            sex=sex_of(person),
        )
        try:
            opened = self.service.open(body, service)
            decided = at_once(self.service.answer(opened.hook, service, drafts=opened.drafts))
        except CallRefused as refusal:
            return msgspec.structs.replace(judged, refused=refusal.status)
        return msgspec.structs.replace(judged, **told(decided))

    def _events(self, chart: Chart) -> list[Event]:
        asked = self._asked
        if asked.mode == "events":
            found = events_of(chart, asked.since, asked.day)
        else:
            found = on_the_day(chart, asked.day, is_past=asked.is_past)
        return sorted((event for event in found if event.hook in asked.hooks), key=Event.place)

    def _judged(self, chart: Chart, event: Event, service: Service, memory: Memory | None) -> Judgement:
        self._day = event.day
        judged = Judgement(
            patient=chart.patient,
            day=event.day.isoformat(),
            hook=event.hook,
            service=service.id,
            event=event.name,
            age=band_of(chart.person, event.day),
            sex=sex_of(chart.person),
        )
        if memory:
            memory.begin(Call(event.day, event.hook, USER, event.encounter or ""))
        try:
            decided = self._answered(chart, event, service, memory)
        except CallRefused as refusal:
            return msgspec.structs.replace(judged, refused=refusal.status)
        if memory:
            memory.note(decided)
        return msgspec.structs.replace(judged, **told(decided))

    def _answered(self, chart: Chart, event: Event, service: Service, memory: Memory | None) -> DecidedHook:
        """The answer; what no rule starts on is looked at only where one has started on something else."""
        if not event.drafts:
            with suppress(CallRefused):
                first = at_once(self.service.answer(self._hook(chart, event, service, chart.entries), service))
                if not first.decision.started.rules:
                    return first
        whole = self._hook(chart, event, service, chart.whole)
        return at_once(self.service.answer(whole, service, recall=memory.recall if memory else None))

    def _hook(self, chart: Chart, event: Event, service: Service, entries: Iterable[Entry]) -> HookRequest:
        held = chart.held([one for one in entries if event.knows(one)], event.last_known)
        return HookRequest(
            hook=HOOKS[event.hook],
            hook_instance=event.name or chart.patient,
            user_id=USER,
            patient_id=chart.patient,
            encounter_id=event.encounter,
            drafts=(*map(_draft, event.drafts), *(_drafts_drugs(chart) if event.drafts else ())),
            prefetch=held.prefetch(service.prefetch, self._asked.not_exported),
        )


class _Request(msgspec.Struct, rename="camel"):
    hook: str = ""
    prefetch: msgspec.Raw = msgspec.Raw()


def _digest(body: bytes) -> str:
    return blake2b(body, digest_size=8).hexdigest()


def told(decided: DecidedHook) -> dict[str, Any]:
    """The members of a judgement that an answer gives."""
    decision = decided.decision
    outcomes = _outcomes(decision)
    return {
        "cards": tuple(_cards(decided)),
        "outcomes": outcomes.pop(""),
        "of_orders": outcomes,
        "muted": tuple(dict.fromkeys(rule for rule, _ in decision.muted)),
        "unreadable": dict(Counter(f"{loss.key}: {loss.place}" for loss in decided.unreadable)),
        "gate": decision.gate,
    }


def _cards(decided: DecidedHook) -> Iterator[ShownCard]:
    decision = decided.decision
    about = [tuple(dict.fromkeys(s for f in g.findings if (s := _subject(f.evaluation)))) for g in decision.groups]
    about += [()] * len(decision.unchecked)
    for card, orders in zip(decision.all_cards, about, strict=True):
        topic = card.source.topic.code if card.source.topic else ""
        rules = tuple((card.extension or {})["org.rbd-cds.rules"])
        yield ShownCard(topic, rules, card.indicator, orders)


def _subject(evaluation: Evaluation) -> str:
    return evaluation.subject.source if evaluation.subject else ""


def _outcomes(decision: Decision) -> dict[str, Verdicts]:
    """By order, or none, what each rule came to."""
    found: dict[str, dict[str, list[Verdict]]] = {
        "": {rule: [Verdict("not_started")] for rule in decision.started.not_started}
    }
    for evaluation in decision.evaluations:
        of_rules = found.setdefault(_subject(evaluation), {})
        of_rules.setdefault(evaluation.rule, []).append(_verdict(evaluation))
    return {order: {rule: tuple(told) for rule, told in sorted(of.items())} for order, of in sorted(found.items())}


def _verdict(evaluation: Evaluation) -> Verdict:
    what, steps = _WHAT[evaluation.outcome], evaluation.steps
    if evaluation.outcome is Outcome.FOUND and evaluation.finding:
        return Verdict(what, evaluation.finding.card)
    at = steps[-1].criterion if steps else ""
    return Verdict(what, at, evaluation.missing if evaluation.outcome is Outcome.UNDETERMINED else "")


def band_of(person: fhir.Patient | None, day: date) -> str | None:
    born = interval(person.birth_date) if person else None
    age = age_on(born, day) if born else None
    if age is None:
        return None
    if age.at_least(_OLDEST):
        return f"{_OLDEST}+"
    return next((f"{low}-{high}" for low, high in _BANDS if age.at_least(low) and age.at_most(high)), None)


def sex_of(person: fhir.Patient | None) -> Sex:
    return _SEXES.get((person.gender or "").strip().lower() if person else "", "unknown")


def _draft(entry: Entry) -> Draft:
    """The order as it was before it was signed."""
    resource = entry.reading.resource
    if isinstance(resource, fhir.MedicationRequest):
        resource = msgspec.structs.replace(resource, status="draft", status_reason=None)
    elif isinstance(resource, fhir.ServiceRequest):
        resource = msgspec.structs.replace(resource, status="draft")
    return Draft(resource, entry.raw, entry.reference, None, True, entry.reading.unreadable)


def _drafts_drugs(chart: Chart) -> Iterator[Draft]:
    """The drugs that drafts may refer to, as a client sends them among its drafts."""
    for one in map(copied, chart.shared):
        if drug := one.resource:
            yield Draft(drug, b"", f"{fhir.type_of(drug)}/{drug.id}", None, True, one.unreadable)


def at_once(answering: Coroutine[Any, Any, T]) -> T:
    """What a coroutine gives that waits for nothing: no loop is needed for it."""
    try:
        answering.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    answering.close()
    raise AssertionError("nothing is fetched in a replay")


_REQUEST = msgspec.json.Decoder(_Request)
_PATIENT = msgspec.json.Decoder(fhir.Patient)
