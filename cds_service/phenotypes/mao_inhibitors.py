"""An MAO inhibitor and an antidepressant that meet, at once or within a wash-out (clinical specification MED-03)."""

from __future__ import annotations

import itertools
from enum import Enum

import msgspec

from cds_service.facts.knowledge import Fact, Known, together
from cds_service.facts.patient import Medication, Order, PatientFacts
from cds_service.fhir.dates import months_before
from cds_service.phenotypes import antidepressants, pairs
from cds_service.phenotypes.pairs import Side, TakesCard

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
    UNCHANGED = "unchanged"
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
    def stale(self) -> Medication | None:
        """Of the two, one that only an old entry tells of."""
        return self.inhibitor.stale or self.partner.stale

    @property
    def with_bupropion(self) -> bool:
        return "bupropion" in self.partner.sets

    @property
    def sources(self) -> tuple[str, ...]:
        return self.inhibitor.therapy.source, self.partner.therapy.source


def is_inhibitor(drug_sets: frozenset[str]) -> bool:
    return not drug_sets.isdisjoint(INHIBITORS)


def meetings(side: Side, facts: PatientFacts, takes_card: TakesCard) -> Fact[tuple[Meeting, ...]]:
    """What the drug under review meets: current drugs, other drafts, and drugs whose wash-out may not be over."""
    others = PARTNERS if is_inhibitor(side.sets) else INHIBITORS
    found = pairs.partners(side.therapy, facts, others, takes_card, _entries(side, others, facts))
    if not found.known:
        return found
    made = tuple([_meeting(side, other, facts) for other in found.value if not is_hypnotic(other, facts)])
    return Known(made, tuple([s for one in made for s in one.sources])) if made else facts.unread("medications")


def _meeting(side: Side, other: Side, facts: PatientFacts) -> Meeting:
    both = pairs.continued(side, other, facts)
    return Meeting(side, other, both) if is_inhibitor(side.sets) else Meeting(other, side, both)


def _entries(side: Side, others: tuple[str, ...], facts: PatientFacts) -> Fact[tuple[Medication, ...]]:
    """At patient-view the inhibitor speaks for two current drugs, the antidepressant only for an inhibitor of late."""
    if isinstance(side.therapy, Order):
        ended = recently_taken(facts, *others).where(lambda m: m.ended or m.written)
        return together(facts.current_drugs(*others), ended)
    if is_inhibitor(side.sets):
        return facts.current_drugs(*others)
    return recently_taken(facts, *others).where(lambda m: m.ended)


def recently_taken(facts: PatientFacts, *sets: str) -> Fact[tuple[Medication, ...]]:
    """Drugs taken within their wash-out, or ordered of late and ended on a day that nobody recorded."""
    return facts.past_drugs(*sets).where(
        lambda m: (
            (facts.today - m.ended.last).days < wash_out(m.ingredient, facts) if m.ended else _is_of_late(m, facts)
        )
    )


def _is_of_late(medication: Medication, facts: PatientFacts) -> bool:
    months = facts.numbers.whole("current-drug", "old-months")
    return medication.written is None or facts.within_months(medication.written, months)


def is_hypnotic(side: Side, facts: PatientFacts) -> bool:
    return antidepressants.is_hypnotic(side.ingredient, side.daily_mg, facts)


def wash_out(ingredient: str, facts: PatientFacts) -> int:
    """Days between the last dose of a drug and the first of the other."""
    return facts.numbers.whole(_HOME, f"wash-out-{ingredient}" if ingredient in _SLOW else "wash-out")


def grade(meeting: Meeting, facts: PatientFacts, *, viewing: bool) -> Grade | None:
    """How serious it is; None for what labels and experience allow to go on."""
    ruled_out = Grade.END_UNKNOWN if meeting.past and meeting.past.ended is None else Grade.CONTRAINDICATED
    full = FULL in meeting.inhibitor.sets
    if full or _over_dose(meeting.inhibitor, facts):
        if viewing and all(_is_unchanged(side.therapy, facts) for side in (meeting.inhibitor, meeting.partner)):
            return Grade.UNCHANGED
        return ruled_out if full or ruled_out is Grade.END_UNKNOWN else Grade.OVER_DOSE
    named = listed_for_safinamide(meeting)
    if viewing or meeting.both_taken.known:
        return Grade.LISTED_CURRENT if named else None
    return ruled_out if named else Grade.CAUTION


def _is_unchanged(therapy: Order | Medication, facts: PatientFacts) -> bool:
    """Taken at one dose for so many months: every current entry has a date, and none of late another dose."""
    if not isinstance(therapy, Medication) or not therapy.current or therapy.old or therapy.start is None:
        return False
    since = months_before(facts.today, facts.numbers.whole(_HOME, "unchanged-months"))
    dated = all(entry.start for entry in therapy.entries if entry.current)
    changed = [
        later
        for earlier, later in itertools.pairwise(therapy.entries)
        if later.start and later.start.last > since and later.dose.daily_mg != earlier.dose.daily_mg
    ]
    return dated and not changed and therapy.start.last <= since


def listed_for_safinamide(meeting: Meeting) -> bool:
    """SNRI, tricyclic, mirtazapine or trazodone with safinamide: named in its label as contraindicated."""
    partner = meeting.partner
    named = not partner.sets.isdisjoint(("snri", "tca")) or partner.ingredient in ("mirtazapine", "trazodone")
    return meeting.inhibitor.ingredient == "safinamide" and named


def _over_dose(inhibitor: Side, facts: PatientFacts) -> bool:
    """Over the dose of Parkinson's disease; an unknown dose is taken to be that one."""
    daily = inhibitor.daily_mg
    return daily is not None and daily > facts.numbers.value(_HOME, f"{inhibitor.ingredient}-mg")
