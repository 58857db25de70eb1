"""What is written down, as values: in the journal as a line of JSON, in the store as rows."""

from __future__ import annotations

import datetime as dt
from typing import Literal, TypeAlias

import msgspec

from cds_service.content.model import Indicator

Presented: TypeAlias = Literal["shown", "silent", "draft", "muted", "cut"]
"""What became of a finding: shown; or not, because of the mode, the rule's status, an earlier answer or the caps."""

Part: TypeAlias = Literal["answered", "recent", "information", "withdrawals"]
"""Of a patient's past: answered cards; any since a time; informing ones; and what the chart no longer meets."""


CALL, QUERY, LACKS, UNREAD, GRAVEST = "call", "query", "lacks ", "unread ", "gravest "
"""Outcomes of a tally: a call; a query put to a FHIR server; before a datum, undetermined for want of it; before a
collection and a code system, a call with codes of that system, which no value set can know; before an indicator or
``none``, a call for which rules were asked, and whose gravest card, shown or silent, has it."""


BENCH = "bench"
"""Under this name stands what was answered on the test bench; no client may have it, and no number counts it."""
MADE_UP = "demonstration-"
DEMONSTRATION = (f"{MADE_UP}hospital", f"{MADE_UP}clinics")
"""Under these names stands what was made up; no client may have one that begins so."""


def milliseconds(at: dt.datetime) -> int:
    """A time as the record keeps it, since 1970."""
    return round(at.timestamp() * 1000)


def instant(at: int, zone: dt.tzinfo | None) -> dt.datetime:
    """A time of the record, where the site is."""
    return dt.datetime.fromtimestamp(at / 1000, zone)


class Call(msgspec.Struct, frozen=True):
    """Who asks what about whom."""

    service: str
    hook: str
    client: str
    """The client's name in the record."""
    issuer: str
    """Whose user and patient ids they are."""
    within: str
    """The tenant, or the FHIR server's base where there is none: equal ids of two organizations are two patients."""
    user_id: str
    patient_id: str
    encounter_id: str | None = None


class Fingerprint(msgspec.Struct, frozen=True, kw_only=True):
    """A finding without its content: what two findings of one patient are compared by.

    ``drug``, ``classes``, ``dose``, ``draft`` and ``evidence`` are pseudonyms.
    """

    rule: str
    version: str
    indicator: Indicator
    drug: str
    classes: tuple[str, ...]
    """The kinds of all findings of the family about the same order or drug, this one's among them."""
    band: int | None = None
    """How high the daily dose is; each band is twice as wide as the one below."""
    dose: str = ""
    draft: str = ""
    evidence: str = ""
    """What the finding rests on: its entries in the chart and all others of the same value sets, word for word."""
    entries: tuple[str, ...] = ()
    """The same entries by their names alone."""
    drugs: dict[str, int | None] = {}
    """The other drugs that it rests on, with the bands of their doses."""
    starts: tuple[str, ...] = ()
    """The suggestions offered for it that start something and leave the draft alone, by their ids."""


class ShownCard(msgspec.Struct, frozen=True, kw_only=True, tag="card"):
    """One card and its findings; times are milliseconds since 1970, UTC."""

    card: str
    at: int
    service: str
    hook: str
    client: str
    indicator: Indicator
    patient: str
    user: str
    encounter: str
    findings: tuple[Fingerprint, ...]
    shown: bool = True


class CardAnswer(msgspec.Struct, frozen=True, kw_only=True, tag="answer"):
    """What a clinician did with a card, as a client reported it; a comment is never among it."""

    card: str
    outcome: Literal["accepted", "overridden"]
    at: int
    received: int
    service: str
    client: str
    reason: str = ""
    """A code of ``override-reasons.toml``, ``other`` for any other, empty for none."""
    accepted: str = ""
    """The ids of the suggestions that were taken, parted by blanks."""


class Tally(msgspec.Struct, frozen=True, kw_only=True, tag="tally"):
    """How often something came out on a day; rule and version are empty for the calls themselves."""

    day: str
    service: str
    client: str
    rule: str
    version: str
    outcome: str
    count: int


class Withdrawn(msgspec.Struct, frozen=True, kw_only=True, tag="withdrawn"):
    """Rules that a chart read in full no longer meets: what was answered of them counts no longer."""

    patient: str
    at: int
    rules: tuple[str, ...]


Entry: TypeAlias = ShownCard | CardAnswer | Tally | Withdrawn


class Batch(msgspec.Struct, frozen=True):
    """What is written at once; numbers rise within one journal."""

    number: int
    entries: tuple[Entry, ...]


class ShownBefore(msgspec.Struct, frozen=True):
    """A finding that was shown for this patient, with what became of its card, if anything did."""

    card: str
    at: int
    hook: str
    card_indicator: str
    user: str
    encounter: str
    finding: Fingerprint
    withdrawn: bool = False
    company: tuple[tuple[str, str], ...] = ()
    """Rule and evidence of every finding of the card."""
    outcome: str | None = None
    reason: str = ""
    said: int = 0
    """When it was answered, as the client says."""
    received: int = 0
    accepted: str = ""
    """The ids of the suggestions that were taken, parted by blanks."""

    @property
    def started(self) -> bool:
        """Whether something was taken that the finding offered and that leaves the draft as it was."""
        return not set(self.finding.starts).isdisjoint(self.accepted.split())

    @property
    def answered(self) -> int:
        """When it was answered, but not later than that was received."""
        return min(self.said, self.received)
