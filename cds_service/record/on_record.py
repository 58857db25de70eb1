"""One card on record: which rules it named, and what became of it. Neither patient nor steps are told."""

from __future__ import annotations

import datetime as dt

import msgspec
from sqlalchemy import select

from cds_service.record.entries import instant
from cds_service.record.recall import answered_at, read_findings
from cds_service.record.store import Store
from cds_service.record.tables import ANSWERS, CARDS, SILENT


class NamedRule(msgspec.Struct, frozen=True):
    rule: str
    version: str
    indicator: str


class Answered(msgspec.Struct, frozen=True):
    at: dt.datetime
    outcome: str
    reason: str


class RecordedCard(msgspec.Struct, frozen=True):
    """A card as it was written down."""

    at: dt.datetime
    service: str
    hook: str
    client: str
    indicator: str
    shown: bool
    rules: tuple[NamedRule, ...]
    answers: tuple[Answered, ...]


async def recorded_card(store: Store, uuid: str, zone: dt.tzinfo) -> RecordedCard | None:
    """The card of this uuid; one of the store's ``lost`` where the record cannot be read."""
    told = [CARDS.c[name] for name in ("at", "service", "hook", "client", "indicator", "state", "findings")]
    rows = await store.rows(select(*told).where(CARDS.c.card == uuid))
    if not rows:
        return None
    at, service, hook, client, indicator, state, findings = rows[0]
    given = select(answered_at(), ANSWERS.c.outcome, ANSWERS.c.reason).where(
        ANSWERS.c.card == uuid, ANSWERS.c.client == client
    )
    answers = await store.rows(given.order_by(answered_at(), ANSWERS.c.received))
    return RecordedCard(
        at=instant(at, zone),
        service=service,
        hook=hook,
        client=client,
        indicator=indicator,
        shown=state != SILENT,
        rules=tuple(NamedRule(one.rule, one.version, one.indicator) for one in read_findings(findings)),
        answers=tuple(Answered(instant(when, zone), outcome, reason) for when, outcome, reason in answers),
    )
