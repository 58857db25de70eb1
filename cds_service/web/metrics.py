"""Counters for Prometheus: calls, outcomes per rule, what was missing, and how long it took; never patient data.

A rule that used to find something and no longer does shows as ``rbd_cds_rule_outcomes_total`` standing still.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

from cds_service.decide import Decision
from cds_service.web.answers import NO_STORE, Written

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
REGISTRY = CollectorRegistry()
_CALLS = Counter(
    "rbd_cds_calls", "Calls by service, client and status", ["service", "client", "status"], registry=REGISTRY
)
_TIME = Histogram("rbd_cds_call_seconds", "Time to answer a call", ["service"], buckets=_SECONDS, registry=REGISTRY)
_CARDS = Counter("rbd_cds_cards", "Cards by service and leading rule", ["service", "rule"], registry=REGISTRY)
_OUTCOMES = Counter("rbd_cds_rule_outcomes", "Evaluations by rule and outcome", ["rule", "outcome"], registry=REGISTRY)
_KEYS = Counter(
    "rbd_cds_key_fetches", "Fetches of key sets by client and outcome", ["client", "outcome"], registry=REGISTRY
)
_KEYS_AT = Gauge(
    "rbd_cds_keys_fetched_timestamp_seconds",
    "When the key set in use was fetched",
    ["client"],
    registry=REGISTRY,
    multiprocess_mode="mostrecent",
)
_MISSING = Counter(
    "rbd_cds_unavailable", "Prefetch keys that could not be had, and why", ["key", "why"], registry=REGISTRY
)


def called(notes: Mapping[str, object], status: int, seconds: float) -> None:
    """One call to a service, whatever became of it."""
    service = notes.get("service")
    if isinstance(service, str):
        _CALLS.labels(service, str(notes.get("caller", "")), str(status)).inc()
        _TIME.labels(service).observe(seconds)


def decided(service: str, decision: Decision, gaps: Mapping[str, str]) -> None:
    """What one decision consisted of."""
    for evaluation in decision.evaluations:
        _OUTCOMES.labels(evaluation.rule, evaluation.outcome.name.lower()).inc()
    for card in decision.cards:
        _CARDS.labels(service, card.source.topic.code if card.source.topic else "").inc()
    for key, why in gaps.items():
        _MISSING.labels(key, why).inc()


def keys_fetched(client: str, outcome: Literal["fetched", "failed"]) -> None:
    """One fetch of a client's key set."""
    _KEYS.labels(client, outcome).inc()
    if outcome == "fetched":
        _KEYS_AT.labels(client).set_to_current_time()


async def metrics(_: Request) -> Response:
    """GET /metrics."""
    return Written(generate_latest(REGISTRY), CONTENT_TYPE_LATEST.encode(), headers=[NO_STORE])
