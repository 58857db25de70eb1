"""Running one rule over one patient, and the steps it leaves behind.

A rule is a pure function of facts.
It reads as the list of criteria in its card file; each call to :class:`Review` is one criterion, and the first that is
not met ends the function the way ``pytest.skip`` ends a test, so that no step can be left out of the trace.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, NoReturn, TypeAlias, TypeVar

import msgspec
import structlog

from cds_service.content.contract import Contract, Named
from cds_service.content.model import Criterion, Indicator, RuleContent
from cds_service.content.triggers import Trigger
from cds_service.content.wording import Wording
from cds_service.errors import UnwritableCard
from cds_service.facts.knowledge import Absent, Fact, Unavailable
from cds_service.facts.patient import Medication, Order, PatientFacts
from cds_service.facts.queries import collections
from cds_service.facts.words import Record, Value, phrasing
from cds_service.hooks.hooks import Hook

T = TypeVar("T")
log = structlog.get_logger()

_ALIVE_AND_ADULT = phrasing("alive-and-adult")()

__all__ = ["Evaluation", "Finding", "Outcome", "Record", "Review", "Rule", "Step", "evaluate", "rule"]


class Outcome(Enum):
    FOUND = "found"
    NOT_MET = "not met"
    UNDETERMINED = "undetermined"
    FAILED = "failed"


class Step(msgspec.Struct, frozen=True):
    """One criterion for one patient; ``met`` is None where it could not be told."""

    criterion: str
    met: bool | None
    sources: tuple[str, ...] = ()
    why: str = ""


class Finding(msgspec.Struct, frozen=True):
    """The rule applies: which words, how serious, and the values that the words need."""

    card: str
    """Key of ``[card.*]`` in the card file."""
    indicator: str
    """Key of ``[indicator.*]`` in the card file."""
    values: Mapping[str, Value] = {}
    notes: tuple[str, ...] = ()
    """Keys of ``[note.*]`` in the card file or in its family, in the order shown."""
    offers: tuple[str, ...] | None = None
    """Suggestions in place of the card's own list, chosen among those of the card file."""
    classes: tuple[str, ...] = ()
    """What was found, in kinds: an answer to this finding stands until a kind joins that it had not seen."""
    stale: Medication | None = None
    """The old entry that the finding rests on: whether the drug is taken is asked first."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """The classes; a rule that names none is as fine as its words and its indicators."""
        return self.classes or (f"{self.indicator}/{self.card}",)

    def level(self, rule: RuleContent) -> Indicator:
        """How serious it is by the rule's card file; what rests on an old entry is information, whatever it says."""
        return "info" if self.stale else rule.indicator[self.indicator].indicator


class Evaluation(msgspec.Struct, frozen=True):
    """One rule on one patient, order or drug."""

    rule: str
    outcome: Outcome
    steps: tuple[Step, ...]
    finding: Finding | None = None
    subject: Order | Medication | None = None
    not_checked: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Rule and subject: each rule runs once about each."""
        return self.rule, self.subject.source if self.subject else ""

    @property
    def missing(self) -> str:
        """Which datum could not be had, for an undetermined outcome."""
        return self.steps[-1].why if self.steps else ""


def data_lacking(missing: str) -> frozenset[str]:
    """The data that a text of :attr:`Evaluation.missing` names, without why each could not be had."""
    return frozenset([part.partition(":")[0] for part in missing.split("; ")])


Shared: TypeAlias = dict[tuple[Callable[..., Any], int], Any]
"""What the rules of one request have worked out once for all of them."""


class _Ended(Exception):
    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome


class Review:
    """What a rule works with: the facts it declared, the order or drug at hand, and its card's numbers."""

    def __init__(
        self,
        prepared: Prepared,
        facts: PatientFacts,
        hook: Hook,
        therapy: Order | Medication | None = None,
        shared: Shared | None = None,
    ) -> None:
        self.facts = facts
        self.chart_view = hook.is_chart_view
        self.signing = hook.is_signing
        self.subject = therapy
        self._shared = {} if shared is None else shared
        self._steps: list[Step] = []
        self._content = prepared.content
        self._criteria = prepared.criteria
        self.not_checked: list[str] = []

    @property
    def order(self) -> Order:
        """The draft under review."""
        assert isinstance(self.subject, Order), "the card is not about orders"  # noqa: S101
        return self.subject

    @property
    def therapy(self) -> Order | Medication:
        """The draft under review, or the current drug where a chart is viewed."""
        assert self.subject is not None, "the card is about the patient"  # noqa: S101
        return self.subject

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(self._steps)

    def reviews(self, order: Order) -> bool:
        """Whether an order starts rules at this hook: at order-select only what was selected."""
        return order.selected or self.signing

    def once(self, work: Callable[[Review], T]) -> T:
        """What several rules ask alike about one order or drug, worked out for the first that asks.

        It leaves no steps: those belong to the rule that asks.
        """
        key = (work, id(self.subject))
        if key not in self._shared:
            self._shared[key] = work(self)
        found: T = self._shared[key]
        return found

    def number(self, name: str) -> float:
        """A parameter of the card file."""
        return self._content.parameter[name].value

    def only_if(self, criterion: str, met: bool | Fact[object], *sources: str) -> None:
        """Go on only if this holds; an unknown fact ends the rule undetermined unless the card says go on."""
        if isinstance(met, bool):
            self._step(criterion, met, sources)
            if not met:
                self._end(Outcome.NOT_MET)
        else:
            self._only_if_fact(criterion, met)

    def known(self, criterion: str, fact: Fact[T]) -> T:
        """The value of a fact that the rule needs; absent ends the rule as not met, unavailable as undetermined."""
        if fact.known:
            self._step(criterion, True, fact.sources)
            return fact.value
        self._only_if_fact(criterion, fact)
        raise AssertionError("a criterion whose value is needed cannot go on without it")

    def unless(self, criterion: str, met: bool | Fact[object], *sources: str) -> None:
        """End the rule if this holds; an unknown exclusion goes on, and the card says that it was not checked."""
        if isinstance(met, bool):
            found, unknown = met, False
            self._step(criterion, not met, sources)
        else:
            found, unknown = met.known, isinstance(met, Unavailable)
            self._step(criterion, None if unknown else not found, met.sources, met.why)
        if found:
            self._end(Outcome.NOT_MET)
        if unknown:
            self._go_on(criterion)

    def consider(self, criterion: str, fact: Fact[object]) -> None:
        """Record a fact that changes only the words of the card; unavailable adds to what was not checked."""
        unknown = isinstance(fact, Unavailable)
        self._step(criterion, None if unknown else fact.known, fact.sources, fact.why)
        if unknown:
            self._go_on(criterion)

    def pass_gates(self, gates: Mapping[str, Callable[[Review], bool | Fact[object]]]) -> None:
        """The shared criteria, each as ``gates.toml`` says."""
        for name, gate in gates.items():
            ask = self.unless if self._criteria[name].kind == "unless" else self.only_if
            ask(name, gate(self))

    def drug(self, criterion: str, *sets: str) -> str:
        """The drug of the order or current medication, if it is in one of the value sets: its ingredient's name."""
        therapy = self.therapy
        if isinstance(therapy, Order) and therapy.drug_unreadable:
            self._only_if_fact(criterion, Unavailable(f"orders: {therapy.drug_unreadable}"))
        drug = therapy.drug
        found = drug is not None and not (therapy.sets.isdisjoint(sets) and drug.sets.isdisjoint(sets))
        if drug is not None and found and drug.uncertain:
            self._only_if_fact(criterion, Unavailable(f"orders: {drug.uncertain}"))
        self._step(criterion, found, (therapy.source,))
        if drug is None or not found:
            self._end(Outcome.NOT_MET)
        return drug.ingredient(*sets)

    def _only_if_fact(self, criterion: str, fact: Fact[object]) -> None:
        if fact.known:
            self._step(criterion, True, fact.sources)
        elif isinstance(fact, Absent):
            self._step(criterion, False)
            self._end(Outcome.NOT_MET)
        else:
            self._step(criterion, None, (), fact.why)
            if not self._criteria[criterion].goes_on:
                self._end(Outcome.UNDETERMINED)
            self._go_on(criterion)

    def _step(self, criterion: str, met: bool | None, sources: tuple[str, ...] = (), why: str = "") -> None:
        if criterion not in self._criteria:
            raise KeyError(criterion)
        self._steps.append(Step(criterion, met, sources, why))

    def _go_on(self, criterion: str) -> None:
        text = self._criteria[criterion].not_checked
        if not self._criteria[criterion].goes_on:
            self._end(Outcome.UNDETERMINED)
        if text and text not in self.not_checked:
            self.not_checked.append(text)

    def _end(self, outcome: Outcome) -> NoReturn:
        raise _Ended(outcome)


Function = Callable[[Review], Finding]


class Rule(msgspec.Struct, frozen=True):
    """A rule's function, the card it belongs to, and the names of the values that it gives to the card's words."""

    id: str
    function: Function
    gives: frozenset[str]


RULES: dict[str, Rule] = {}


def rule(name: str, *, gives: str) -> Callable[[Function], Function]:
    """Ties a function to the card folder of that name; ``gives`` are the names of its values, with spaces between."""

    def register(function: Function) -> Function:
        RULES[name] = Rule(name, function, frozenset(gives.split()))
        return function

    return register


class Prepared(msgspec.Struct, frozen=True):
    """A rule with its content, ready to run."""

    rule: Rule
    content: RuleContent
    digest: str
    criteria: Mapping[str, Criterion]
    gates: Mapping[str, Callable[[Review], bool | Fact[object]]]
    contract: Contract
    wording: Wording
    """The shared words with the card's own phrases."""
    reads: frozenset[str]
    keys: frozenset[str]
    triggers: tuple[Trigger, ...]
    trigger_collections: frozenset[str]
    """What in a chart can start the rule."""
    drugs: frozenset[str]
    """Where the rule is about current drugs, the value sets of those."""
    result_sets: frozenset[str]
    offers_tasks: bool
    """Whether any of its suggestions creates a Task."""


def view(facts: PatientFacts, prepared: Prepared) -> PatientFacts:
    """The facts that a rule declared; asking for any other raises UndeclaredFact."""
    return msgspec.structs.replace(facts, declared=collections(prepared.reads), result_sets=prepared.result_sets)


def evaluate(
    prepared: Prepared,
    facts: PatientFacts,
    hook: Hook,
    therapy: Order | Medication | None,
    shared: Shared | None = None,
) -> Evaluation:
    """Runs one rule on one subject; ``shared`` goes from rule to rule of one request.

    A rule that raises costs only its own card: the outcome is FAILED and the fault is logged without patient data.
    """
    review = Review(prepared, facts, hook, therapy, shared)
    finding: Finding | None = None
    try:
        review.pass_gates(prepared.gates)
        finding = _worded(prepared, prepared.rule.function(review))
        outcome = Outcome.FOUND
    except _Ended as ended:
        outcome = ended.outcome
    except Exception as fault:
        log.error("rule failed", rule=prepared.rule.id, fault=_told(fault), at=_where(fault))
        outcome = Outcome.FAILED
    if isinstance(facts.age, Unavailable):
        # G-02 and G-03 let the unknown pass, so without the Patient no rule knows whether it may speak.
        review.not_checked.append(prepared.wording.show(_ALIVE_AND_ADULT))
    return Evaluation(prepared.rule.id, outcome, review.steps, finding, therapy, tuple(review.not_checked))


def _worded(prepared: Prepared, finding: Finding) -> Finding:
    """The finding, if all that it names is in the cards and it gives what their words need; else UnwritableCard."""
    card = prepared.content.card.get(finding.card)
    offers = finding.offers if finding.offers is not None else card.suggestions if card else ()
    named, given = Named(finding.card, finding.indicator, finding.notes, offers), finding.values.keys()
    if not prepared.contract.is_kept(named, given):
        lacking = "; ".join(prepared.contract.lacking(named, given))
        raise UnwritableCard(f"{prepared.rule.id}/card.toml: {lacking}")
    return finding


def _told(fault: Exception) -> str:
    """What is wrong with the cards, in words; of any other fault its kind, as its message may quote the chart."""
    return str(fault) if isinstance(fault, UnwritableCard) else type(fault).__name__


def _where(fault: Exception) -> str:
    trace = fault.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}" if trace else ""
