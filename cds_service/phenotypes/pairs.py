"""Two drugs that matter together.

One pair is one card, on the order that comes last in the Bundle: an earlier order leaves its partner to the later one.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, Unavailable, all_of, either, unread
from cds_service.facts.patient import Drug, Medication, Order, PatientFacts
from cds_service.facts.words import Said, phrasing
from cds_service.fhir.dates import Interval
from cds_service.phenotypes.therapy import being_taken

TakesCard = Callable[[Order], bool]

_DRAFTED = phrasing("drafted")()
_CURRENT = phrasing("current-since", "start")
_CURRENT_UNDATED = phrasing("current-undated")()
_ENDED = phrasing("ended", "end")
_ENDED_UNDATED = phrasing("ended-undated")()


class Side(msgspec.Struct, frozen=True):
    """One of the two drugs: an ingredient, with the entry or draft that names it."""

    ingredient: str
    therapy: Order | Medication

    @property
    def drug(self) -> Drug:
        assert self.therapy.drug is not None, "a side is made of an entry whose drug is known"  # noqa: S101
        return self.therapy.drug

    @property
    def source(self) -> str:
        return self.therapy.source

    @property
    def sets(self) -> frozenset[str]:
        return self.drug.sets

    @property
    def daily_mg(self) -> float | None:
        return self.therapy.dose.daily_mg

    @property
    def stale(self) -> Medication | None:
        """The entry, where it is too old to show that the drug is taken."""
        return self.therapy if isinstance(self.therapy, Medication) and self.therapy.old else None

    @property
    def is_past(self) -> bool:
        """No longer taken."""
        return isinstance(self.therapy, Medication) and not self.therapy.current

    @property
    def ended(self) -> Interval | None:
        """The day a drug that is no longer taken was ended, where it is recorded."""
        return self.therapy.ended if isinstance(self.therapy, Medication) else None

    @property
    def state(self) -> Said:
        """Drafted, current since a day, or ended on one."""
        if isinstance(self.therapy, Order):
            return _DRAFTED
        if self.therapy.current:
            return _CURRENT(start=self.therapy.start) if self.therapy.start else _CURRENT_UNDATED
        return _ENDED(end=self.therapy.ended) if self.therapy.ended else _ENDED_UNDATED


def partners(
    therapy: Order | Medication,
    facts: PatientFacts,
    sets: tuple[str, ...],
    takes_card: TakesCard,
    entries: Fact[tuple[Medication, ...]] | None = None,
) -> Fact[tuple[Side, ...]]:
    """The other drafts and the entries of these value sets, each ingredient once, a draft before an entry.

    ``takes_card`` tells whether an order is reviewed for this pair: a partner drafted after this one takes the card.
    The entries are the current drugs unless others are given.
    """
    before, after = _drafts_around(therapy, facts)
    left = frozenset[str]().union(*(o.drug.ingredients for o in after if _is_certain(o) and o.drug and takes_card(o)))
    listed = facts.current_drugs(*sets) if entries is None else entries
    found: dict[str, Side] = {}
    for order in (*before, *after):
        if order.drug and _is_certain(order) and not order.drug.sets.isdisjoint(sets):
            found.setdefault(order.drug.ingredient(*sets), Side(order.drug.ingredient(*sets), order))
    for entry in listed.value_or(()):
        found.setdefault(entry.ingredient, Side(entry.ingredient, entry))
    kept = all_of([side for name, side in found.items() if name not in left])
    return kept if kept.known else either(unread(listed), _unreadable((*before, *after), sets))


def continued(one: Side, other: Side, facts: PatientFacts) -> Fact[Medication]:
    """Known if the patient takes both already; absent if one is new, or drafted while only an old entry lists it."""
    found = [_taken(side, facts) for side in (one, other)]
    if ABSENT in found:
        return ABSENT
    return next((fact for fact in found if not fact.known), found[0])


def _taken(side: Side, facts: PatientFacts) -> Fact[Medication]:
    taken = being_taken(side.drug, facts)
    return taken.provided(lambda medication: not medication.old) if isinstance(side.therapy, Order) else taken


def _drafts_around(therapy: Order | Medication, facts: PatientFacts) -> tuple[list[Order], list[Order]]:
    """The drafts before and after this one, without those that stop something."""
    sources = [order.source for order in facts.orders]
    place = sources.index(therapy.source) if isinstance(therapy, Order) else len(sources)
    going_on = [(n, order) for n, order in enumerate(facts.orders) if not order.stops]
    return [order for n, order in going_on if n < place], [order for n, order in going_on if n > place]


def _is_certain(order: Order) -> bool:
    return order.drug is not None and not order.drug.uncertain


def _unreadable(orders: tuple[Order, ...], sets: tuple[str, ...]) -> Fact[tuple[Side, ...]]:
    """Unavailable if a draft may be of these value sets and cannot be told."""
    for order in orders:
        if order.drug_unreadable:
            return Unavailable(f"orders: {order.drug_unreadable}")
        if order.drug and order.drug.uncertain and not order.drug.sets.isdisjoint(sets):
            return Unavailable(f"orders: {order.drug.uncertain}")
    return ABSENT
