"""An MAO inhibitor and an antidepressant that meet, at once or within a wash-out (clinical specification MED-03)."""

from __future__ import annotations

from enum import Enum

import msgspec

from cds_service.facts.knowledge import ABSENT, Fact, Known, together
from cds_service.facts.numbers import Numbers
from cds_service.facts.patient import Medication, Order, PatientFacts
from cds_service.phenotypes import pairs
from cds_service.phenotypes.antidepressants import is_hypnotic_doxepin
from cds_service.phenotypes.pairs import Side, TakesCard
from cds_service.phenotypes.therapy import unread

FULL = "maoi"
INHIBITORS = (FULL, "maob")
PARTNERS = ("ssri", "snri", "tca", "other-antidepressant", "bupropion", "trazodone-nefazodone")
_SLOW = ("vortioxetine", "fluoxetine")
_HOME = "mao-inhibitors"


class Grade(Enum):
    """What the two together mean, the most serious first."""

    CONTRAINDICATED = "contraindicated"
    OVER_DOSE = "over-dose"
    END_UNKNOWN = "end-unknown"
    LISTED_CURRENT = "listed-current"
    CAUTION = "caution"


class Meeting(msgspec.Struct, frozen=True):
    """The two drugs, and whether the patient takes both already."""

    inhibitor: Side
    partner: Side
    both_taken: Fact[Medication]

    @property
    def past(self) -> Side | None:
        """The one that is no longer taken, if one is."""
        return next((side for side in (self.inhibitor, self.partner) if side.is_past), None)

    @property
    def with_bupropion(self) -> bool:
        return "bupropion" in self.partner.sets

    @property
    def sources(self) -> tuple[str, ...]:
        return self.inhibitor.therapy.source, self.partner.therapy.source


def is_inhibitor(drug_sets: frozenset[str]) -> bool:
    return not drug_sets.isdisjoint(INHIBITORS)


def meetings(side: Side, facts: PatientFacts, numbers: Numbers, takes_card: TakesCard) -> Fact[tuple[Meeting, ...]]:
    """What the drug under review meets: current drugs, other drafts, and drugs whose wash-out may not be over."""
    others = PARTNERS if is_inhibitor(side.sets) else INHIBITORS
    found = pairs.partners(side.therapy, facts, others, takes_card, _entries(side, others, facts, numbers))
    if not isinstance(found, Known):
        return found
    made = tuple(_meeting(side, other, facts) for other in found.value if not is_hypnotic(other, numbers))
    return Known(made, tuple(s for meeting in made for s in meeting.sources)) if made else unread(facts)


def _meeting(side: Side, other: Side, facts: PatientFacts) -> Meeting:
    both = pairs.continued(side, other, facts)
    return Meeting(side, other, both) if is_inhibitor(side.sets) else Meeting(other, side, both)


def _entries(
    side: Side, others: tuple[str, ...], facts: PatientFacts, numbers: Numbers
) -> Fact[tuple[Medication, ...]]:
    """At patient-view the inhibitor speaks for two current drugs, the antidepressant only for an inhibitor of late."""
    if isinstance(side.therapy, Order):
        return together(facts.current_drugs(*others), recently_taken(facts, numbers, *others))
    if is_inhibitor(side.sets):
        return facts.current_drugs(*others)
    found = recently_taken(facts, numbers, *others)
    return _kept(tuple(m for m in found.value if m.ended)) if isinstance(found, Known) else found


def recently_taken(facts: PatientFacts, numbers: Numbers, *sets: str) -> Fact[tuple[Medication, ...]]:
    """Drugs that were taken within their wash-out, or until a day that nobody recorded."""
    found = facts.past_drugs(*sets)
    if not isinstance(found, Known):
        return found
    today = facts.today
    late = (m for m in found.value if m.ended is None or (today - m.ended.last).days < wash_out(m.ingredient, numbers))
    return _kept(tuple(late))


def _kept(some: tuple[Medication, ...]) -> Fact[tuple[Medication, ...]]:
    return Known(some, tuple(m.source for m in some)) if some else ABSENT


def is_hypnotic(side: Side, numbers: Numbers) -> bool:
    limit = numbers.value("antidepressants", "doxepin-hypnotic-mg")
    return is_hypnotic_doxepin(side.ingredient, side.daily_mg, limit)


def wash_out(ingredient: str, numbers: Numbers) -> int:
    """Days between the last dose of a drug and the first of the other."""
    return int(numbers.value(_HOME, f"wash-out-{ingredient}" if ingredient in _SLOW else "wash-out"))


def grade(meeting: Meeting, numbers: Numbers, *, viewing: bool) -> Grade | None:
    """How serious it is; None for what labels and experience allow to go on."""
    ruled_out = Grade.END_UNKNOWN if meeting.past and meeting.past.ended is None else Grade.CONTRAINDICATED
    if FULL in meeting.inhibitor.sets:
        return ruled_out
    if _over_dose(meeting.inhibitor, numbers):
        return Grade.OVER_DOSE if ruled_out is Grade.CONTRAINDICATED else ruled_out
    named = listed_for_safinamide(meeting)
    if viewing or isinstance(meeting.both_taken, Known):
        return Grade.LISTED_CURRENT if named else None
    return ruled_out if named else Grade.CAUTION


def listed_for_safinamide(meeting: Meeting) -> bool:
    """SNRI, tricyclic, mirtazapine or trazodone with safinamide: named in its label as contraindicated."""
    partner = meeting.partner
    named = not partner.sets.isdisjoint(("snri", "tca")) or partner.ingredient in ("mirtazapine", "trazodone")
    return meeting.inhibitor.ingredient == "safinamide" and named


def _over_dose(inhibitor: Side, numbers: Numbers) -> bool:
    """Over the dose of Parkinson's disease; an unknown dose is taken to be that one."""
    daily = inhibitor.daily_mg
    return daily is not None and daily > numbers.value(_HOME, f"{inhibitor.ingredient}-mg")
