"""What a rule may know of a patient: frozen facts, and the collections it asks for them.

A collection answers with a :data:`~cds_service.facts.knowledge.Fact`: what was found is known even in an incomplete
collection, but nothing is called absent unless the whole of it could be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from enum import Enum
from operator import attrgetter
from typing import TypeGuard, TypeVar

import msgspec

from cds_service.errors import UndeclaredFact
from cds_service.facts.attempts import Attempt
from cds_service.facts.collection import Classified, Collection
from cds_service.facts.doses import Dose as Dose
from cds_service.facts.drafted import NOTHING_DRAFTED, DraftedSets
from cds_service.facts.knowledge import Absent, Fact, Unavailable, all_of
from cds_service.facts.losses import Loss
from cds_service.facts.numbers import Numbers
from cds_service.facts.words import Value, possible
from cds_service.fhir.dates import Age, Interval, within_days, within_months
from cds_service.fhir.quantities import Amount


class Drug(msgspec.Struct, frozen=True):
    """The drug that an order or a list entry names, as far as the value sets know it."""

    ingredients: frozenset[str]
    sets: frozenset[str]
    words: str
    """What the record calls it."""
    by_set: Mapping[str, tuple[str, ...]] = {}
    """The ingredients that put the drug in each value set."""
    strength_mg: float | None = None
    extended_release: bool = False
    form: str = ""
    """What tells its form or route first."""
    transdermal: bool = False
    untold_mg: float | None = None
    """What is taken at a time and once a day where no dose is told: of a product that has no other use."""
    uncertain: str | None = None
    """Why the drug cannot be told: its code and its text name different drugs."""

    def ingredient(self, *sets: str) -> str:
        """The name of the ingredient for which the drug is in one of these value sets."""
        return next((name for held in sets for name in self.by_set.get(held, ())), "")


class Condition(msgspec.Struct, frozen=True):
    """A diagnosis, or an event such as a fall, in words of the record and of the value sets."""

    sets: frozenset[str]
    words: str
    source: str
    active: bool = True
    possible: bool = False
    """verificationStatus unconfirmed or provisional."""
    confirmed: bool = False
    onset: Interval | None = None
    recorded: Interval | None = None
    ended: Interval | None = None
    last_recorded: Interval | None = None
    """Day of the newest record of it, else its onset."""
    listed: bool = True
    """On the problem list, and not only an encounter's diagnosis."""

    @property
    def since(self) -> Interval | None:
        """The onset, else the day it was recorded."""
        return self.onset or self.recorded

    def called(self, name: Value) -> Value:
        """Our own name for it, marked where the diagnosis is only possible."""
        return possible(name) if self.possible else name


class TakenDose(msgspec.Struct, frozen=True):
    """The dose of one entry, ended ones too."""

    dose: Dose
    start: Interval | None
    current: bool
    source: str


class Medication(msgspec.Struct, frozen=True):
    """One ingredient the patient takes or took, with the newest entry that tells so."""

    ingredient: str
    sets: frozenset[str]
    drug: Drug
    source: str
    current: bool
    start: Interval | None = None
    """First day of the unbroken series of entries."""
    written: Interval | None = None
    """Day of the newest entry."""
    ended: Interval | None = None
    dose: Dose = Dose()
    reasons: frozenset[str] = frozenset()
    reason_words: str = ""
    reasons_unreadable: str = ""
    """Why not every reason could be read."""
    start_unreadable: bool = False
    """The start of an entry is there and cannot be read, so that the series may have begun earlier."""
    old: bool = False
    """The newest evidence is older than an entry is trusted."""
    entries: tuple[TakenDose, ...] = ()
    """What each entry says of the dose, those that ended too, the oldest first."""
    increased: Interval | None = None
    """Day of the newest entry with a higher daily dose than the one before it."""
    told_by: tuple[str, ...] = ()
    """Every entry that tells of it."""
    lapsed: Interval | None = None
    """Not current, but for an order of late that is still active: the end of its validity."""
    requester: str = ""


class Order(msgspec.Struct, frozen=True):
    """A draft order under review."""

    kind: str
    """Its resourceType."""
    source: str
    """``Type/id`` byte for byte as in draftOrders, or ``draft 2`` for one without an id."""
    named: bool = True
    """It has an id, so that an action can name it."""
    selected: bool = True
    stops: bool = False
    """A draft that stops or cancels what the patient takes."""
    drug: Drug | None = None
    drug_unreadable: str = ""
    """Why the drug could not be read: a Medication that was not sent, or what stands for nothing."""
    service_unreadable: str = ""
    """Why it cannot be told whether it orders a service, or which."""
    unread: str = ""
    """What of the draft itself cannot be read, where it leaves open whether it orders something or what."""
    sets: frozenset[str] = frozenset()
    """Value sets of a ServiceRequest's code."""
    words: str = ""
    reasons: frozenset[str] = frozenset()
    """Value sets named by reasonCode and reasonReference."""
    reason_words: str = ""
    each_reason: tuple[frozenset[str], ...] = ()
    """The value sets of every single reason; empty for a reason that no value set knows."""
    reasons_unreadable: str = ""
    """Why not every reason could be read."""
    written: Interval | None = None
    """authoredOn: of a draft that stops something, the day it was first ordered."""
    dose: Dose = Dose()
    raw: bytes = b""
    requester: str = ""


class Observation(msgspec.Struct, frozen=True):
    """A final result: a number with its unit, or a yes or no."""

    sets: frozenset[str]
    source: str
    day: Interval | None = None
    value: float | None = None
    unit: str = ""
    comparator: str = ""
    high: Amount | None = None
    """The upper end of the range that was sent with it, the highest of several."""
    answer: bool | None = None
    answer_sets: frozenset[str] = frozenset()
    readable: bool = True
    """Its value is a number, a yes or no, or a code of a system that we know."""
    text: str = ""
    written: str = ""
    """The date as it was sent: of two on one day, the later time is newer."""


class ScreeningAnswer(msgspec.Struct, frozen=True):
    """An answer to one question of the screening form."""

    question: str
    """The question's linkId."""
    yes: bool
    source: str
    day: Interval | None = None
    informant: str = ""
    written: str = ""
    """The date as it was sent."""
    why_not: str = ""
    """Why the answer does not count."""

    @property
    def sets(self) -> frozenset[str]:
        """The value set of the question."""
        return frozenset((f"question-{self.question}",))


class Procedure(msgspec.Struct, frozen=True):
    sets: frozenset[str]
    source: str
    day: Interval | None = None
    under_way: bool = False
    words: str = ""


class PlannedCare(msgspec.Struct, frozen=True):
    """A ServiceRequest, CarePlan or Task that is on record."""

    sets: frozenset[str]
    source: str
    open: bool
    day: Interval | None = None
    names: frozenset[str] = frozenset()
    """Of a Task, its codes in our own system and its words in small letters."""
    focus: str = ""


class Allergy(msgspec.Struct, frozen=True):
    ingredients: frozenset[str]
    sets: frozenset[str]
    words: str
    source: str


class DiagnosticReport(msgspec.Struct, frozen=True):
    """A final diagnostic report with the results it holds."""

    sets: frozenset[str]
    source: str
    day: Interval | None = None
    results: tuple[Observation, ...] = ()


class Change(Enum):
    """A draft against what the patient takes."""

    NEW = "new"
    INCREASE = "increase"
    SAME = "same"
    DECREASE = "decrease"
    UNKNOWN = "unknown"


Item = TypeVar("Item", bound=Classified)
_IS_ACTIVE = attrgetter("active")
CERTAIN_FIRST = attrgetter("possible")
"""Ranks a certain diagnosis before a possible one."""


class PatientFacts(msgspec.Struct, frozen=True):
    """Everything that is known of one patient on one day."""

    today: date
    numbers: Numbers
    age: Fact[Age]
    sex: Fact[str]
    dead: bool = False
    orders: tuple[Order, ...] = ()
    held: Mapping[str, Collection] = {}
    """Collections by read name: conditions, medications, observations, ...; each is made when it is first asked for."""
    drafted: DraftedSets = NOTHING_DRAFTED
    """The value sets of the drafts."""
    gaps: Mapping[str, str] = {}
    """Why a prefetch key that was asked for could not be read in full, by key."""
    unreadable: tuple[Loss, ...] = ()
    """What is there and could not be read."""
    notes: Mapping[str, str] = {}
    """What was left aside, by where it stood, in words without anything of the chart."""
    unread_codes: Mapping[str, Mapping[str, int]] = {}
    """By collection, and of the drafts, how many codes in each system are not read."""
    dropped: int = 0
    """Resources of another patient, left out; results that no value set knows do not count."""
    declared: frozenset[str] | None = None
    """The collections that may be asked for; None for all."""
    result_sets: frozenset[str] | None = None
    """The value sets of results that may be asked for; None for all."""

    def _pick(
        self,
        name: str,
        kind: type[Item],
        sets: Iterable[str] | None,
        wanted: Callable[[Item], bool] | None = None,
    ) -> Fact[tuple[Item, ...]]:
        """What is wanted of a collection, of these value sets or of all of it.

        Most charts hold nothing of the value sets, and then no item is looked at.
        """
        held = self._held(name)
        if sets is None or held.sets is None or not held.sets.isdisjoint(sets):
            of_sets = held.items if sets is None else [item for item in held.items if not item.sets.isdisjoint(sets)]
            found = [item for item in of_sets if isinstance(item, kind) and (wanted is None or wanted(item))]
            if found:
                return all_of(found, held.lacks(sets))
        return held.lacks(sets)

    def _held(self, name: str) -> Collection:
        if self.declared is not None and name not in self.declared:
            raise UndeclaredFact(name)
        try:
            return self.held[name]
        except KeyError:
            raise UndeclaredFact(name) from None

    def unread(self, name: str, *sets: str) -> Absent | Unavailable:
        """Nothing of a collection is known: unavailable if not all of these value sets could be read, else absent."""
        return self._held(name).lacks(sets or None)

    def within_months(self, day: Interval | None, months: int) -> TypeGuard[Interval]:
        """Whether a day may lie in the last calendar months; what has no day does not."""
        return day is not None and within_months(day, months, self.today)

    def within_days(self, day: Interval | None, days: int) -> TypeGuard[Interval]:
        """Whether a day may lie in the last days; what has no day does not."""
        return day is not None and within_days(day, days, self.today)

    def conditions(self, *sets: str) -> Fact[tuple[Condition, ...]]:
        """Active diagnoses in any of the value sets, possible ones included."""
        return self._pick("conditions", Condition, sets, _IS_ACTIVE)

    def past_conditions(self, *sets: str) -> Fact[tuple[Condition, ...]]:
        """Diagnoses that are inactive, in remission, resolved or ended."""
        return self._pick("conditions", Condition, sets, lambda c: not c.active)

    def events(self, *sets: str) -> Fact[tuple[Condition, ...]]:
        """Events such as falls from the problem list, encounters and adverse events, whatever their clinical status."""
        return self._pick("events", Condition, sets)

    def current_drugs(self, *sets: str) -> Fact[tuple[Medication, ...]]:
        """What the patient takes of these value sets, one entry per ingredient."""
        return self._drugs(True, sets)

    def past_drugs(self, *sets: str) -> Fact[tuple[Medication, ...]]:
        """What the patient took of these value sets and no longer takes."""
        return self._drugs(False, sets)

    def attempts(self, *sets: str) -> Fact[tuple[Attempt, ...]]:
        """What is on record of drugs of these value sets besides that they are, or were, taken."""
        return self._pick("medications", Attempt, sets)

    def _drugs(self, current: bool, sets: tuple[str, ...]) -> Fact[tuple[Medication, ...]]:
        named = self._pick("medications", Medication, sets, lambda m: m.current is current)
        certain = named.where(lambda m: not m.drug.uncertain)
        if named.known and not certain.known:
            return Unavailable("medications: code and text of an entry name different drugs")
        return certain

    def observations(self, *sets: str) -> Fact[tuple[Observation, ...]]:
        """Results in these value sets, newest first."""
        if self.result_sets is not None and not self.result_sets.issuperset(sets):
            raise UndeclaredFact(f"observations:{sets}")
        return self._pick("observations", Observation, sets)

    def answer(self, question: str) -> Fact[ScreeningAnswer]:
        """The newest answer to a question of the screening form, by its linkId."""
        return self.answers(question).first()

    def answers(self, *questions: str) -> Fact[tuple[ScreeningAnswer, ...]]:
        """Every answer to these questions, newest first; unavailable where there are only such as do not count."""
        given = self._pick("answers", ScreeningAnswer, None, lambda a: a.question in questions)
        counted = given.where(lambda answer: not answer.why_not)
        return Unavailable(f"answers: {given.value[0].why_not}") if given.known and not counted.known else counted

    def procedures(self, *sets: str) -> Fact[tuple[Procedure, ...]]:
        """Procedures done, or under way as a therapy, newest first."""
        return self._pick("procedures", Procedure, sets)

    def requests(self, *sets: str) -> Fact[tuple[PlannedCare, ...]]:
        """ServiceRequests on record, open or done."""
        return self._pick("requests", PlannedCare, sets)

    def plans(self, *sets: str) -> Fact[tuple[PlannedCare, ...]]:
        """CarePlans and Tasks on record, open or done."""
        return self._pick("plans", PlannedCare, sets)

    def allergies(self, *names: str) -> Fact[tuple[Allergy, ...]]:
        """Allergies to an ingredient or to a value set of drugs."""
        return self._pick(
            "allergies", Allergy, None, lambda a: not a.ingredients.isdisjoint(names) or not a.sets.isdisjoint(names)
        )

    def reports(self, *sets: str) -> Fact[tuple[DiagnosticReport, ...]]:
        """Final diagnostic reports, newest first."""
        return self._pick("reports", DiagnosticReport, sets)
