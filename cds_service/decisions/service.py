"""The service itself: cards loaded, rules assembled, one hook answered at a time; knows nothing of HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

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
    """A decision with the time that its parts took, in seconds; no facts where none were looked at."""

    decision: Decision
    response: Response
    gathered: float = 0.0
    decided: float = 0.0
    facts: PatientFacts | None = None
    fetched: Mapping[str, str] = {}
    """What the FHIR server was asked for, by key, each with how that went."""


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
        started = time.perf_counter()
        text = self._texts[service.id]
        closed = user_gate(hook.user_id)
        if closed:
            return DecidedHook(Decision(gate=closed), Response(cards=()))
        if hook.not_r4:
            return _not_r4(OtherRelease(hook.not_r4))
        fetched: dict[str, str] = {}
        try:
            facts = await gather(hook, service.prefetch, self.ruleset.content, self._today(), grant, fetched)
        except OtherRelease as release:
            return _not_r4(release)
        gathered = time.perf_counter()
        visit = Visit(hook.user_id, hook.patient_id, hook.encounter_id, self._url)
        judged = judge(self.ruleset, text, facts, visit)
        muted = await recall(judged) if recall and judged.found else {}
        decision = conclude(self.ruleset, text, judged, visit, muted)
        extension = decision.outcomes(facts.gaps)
        response = Response(cards=() if self._silent else decision.cards, extension=extension or None)
        decided = time.perf_counter() - gathered
        return DecidedHook(decision, response, gathered - started, decided, facts, fetched)


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
