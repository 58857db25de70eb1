"""Puts the service together from its settings, and runs it with uvicorn."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from copy import copy
from typing import TYPE_CHECKING, Any

import structlog
from starlette.requests import Request

from cds_service import __version__
from cds_service.content import places
from cds_service.content.model import Content
from cds_service.content.reviews import counted
from cds_service.decisions.gather import Opened
from cds_service.decisions.ruleset import Ruleset
from cds_service.decisions.running import Run
from cds_service.decisions.service import DecidedHook, DecisionService
from cds_service.decisions.sources import Asked
from cds_service.errors import FaultsFound
from cds_service.fhir_client.access import FhirAccess, FhirGrant
from cds_service.fhir_client.egress import Resolver, Servers, networks
from cds_service.hooks.feedback import FeedbackBatch
from cds_service.hooks.profiles import PROFILES, spoken
from cds_service.hooks.requests import HookRequest
from cds_service.hooks.services import Discovery, Service
from cds_service.record.audit import Audit
from cds_service.record.entries import Call
from cds_service.settings import Settings
from cds_service.trust.clients import Clients, read_clients, require_known
from cds_service.trust.vendors import code_form
from cds_service.web import bench_access, metrics
from cds_service.web.authentication import Authenticator
from cds_service.web.callers import ANYONE, Caller, HookAnswer
from cds_service.web.logs import uuid_or_none
from cds_service.web.long_bodies import LongBodies
from cds_service.web.offers import Asking, Offer
from cds_service.web.recent import Made, Recent

if TYPE_CHECKING:
    from cds_service.record.recorder import CallRecord, Recorder
    from cds_service.record.store import Store

_LOG = structlog.get_logger()


class Application:
    """The service that the web layer asks, made of the settings, the clients and the cards."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._fhir = FhirAccess(settings.deadline_ms / 1000, Resolver(networks(settings.fhir_servers)))
        self.long_bodies = LongBodies()
        self.recent = Recent(whole=settings.open) if bench_access.is_on(settings) else None
        """What the last calls led to, where anybody may ask."""
        self._authenticator: Authenticator | None = None
        self._recorder: Recorder | None = None
        self._audit: Audit | None = None
        self._take_in(*_read(settings))

    def renewed(self) -> Application:
        """With cards, clients and keys as they are now; what runs is shared. Raises FaultsFound with every fault."""
        other = copy(self)
        other._take_in(*_read(self.settings))
        if self._recorder:
            other._recorder = self._recorder.renewed(other.ruleset)
        return other

    def _take_in(self, decisions: DecisionService, clients: Clients | None) -> None:
        self._decisions, self._clients = decisions, clients
        if clients:
            before = self._authenticator
            self._authenticator = before.renewed(clients) if before else Authenticator(clients, self.settings)
        self._grants = _grants(self._fhir, clients, self.settings)
        self._offers = _offers(decisions, self._grants, clients, self.settings)
        cards = decisions.ruleset.content.digest
        self._digest = f"{__version__}+{cards}"
        self.build = {"version": __version__, "cards": cards, "schema": _schema(self.settings)}
        """Which program, cards and tables are in use."""

    @property
    def content(self) -> Content:
        return self.ruleset.content

    @property
    def ruleset(self) -> Ruleset:
        return self._decisions.ruleset

    @property
    def services(self) -> Mapping[str, Service]:
        return self._decisions.services

    def discovery(self, caller: str | None = None) -> Discovery:
        """What a caller is offered, or anyone who asks: the only caller there is, or what is served by any."""
        if caller is None and len(self._offers) == 1:
            (caller,) = self._offers
        offer = self._offers[caller] if caller else Offer(self.services)
        return offer.discovery(self.settings.spec_version)

    @property
    def callers(self) -> frozenset[str]:
        """The names under which calls are recorded."""
        return frozenset(self._offers)

    @property
    def store(self) -> Store | None:
        """The record, while one is kept."""
        return self._recorder.store if self._recorder else None

    @property
    def origins(self) -> frozenset[str] | None:
        return self._clients.origins if self._clients else None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        # The first fetch should not have to wait for its own modules: any caller may name a server.
        await self._fhir.ready()
        metrics.started()
        self.begin()
        async with AsyncExitStack() as open_while_running:
            open_while_running.callback(metrics.end)
            if self.settings.tracing == "on":
                # Many packages, which only some sites have.
                from cds_service.web.tracing import Tracing

                open_while_running.enter_context(Tracing().running())
            if self.recent:
                # Also where no call comes that would push out the last one.
                open_while_running.enter_context(_every_second(self.recent.forget))
            if self._authenticator:
                await open_while_running.enter_async_context(self._authenticator.running())
            if self.settings.record == "on":
                self._recorder = await open_while_running.enter_async_context(self._recording())
                open_while_running.enter_context(_every_second(self.sample))
            if self.settings.audit:
                self._audit = Audit(self.settings.audit)
                open_while_running.callback(self._audit.close)
            yield
            self._recorder = self._audit = None
        await self._fhir.aclose()

    def begin(self) -> None:
        """What is done once its content is in force."""
        for caller, offer in self._offers.items():
            if offer.not_served:
                _LOG.info("not served", caller=caller, keys=sorted(offer.not_served))
        metrics.begin(self.ruleset.rules, self._called())
        metrics.built(self.build)
        metrics.reviewed(counted(self.content, self.settings.today()))
        if self._authenticator:
            self._authenticator.fetch_keys()

    @property
    def told(self) -> dict[str, Any]:
        """What is in force, in few words."""
        return {"rules": self._digest, "clients": sorted(self._offers)}

    def _called(self) -> Iterator[tuple[str, Service]]:
        """Each caller with each service that it may call, as its server is asked for its data."""
        callers = self._clients.by_name.values() if self._clients else ()
        limited = {client.name: client.services for client in callers}
        for name, offer in self._offers.items():
            yield from ((name, offer.services[one]) for one in limited.get(name) or offer.services)

    @asynccontextmanager
    async def _recording(self) -> AsyncIterator[Recorder]:
        # The libraries of the store take long to load: only where they are used.
        from cds_service.record.recorder import Recorder

        recorder = Recorder(self.settings, self._decisions.ruleset)
        async with recorder.running():
            yield recorder

    async def authenticate(self, request: Request) -> Caller:
        """The client that its token shows; anyone in open mode, which exists only on a loopback address."""
        return await self._authenticator.authenticate(request) if self._authenticator else ANYONE

    def open(self, body: bytes, service: Service) -> Opened:
        """The call in a body; raises NotJson or ContractBroken."""
        return self._decisions.open(body, service)

    async def answer(self, opened: Opened, service: Service, caller: Caller, asked: Asked, run: Run) -> HookAnswer:
        """The answer to one hook in the caller's dialect; its record is written after it has left."""
        hook, offer = opened.hook, self._offers[caller.name]
        probes = caller.probes(hook)
        record = None if probes else self._record(hook, service, caller)
        grant, recall = self._grants[caller.name], record.recall if record else None
        served = offer.services[service.id]
        decided = await self._decisions.answer(hook, served, grant, recall, asked=asked, drafts=opened.drafts, run=run)
        if self.recent:
            made = Made(service.id, service.hook, caller.name, uuid_or_none(hook.hook_instance))
            self.recent.note(made, decided.decision, self.ruleset, self.settings.now())
        if not probes:
            self._count(decided, service, caller, record, sum(one.queries for one in asked.rounds))
        profile = PROFILES[caller.client.profile if caller.client else self.settings.profile]
        noted = {name: value for name, value in {**decided.noted, "probe": probes}.items() if value}
        return HookAnswer(spoken(decided.response, profile), decided.timings, {**noted, "rules": self._digest})

    def _count(
        self, decided: DecidedHook, service: Service, caller: Caller, record: CallRecord | None, queries: int
    ) -> None:
        """Puts down what a call came to, in the record and in the metrics."""
        facts = decided.facts
        unread = facts.unread_codes if facts else {}
        if record:
            record.note(decided.decision, unread, queries)
        metrics.decided(service.id, decided.decision, facts.gaps if facts else {}, decided.unreadable)
        metrics.codes_unread(caller.name, unread)

    def called(self, line: Mapping[str, Any], seconds: float) -> None:
        metrics.called(line, seconds)
        if self._audit and "service" in line:
            self._audit.write(line)

    def sample(self) -> None:
        if self._recorder:
            metrics.QUEUE.set(self._recorder.writer.depth)
            metrics.LOST.set(self._recorder.writer.lost)
            metrics.record_faults(self._recorder.faults)

    @property
    def records(self) -> bool:
        """Whether the record is written as it should be, or not kept at all."""
        return self._recorder is None or not self._recorder.writer.failed

    def reasons(self, batch: FeedbackBatch) -> Mapping[str, int]:
        known = self.content.overrides
        given = (entry.reason.code for entry in batch.entries if entry.reason)
        return Counter(code if code in known else "other" for code in given)

    async def take(self, batch: FeedbackBatch, service: Service, caller: Caller) -> None:
        if self._recorder:
            await self._recorder.take(batch, service.id, caller.name)
        metrics.answered(batch, service.id, caller.name)

    def bench_grant(self, server: str | None) -> FhirGrant | None:
        """What the test bench may reach: the servers of open mode, on this machine only in open mode."""
        listed = self.settings.fhir_servers
        if not self.settings.open and (server is None or Servers.listed(listed).base(server) is None):
            return None
        return FhirGrant(self._fhir, Servers.listed(listed, open=True), frozenset(self.settings.not_served))

    async def keep(self, batch: FeedbackBatch, service: Service, name: str) -> bool:
        """Keeps feedback that is no client's, apart from every count; False where nothing is recorded."""
        if self._recorder:
            await self._recorder.take(batch, service.id, name)
        return self._recorder is not None

    def _record(self, hook: HookRequest, service: Service, caller: Caller) -> CallRecord | None:
        if self._recorder is None:
            return None
        issuer = self._clients.namespace(caller.client) if self._clients and caller.client else caller.name
        within = caller.tenant or (hook.fhir_server or "").rstrip("/")
        ids = (hook.user_id, hook.patient_id, hook.encounter_id)
        return self._recorder.attend(Call(service.id, service.hook, caller.name, issuer, within, *ids))


def _read(settings: Settings) -> tuple[DecisionService, Clients | None]:
    """Cards and clients; where both have faults, all are told together."""
    decisions: DecisionService | None = None
    found: list[FaultsFound] = []
    try:
        decisions = DecisionService.of(
            places.cards(settings),
            settings.today,
            zone=settings.zone,
            silent=settings.mode == "silent",
            url=settings.public_url,
            only_signed=settings.show == "signed",
        )
    except FaultsFound as faults:
        found.append(faults)
    try:
        services = decisions.services if decisions else None
        clients = read_clients(settings.clients, services) if settings.clients else None
    except FaultsFound as faults:
        found.append(faults)
    if decisions and not found:
        return decisions, clients
    raise found[0] if len(found) == 1 else FaultsFound(fault for faults in found for fault in faults.faults)


@contextmanager
def _every_second(work: Callable[[], None]) -> Iterator[None]:
    async def again() -> None:
        while True:
            work()
            await asyncio.sleep(1)

    task = asyncio.create_task(again())
    try:
        yield
    finally:
        task.cancel()


def _schema(settings: Settings) -> str:
    """The version of the tables of the record; none where none is kept."""
    if settings.record == "off":
        return "none"
    from cds_service.record.tables import version_needed

    return str(version_needed())


def _grants(access: FhirAccess, clients: Clients | None, settings: Settings) -> dict[str, FhirGrant]:
    """What each caller lets the service reach, by the caller's name."""
    if clients is None:
        require_known(settings.not_served)
        servers = Servers.listed(settings.fhir_servers, open=True)
        return {ANYONE.name: FhirGrant(access, servers, frozenset(settings.not_served))}
    return {
        c.name: FhirGrant(access, Servers.listed(c.fhir_servers), c.keys_not_served) for c in clients.by_name.values()
    }


def _offers(
    decisions: DecisionService, grants: Mapping[str, FhirGrant], clients: Clients | None, settings: Settings
) -> dict[str, Offer]:
    """What each caller is offered, by the caller's name."""
    sets = {"full": None, "lean": decisions.ruleset.content.services.prefetch_lean}
    wishes = {ANYONE.name: (Asking(code_form(None, settings.profile)), settings.prefetch)}
    if clients is not None:
        wishes = {c.name: (Asking.of(c), c.prefetch) for c in clients.by_name.values()}
    return {
        name: Offer.of(decisions.services, grants[name].not_served, asking, sets[prefetch])
        for name, (asking, prefetch) in wishes.items()
    }
