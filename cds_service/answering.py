"""The service itself: cards loaded, rules assembled, one hook answered at a time; knows nothing of HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import msgspec

from cds_service.content.load import load
from cds_service.content.model import ServiceText
from cds_service.decide import Decision, decide, user_gate
from cds_service.gather import gather
from cds_service.hooks.requests import HookRequest
from cds_service.hooks.responses import Response
from cds_service.hooks.services import Service
from cds_service.presenting import Visit
from cds_service.ruleset import Ruleset, assemble


class Answered(msgspec.Struct, frozen=True):
    """A decision with the time that its parts took, in seconds."""

    decision: Decision
    response: Response
    gathered: float
    decided: float


class DecisionService:
    """Everything that an answer needs, made once at the start."""

    def __init__(self, ruleset: Ruleset, today: Callable[[], date], *, silent: bool = False) -> None:
        self.ruleset = ruleset
        self._today = today
        self._silent = silent
        self._texts = {text.id: text for text in ruleset.content.services.service}
        self.services = {text.id: _service(text, ruleset) for text in self._texts.values()}

    @classmethod
    def of(cls, cards: Path, today: Callable[[], date], *, silent: bool = False) -> DecisionService:
        """The service of a folder of cards; raises ContentError with every fault in it."""
        return cls(assemble(load(cards)), today, silent=silent)

    async def answer(self, hook: HookRequest, service: Service) -> Answered:
        """The answer to one hook; raises CallRefused where the request or its data do not allow one."""
        started = time.perf_counter()
        text = self._texts[service.id]
        closed = user_gate(hook.user_id) or (f"not FHIR R4: {hook.not_r4}" if hook.not_r4 else None)
        if closed:
            decision = Decision(gate=closed)
            return Answered(decision, _response(decision, silent=self._silent), 0.0, 0.0)
        facts = gather(hook, service.prefetch, self.ruleset.content.vocabulary, self._today())
        gathered = time.perf_counter()
        visit = Visit(hook.user_id, hook.patient_id, hook.encounter_id)
        decision = decide(self.ruleset, text, facts, visit)
        response = _response(decision, silent=self._silent)
        return Answered(decision, response, gathered - started, time.perf_counter() - gathered)


def _service(text: ServiceText, ruleset: Ruleset) -> Service:
    return Service(
        id=text.id,
        hook=text.hook,
        title=text.title,
        description=text.description,
        usage_requirements=text.usage_requirements,
        prefetch=ruleset.prefetch(text),
    )


def _response(decision: Decision, *, silent: bool) -> Response:
    extension = decision.outcomes()
    return Response(cards=() if silent else decision.cards, extension=extension or None)
