"""The service itself: cards loaded, rules assembled, one hook answered at a time; knows nothing of HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec

from cds_service.content.load import load
from cds_service.content.model import ServiceText
from cds_service.decisions.cards import SERVICE_URL, Visit
from cds_service.decisions.decide import Decision, Recall, conclude, judge, user_gate
from cds_service.decisions.gather import gather
from cds_service.decisions.ruleset import Ruleset, assemble
from cds_service.errors import OtherRelease
from cds_service.facts.patient import PatientFacts
from cds_service.fhir_client.access import FhirGrant
from cds_service.hooks.requests import HookRequest
from cds_service.hooks.responses import Response
from cds_service.hooks.services import Service


class DecidedHook(msgspec.Struct, frozen=True):
    """A decision with the seconds that its parts took; no facts where none were looked at."""

    decision: Decision
    response: Response
    timings: Mapping[str, float] = msgspec.field(default_factory=lambda: {"gather": 0.0, "decide": 0.0})
    facts: PatientFacts | None = None
    fetched: Mapping[str, str] = {}
    """What the FHIR server was asked for, by key, each with how that went."""

    @property
    def noted(self) -> dict[str, Any]:
        """What may be written down of it: ids of rules and of cards, never patient data."""
        cards, facts = self.response.cards, self.facts
        looked = {"unavailable": facts.gaps, "dropped": facts.dropped, "fetched": self.fetched} if facts else {}
        return {
            "cards": len(cards),
            "uuids": [card.uuid for card in cards],
            "topics": [card.source.topic.code for card in cards if card.source.topic],
            "found": self.decision.found,
            "undetermined": list(self.decision.undetermined),
            "gate": self.decision.gate,
            **looked,
        }


class DecisionService:
    """Everything that an answer needs, made once at the start."""

    def __init__(
        self, ruleset: Ruleset, today: Callable[[], date], *, silent: bool = False, url: str = SERVICE_URL
    ) -> None:
        self.ruleset = ruleset
        self._today = today
        self._silent = silent
        self._url = url
        self._texts = {text.id: text for text in ruleset.content.services.service}
        self.services = {text.id: _service(text, ruleset) for text in self._texts.values()}

    @classmethod
    def of(
        cls, cards: Path, today: Callable[[], date], *, silent: bool = False, url: str = SERVICE_URL
    ) -> DecisionService:
        """The service of a folder of cards; raises ContentError with every fault in it."""
        return cls(assemble(load(cards)), today, silent=silent, url=url)

    async def answer(
        self, hook: HookRequest, service: Service, grant: FhirGrant | None = None, recall: Recall | None = None
    ) -> DecidedHook:
        """The answer to one hook; raises CallRefused where the request or its data do not allow one.

        Without ``grant`` nothing is fetched, and without ``recall`` nothing is muted.
        """
        started = perf_counter()
        closed = user_gate(hook.user_id)
        if closed:
            return DecidedHook(Decision(gate=closed), Response(cards=()))
        if hook.not_r4:
            return _not_r4(OtherRelease(hook.not_r4))
        try:
            gathered = await gather(hook, service.prefetch, self.ruleset.content, self._today(), grant)
        except OtherRelease as release:
            return _not_r4(release)
        facts, deciding = gathered.facts, perf_counter()
        decision = await self._decision(hook, self._texts[service.id], facts, recall)
        extension = decision.outcomes(facts.gaps)
        response = Response(cards=() if self._silent else decision.cards, extension=extension or None)
        timings = {"gather": deciding - started, "decide": perf_counter() - deciding}
        return DecidedHook(decision, response, timings, facts, gathered.fetched)

    async def _decision(
        self, hook: HookRequest, text: ServiceText, facts: PatientFacts, recall: Recall | None
    ) -> Decision:
        visit = Visit(hook.user_id, hook.patient_id, hook.encounter_id, self._url)
        judged = judge(self.ruleset, text, facts, visit)
        muted = await recall(judged) if recall and judged.found else {}
        return conclude(self.ruleset, text, judged, visit, muted)


def _service(text: ServiceText, ruleset: Ruleset) -> Service:
    return Service(
        id=text.id,
        hook=text.hook,
        title=text.title,
        description=text.description,
        usage_requirements=text.usage_requirements,
        prefetch=ruleset.prefetch(text),
    )


def _not_r4(release: OtherRelease) -> DecidedHook:
    """G-05: no cards, and the reason where the client can see it."""
    decision = Decision(gate=str(release))
    return DecidedHook(decision, Response(cards=(), extension=decision.outcomes({}, str(release))))
