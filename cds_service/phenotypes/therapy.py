"""What an order changes, and what a drug is given for.

Clinical specification, sections 2.1 (change against current therapy) and 2.4 (indication of a clonazepam order).
"""

from __future__ import annotations

import itertools
from enum import Enum

from cds_service.facts.knowledge import ABSENT, Fact, Known, Unavailable, unread
from cds_service.facts.patient import Change, Dose, Drug, Medication, Order, PatientFacts, TakenDose
from cds_service.facts.words import Value, phrasing

_HOME = "current-drug"
_UP_TO = phrasing("up-to-dose", "dose")


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

    A reason that cannot be read is stated, and is none of these.
    RBD is inferred only if neither epilepsy, panic disorder nor myoclonus is active beside it.
    """
    stated = {found for name, found in _NAMED if name in therapy.reasons}
    if stated:
        return stated.pop() if len(stated) == 1 else Indication.SEVERAL
    if therapy.reason_words or therapy.reasons_unreadable:
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
    if therapy.reasons_unreadable and not therapy.reasons:
        return Unavailable(f"orders: {therapy.reasons_unreadable}")
    found = indication(therapy, facts)
    if found is Indication.RBD:
        return Known(found, (therapy.source,))
    return unread(facts.conditions("rbd")) if found is Indication.NOT_STATED else ABSENT


def upper(dose: Dose) -> Value:
    """The daily dose that limits are held against, marked where it is that of a step."""
    return _UP_TO(dose=dose.daily_mg) if dose.steps else dose.daily_mg


def change(order: Order, facts: PatientFacts) -> Change:
    """New, increase, same or decrease against what the patient takes of the same ingredients; unknown without data."""
    return _against(current_of(order, facts), order)


def _against(taken: Fact[Medication], order: Order) -> Change:
    if not taken.known:
        return Change.NEW if taken == ABSENT else Change.UNKNOWN
    if taken.value.dose.unreadable or order.dose.unreadable:
        return Change.UNKNOWN
    before, after = taken.value.dose.today_mg, order.dose.daily_mg
    if before is None or after is None or before == after:
        return Change.SAME
    return Change.INCREASE if after > before else Change.DECREASE


def current_of(order: Order, facts: PatientFacts) -> Fact[Medication]:
    """The current medication with an ingredient of the order."""
    return being_taken(order.drug, facts) if order.drug else facts.unread("medications")


def is_new(order: Order, facts: PatientFacts) -> bool:
    """Whether the patient is known not to take the drug: only then may a click end it."""
    return current_of(order, facts) == ABSENT


def lapsed_of(order: Order, facts: PatientFacts) -> Medication | None:
    """A drug of the order that is not current, but for an active order of late whose validity ended."""
    if order.drug is None:
        return None
    ordered = facts.past_drugs(*order.drug.sets).value_or(())
    return next((one for one in ordered if one.lapsed and one.ingredient in order.drug.ingredients), None)


def being_taken(drug: Drug, facts: PatientFacts) -> Fact[Medication]:
    """The current medication with an ingredient of the drug; absent only if all current drugs could be read."""
    same = facts.current_drugs(*drug.sets).where(lambda m: m.ingredient in drug.ingredients)
    return same.first() if same != ABSENT else facts.unread("medications", *drug.sets)


def taper(order: Order, facts: PatientFacts) -> Fact[Change]:
    """Known for a draft below a current, repeating dose of late, or whose steps fall from the current dose or less.

    Unavailable if what is taken is; a higher dose that is undated, old or for once only is no evidence of a taper.
    """
    taken = current_of(order, facts)
    if not taken.known:
        return unread(taken)
    doses = [entry for entry in taken.value.entries if entry.current and entry.dose.today_mg is not None]
    lower = any(_is_evidence(entry, facts) and _is_higher(entry, order) for entry in doses)
    falls = order.dose.falls and any(order.dose.steps[0] <= (entry.dose.today_mg or 0) for entry in doses)
    return (
        Known(Change.DECREASE, (order.source,)) if lower or falls else unread(order.dose.lacks, taken.value.dose.lacks)
    )


def perhaps_taper(order: Order, facts: PatientFacts) -> bool:
    """Whether some current dose is higher than that of the draft, were it only known to be taken."""
    taken = current_of(order, facts)
    return taken.known and any(entry.current and _is_higher(entry, order) for entry in taken.value.entries)


def _is_evidence(entry: TakenDose, facts: PatientFacts) -> bool:
    """A dose that is taken again and again, of an entry that is not old."""
    months = facts.numbers.whole(_HOME, "old-months")
    return not entry.dose.once and facts.within_months(entry.start, months)


def _is_higher(entry: TakenDose, order: Order) -> bool:
    before, after = entry.dose.today_mg, order.dose.daily_mg
    return before is not None and after is not None and before > after


def is_falling_series(taken: Medication, facts: PatientFacts) -> bool:
    """Whether the daily doses of the entries of late fall, each below the one before it, down to the current one."""
    months = facts.numbers.whole(_HOME, "falling-months")
    series = [entry for entry in taken.entries if facts.within_months(entry.start, months)]
    doses = [entry.dose.daily_mg for entry in series]
    falls = all(earlier and later and later < earlier for earlier, later in itertools.pairwise(doses))
    return len(series) > 1 and falls and series[-1].current
