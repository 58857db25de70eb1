"""Judgements, short to write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from cds_service.replay.judgements import CODES, JUDGEMENTS, RUN, Codes, Judgement, Run, ShownCard, Verdict

A, B = "clonazepam-dementia", "clonazepam-falls"


def card(rule: str = A, indicator: str = "warning", *orders: str, also: tuple[str, ...] = ()) -> ShownCard:
    return ShownCard(rule, (rule, *also), indicator, orders)


def judged(patient: str = "p1", *cards: ShownCard, **told: Any) -> Judgement:
    said = {"day": "2026-06-15", "hook": "patient-view", "service": "rbd-patient-view", "age": "65-74", "sex": "female"}
    return Judgement(patient=patient, cards=cards, **{**said, **told})


def ended(what: Any, at: str = "", datum: str = "") -> tuple[Verdict, ...]:
    return (Verdict(what, at, datum),)


def run(**told: Any) -> Run:
    services = {"rbd-patient-view": (A, B)}
    said = {"program": "1.0", "cards": "00000000", "hooks": ("patient-view",), "services": services, "mode": "events"}
    return Run(**{**said, **told})


def written(folder: Path, judgements: list[Judgement], of: Run | None = None, codes: Codes | None = None) -> Path:
    """What a replay leaves behind."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = (msgspec.json.encode(one) + b"\n" for one in sorted(judgements, key=lambda one: one.order))
    (folder / JUDGEMENTS.format(0)).write_bytes(b"".join(lines))
    told = msgspec.structs.replace(of or run(), judgements=len(judgements))
    (folder / RUN).write_bytes(msgspec.json.encode(told))
    (folder / CODES).write_bytes(msgspec.json.encode(codes or Codes()))
    return folder
