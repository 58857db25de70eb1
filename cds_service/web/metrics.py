"""Counters for Prometheus: calls, outcomes per rule, what was missing, and how long it took; never patient data.

A rule that used to find something and no longer does shows as ``rbd_cds_rule_outcomes_total`` standing still: every
rule has its series from the start. Several workers count together when ``PROMETHEUS_MULTIPROC_DIR`` names a folder,
which ``cds-service serve --workers`` sees to.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from itertools import product
from typing import Any, Literal, TypeAlias

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.values import MutexValue, ValueClass
from starlette.requests import Request
from starlette.responses import Response

from cds_service.decisions.decide import Decision
from cds_service.facts.losses import Loss
from cds_service.fhir_client.target import REFERENCES
from cds_service.hooks.feedback import FeedbackBatch
from cds_service.hooks.prefetch import LEFT_OUT, NOT_READ
from cds_service.hooks.services import Service
from cds_service.rules.review import Outcome, data_lacking
from cds_service.web.answers import NO_STORE, Written

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_TOGETHER = ValueClass is not MutexValue
"""Whether several processes count in the same files."""

REGISTRY = CollectorRegistry()
# When a series was made says nothing that is not known of its worker, and would be every third line.
disable_created_metrics()


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(f"rbd_cds_{name}", text, labels, registry=REGISTRY)


def _gauge(name: str, text: str, mode: Literal["livesum", "liveall", "livemin", "mostrecent"], *labels: str) -> Gauge:
    return Gauge(f"rbd_cds_{name}", text, labels, registry=REGISTRY, multiprocess_mode=mode)


_CALLS = _counter("calls", "Hook calls by service, client and status", "service", "client", "status")
_TIME = Histogram(
    "rbd_cds_call_seconds", "Time to answer a hook call", ["service"], buckets=_SECONDS, registry=REGISTRY
)
_OTHER_CALLS = _counter("other_calls", "Calls to any other address, by status", "status")
_CARDS = _counter("cards", "Cards by service and leading rule", "service", "rule")
_OUTCOMES = _counter("rule_outcomes", "Evaluations by rule and outcome", "rule", "outcome")
_NOT_STARTED = _counter("rules_not_started", "Rules that nothing in drafts or chart could start", "service")
_UNDETERMINED = _counter("undetermined", "Undetermined evaluations by rule and missing datum", "rule", "datum")
_MISSING = _counter("unavailable", "Prefetch keys that could not be had, and why", "key", "why")
_UNREADABLE = _counter("unreadable", "Members that were sent and could not be read, by key and place", "key", "place")
_UNREAD_CODES = _counter(
    "unread_codes", "Codes of drugs and diagnoses in systems that are not read", "client", "collection", "system"
)
_CHARTS = _counter("charts_read", "Hook calls in which anything of a chart was read or fetched", "service", "client")
_PREFETCH = _counter("prefetch_keys", "Prefetch keys by what became of them", "service", "client", "key", "use")
_QUERIES = _counter("fhir_queries", "Queries put to FHIR servers by client and stage", "client", "stage")
_ROUND_TIME = Histogram(
    "rbd_cds_fhir_round_seconds",
    "Time of the queries put to a FHIR server side by side",
    ["client", "stage"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
_FEEDBACK_CALLS = _counter(
    "feedback_calls", "Feedback calls by service, client and status", "service", "client", "status"
)
_FEEDBACK = _counter("feedback", "Answers to cards by service, client and outcome", "service", "client", "outcome")
_TOKENS_ALONE = _counter("tokens_not_shared", "Calls whose token the other hosts could not be asked about", "outcome")
_KEYS = _counter("key_fetches", "Fetches of key sets by client and outcome", "client", "outcome")
_KEYS_AT = _gauge("keys_fetched_timestamp_seconds", "When a client's keys were last fetched", "mostrecent", "client")
_STARTED = "rbd_cds_worker_start_timestamp_seconds"
_WORKER = _gauge("worker_start_timestamp_seconds", "When a worker started", "liveall")
_RELOADS = _counter("reloads", "Reloads of cards, clients and keys by outcome", "outcome")
_RELOADED = _gauge("last_reload_successful", "Whether the last reload took, or none was asked for", "livemin")
_LOADED_AT = _gauge("loaded_timestamp_seconds", "When the cards and clients in force were read", "livemin")
_REVIEWED = _gauge("rules_reviewed", "Active rules by the state of their clinical signature", "mostrecent", "state")
_BUILD = _gauge("build_info", "Which program, cards and tables are in use", "mostrecent", "version", "cards", "schema")
UNDER_WAY = _gauge("calls_under_way", "Calls being answered", "livesum")
CONNECTIONS = _gauge("connections", "Connections that are open", "livesum")
_ENDED = _counter("connections_ended", "Connections that the service ended by itself, and why", "why")
QUEUE = _gauge("record_queue", "Entries of the record that are not stored yet", "livesum")
_FAULTS = _gauge("record_faults", "What is wrong with the record, 1 for each fault", "livesum", "fault")
LOST = _gauge("record_lost", "Entries of the record that neither disk nor database would take", "livesum")


# Finding a series by its labels costs more than counting in it.
_outcome, _call, _missing, _not_started, _charts, _prefetch, _queries = (
    cache(counter.labels) for counter in (_OUTCOMES, _CALLS, _MISSING, _NOT_STARTED, _CHARTS, _PREFETCH, _QUERIES)
)
_time, _round_time = cache(_TIME.labels), cache(_ROUND_TIME.labels)


class _Processes:
    """What each process that answers takes of the machine, from /proc; nothing where there is none."""

    _labelnames = ("pid",)

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        self._pids = pids

    def describe(self) -> Iterable[Metric]:
        return _Processes(tuple).collect()

    def collect(self) -> Iterator[Metric]:
        cpu = CounterMetricFamily("rbd_cds_process_cpu_seconds", "Processor time", labels=["pid"])
        memory = GaugeMetricFamily("rbd_cds_process_resident_memory_bytes", "Memory held", labels=["pid"])
        files = GaugeMetricFamily("rbd_cds_process_open_fds", "Descriptors that are open", labels=["pid"])
        most = GaugeMetricFamily("rbd_cds_process_max_fds", "Descriptors that may be open", labels=["pid"])
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {
            "cpu_seconds": cpu,
            "resident_memory_bytes": memory,
            "open_fds": files,
            "max_fds": most,
        }
        for pid in self._pids():
            for found in ProcessCollector(pid=lambda pid=pid: pid, registry=None).collect():  # type: ignore[misc]
                if family := families.get(found.name.removeprefix("process_")):
                    family.add_metric([str(pid)], found.samples[0].value)
        yield from families.values()


REGISTRY.register(_Processes(lambda: [os.getpid()]))
_STAGES = (1, 2)
End: TypeAlias = Literal["idle", "call", "unread", "full", "pipelined"]
"""Nothing came, a call had no end, an answer no reader, too many were open, or too many calls were sent ahead."""


def reviewed(rules: Mapping[str, int]) -> None:
    """How many rules are in each state of review."""
    for state, number in rules.items():
        _REVIEWED.labels(state).set(number)


def record_faults(held: Mapping[str, bool]) -> None:
    """What is wrong with the record of this worker."""
    for fault, holds in held.items():
        _FAULTS.labels(fault).set(holds)


def begin(rules: Iterable[str], called: Iterable[tuple[str, Service]]) -> None:
    """Call when content is loaded: every rule is there from then on, and every key of what each caller may call."""
    for rule, outcome in product(rules, Outcome):
        _OUTCOMES.labels(rule, outcome.name.lower())
    for unasked in ("admitted", "refused"):
        _TOKENS_ALONE.labels(unasked)
    for client, service in called:
        _charts(service.id, client)
        for key, use in product(service.prefetch, ("read", "unread", "fetched", "changed")):
            _prefetch(service.id, client, key, use)
        _prefetch(service.id, client, REFERENCES, "fetched")
        for stage in _STAGES:
            _queries(client, stage)
            _round_time(client, stage)


@cache
def _builds() -> set[tuple[str, ...]]:
    """Those that this process has told of."""
    return set()


def built(build: Mapping[str, str]) -> None:
    """Which program, cards and tables are in force from now on."""
    for before in _builds():
        _BUILD.labels(*before).set(0)
    _BUILD.labels(**build).set(1)
    _builds().add((build["version"], build["cards"], build["schema"]))


def started() -> None:
    """Call once in each worker."""
    _WORKER.set_to_current_time()
    _in_force()


def reloaded(*, well: bool) -> None:
    """One reload; one that failed leaves in force what was."""
    _RELOADS.labels("taken" if well else "refused").inc()
    if well:
        _in_force()
    else:
        _RELOADED.set(0)


def _in_force() -> None:
    _RELOADED.set(1)
    _LOADED_AT.set_to_current_time()


def end() -> None:
    """Call when a worker ends: what it had under way is no longer."""
    if _TOGETHER:
        mark_process_dead(os.getpid())


def called(line: Mapping[str, Any], seconds: float) -> None:
    """One call, whatever became of it."""
    status, service, client = str(line["status"]), line.get("service"), line.get("caller", "unknown")
    if service is None:
        _OTHER_CALLS.labels(status).inc()
    elif line["kind"] == "feedback":
        _FEEDBACK_CALLS.labels(service, client, status).inc()
    else:
        _call(service, client, status).inc()
        _time(service).observe(seconds)
        if not line.get("probe"):
            _chart_read(service, client, line)


def _chart_read(service: str, client: str, line: Mapping[str, Any]) -> None:
    """What became of the keys, where anything of the chart was needed; else nothing may be known of what was sent."""
    keys: Mapping[str, list[str]] = line.get("prefetch", {})
    read = [key for state, named in keys.items() if state not in (LEFT_OUT, NOT_READ) for key in named]
    fetched, unread, changed = line.get("fetched", ()), keys.get(NOT_READ, ()), line.get("changed", ())
    if not read and not fetched:
        return
    _charts(service, client).inc()
    for use, named in (("read", read), ("unread", unread), ("fetched", fetched), ("changed", changed)):
        for key in named:
            _prefetch(service, client, key, use).inc()
    for one in line.get("rounds", ()):
        _queries(client, one["stage"]).inc(one["queries"])
        _round_time(client, one["stage"]).observe(one["ms"] / 1000)


def decided(service: str, decision: Decision, gaps: Mapping[str, str], unreadable: Iterable[Loss]) -> None:
    """What one decision consisted of."""
    if decision.started.not_started:
        _not_started(service).inc(len(decision.started.not_started))
    for evaluation in decision.evaluations:
        _outcome(evaluation.rule, evaluation.outcome.name.lower()).inc()
    for rule, missing in decision.undetermined.items():
        for datum in data_lacking(missing):
            _UNDETERMINED.labels(rule, datum).inc()
    for card in decision.all_cards:
        _CARDS.labels(service, card.source.topic.code if card.source.topic else "").inc()
    for key, why in gaps.items():
        _missing(key, why).inc()
    for key, place in {(one.key, one.place) for one in unreadable}:
        _UNREADABLE.labels(key, place).inc()


def codes_unread(client: str, found: Mapping[str, Mapping[str, int]]) -> None:
    """How many codes of drugs and diagnoses no value set can know; never which."""
    for collection, systems in found.items():
        for system, count in systems.items():
            _UNREAD_CODES.labels(client, collection, system).inc(count)


def answered(report: FeedbackBatch, service: str, client: str) -> None:
    """What clinicians did with cards."""
    for entry in report.entries:
        _FEEDBACK.labels(service, client, entry.outcome).inc()
    if report.unusable:
        _FEEDBACK.labels(service, client, "unusable").inc(report.unusable)


def connection_ended(why: End) -> None:
    """One connection that did not end by itself."""
    _ENDED.labels(why).inc()


def token_not_shared(outcome: Literal["admitted", "refused"]) -> None:
    """One call whose token the other hosts could not be asked about."""
    _TOKENS_ALONE.labels(outcome).inc()


def keys_fetched(client: str, outcome: Literal["fetched", "failed"]) -> None:
    """One fetch of a client's key set."""
    _KEYS.labels(client, outcome).inc()
    if outcome == "fetched":
        _KEYS_AT.labels(client).set_to_current_time()


async def metrics(request: Request) -> Response:
    """GET /metrics."""
    request.app.state.service.sample()
    return Written(generate_latest(_counted()), CONTENT_TYPE_LATEST.encode(), headers=[NO_STORE])


def _counted() -> CollectorRegistry:
    if not _TOGETHER:
        return REGISTRY
    together = CollectorRegistry()
    collector = MultiProcessCollector(together)
    workers = next((metric.samples for metric in collector.collect() if metric.name == _STARTED), ())
    pids = [int(sample.labels["pid"]) for sample in workers]
    for pid in pids:
        if not _lives(pid):
            mark_process_dead(pid)
    together.register(_Processes(lambda: pids))
    return together


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
