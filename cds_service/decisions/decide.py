"""Facts in, :class:`Decision` out: runs the rules of a service and joins their findings into few cards.

Families, weight, folding and caps are data (``cards/families.toml``, clinical specification 2.7).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TypeAlias

import msgspec

from cds_service.content.model import WEIGHT_OF, Content, ServiceText
from cds_service.decisions.cards import CardWriter, Visit, write_cards
from cds_service.decisions.group import CardGroup, WordedFinding, fold, group, silenced
from cds_service.decisions.ruleset import Ruleset
from cds_service.decisions.stages import Stages, Started
from cds_service.facts.knowledge import Unavailable
from cds_service.facts.losses import Loss
from cds_service.facts.patient import Medication, Order, PatientFacts
from cds_service.fhir.references import CLINICIANS, local
from cds_service.hooks.hooks import HOOKS, Hook
from cds_service.hooks.responses import Card
from cds_service.rules.review import Evaluation, Outcome, Prepared, Shared, Step, evaluate, view

_NOTHING = Started()
_LAPSED = "medications: the validity of an active order has ended:"
_MOST_LOSSES = 50
"""Of what cannot be read, so many members are named: as many kinds as a request could hold are no help."""


class Judged(msgspec.Struct, frozen=True):
    """What the rules of a service found, before anything is left out or joined."""

    facts: PatientFacts
    evaluations: tuple[Evaluation, ...] = ()
    found: tuple[Evaluation, ...] = ()
    """The findings of active rules; those of drafts are evaluated and not shown."""
    started: Started = _NOTHING
    gate: str | None = None


Muted: TypeAlias = Mapping[tuple[str, str], str]
"""Findings not to be shown again, by rule and subject (:attr:`Evaluation.key`), each with why."""

Recall: TypeAlias = Callable[[Judged], Awaitable[Muted]]
"""Looks up which findings were answered before."""


class Decision(msgspec.Struct, frozen=True):
    """What one request leads to; ``cut`` are groups that the caps left out."""

    cards: tuple[Card, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    found: tuple[str, ...] = ()
    """Every rule that applies, shown or not."""
    undetermined: Mapping[str, str] = {}
    """Per rule that could not be decided, which datum was missing and why."""
    gate: str | None = None
    cut: tuple[tuple[str, ...], ...] = ()
    groups: tuple[CardGroup, ...] = ()
    """What each card was made of, in the order of the cards."""
    unchecked: tuple[Card, ...] = ()
    """The cards for what could not be checked of a draft; they are made of no finding."""
    muted: Muted = {}
    started: Started = _NOTHING

    @property
    def all_cards(self) -> tuple[Card, ...]:
        """The cards of the findings, and last those for what could not be checked."""
        return (*self.cards, *self.unchecked)

    def outcomes(
        self,
        unavailable: Mapping[str, str],
        reason: str | None = None,
        unreadable: Iterable[Loss] = (),
        notes: Iterable[str] = (),
    ) -> dict[str, object]:
        """The response's extension: "could not look" in machine-readable form, never patient data.

        ``unavailable`` are the prefetch keys that could not be had, or not in full, each with why; ``reason`` is why
        nothing could be looked at; ``unreadable`` is what is there and stands for nothing; ``notes`` tell what was read
        and left aside.
        """
        told = {
            "found": list(self.found),
            "undetermined": self.undetermined,
            "failed": list(_names(self.evaluations, Outcome.FAILED)),
            "muted": {rule: why for (rule, _), why in self.muted.items()},
            "unavailable": unavailable,
            "unreadable": [msgspec.structs.asdict(loss) for loss in islice(unreadable, _MOST_LOSSES)],
            "notes": list(notes),
            "reason": reason,
        }
        # CDS Hooks: what has no value is left out, and nothing empty is written.
        held = {name: value for name, value in told.items() if value}
        return {"org.rbd-cds.outcomes": held} if held else {}


def user_gate(content: Content, user_id: str) -> str | None:
    """Why nothing may be shown to this user, whatever the data (G-01)."""
    return None if local(user_id).startswith(CLINICIANS) else _closed(content, "clinician")


def gate(content: Content, user_id: str, facts: PatientFacts) -> str | None:
    """Why nothing may be shown, whatever the rules say (G-01, G-02); None if cards may be shown."""
    return user_gate(content, user_id) or (_closed(content, "alive") if facts.dead else None)


def _closed(content: Content, gate: str) -> str:
    return content.gates[gate].closed or gate


def decide(
    ruleset: Ruleset, service: ServiceText, facts: PatientFacts, visit: Visit, muted: Muted | None = None
) -> Decision:
    """The cards for one request, everything that its rules read being known."""
    stages = Stages(ruleset, service)
    started = stages.start(facts.drafted, facts.held)
    return conclude(ruleset, service, judge(ruleset, service, facts, visit, started), visit, muted or {})


def judge(ruleset: Ruleset, service: ServiceText, facts: PatientFacts, visit: Visit, started: Started) -> Judged:
    """What the started rules find in these facts, if this user may be shown anything about this patient."""
    closed = gate(ruleset.content, visit.user_id, facts)
    if closed:
        return Judged(facts, gate=closed)
    evaluations = tuple(evaluations_of(ruleset, service, facts, started.rules))
    found = tuple(e for e in evaluations if e.finding and ruleset.rules[e.rule].content.status == "active")
    return Judged(facts, evaluations, found, started)


def conclude(ruleset: Ruleset, service: ServiceText, judged: Judged, visit: Visit, muted: Muted) -> Decision:
    """The cards of what was found and is not muted; a muted finding still silences what it always silences."""
    if judged.gate:
        return Decision(gate=judged.gate)
    families = ruleset.content.families
    gone = silenced(judged.found, families) if muted else frozenset()
    shown = [e for e in judged.found if e.key not in muted and e.rule not in gone]
    decided = _decided(judged, muted)
    if not shown:
        return decided
    groups = fold(group(shown, ruleset.content), families)
    kept, cut = _capped(groups, ruleset, service)
    written, failed = write_cards(CardWriter(ruleset, visit, judged.facts), kept)
    return msgspec.structs.replace(
        decided if not failed else _without(decided, failed),
        cards=tuple([card for _, card in written]),
        cut=tuple([g.rules for g in cut]),
        groups=tuple([g for g, _ in written]),
    )


def _without(decided: Decision, unworded: Iterable[WordedFinding]) -> Decision:
    """The decision with the findings that could not be put into words as failed."""
    failed = {one.evaluation.key for one in unworded}
    evaluations = tuple([_failed(e) if e.key in failed else e for e in decided.evaluations])
    return msgspec.structs.replace(decided, evaluations=evaluations, found=_names(evaluations, Outcome.FOUND))


def _failed(evaluation: Evaluation) -> Evaluation:
    return msgspec.structs.replace(evaluation, outcome=Outcome.FAILED, finding=None)


def _names(evaluations: Iterable[Evaluation], outcome: Outcome) -> tuple[str, ...]:
    return tuple(dict.fromkeys([e.rule for e in evaluations if e.outcome is outcome]))


def _decided(judged: Judged, muted: Muted) -> Decision:
    """What was decided, before any card is written."""
    found = _names(judged.evaluations, Outcome.FOUND)
    unknown = (e for e in judged.evaluations if e.outcome is Outcome.UNDETERMINED)
    undetermined = {e.rule: e.missing for e in unknown if e.rule not in found}
    return Decision(
        evaluations=judged.evaluations,
        found=found,
        undetermined=undetermined,
        muted=muted,
        started=judged.started,
    )


def evaluations_of(
    ruleset: Ruleset, service: ServiceText, facts: PatientFacts, names: Iterable[str]
) -> Iterator[Evaluation]:
    """Runs these rules of the service."""
    shared: Shared = {}
    for name in names:
        yield from _run(ruleset.rules[name], facts, HOOKS[service.hook], shared)


def _run(prepared: Prepared, facts: PatientFacts, hook: Hook, shared: Shared) -> Iterator[Evaluation]:
    seen = view(facts, prepared)
    subjects = list(_subjects(prepared, facts, hook))
    for subject in subjects:
        yield evaluate(prepared, seen, hook, subject, shared)
    if not subjects:
        yield _nothing_to_review(prepared, facts, hook)


def _subjects(prepared: Prepared, facts: PatientFacts, hook: Hook) -> Iterable[Order | Medication | None]:
    about = prepared.content.about
    if about == "patient" or (about == "patient-or-order" and hook.is_chart_view):
        return (None,)
    if about == "each-drug" or (about == "each-therapy" and hook.is_chart_view):
        taken = facts.current_drugs(*prepared.drugs)
        return taken.value_or(())
    return [o for o in facts.orders if o.selected or hook.is_signing]


def _nothing_to_review(prepared: Prepared, facts: PatientFacts, hook: Hook) -> Evaluation:
    """No order or current drug: not met, or undetermined where it could not be told which drugs are current."""
    first = prepared.content.criteria[0].id
    by_drug = prepared.content.about == "each-drug" or hook.is_chart_view
    taken = facts.current_drugs(*prepared.drugs) if by_drug else None
    lapsed = [one for one in facts.past_drugs(*prepared.drugs).value_or(()) if one.lapsed] if by_drug else []
    why = taken.why if isinstance(taken, Unavailable) else f"{_LAPSED} {lapsed[0].ingredient}" if lapsed else ""
    if why:
        return Evaluation(prepared.rule.id, Outcome.UNDETERMINED, (Step(first, None, (), why),))
    return Evaluation(prepared.rule.id, Outcome.NOT_MET, (Step(first, False),))


def _capped(groups: list[CardGroup], ruleset: Ruleset, service: ServiceText) -> tuple[list[CardGroup], list[CardGroup]]:
    """The groups that fit the hook's caps, criticals first and never cut."""
    cap = ruleset.content.families.cap[service.hook]
    kept: list[CardGroup] = []
    cut: list[CardGroup] = []
    per_order: dict[str, int] = {}
    for joined in sorted(groups, key=lambda g: _order(g, ruleset)):
        subject = joined.subject.source if joined.subject else ""
        over = len(kept) >= cap.cards or (
            cap.per_order is not None and joined.subject is not None and per_order.get(subject, 0) >= cap.per_order
        )
        if over and joined.indicator != "critical":
            cut.append(joined)
            continue
        per_order[subject] = per_order.get(subject, 0) + 1
        kept.append(joined)
    return kept, cut


def _order(joined: CardGroup, ruleset: Ruleset) -> tuple[int, int, str]:
    weight = ruleset.weight[joined.leader.evaluation.rule]
    return WEIGHT_OF[joined.indicator], weight, joined.subject.source if joined.subject else ""
