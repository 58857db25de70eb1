"""The service itself: cards loaded, rules assembled, one hook answered at a time; knows nothing of HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, tzinfo
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec

from cds_service.content.load import load
from cds_service.content.model import Content, ServiceText
from cds_service.content.reviews import signed_only
from cds_service.decisions.cards import SERVICE_URL, Visit
from cds_service.decisions.decide import Decision, Judged, Recall, conclude, judge, user_gate
from cds_service.decisions.gather import Gathered, Opened, gather, gather_all, unread
from cds_service.decisions.grounds import changed_by
from cds_service.decisions.not_checked import not_checked_cards
from cds_service.decisions.ruleset import Ruleset, assemble
from cds_service.decisions.running import Run, at_once
from cds_service.decisions.sources import Asked, Pace, Sources
from cds_service.decisions.stages import Stages
from cds_service.errors import DataMissing, OtherRelease
from cds_service.facts.collections import Collections
from cds_service.facts.drafted import NOTHING_DRAFTED
from cds_service.facts.losses import DRAFTS, Loss
from cds_service.facts.patient import PatientFacts
from cds_service.facts.queries import READS
from cds_service.fhir.sources import UNREADABLE_IN_PART
from cds_service.fhir_client.access import FhirGrant
from cds_service.fhir_client.trace import span
from cds_service.hooks.envelope import may_come_twice
from cds_service.hooks.hooks import HOOKS, Hook
from cds_service.hooks.requests import HookRequest, parse_head, parse_request
from cds_service.hooks.responses import Response
from cds_service.hooks.services import Service
from cds_service.rules.review import Outcome

_NO_SETS: frozenset[str] = frozenset()
_NO_DRAFT_SELECTED = "no draft is selected"


class DecidedHook(msgspec.Struct, frozen=True):
    """A decision with the seconds that its parts took; no facts where none were looked at."""

    decision: Decision
    response: Response
    timings: Mapping[str, float] = msgspec.field(default_factory=lambda: {"gather": 0.0, "decide": 0.0})
    facts: PatientFacts | None = None
    unreadable: tuple[Loss, ...] = ()
    """What is there and could not be read."""
    changed_by: tuple[str, ...] = ()
    """The prefetch keys that changed the answer."""

    @property
    def noted(self) -> dict[str, Any]:
        """What may be written down of it: ids of rules and of cards, never patient data."""
        cards, facts = self.response.cards, self.facts
        looked = {"unavailable": facts.gaps, "dropped": facts.dropped, "changed": self.changed_by} if facts else {}
        return {
            "cards": len(cards),
            "uuids": [card.uuid for card in cards],
            "topics": [card.source.topic.code for card in cards if card.source.topic],
            "found": self.decision.found,
            "undetermined": list(self.decision.undetermined),
            "gate": self.decision.gate,
            "unreadable": sorted({f"{one.key}: {one.place}" for one in self.unreadable}),
            **looked,
        }


class DecisionService:
    """Everything that an answer needs, made once at the start."""

    def __init__(
        self,
        ruleset: Ruleset,
        today: Callable[[], date],
        *,
        zone: tzinfo = UTC,
        silent: bool = False,
        url: str = SERVICE_URL,
    ) -> None:
        self.ruleset = ruleset
        self._today = today
        self._zone = zone
        self._silent = silent
        self._url = url
        self._texts = {text.id: text for text in ruleset.content.services.service}
        self.services = {text.id: _service(text, ruleset, url) for text in self._texts.values()}
        self._stages = {text.id: Stages(ruleset, text) for text in self._texts.values()}
        self._pace = Pace()

    @classmethod
    def of(
        cls,
        cards: Path | Content,
        today: Callable[[], date],
        *,
        zone: tzinfo = UTC,
        silent: bool = False,
        url: str = SERVICE_URL,
        only_signed: bool = False,
    ) -> DecisionService:
        """The service of a folder of cards, or of its content; raises ContentError with every fault in it.

        With ``only_signed`` a rule that no clinician has signed as it stands is evaluated and not shown.
        """
        content = load(cards) if isinstance(cards, Path) else cards
        rules = assemble(signed_only(content) if only_signed else content)
        return cls(rules, today, zone=zone, silent=silent, url=url)

    def watched(self, service: Service) -> frozenset[str]:
        """The value sets of the chart that could start a rule where nothing is drafted."""
        return _NO_SETS.union(*[sets for _, sets in self._stages[service.id].plan(NOTHING_DRAFTED).watched])

    def open(self, body: bytes, service: Service) -> Opened:
        """The call in a body, read no further than its prefetch where the drafts before it can start nothing.

        Raises NotJson or ContractBroken.
        """
        stages = self._stages[service.id]
        if HOOKS[service.hook].is_chart_view:
            return Opened(parse_request(body, service, stages.plan(NOTHING_DRAFTED).first))
        head = parse_head(body, service)
        if head is None:
            return Opened(parse_request(body, service))
        hook, drafts = head.request, self._unread(head.request)
        if hook.not_r4 or (stages.can_start(drafts.drafted) and not user_gate(self.ruleset.content, hook.user_id)):
            whole = parse_request(body, service, stages.plan(drafts.drafted).first, head)
            as_read = whole.drafts is hook.drafts and whole.fhir_server == hook.fhir_server
            return Opened(whole, drafts if as_read else None)
        return Opened(parse_request(body, service)) if may_come_twice(body) else Opened(hook, drafts)

    def _unread(self, hook: HookRequest) -> Collections:
        return unread(hook, self.ruleset.content, self._today(), self._zone)

    async def answer(
        self,
        hook: HookRequest,
        service: Service,
        grant: FhirGrant | None = None,
        recall: Recall | None = None,
        *,
        asked: Asked | None = None,
        drafts: Collections | None = None,
        everything: bool = False,
        run: Run = at_once,
    ) -> DecidedHook:
        """The answer to one hook; raises CallRefused where the request or its data do not allow one.

        Without ``grant`` nothing is fetched, and without ``recall`` nothing is muted. What is asked of the FHIR server
        is written down in ``asked``. ``drafts`` are those of the hook where they were read to open it. With
        ``everything`` all is read, and at once, whether a rule needs it or not. What waits for nothing goes through
        ``run``.
        """
        started = perf_counter()
        closed = user_gate(self.ruleset.content, hook.user_id)
        if closed:
            return _unlooked(closed)
        drafts = self._unread(hook) if drafts is None else drafts
        if hook.is_head:
            return self._silence(service, hook, drafts)
        if hook.not_r4:
            return _unlooked(str(OtherRelease(hook.not_r4)))
        sources = Sources(hook, service.prefetch, grant, self._pace, asked)
        try:
            if everything:
                gathered = await self._everything(hook, service, sources)
            else:
                gathered = await gather(drafts, sources, self._stages[service.id], run)
            deciding = perf_counter()
            if gathered is None:
                return self._silence(service, hook, drafts)
            with span("decide") as part:
                decision = await self._decision(hook, service, gathered, sources, recall, run)
                part.note(found=len(decision.found), undetermined=len(decision.undetermined))
        except OtherRelease as release:
            return _unlooked(str(release))
        facts = gathered.facts
        told = _notes(hook, facts.notes.values())
        extension = decision.outcomes(facts.gaps, unreadable=facts.unreadable, notes=told)
        response = Response(cards=() if self._silent else decision.all_cards, extension=extension or None)
        timings = {"gather": deciding - started, "decide": perf_counter() - deciding}
        changed = changed_by(self.ruleset, decision, facts)
        return DecidedHook(decision, response, timings, facts, facts.unreadable, changed)

    async def _everything(self, hook: HookRequest, service: Service, sources: Sources) -> Gathered | None:
        facts = await gather_all(hook, sources, self.ruleset.content, self._today(), self._zone)
        return Gathered(facts, self._stages[service.id].start(facts.drafted, facts.held))

    def _silence(self, service: Service, hook: HookRequest, drafts: Collections) -> DecidedHook:
        """The answer where no draft starts a rule, so that nothing else was looked at."""
        decision = Decision(started=self._stages[service.id].nothing())
        unreadable = tuple([loss for loss in drafts.chart.losses.named if loss.key == DRAFTS])
        extension = decision.outcomes({}, unreadable=unreadable, notes=_notes(hook, drafts.draft_notes().values()))
        return DecidedHook(decision, Response(cards=(), extension=extension or None), unreadable=unreadable)

    async def _decision(
        self,
        hook: HookRequest,
        service: Service,
        gathered: Gathered,
        sources: Sources,
        recall: Recall | None,
        run: Run,
    ) -> Decision:
        text = self._texts[service.id]
        visit = Visit(hook.user_id, hook.patient_id, hook.encounter_id, self._url)
        judged = await run(partial(judge, self.ruleset, text, gathered.facts, visit, gathered.started))
        self._require_enough(judged, sources, hook.hook)
        muted = await recall(judged) if recall and judged.found else {}
        decision = await run(partial(conclude, self.ruleset, text, judged, visit, muted))
        if not decision.undetermined:
            return decision
        in_vain = dict.fromkeys((one.key for one in gathered.facts.unreadable), UNREADABLE_IN_PART) | sources.in_vain
        unchecked = tuple(not_checked_cards(self.ruleset, decision, in_vain))
        return msgspec.structs.replace(decision, unchecked=unchecked)

    def _require_enough(self, judged: Judged, sources: Sources, hook: Hook) -> None:
        """412 where nothing could be judged because neither conditions nor drugs could be had.

        Where a chart is viewed, a rule that was not started has been judged if anything was looked up that could start
        it. A rule that is not met for what the draft itself says has not.
        """
        outcomes = [one.outcome for one in judged.evaluations]
        if Outcome.UNDETERMINED not in outcomes or Outcome.FOUND in outcomes:
            return
        not_started = judged.started.not_started if hook.is_chart_view else ()
        collections = {name for rule in not_started for name in self.ruleset.rules[rule].trigger_collections}
        had = [name for name in collections if judged.facts.held[name].gap is None]
        if any(sources.serves_any(frozenset(READS[name])) for name in had):
            return
        lacking = sources.lacking()
        if lacking:
            raise DataMissing(list(lacking), lacking)


def _service(text: ServiceText, ruleset: Ruleset, url: str) -> Service:
    """One entry of discovery; it leads to the service's own pages only where those are reached over https."""
    where = ruleset.content.services.source_attributes if url.startswith("https://") else None
    more = f" {where.replace('{service}', url)}" if where else ""
    return Service(
        id=text.id,
        hook=text.hook,
        title=text.title,
        description=text.description + more,
        usage_requirements=text.usage_requirements,
        prefetch=ruleset.prefetch(text),
    )


def _notes(hook: HookRequest, notes: Iterable[str]) -> Iterable[str]:
    return (_NO_DRAFT_SELECTED, *notes) if hook.lacks_selection else notes


def _unlooked(why: str) -> DecidedHook:
    """No cards, and the reason where the client can see it: not this user (G-01), or not R4 (G-05)."""
    decision = Decision(gate=why)
    return DecidedHook(decision, Response(cards=(), extension=decision.outcomes({}, why)))
