"""The form of the test bench: the whole state of a trial, carried by the page and kept nowhere else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import TypeAlias
from urllib.parse import urlencode

import msgspec

from cds_service.authoring import documents, orders, try_out
from cds_service.authoring.documents import Json
from cds_service.authoring.edits import Edit
from cds_service.authoring.orders import Wish
from cds_service.authoring.try_out import Trial
from cds_service.errors import Unpasted
from cds_service.hooks.profiles import PROFILES

Pairs: TypeAlias = Iterable[tuple[str, str]]
FIRST = (
    ("patient", "rbd-dementia"),
    ("what", "clonazepam"),
    ("amount", "0.5"),
    ("reason", "REM sleep behavior disorder"),
)
"""What the form holds when the bench is opened: one press shows the first card."""
PASTED, ON_SERVER = "*pasted", "*server"
"""In place of a shipped patient."""
_FACT = "fact "
_MOST_EDITS = 200


class Form(msgspec.Struct, kw_only=True):
    """What was sent, and what is wrong with it by the field that it stands in."""

    trial: Trial
    text: str = ""
    """What stands in the field for a chart, be it tried or not; so it is with a server and its patient."""
    server: str = ""
    server_patient: str = ""
    day: str = ""
    wish: Wish = Wish("")
    facts: Mapping[str, str] = {}
    """The values of the fields of the chart, by ``handle field``."""
    shown_on: date
    """The day as of which they were shown: an age is another on another day."""
    orders_text: str = ""
    """The orders as they were typed, where they cannot be read."""
    source: str = ""
    """Which chart the changes were made to."""
    diagnosis: str = ""
    add: str = ""
    showing: str = ""
    do: str = ""
    faults: dict[str, str] = {}

    @property
    def pressed(self) -> tuple[str, str]:
        """What the button is to do, and what about."""
        verb, _, about = self.do.partition(" ")
        return verb, about

    @property
    def is_another_chart(self) -> bool:
        """Whether the changes that came along were made to another chart than is to be tried now."""
        return self.source != source_of(self.trial)

    @property
    def is_blocked(self) -> bool:
        """Whether what was given cannot be tried."""
        return not self.faults.keys().isdisjoint(("text", "patient", "orders", "day"))

    @property
    def where(self) -> str:
        """The shipped patient, or where else the chart comes from."""
        return self.trial.patient or (PASTED if self.trial.text else ON_SERVER)

    @property
    def own(self) -> str:
        """What tells whether the fields for a chart of one's own were changed since they were sent."""
        return _digest(self.text, self.server, self.server_patient)


def source_of(trial: Trial) -> str:
    """What tells one chart from another."""
    return trial.patient or _digest(trial.text, trial.server, trial.server_patient)


def _digest(*told: str) -> str:
    lines = "\n".join("\n".join(one.splitlines()) for one in told)
    return hashlib.sha256(lines.encode("utf-8", "replace")).hexdigest()[:16]


def _where(one: Mapping[str, str]) -> str:
    """Which chart is meant: one that was just typed, whatever is chosen."""
    text, server, on_server = (one.get(name, "").strip() for name in ("text", "server", "server_patient"))
    is_new = one.get("own", "") != _digest(one.get("text", ""), server, on_server)
    if is_new and text:
        return PASTED
    if is_new and server and on_server:
        return ON_SERVER
    return one.get("patient", "")


def read(pairs: Pairs, today: date, hooks: Sequence[str]) -> Form:
    """The form in the pairs that a browser sent; what cannot be used stays in it, with a sentence.

    ``hooks`` are those that the site answers, first the one that is tried where none is chosen.
    """
    listed = list(pairs)
    one = dict(listed)
    faults: dict[str, str] = {}
    where = _where(one)
    patient = "" if where in (PASTED, ON_SERVER) else where
    drafts = _drafts(one.get("drafts", ""), faults)
    known = {value for name, value in listed if name == "known"}
    chosen = {value for name, value in listed if name == "selected"}
    trial = Trial(
        patient=patient,
        text=one.get("text", "") if where == PASTED else "",
        server=one.get("server", "").strip() if where == ON_SERVER else "",
        server_patient=one.get("server_patient", "").strip() if where == ON_SERVER else "",
        hook=_known(one.get("hook"), hooks, hooks[0]),
        profile=_known(one.get("profile"), PROFILES, "default"),
        day=try_out.day_of(patient, _day(one.get("day", ""), faults), today),
        edits=tuple(_edits((value for name, value in listed if name == "edit"), faults)),
        drafts=drafts,
        unselected=frozenset(known - chosen),
    )
    return Form(
        trial=trial,
        text=one.get("text", ""),
        server=one.get("server", "").strip(),
        server_patient=one.get("server_patient", "").strip(),
        day=one.get("day", ""),
        wish=Wish(one.get("what", ""), one.get("amount", ""), one.get("often", "at bedtime"), one.get("reason", "")),
        facts={name.removeprefix(_FACT): value for name, value in listed if name.startswith(_FACT)},
        orders_text=one.get("drafts", "") if "orders" in faults else "",
        shown_on=_day(one.get("shown_on", ""), {}) or trial.day,
        source=one.get("source", source_of(trial)),
        diagnosis=one.get("diagnosis", "").strip(),
        add=one.get("add", ""),
        showing=one.get("showing", ""),
        do=one.get("do", ""),
        faults=faults,
    )


def _known(name: str | None, table: Collection[str], otherwise: str) -> str:
    return name if name is not None and name in table else otherwise


def _drafts(text: str, faults: dict[str, str]) -> tuple[Json, ...]:
    try:
        return orders.read(text)
    except Unpasted as fault:
        faults["orders"] = str(fault)
        return ()


def _day(text: str, faults: dict[str, str]) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        faults["day"] = "The day must be written as 2026-06-15."
        return None


def _edits(texts: Iterable[str], faults: dict[str, str]) -> Iterable[Edit]:
    for text in [*texts][:_MOST_EDITS]:
        try:
            yield Edit.read(text)
        except Unpasted as fault:
            faults["edits"] = str(fault)


def document_of(form: Form, bundles: try_out.Bundles) -> Json | None:
    """The chart that is tried; None where a server is asked, or where a fault was noted."""
    trial = form.trial
    try:
        if trial.patient:
            return bundles[trial.patient]
        if trial.text.strip():
            return documents.read(trial.text)
    except Unpasted as fault:
        form.faults["patient" if trial.patient else "text"] = str(fault)
    if not (trial.patient or trial.text or (trial.server and trial.server_patient)):
        form.faults["text"] = "Paste a Bundle or a hook request, name a FHIR server and a patient's id, or choose one."
    return None


def link(trial: Trial) -> str | None:
    """An address that sets up the same again; None for a pasted chart, which belongs into no address."""
    if trial.text or not trial.patient:
        return None
    told = [("patient", trial.patient), ("hook", trial.hook)]
    told += [("profile", trial.profile)] if trial.profile != "default" else []
    told += [("edit", str(edit)) for edit in trial.edits]
    told += [("drafts", json.dumps(trial.drafts, separators=(",", ":"), ensure_ascii=False))] if trial.drafts else []
    names = list(map(documents.name_of, trial.drafts))
    if trial.unselected & set(names):
        told += [("known", name) for name in names]
        told += [("selected", name) for name in names if name not in trial.unselected]
    return f"/bench?{urlencode(told, errors='replace')}"
