"""The differences of two replays as tables, as lines for a person, and as one document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cds_service.replay.differences import KINDS, Changed, Differences
from cds_service.replay.tables import Cell, Column, Table

_NAMES = ("kind", "hook", "rule", "reason")


def tables_of(found: Differences) -> list[Table]:
    """How many patients change, and each change with its patients and cards; no patient by name."""
    kinds = tuple((kind, found.of_kind[kind]) for kind in KINDS)
    changes: list[tuple[Cell, ...]] = [
        (one.kind, one.hook, one.rule, one.reason, found.by_change[one], found.cards[one]) for one in found.changes
    ]
    patients, cards = Column("patients", "Patients"), Column("cards", "Cards")
    names = [Column(name, name.capitalize(), "text" if name == "reason" else "name") for name in _NAMES]
    says = "A patient may gain one card and lose another."
    why = (
        "A rule's card changes where its indicator, finding, orders or the rule that leads the card is another. "
        "The reason is what the rule came to before, and after."
    )
    return [
        Table("kinds", "Patients who change", says, (names[0], patients), kinds),
        Table("changes", "Changes", why, (*names, patients, cards), tuple(changes)),
    ]


def sample_of(found: Differences) -> list[tuple[Cell, ...]]:
    """Who is drawn for each change; the names of the columns first."""
    rows: list[tuple[Cell, ...]] = [
        (change.kind, change.hook, change.rule, change.reason, one.patient, one.day, one.event, " ".join(one.orders))
        for change in found.changes
        for one in found.sampled[change]
    ]
    return [(*_NAMES, "patient", "day", "event", "orders"), *rows]


def headline(found: Differences) -> str:
    gains, loses, changes = (found.of_kind[kind] for kind in KINDS)
    said = f"{found.of_kind['']:,} of {found.patients:,} patients change"
    return f"{said}: {gains:,} gain a card, {loses:,} lose one, {changes:,} have another."


def lines_of(found: Differences) -> Iterator[str]:
    """The changes for a person, those of the most patients first, a few patients under each."""
    yield headline(found)
    for change in found.changes:
        patients, cards = found.by_change[change], found.cards[change]
        yield f"{change.kind} {change.rule} at {change.hook}: {patients:,} patients, {cards:,} cards: {change.reason}"
        yield from (f"  {' '.join(filter(None, _where(one)))}" for one in found.sampled[change])


def _where(one: Changed) -> tuple[str, ...]:
    return one.patient, one.day, one.event, *one.orders


def document_of(found: Differences) -> dict[str, Any]:
    return {
        "patients": found.patients,
        "change": found.of_kind[""],
        "by-kind": {kind: found.of_kind[kind] for kind in KINDS},
        "changes": [
            {
                "kind": change.kind,
                "hook": change.hook,
                "rule": change.rule,
                "reason": change.reason,
                "patients": found.by_change[change],
                "cards": found.cards[change],
                "sample": [
                    {"patient": one.patient, "day": one.day, "event": one.event or None, "orders": one.orders}
                    for one in found.sampled[change]
                ],
            }
            for change in found.changes
        ],
    }
