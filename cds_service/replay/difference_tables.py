"""The differences of two replays as tables, as lines for a person, and as one document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cds_service.replay.differences import KINDS, Change, Changed, Differences, Kind
from cds_service.replay.tables import Cell, Column, Table
from cds_service.replay.words import counted

_NAMES = ("kind", "hook", "rule", "reason")
_VERBS: Mapping[Kind, tuple[str, str]] = {
    "gains": ("gains a card", "gain a card"),
    "loses": ("loses a card", "lose a card"),
    "changes": ("has another card", "have another card"),
}


def tables_of(found: Differences) -> list[Table]:
    """How many patients and orders change, and each change with its patients, orders and cards; nobody by name."""
    kinds = tuple((kind, found.of_kind[kind], found.orders_of_kind[kind]) for kind in KINDS)
    changes: list[tuple[Cell, ...]] = [
        (
            *(change.kind, change.hook, change.rule, change.reason),
            *(found.by_change[change], found.orders[change] or None, found.cards[change]),
        )
        for change in found.changes
    ]
    patients, orders, cards = Column("patients", "Patients"), Column("orders", "Orders"), Column("cards", "Cards")
    names = [Column(name, name.capitalize(), "text" if name == "reason" else "name") for name in _NAMES]
    says = "A patient may gain one card and lose another. Orders are those that the cards are about, and drugs too."
    why = (
        "A rule's card changes where its indicator, finding or the rule that leads the card is another. "
        "The reason is what the rule came to before, and after; where it is about orders, of those that change."
    )
    return [
        Table("kinds", "Patients and orders that change", says, (names[0], patients, orders), kinds),
        Table("changes", "Changes", why, (*names, patients, orders, cards), tuple(changes)),
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
    """Who changes, and of how many orders; of what does not occur nothing is said."""
    if not found.patients:
        return "No patient was judged."
    if not found.of_kind[""]:
        return f"No card changes for {counted(found.patients, 'patient', 'patients')}."
    of = counted(found.patients, "patient", "patients")
    said = f"{found.of_kind['']:,} of {of} {'changes' if found.of_kind[''] == 1 else 'change'}"
    told = f"{said}: {_told(found.of_kind)}."
    return f"{told} Of orders, {_told(found.orders_of_kind)}." if found.orders_of_kind else told


def _told(of_kind: Mapping[str, int]) -> str:
    return ", ".join(counted(number, *_VERBS[kind]) for kind in KINDS if (number := of_kind[kind]))


def lines_of(found: Differences) -> Iterator[str]:
    """The changes for a person, those of the most patients first, a few patients under each."""
    yield headline(found)
    for change in found.changes:
        yield f"{change.kind} {change.rule} at {change.hook}: {', '.join(_counts(found, change))}: {change.reason}"
        yield from (f"  {' '.join(_where(one))}" for one in found.sampled[change])


def _counts(found: Differences, change: Change) -> Iterator[str]:
    yield counted(found.by_change[change], "patient", "patients")
    if orders := found.orders[change]:
        yield counted(orders, "order", "orders")
    yield counted(found.cards[change], "card", "cards")


def _where(one: Changed) -> Iterable[str]:
    """An order that is signed is event and order at once."""
    return filter(None, dict.fromkeys((one.patient, one.day, one.event, *one.orders)))


def document_of(found: Differences) -> dict[str, Any]:
    return {
        "patients": found.patients,
        "change": found.of_kind[""],
        "by-kind": {kind: found.of_kind[kind] for kind in KINDS},
        "orders-by-kind": {kind: found.orders_of_kind[kind] for kind in KINDS},
        "changes": [
            {
                "kind": change.kind,
                "hook": change.hook,
                "rule": change.rule,
                "reason": change.reason,
                "patients": found.by_change[change],
                "orders": found.orders[change],
                "cards": found.cards[change],
                "sample": [
                    {"patient": one.patient, "day": one.day, "event": one.event or None, "orders": one.orders}
                    for one in found.sampled[change]
                ],
            }
            for change in found.changes
        ],
    }
