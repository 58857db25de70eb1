"""What an order changes, and what a drug is given for.

Clinical specification, sections 2.1 (change against current therapy) and 2.4 (indication of a clonazepam order).
"""

from __future__ import annotations

from enum import Enum

from cds_service.facts.knowledge import ABSENT, Fact, Known, Unavailable, unread
from cds_service.facts.patient import Change, Drug, Medication, Order, PatientFacts


class Indication(Enum):
    RBD = "rbd"
    MYOCLONUS = "myoclonus"
    EPILEPSY = "epilepsy"
    PANIC = "panic"
    ANXIETY = "anxiety"
    SEVERAL = "several"
    OTHER = "other"
    NOT_STATED = "not-stated"


_NAMED: tuple[tuple[str, Indication], ...] = (
    ("rbd", Indication.RBD),
    ("dream-enactment", Indication.RBD),
    ("complex-sleep-movements", Indication.RBD),
    ("epilepsy", Indication.EPILEPSY),
    ("progressive-myoclonus-epilepsy", Indication.EPILEPSY),
    ("panic", Indication.PANIC),
    ("anxiety", Indication.ANXIETY),
    ("myoclonus", Indication.MYOCLONUS),
)


def indication(therapy: Order | Medication, facts: PatientFacts) -> Indication:
    """The stated reason; without one, the single active diagnosis that the drug treats.

    RBD is inferred only if neither epilepsy, panic disorder nor myoclonus is active beside it.
    """
    stated = {found for name, found in _NAMED if name in therapy.reasons}
    if stated:
        return stated.pop() if len(stated) == 1 else Indication.SEVERAL
    if therapy.reason_words:
        return Indication.OTHER
    others = [one for one in _NAMED if one[1] != Indication.RBD]
    active = {found for name, found in others if facts.conditions(name).known}
    active -= {Indication.ANXIETY} if len(active) > 1 else set()
    if facts.conditions("rbd").known:
        active.add(Indication.RBD)
        active.discard(Indication.ANXIETY)
    if not active:
        return Indication.NOT_STATED
    return active.pop() if len(active) == 1 else Indication.SEVERAL


def is_for_rbd(therapy: Order | Medication, facts: PatientFacts) -> Fact[Indication]:
    """Known for a drug given for RBD; unavailable if no reason is stated and the problem list could not be read."""
    if isinstance(therapy, Order) and therapy.reasons_unreadable and not therapy.reasons:
        return Unavailable(f"orders: {therapy.reasons_unreadable}")
    found = indication(therapy, facts)
    if found is Indication.RBD:
        return Known(found, (therapy.source,))
    return unread(facts.conditions("rbd")) if found is Indication.NOT_STATED else ABSENT


def change(order: Order, facts: PatientFacts) -> Change:
    """New, increase, same or decrease against what the patient takes of the same ingredients; unknown without data."""
    return _against(current_of(order, facts), order)


def _against(taken: Fact[Medication], order: Order) -> Change:
    if not taken.known:
        return Change.NEW if taken == ABSENT else Change.UNKNOWN
    if taken.value.dose.unreadable or order.dose.unreadable:
        return Change.UNKNOWN
    before, after = taken.value.dose.daily_mg, order.dose.daily_mg
    if before is None or after is None or before == after:
        return Change.SAME
    return Change.INCREASE if after > before else Change.DECREASE


def current_of(order: Order, facts: PatientFacts) -> Fact[Medication]:
    """The current medication with an ingredient of the order."""
    return being_taken(order.drug, facts) if order.drug else facts.unread("medications")


def being_taken(drug: Drug, facts: PatientFacts) -> Fact[Medication]:
    """The current medication with an ingredient of the drug; absent only if all current drugs could be read."""
    same = facts.current_drugs(*drug.sets).where(lambda m: m.ingredient in drug.ingredients)
    return same.first() if same != ABSENT else facts.unread("medications", *drug.sets)


def taper(order: Order, facts: PatientFacts) -> Fact[Change]:
    """Known for a draft at a lower daily dose than the current one; unavailable if one of them is."""
    taken = current_of(order, facts)
    doses = (order.dose.lacks, taken.value.dose.lacks) if taken.known else ()
    if _against(taken, order) is Change.DECREASE:
        return Known(Change.DECREASE, (order.source,))
    return unread(taken, *doses)
