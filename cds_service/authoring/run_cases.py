"""Runs the written cases through the whole path, as the hook requests they stand for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from cds_service.authoring.answers import CaseAnswer
from cds_service.authoring.cases import DAY, Case, Json, Parts, request
from cds_service.content.families import Cap
from cds_service.content.model import Content, RuleContent, ServiceText
from cds_service.content.tables import LARGEST
from cds_service.content.text import plain
from cds_service.decisions.cards import Visit
from cds_service.decisions.decide import Decision, decide
from cds_service.decisions.gather import gather_sent
from cds_service.decisions.ruleset import Ruleset
from cds_service.decisions.service import DecisionService
from cds_service.errors import CallRefused
from cds_service.facts.patient import PatientFacts
from cds_service.hooks.hooks import HOOKS
from cds_service.hooks.requests import parse_request
from cds_service.hooks.responses import Card
from cds_service.hooks.services import Service
from cds_service.rules.review import Evaluation, Outcome

_NO_CAPS = {hook: Cap(cards=LARGEST) for hook in HOOKS}
"""For hooks to which a site gives no cap, as it does not answer them."""


class CaseResult(msgspec.Struct, frozen=True):
    """A case with what became of it."""

    rule: str
    case: Case
    facts: PatientFacts
    decision: Decision

    @property
    def evaluations(self) -> tuple[Evaluation, ...]:
        """Those of the case's own rule; none where it could not apply from the start."""
        return tuple(e for e in self.decision.evaluations if e.rule == self.rule)

    @property
    def outcome(self) -> Outcome:
        """Found if the rule found anything, else the first outcome that is not a plain no."""
        outcomes = {e.outcome for e in self.evaluations}
        ranked = (Outcome.FOUND, Outcome.FAILED, Outcome.UNDETERMINED)
        return next((outcome for outcome in ranked if outcome in outcomes), Outcome.NOT_MET)

    @property
    def evaluation(self) -> Evaluation | None:
        """The evaluation that settled the outcome."""
        return next((e for e in self.evaluations if e.outcome is self.outcome), None)

    @property
    def card(self) -> Card | None:
        """The card that speaks for the rule, alone or with others."""
        return next((c for c in self.decision.cards if self.rule in (c.extension or {})["org.rbd-cds.rules"]), None)


class CaseRunner:
    """The rules on the day of the cases.

    A case is judged on its rule, not on where a site shows it: the rule is asked whether it is switched off or not,
    and whether the site answers the case's hook or not.
    """

    def __init__(self, ruleset: Ruleset, parts: Parts) -> None:
        self.ruleset = ruleset
        self._parts = parts
        services = ruleset.content.services.service
        self._shows = {service.id: service.rules for service in services}
        self._shown = {(service.hook, rule) for service in services for rule in service.rules}
        self._off = switched_off(ruleset.content)
        self._asking: dict[str, Ruleset] = {}
        self._all = _asking(ruleset, ruleset.content.rules)
        self._services = DecisionService(self._all, lambda: DAY).services.values()

    def request(self, rule: str, case: Case) -> Json:
        """The hook request that the case stands for."""
        return request(rule, case, self._service(rule, case).prefetch, self._parts)

    def run(self, rule: str, case: Case) -> CaseResult:
        """The case's answer; raises CallRefused for a case that leaves out more than an answer needs."""
        return self._run(rule, case, self._asked(rule, case))

    def shown(self, rule: str, case: Case) -> CaseResult | None:
        """The answer with the rules as the site has them, be this one switched off; None where it gives none."""
        if case.hook not in {hook for hook, _ in self._shown}:
            return None
        try:
            return self._run(rule, case, self.ruleset)
        except CallRefused:
            return None

    def _asked(self, rule: str, case: Case) -> Ruleset:
        """The site's own rules if they show this one at the case's hook, else with it, else with every one."""
        if (case.hook, rule) in self._shown and rule not in self._off:
            return self.ruleset
        if case.hook not in {hook for hook, _ in self._shown}:
            return self._all
        if rule not in self._asking:
            self._asking[rule] = _asking(self.ruleset, (rule,))
        return self._asking[rule]

    def _run(self, rule: str, case: Case, ruleset: Ruleset) -> CaseResult:
        service = self._service(rule, case)
        hook = parse_request(msgspec.json.encode(self.request(rule, case)), service)
        content = ruleset.content
        facts = gather_sent(hook, service.prefetch, content, DAY)
        visit = Visit(hook.user_id, hook.patient_id, hook.encounter_id)
        return CaseResult(rule, case, facts, decide(ruleset, content.service(service.id), facts, visit))

    def _service(self, rule: str, case: Case) -> Service:
        """The service of the case's hook that shows the rule; where none does, the first."""
        answering = [service for service in self._services if service.hook == case.hook]
        return next((one for one in answering if rule in self._shows.get(one.id, ())), answering[0])

    def faults(self, rule: str, case: Case) -> list[str]:
        """What differs from what the case expects, be it asked as the site has its rules or with every rule on.

        A card speaks for other rules too, and a site that switched one of those off has not broken this one.
        """
        found = list(self.disagreements(self.run(rule, case)))
        return found and list(self.disagreements(self._run(rule, case, self._all))) and found

    def indicator(self, rule: str, evaluation: Evaluation) -> str:
        found = evaluation.finding
        assert found is not None, "only a finding has an indicator"  # noqa: S101
        return found.level(self.ruleset.rules[rule].content)

    def disagreements(self, result: CaseResult) -> Iterator[str]:
        """What differs from what the case expects."""
        case, evaluation = result.case, result.evaluation
        got = self._answer(result)
        if got != case.expect:
            yield f"expected {case.expect}, got {got}{_because(evaluation)}"
        elif case.found and evaluation is not None and evaluation.finding is not None:
            if evaluation.finding.card != case.card:
                yield f"expected the words of {case.card}, got those of {evaluation.finding.card}"
            if self._all.content.rules[result.rule].status == "active":
                yield from _about_card(case, result.card)
        elif result.card is not None:
            yield f"expected {case.expect}, and a card names the rule"

    def answers(self, rule: str, cases: Iterable[Case]) -> tuple[CaseAnswer, ...]:
        """What the cases of a rule got, for its page."""
        return tuple(self._told(self.run(rule, case)) for case in cases)

    def _told(self, result: CaseResult) -> CaseAnswer:
        evaluation, card = result.evaluation, result.card
        finding = evaluation.finding if evaluation else None
        missing = evaluation.missing if evaluation and not finding else ""
        said = self._answer(result)
        if finding is None:
            return CaseAnswer(result.case, said, missing=missing)
        alone = card is not None and (card.extension or {})["org.rbd-cds.rules"] == [result.rule]
        return CaseAnswer(result.case, said, finding.card, finding.notes, finding.values, card=card, alone=alone)

    def _answer(self, result: CaseResult) -> str:
        if result.outcome is Outcome.NOT_MET:
            return "silent"
        evaluation = result.evaluation
        found = evaluation is not None and evaluation.finding is not None
        return self.indicator(result.rule, evaluation) if evaluation and found else result.outcome.value


def switched_off(content: Content) -> tuple[str, ...]:
    """The rules that no service shows, and those that are not active."""
    shown = {name for service in content.services.service for name in service.rules}
    return tuple(name for name, rule in content.rules.items() if rule.status != "active" or name not in shown)


def _asking(ruleset: Ruleset, names: Iterable[str]) -> Ruleset:
    """The rules as if these were active, and asked at every hook that brings what they are about."""
    content = ruleset.content
    rules = {name: _active(content.rules[name]) for name in names}
    services = tuple(
        msgspec.structs.replace(service, rules=tuple(dict.fromkeys((*service.rules, *_askable(rules, service.hook)))))
        for service in (*content.services.service, *_missing_services(content))
    )
    prepared = {name: msgspec.structs.replace(ruleset.rules[name], content=text) for name, text in rules.items()}
    weight = tuple(dict.fromkeys((*content.families.weight, *rules)))
    changed = msgspec.structs.replace(
        content,
        rules={**content.rules, **rules},
        families=msgspec.structs.replace(content.families, weight=weight, cap=_NO_CAPS | content.families.cap),
        services=msgspec.structs.replace(content.services, service=services),
    )
    return msgspec.structs.replace(
        ruleset,
        content=changed,
        rules={**ruleset.rules, **prepared},
        weight={name: place for place, name in enumerate(weight)},
    )


def _missing_services(content: Content) -> Iterator[ServiceText]:
    """A service for each hook that the site does not answer."""
    for hook in sorted(HOOKS.keys() - {service.hook for service in content.services.service}):
        yield ServiceText(id=hook, hook=hook, title=hook, description=hook, usage_requirements=hook, rules=())


def _askable(rules: Mapping[str, RuleContent], hook: str) -> Iterator[str]:
    for name, rule in rules.items():
        if (
            rule.about in ("each-therapy", "patient-or-order")
            or (rule.about == "each-order") is HOOKS[hook].brings_orders
        ):
            yield name


def _active(rule: RuleContent) -> RuleContent:
    """A rule that could be shown; one without evidence stays the draft that it is."""
    return msgspec.structs.replace(rule, status="active") if rule.evidence else rule


def _because(evaluation: Evaluation | None) -> str:
    if evaluation is None or not evaluation.steps:
        return ""
    last = evaluation.steps[-1]
    return f" ({last.criterion}{': ' if last.why else ''}{last.why})"


def _about_card(case: Case, card: Card | None) -> Iterator[str]:
    if case.shown != (card is not None):
        yield "expected a card that names the rule" if case.shown else "expected no card that names the rule"
    elif card is not None:
        said = text_of(card)
        yield from (f"the card does not say {words!r}" for words in case.words if words not in said)
        yield from (f"the card says {words!r}" for words in case.not_words if words in said)


def text_of(card: Card) -> str:
    """Everything on a card that a clinician can read, without the marks of Markdown."""
    parts = [card.summary, plain(card.detail or "")]
    for suggestion in card.suggestions:
        parts += [suggestion.label, *(action.description for action in suggestion.actions)]
    return "\n".join(parts)
