"""What a replay leaves behind in its folder, and how it is read again.

``run.json`` is one :class:`Run`, ``codes.json`` one :class:`Codes`, and each line of ``judgements-0000.ndjson`` and of
those after it one :class:`Judgement`, all in the order of patient, day, hook and event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

RUN, CODES = "run.json", "codes.json"
JUDGEMENTS = "judgements-{:04}.ndjson"
Sex = Literal["female", "male", "other", "unknown"]
What = Literal["found", "not_met", "undetermined", "failed", "not_started"]


class Verdict(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a rule came to: an array of three texts, what is not told being empty."""

    what: What
    at: str = ""
    """The card's variant where it was found, else the criterion at which it ended."""
    datum: str = ""
    """Of what was left undetermined: which data could not be had, and why."""


class ShownCard(msgspec.Struct, frozen=True, gc=False):
    topic: str
    """The rule that leads it."""
    rules: tuple[str, ...]
    indicator: str
    orders: tuple[str, ...] = ()
    """The drafts or entries that it is about, such as ``MedicationRequest/9``; none where it is about the patient."""


Verdicts: TypeAlias = Mapping[str, tuple[Verdict, ...]]
"""By rule; nearly always one."""


class Judgement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One hook, answered for one patient on one day; what is as it is by default is not written."""

    patient: str
    day: str
    hook: str
    service: str
    event: str | None = None
    """The encounter or the order that made the hook fire; None where the day alone was chosen."""
    age: str | None = None
    """The band, such as ``65-74``; None where the birth date does not tell it."""
    sex: Sex = "unknown"
    cards: tuple[ShownCard, ...] = ()
    outcomes: Verdicts = {}
    """Of the rules that judged the patient, or nothing at all."""
    of_orders: Mapping[str, Verdicts] = {}
    """By order or drug, such as ``MedicationRequest/9``, those of the rules that judged it."""
    muted: tuple[str, ...] = ()
    unreadable: Mapping[str, int] = {}
    """By ``key: place``, how many times."""
    gate: str | None = None
    """Why nothing was looked at: the patient has died, or the data are not R4."""
    refused: int | None = None
    """The status with which the hook would have been refused."""

    def verdicts(self) -> Iterator[tuple[str, str, Verdict]]:
        """All of them: rule, order and verdict; the order is empty where the patient was judged."""
        for order, outcomes in (("", self.outcomes), *self.of_orders.items()):
            for rule, verdicts in outcomes.items():
                yield from ((rule, order, verdict) for verdict in verdicts)

    @property
    def order(self) -> tuple[str, str, str, str]:
        """Where it stands among all."""
        return self.patient, self.day, self.hook, self.event or ""


class Damage(msgspec.Struct, frozen=True):
    """What of a file could not be read; never what stands there."""

    file: str
    """Its name in the export; for a file of one patient its number in the order of names, as a name may tell who."""
    kind: str
    count: int
    at: tuple[int, ...] = ()
    """Where the first of them begin, in bytes from the start of the file as it reads unpacked."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What was replayed, with which rules, and what of it could be read."""

    program: str
    cards: str
    """The digest of the cards."""
    hooks: tuple[str, ...]
    services: Mapping[str, tuple[str, ...]]
    """By service its rules, those that are switched off left out."""
    said: Mapping[str, str] = {}
    """By rule the digest of what its cards say, by which a signature goes too."""
    mode: Literal["as-of", "events", "requests"]
    as_of: str | None = None
    switches: Mapping[str, bool | int | str | None] = {}
    patients: int = 0
    judgements: int = 0
    files: int = 0
    files_left_out: int = 0
    """Files beside them that are of no kind that is read."""
    lines: int = 0
    bytes: int = 0
    types: Mapping[str, int] = {}
    """Lines by type of resource; a type that rules read and that is not there was taken for empty."""
    damaged: tuple[Damage, ...] = ()
    dropped: Mapping[str, int] = {}
    """Lines that were left out because nothing of them could have changed an answer, by why."""
    days: tuple[str, str] | None = None
    """The first and the last day that were judged."""


class UnknownCode(msgspec.Struct, frozen=True, order=True):
    system: str
    code: str
    count: int


class Coverage(msgspec.Struct, frozen=True):
    """How much of a collection the value sets know."""

    entries: int = 0
    known: int = 0
    """Entries that some value set knows by a code or by their words."""
    foreign: int = 0
    """Entries of whose code systems none is read, and whose words are not known: nothing can be told of them."""
    unknown: tuple[UnknownCode, ...] = ()
    """The codes of the entries that are not known, the most frequent first; of those codes how many entries."""


class Codes(msgspec.Struct, frozen=True):
    collections: Mapping[str, Coverage] = {}


def read_run(folder: Path) -> Run:
    return _RUN.decode((folder / RUN).read_bytes())


def read_codes(folder: Path) -> Codes:
    return _CODES.decode((folder / CODES).read_bytes())


def read_judgements(folder: Path) -> Iterator[Judgement]:
    """All judgements in their order, one at a time."""
    for path in sorted(folder.glob("judgements-*.ndjson")):
        with path.open("rb") as lines:
            yield from map(_JUDGEMENT.decode, lines)


_RUN = msgspec.json.Decoder(Run)
_CODES = msgspec.json.Decoder(Codes)
_JUDGEMENT = msgspec.json.Decoder(Judgement)
