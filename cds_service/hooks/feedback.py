"""What became of the cards, as clients report it (CDS Hooks: Feedback).

Entries are judged one by one: an entry that cannot be used does not cost its neighbours. Clients send the same
entry more than once, late, and about cards of an earlier answer; all of that is legal.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from cds_service.errors import ContractBroken, NotJson

MOST_ENTRIES = 10_000
_LEAP_SECOND = re.compile(r"(T\d\d:\d\d):60")


class Reason(msgspec.Struct, frozen=True):
    """The coded reason a clinician picked; the public sandbox leaves out ``system``, nobody sends ``display``."""

    code: str
    system: str | None = None
    display: str | None = None


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """What a clinician did with one card. ``comment`` is free text about a patient: never to be logged."""

    card: str
    outcome: Literal["accepted", "overridden"]
    at: dt.datetime
    accepted: tuple[str, ...] = ()
    """Identifiers of the suggestions that were taken."""
    reason: Reason | None = None
    comment: str | None = None


class FeedbackBatch(msgspec.Struct, frozen=True):
    """One call's entries, and how many of them could not be used."""

    entries: tuple[Feedback, ...]
    unusable: int = 0


class _Override(msgspec.Struct, rename="camel"):
    reason: Reason | None = None
    user_comment: str | None = None


class _Entry(msgspec.Struct, rename="camel"):
    card: str
    outcome: Literal["accepted", "overridden"]
    outcome_timestamp: str
    accepted_suggestions: Any = None
    override_reason: Any = None
    override_reasons: Any = None
    """Epic's name for ``overrideReason``: one object all the same."""


class _Body(msgspec.Struct):
    feedback: list[Any]


def parse_feedback(body: bytes) -> FeedbackBatch:
    """The entries in a body; ContractBroken when it has some and none can be used."""
    sent = _sent(body)
    entries = tuple(entry for entry in map(_entry, sent) if entry is not None)
    if sent and not entries:
        raise ContractBroken("feedback", "None of the entries is complete enough to be used.")
    return FeedbackBatch(entries, len(sent) - len(entries))


def _sent(body: bytes) -> list[Any]:
    try:
        document = msgspec.json.decode(body)
        sent = msgspec.convert(document, _Body).feedback
    except msgspec.ValidationError:
        raise ContractBroken("feedback", "The member must be an array of entries.", code="required") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotJson from None
    if len(sent) > MOST_ENTRIES:
        raise ContractBroken("feedback", f"No more than {MOST_ENTRIES} entries are taken at once.", code="too-long")
    return sent


def _entry(sent: object) -> Feedback | None:
    try:
        entry = msgspec.convert(sent, _Entry)
        at = _instant(entry.outcome_timestamp)
    except (ValueError, OverflowError):
        return None
    override = _override(entry)
    accepted = tuple(_ids(entry.accepted_suggestions))
    if not entry.card or (entry.outcome == "accepted" and not accepted):
        return None
    return Feedback(
        card=entry.card.removeprefix("urn:uuid:"),
        outcome=entry.outcome,
        at=at,
        accepted=accepted,
        reason=override.reason,
        comment=override.user_comment or None,
    )


def _override(entry: _Entry) -> _Override:
    """The reason and the comment, each for itself; one that cannot be read does not cost the outcome."""
    sent = entry.override_reason if entry.override_reason is not None else entry.override_reasons
    if isinstance(sent, list):
        sent = next((one for one in sent if isinstance(one, dict)), None)
    given = sent if isinstance(sent, dict) else {}
    comment = given.get("userComment")
    try:
        reason = msgspec.convert(given.get("reason"), Reason | None)
    except msgspec.ValidationError:
        reason = None
    return _Override(reason, comment if isinstance(comment, str) else None)


def _ids(sent: object) -> Iterator[str]:
    """The suggestions taken, as objects with an id or as plain ids; what is neither does not cost the others."""
    for one in sent if isinstance(sent, list) else ():
        named = one.get("id") if isinstance(one, dict) else one
        if isinstance(named, str) and named:
            yield named


def _instant(text: str) -> dt.datetime:
    """An RFC 3339 instant in UTC, a leap second as the one before it; without a zone it is no instant."""
    at = dt.datetime.fromisoformat(_LEAP_SECOND.sub(r"\1:59", text.upper()))
    if at.tzinfo is None:
        raise ValueError("no zone")
    return at.astimezone(dt.UTC)
