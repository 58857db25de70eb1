"""What became of the cards, as clients report it (CDS Hooks: Feedback).

Entries are judged one by one: an entry that cannot be used does not cost its neighbours. Clients send the same
entry more than once, late, and about cards of an earlier answer; all of that is legal.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

import msgspec

from cds_service.errors import ContractBroken, NotJson

MOST_ENTRIES = 10_000


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


class Report(msgspec.Struct, frozen=True):
    """One call's entries, and how many of them could not be used."""

    entries: tuple[Feedback, ...]
    unusable: int = 0


class _Accepted(msgspec.Struct):
    id: str


class _Override(msgspec.Struct, rename="camel"):
    reason: Reason | None = None
    user_comment: str | None = None


class _Entry(msgspec.Struct, rename="camel"):
    card: str
    outcome: Literal["accepted", "overridden"]
    outcome_timestamp: str
    accepted_suggestions: list[_Accepted] = []
    override_reason: Any = None
    override_reasons: Any = None
    """Epic's name for ``overrideReason``: one object all the same."""


class _Body(msgspec.Struct):
    feedback: list[Any]


def parse_feedback(body: bytes) -> Report:
    """The entries in a body; ContractBroken when it has some and none can be used."""
    sent = _sent(body)
    entries = tuple(entry for entry in map(_entry, sent) if entry is not None)
    if sent and not entries:
        raise ContractBroken("feedback", "None of the entries is complete enough to be used.")
    return Report(entries, len(sent) - len(entries))


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
    accepted = tuple(suggestion.id for suggestion in entry.accepted_suggestions if suggestion.id)
    if not entry.card or (entry.outcome == "accepted" and not accepted):
        return None
    return Feedback(
        card=entry.card,
        outcome=entry.outcome,
        at=at,
        accepted=accepted,
        reason=override.reason,
        comment=override.user_comment or None,
    )


def _override(entry: _Entry) -> _Override:
    """The reason and the comment, each for itself; one that cannot be read does not cost the outcome."""
    sent = entry.override_reason if entry.override_reason is not None else entry.override_reasons
    given = sent if isinstance(sent, dict) else {}
    comment = given.get("userComment")
    try:
        reason = msgspec.convert(given.get("reason"), Reason | None)
    except msgspec.ValidationError:
        reason = None
    return _Override(reason, comment if isinstance(comment, str) else None)


def _instant(text: str) -> dt.datetime:
    """An RFC 3339 instant in UTC; without a zone it is no instant."""
    at = dt.datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("no zone")
    return at.astimezone(dt.UTC)
