"""The figures beside the table: worst case, memory, long charts, and what each rule costs."""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import time
from collections.abc import Callable, Iterator

import msgspec

from cds_service.content import places
from cds_service.decisions.decide import evaluations_of
from cds_service.decisions.gather import gather_sent
from cds_service.decisions.service import DecisionService
from cds_service.facts.patient import PatientFacts
from cds_service.hooks.envelope import read_envelope
from cds_service.hooks.requests import parse_request
from cds_service.hooks.services import Service
from cds_service.rules.review import Evaluation, Outcome
from cds_service.settings import Settings
from tests.bench import charts, load
from tests.bench.servers import BARE, RECORDING, SERVICE, Server, running

_MIDDLE = charts.SIZES["140 KB"]
_SEQUENCES = 3
_WRITTEN_SECONDS = 0.8
_LONG = charts.SIZES["2 MB"]


class Figure(msgspec.Struct, frozen=True):
    """A measured ratio beside the most that it should be."""

    aim: str
    measured: float
    most: float

    @property
    def met(self) -> bool:
        return self.measured <= self.most


def worst(count: int) -> Figure:
    """The slowest of many long requests in sequence over their median.

    Whatever else the machine does can only slow a request down, so the best of a few sequences counts.
    """
    body = charts.request("three rules", _LONG)
    with running(SERVICE) as (server,):
        load.in_sequence(server, [body], 5)
        sequences = [load.in_sequence(server, [body], count).latencies for _ in range(_SEQUENCES)]
    ratio = min(max(latencies) / statistics.median(latencies) for latencies in sequences)
    return Figure(f"worst over median of {count} sequential 2 MB requests, best of {_SEQUENCES} runs", ratio, 3)


def memory(seconds: float) -> Figure:
    """Peak over idle while 16 connections send 2 MB each, less 10 MB, over the bytes in flight."""
    connections = 16
    body = charts.request("three rules", _LONG)
    with running(SERVICE) as (server,):
        load.in_sequence(server, [charts.request("three rules", charts.SIZES["10 KB"])], 20)
        server.forget_peak()
        idle, _ = server.memory()
        load.for_seconds(server, [body], connections, seconds)
        _, peak = server.memory()
    ratio = (peak - idle - 10) / (connections * len(body) / 1e6)
    return Figure(f"memory: (peak - idle - 10 MB) over bytes in flight, {connections} x 2 MB", ratio, 2.5)


def short_beside_long(seconds: float) -> Figure:
    """p99 of short requests while two clients post 5 MB, over that of the bare endpoint."""
    short, long = (charts.request("three rules", charts.SIZES[size]) for size in ("10 KB", "5 MB"))
    with running(BARE, SERVICE) as servers:
        bare, service = (load.beside(server, short, long, 2, seconds).p99 for server in servers)
    return Figure("p99 of 10 KB beside two 5 MB posters, over (a)", service / bare, 0.25)


def recording(repeats: int, count: int) -> Iterator[Figure]:
    """What recording adds to a request of 10 KB with a card, each about another patient.

    Two processes of one program may differ by some per cent for as long as they run, so each repeat starts its own.
    """
    one = charts.request("three rules", charts.SIZES["10 KB"])
    bodies = [charts.about(f"p{number:06}", one) for number in range(2 * count)]
    ratios = []
    for _ in range(repeats):
        with running(SERVICE, RECORDING) as servers:
            for server in servers:
                load.in_sequence(server, bodies[:count], count)
            plain, recorded = (_followed(server, bodies[count:]) for server in servers)
        ratios.append([over / without for over, without in zip(recorded, plain, strict=True)])
    latency, cpu = (statistics.median(ratio) for ratio in zip(*ratios, strict=True))
    yield Figure("recording: latency of a request with a card, over that without recording, p50", latency, 1.05)
    yield Figure("recording: CPU of the whole process for it, writing included, over that without", cpu, 1.05)


def _followed(server: Server, bodies: list[bytes]) -> tuple[float, float]:
    """The median latency of requests in sequence, and their CPU with all that is written after them."""
    time.sleep(_WRITTEN_SECONDS)
    before = server.cpu()
    measured = load.in_sequence(server, bodies, len(bodies))
    time.sleep(_WRITTEN_SECONDS)
    return measured.p50, server.cpu() - before


class Bench:
    """The service without HTTP, in this process."""

    def __init__(self, repeats: int) -> None:
        self._repeats = repeats
        self._decisions = DecisionService.of(places.cards(Settings()), lambda: charts.TODAY)
        self._ruleset = self._decisions.ruleset
        self._runner = asyncio.Runner()
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)

    def ten_times_as_long(self) -> Figure:
        """What a chart of 2 MB costs over one of 200 KB."""
        service = self._decisions.services["rbd-order-sign"]
        short, long = (self._answering(charts.request("three rules", size), service) for size in (200_000, 2_000_000))
        ratios = [_seconds(long, 1) / _seconds(short, 10) for _ in range(self._repeats)]
        return Figure("a chart ten times as long: times the cost", statistics.median(ratios), 10)

    def rules(self) -> Iterator[tuple[str, Figure, Figure | None]]:
        """Per rule its share of the decode of 140 KB, on a chart it has nothing to say about and on one it has."""
        body = charts.request("silent", _MIDDLE)
        decode = self._median(lambda: read_envelope(body), 20)
        silent = self._facts(body, self._decisions.services["rbd-order-sign"])
        speaking = self._speaking()
        for name in self._ruleset.rules:
            idle = self._share(name, silent, "rbd-order-sign", decode)
            busy = self._share(name, *speaking[name], decode) if name in speaking else None
            yield name, Figure("does not apply", idle, 0.005), Figure("applies", busy, 0.05) if busy else None

    def _speaking(self) -> dict[str, tuple[PatientFacts, str]]:
        """Per rule a shipped example in which it speaks, grown to 140 KB."""
        found: dict[str, tuple[PatientFacts, str]] = {}
        for path in sorted((charts.EXAMPLES / "requests").glob("*.json")):
            document = json.loads(path.read_bytes())
            service = self._service(document["hook"])
            facts = self._facts(charts.grown(document, _MIDDLE), service)
            for evaluation in self._evaluations(tuple(self._ruleset.rules), facts, service.id)():
                if evaluation.outcome is Outcome.FOUND:
                    found.setdefault(evaluation.rule, (facts, service.id))
        return found

    def _service(self, hook: str) -> Service:
        return next(service for service in self._decisions.services.values() if service.hook == hook)

    def _facts(self, body: bytes, service: Service) -> PatientFacts:
        return gather_sent(parse_request(body, service), service.prefetch, self._ruleset.content, charts.TODAY)

    def _share(self, name: str, facts: PatientFacts, service_id: str, decode: float) -> float:
        """The time of one rule on facts that are there, over that of the decode."""
        without = self._median(self._evaluations((), facts, service_id), 200)
        return (self._median(self._evaluations((name,), facts, service_id), 200) - without) / decode

    def _evaluations(
        self, names: tuple[str, ...], facts: PatientFacts, service_id: str
    ) -> Callable[[], list[Evaluation]]:
        text = self._ruleset.content.service(service_id)
        return lambda: list(evaluations_of(self._ruleset, text, facts, names))

    def _answering(self, body: bytes, service: Service) -> Callable[[], None]:
        async def answer() -> None:
            answered = await self._decisions.answer(parse_request(body, service), service)
            answered.response.encode()

        return lambda: self._runner.run(answer())

    def _median(self, work: Callable[[], object], times: int) -> float:
        return statistics.median(_seconds(work, times) for _ in range(self._repeats))


def _seconds(work: Callable[[], object], times: int) -> float:
    """CPU seconds of doing it once."""
    started = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - started) / times
