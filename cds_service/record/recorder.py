"""The record of one process: notes what calls led to, takes feedback, and remembers what was answered."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from copy import copy
from itertools import chain, repeat
from typing import TypeAlias

import msgspec
import structlog
from sqlalchemy.exc import ArgumentError

from cds_service.content.model import WEIGHT_OF
from cds_service.content.not_checked import ID as NOT_CHECKED
from cds_service.decisions.decide import Decision, Judged, Muted
from cds_service.decisions.group import CardGroup
from cds_service.decisions.ruleset import Ruleset
from cds_service.errors import NotReady, SettingsError
from cds_service.hooks.feedback import Feedback, FeedbackBatch
from cds_service.hooks.responses import Card
from cds_service.record import secrets_known
from cds_service.record.entries import (
    CALL,
    GRAVEST,
    LACKS,
    QUERY,
    UNREAD,
    Call,
    CardAnswer,
    Fingerprint,
    Part,
    Presented,
    ShownBefore,
    ShownCard,
    Withdrawn,
    milliseconds,
)
from cds_service.record.fingerprints import Fingerprinter
from cds_service.record.known_as import KnownAs
from cds_service.record.mute_policy import MutePolicy, Now
from cds_service.record.pseudonyms import Keys, is_readable, keys_before, keys_of
from cds_service.record.retention import Pruned
from cds_service.record.store import Store, cause_of
from cds_service.record.withdrawals import Withdrawals
from cds_service.record.writer import TallyKey, Writer
from cds_service.rules.review import Outcome, data_lacking
from cds_service.settings import Settings

UnreadCodes: TypeAlias = Mapping[str, Mapping[str, int]]
"""By collection and code system, how many codes no value set can know."""

_NONE_UNREAD: UnreadCodes = {}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_KEPT_SECONDS = 10.0
"""What a receipt waits for the disk; a caller that is refused sends again."""
_STORED_SECONDS = 0.25
"""What a receipt waits for beyond the disk, so that the next call of any process knows of the answer."""
_UNKEPT_SECONDS = 2.0
_MOST_ACCEPTED = 32
_DAY_SECONDS, _SECONDS_TO_TRY_AGAIN = 86_400, 60
_DAY_MILLISECONDS = _DAY_SECONDS * 1000
_LOG = structlog.get_logger()


class Recorder:
    """What the calls of a process share."""

    def __init__(self, settings: Settings, ruleset: Ruleset, now: Callable[[], dt.datetime] | None = None) -> None:
        self.keys: Keys = keys_of(settings)
        old = keys_before(settings)
        self.keys_before = (old,) if old else ()
        self.store = store_of(settings)
        self.writer = Writer(self.store, settings.var / "journal")
        self.now = now or settings.now
        self.silent = settings.mode == "silent"
        self._sessions_only = settings.memory == "off"
        self._day_is_fixed = settings.fixed_day is not None
        self._retention = dt.timedelta(days=settings.retention_days)
        self._held = {"secret-changed": False, "secret-readable": is_readable(settings), "clock": False}
        self._judge_by(ruleset)

    def renewed(self, ruleset: Ruleset) -> Recorder:
        """With other rules, in the same record."""
        other = copy(self)
        other._judge_by(ruleset)
        return other

    def _judge_by(self, ruleset: Ruleset) -> None:
        content, rules = ruleset.content, ruleset.rules
        self.fingerprinter = Fingerprinter(ruleset)
        self.memory = MutePolicy.of(ruleset, sessions_only=self._sessions_only)
        self.drafts = frozenset(name for name, p in rules.items() if p.content.status == "draft")
        self.withdrawals = Withdrawals(ruleset)
        self._reasons = frozenset(content.overrides)
        self.suggestions = content.suggestions

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Holds the record open; at the end what is left is written."""
        try:
            async with self.writer.running():
                if self._held["secret-readable"]:
                    _LOG.warning("secret readable", reason=secrets_known.READABLE)
                daily = asyncio.create_task(self._daily())
                try:
                    yield
                finally:
                    daily.cancel()
                    await asyncio.gather(daily, return_exceptions=True)
        finally:
            await self.store.close()

    @property
    def faults(self) -> dict[str, bool]:
        """What is wrong with the record, by name."""
        return {"writer": self.writer.failed, "lines-set-aside": self.writer.set_aside > 0, **self._held}

    def attend(self, call: Call) -> CallRecord:
        """To be asked, and told, about one call."""
        return CallRecord(self, call)

    async def take(self, report: FeedbackBatch, service: str, client: str) -> None:
        """Keeps feedback; NotReady where neither the disk nor the store would take it, so that it is sent again."""
        if not report.entries:
            return
        received = milliseconds(self.now())
        answers = [self._answer(entry, service, client, received) for entry in report.entries]
        receipt = self.writer.submit(answers)
        await asyncio.wait([receipt.kept], timeout=_KEPT_SECONDS)
        kept = receipt.kept.done() and receipt.kept.result() and not self.writer.failed
        await asyncio.wait([receipt.stored], timeout=_STORED_SECONDS if kept else _UNKEPT_SECONDS)
        if not receipt.stored.done() and (not kept or self.writer.failed):
            raise NotReady

    async def prune(self) -> Pruned:
        """Deletes what is older than the retention, if the clock can be believed."""
        pruned = await self.store.prune(self.now(), self._retention)
        self._held["clock"] = pruned.fault is not None
        if pruned.fault:
            _LOG.error("record not pruned", clock=pruned.fault, reason=pruned.told)
        elif any(pruned.rows.values()):
            _LOG.info("record pruned", oldest=pruned.oldest.isoformat(), **pruned.rows)
        return pruned

    async def know_secret(self) -> None:
        """Notes the secret in force, and tells of any other that the record was written under."""
        known = [keys.mark for keys in (self.keys, *self.keys_before)]
        await self.store.open()
        changed = await self.store.run(secrets_known.foreign, known)
        await self.store.run(secrets_known.see, self.keys.mark, milliseconds(self.now()))
        self._held["secret-changed"] = changed
        if changed:
            _LOG.error("secret changed", reason=secrets_known.CHANGED)

    def _answer(self, entry: Feedback, service: str, client: str, received: int) -> CardAnswer:
        """What is kept of an entry: no free text, and nothing that a client may have put in its place."""
        card = entry.card.lower()
        accepted = [name for name in map(str.lower, entry.accepted) if _UUID.fullmatch(name)]
        code = entry.reason.code if entry.reason else ""
        return CardAnswer(
            card=card if _UUID.fullmatch(card) else self.keys.name(entry.card),
            outcome=entry.outcome,
            at=milliseconds(entry.at),
            received=received,
            service=service,
            client=client,
            reason=code if code in self._reasons or not code else "other",
            accepted=" ".join(accepted[:_MOST_ACCEPTED]),
        )

    async def _daily(self) -> None:
        while True:
            try:
                await self.know_secret()
                # A day that was set for a demonstration may lie far ahead.
                if not self._day_is_fixed:
                    await self.prune()
                pause = _DAY_SECONDS
            except Exception as fault:  # a lost database, or what nobody foresaw: neither ends it for good
                _LOG.warning("record not tended", fault=type(fault).__name__)
                pause = _SECONDS_TO_TRY_AGAIN
            await asyncio.sleep(pause)


class CallRecord:
    """One call: its patient's memory is asked before, and what came of it is noted after.

    Most of the work is left to the writer: of what is here, only the answer to :meth:`recall` is waited for.
    """

    def __init__(self, recorder: Recorder, call: Call) -> None:
        self._recorder = recorder
        self._call = call
        self._at = recorder.now()
        self._known = KnownAs(recorder.keys, call, recorder.fingerprinter)
        """As it is written down."""
        self._known_before = tuple(KnownAs(keys, call, recorder.fingerprinter) for keys in recorder.keys_before)

    @property
    def _all_known(self) -> tuple[KnownAs, ...]:
        return (self._known, *self._known_before)

    async def recall(self, judged: Judged) -> Muted:
        """The findings that stay silent; none if the store cannot be read: better a card too many."""
        recorder, memory, hook = self._recorder, self._recorder.memory, self._call.hook
        grounds = recorder.fingerprinter.evidence(judged)
        for known in self._all_known:
            known.grounds = grounds
        if not memory.has_a_say(hook):
            return {}
        parts = memory.needs([recorder.fingerprinter.indicator(evaluation) for evaluation in judged.found], hook)
        unreadable: tuple[type[Exception], ...] = (*recorder.store.lost, ValueError, TypeError, ArithmeticError)
        try:
            return await self._recalled(parts)
        except unreadable as fault:
            _LOG.warning("memory not read", fault=type(fault).__name__)
            return {}

    async def _recalled(self, parts: tuple[Part, ...]) -> Muted:
        at = milliseconds(self._at)
        since = self._recorder.memory.session_begins(at)
        muted: Muted = {}
        for known in self._all_known:
            found = await self._recorder.store.before(known.patient, parts, since)
            before = [past for past in found if not _is_to_come(past, at)]
            if before:
                now = Now(self._at, at, self._call.hook, known.user, known.encounter)
                muted = {**self._recorder.memory.muted(known.prints, before, now), **muted}
        return muted

    def note(self, decision: Decision, unread: UnreadCodes = _NONE_UNREAD, queries: int = 0) -> None:
        """What came of the call, with so many queries to a FHIR server; written down soon, waited for by nobody."""
        self._recorder.writer.later(lambda: self._put_down(decision, unread, queries))

    def _put_down(self, decision: Decision, unread: UnreadCodes, queries: int) -> None:
        writer = self._recorder.writer
        writer.count(*self._tallied(decision, unread, queries))
        for card, group in zip(decision.cards, decision.groups, strict=True):
            writer.note(self._card(card, *self._findings(group, card)))
        for card in decision.unchecked:
            writer.note(self._card(card, self._recorder.fingerprinter.of_unchecked()))
        gone = tuple(self._recorder.withdrawals.of(decision))
        for known in self._all_known if gone else ():
            writer.note(Withdrawn(patient=known.patient, at=milliseconds(self._at), rules=gone))

    def _findings(self, group: CardGroup, card: Card) -> Iterator[Fingerprint]:
        """Each finding once, with those of the card's suggestions that were offered for it and start something."""
        suggestions = self._recorder.suggestions
        made = dict(zip(group.suggested(suggestions), card.suggestions, strict=True))
        starting = {name: one.uuid for name, one in made.items() if not suggestions[name].changes_draft}
        starts: dict[tuple[str, str], dict[str, None]] = {}
        for joined in group.findings:
            own = dict.fromkeys(starting[name] for name in joined.offered(suggestions) if name in starting)
            starts.setdefault(joined.evaluation.key, {}).update(own)
        for key, ids in starts.items():
            yield msgspec.structs.replace(self._known.prints[key], starts=tuple(ids))

    def _tallied(self, decision: Decision, unread: UnreadCodes, queries: int) -> Iterator[TallyKey]:
        """The call, its queries, the code systems that it could not be read in; what rules came to, lacked, became."""
        day, versions = self._at.date().isoformat(), self._recorder.fingerprinter.versions
        service, client = self._call.service, self._call.client
        yield day, service, client, "", "", CALL
        if decision.gate is None:
            yield day, service, client, "", "", f"{GRAVEST}{_gravest(decision)}"
        yield from repeat((day, service, client, "", "", QUERY), queries)
        for collection, systems in unread.items():
            yield from ((day, service, client, "", "", f"{UNREAD}{collection} {system}") for system in systems)
        evaluated = ((evaluation.rule, evaluation.outcome.value) for evaluation in decision.evaluations)
        for rule, outcome in chain(evaluated, _lacking(decision), self._presented(decision)):
            yield day, service, client, rule, versions[rule], outcome

    def _presented(self, decision: Decision) -> Iterator[tuple[str, Presented]]:
        """What became of each finding."""
        shown: Presented = "silent" if self._recorder.silent else "shown"
        yield from ((rule, shown) for group in decision.groups for rule in group.rules)
        yield from ((NOT_CHECKED, shown) for _ in decision.unchecked)
        yield from ((rule, "cut") for rules in decision.cut for rule in rules)
        yield from ((rule, "muted") for rule, _ in decision.muted)
        for evaluation in decision.evaluations:
            if evaluation.outcome is Outcome.FOUND and evaluation.rule in self._recorder.drafts:
                yield evaluation.rule, "draft"

    def _card(self, card: Card, *findings: Fingerprint) -> ShownCard:
        return ShownCard(
            card=card.uuid,
            at=milliseconds(self._at),
            service=self._call.service,
            hook=self._call.hook,
            client=self._call.client,
            indicator=card.indicator,
            patient=self._known.patient,
            user=self._known.user,
            encounter=self._known.encounter,
            findings=findings,
            shown=not self._recorder.silent,
        )


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Store]:
    """The store of a site, for as long as a command needs it; SettingsError where it cannot be had."""
    store = store_of(settings)
    try:
        yield store
    except store.lost as fault:
        told = type(cause_of(fault)).__name__
        raise SettingsError([f"CDS_DATABASE_URL: the database cannot be used ({told})."]) from None
    finally:
        await store.close()


def store_of(settings: Settings) -> Store:
    """The store of a site, not opened yet; SettingsError where its address cannot be one."""
    try:
        return Store(settings.database_url)
    except (ArgumentError, OSError, ValueError) as fault:
        # Others may quote a part of the address, and with it of a password.
        told = fault if isinstance(fault, ArgumentError) else type(fault).__name__
        raise SettingsError([f"CDS_DATABASE_URL: the database cannot be used ({told})."]) from None


def _gravest(decision: Decision) -> str:
    return min((card.indicator for card in decision.all_cards), key=WEIGHT_OF.__getitem__, default="none")


def _lacking(decision: Decision) -> Iterator[tuple[str, str]]:
    """For want of what each rule could not tell."""
    for evaluation in decision.evaluations:
        if evaluation.outcome is Outcome.UNDETERMINED:
            yield from ((evaluation.rule, f"{LACKS}{datum}") for datum in data_lacking(evaluation.missing))


def _is_to_come(past: ShownBefore, now: int) -> bool:
    """Whether it was written by a clock that was ahead: it would stay silent for as long as that."""
    return past.at > now + _DAY_MILLISECONDS or (past.outcome is not None and past.answered > now + _DAY_MILLISECONDS)
