"""What a request gets and why, in words for a person at a terminal.

The steps are those of the evaluations themselves: nothing is worked out a second time.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from time import perf_counter

import msgspec

from cds_service.content.model import Content, Criterion, RuleContent
from cds_service.content.text import plain
from cds_service.content.triggers import Trigger
from cds_service.decisions.decide import Decision
from cds_service.decisions.running import Run, at_once
from cds_service.decisions.service import DecisionService
from cds_service.decisions.sources import Asked
from cds_service.errors import CallRefused, ContractBroken, DataMissing, NotJson
from cds_service.facts.losses import Loss
from cds_service.facts.patient import PatientFacts
from cds_service.fhir_client.access import FhirGrant
from cds_service.hooks.hooks import Hook
from cds_service.hooks.requests import parse_request
from cds_service.hooks.responses import Card, Response
from cds_service.hooks.services import Service
from cds_service.rules.review import Evaluation, Outcome, Prepared, Step

WIDTH = 100
HOLDS = {True: "yes", False: "no", None: "unknown"}
FATES = {
    "shown": "on a card",
    "muted": "not shown, because it was answered before",
    "cut": "not shown, because other cards come first",
    "draft": "not shown, because the rule is a draft",
    "folded": "not shown, because another card stands for it",
}
"""What becomes of a finding."""


class Explained(msgspec.Struct, frozen=True):
    """A decision with the steps of the rules that started, and why the others did not."""

    decision: Decision
    response: Response
    not_started: Mapping[str, str] = {}
    """By rule, what is not there."""
    gaps: Mapping[str, str] = {}
    unreadable: tuple[Loss, ...] = ()
    read: tuple[tuple[str, ...], ...] = ()
    """The prefetch keys that were read, by stage."""
    fetched: Mapping[str, str] = {}
    """Of these the ones that the FHIR server was asked for: ``ok``, or what is still not had."""
    timings: Mapping[str, float] = {}
    """Seconds by phase, in the order of their course."""
    facts: PatientFacts | None = None


class _Named(msgspec.Struct):
    hook: str


async def explain(
    body: bytes,
    answering: DecisionService,
    grant: FhirGrant | None = None,
    *,
    everything: bool = True,
    run: Run = at_once,
) -> Explained:
    """What the first service of the request's hook answers; raises CallRefused where it would refuse the request.

    Everything is read, also what no rule needs; else stage by stage, as a call is answered.
    """
    started = perf_counter()
    service = service_of(body, answering.services)
    hook = await run(partial(parse_request, body, service))
    parsed, asked = perf_counter() - started, Asked()
    answered = await answering.answer(hook, service, grant, asked=asked, everything=everything, run=run)
    prepared = (answering.ruleset.rules[name] for name in answered.decision.started.not_started)
    not_started = {one.content.id: _absent(one, hook.hook) for one in prepared}
    gaps = answered.facts.gaps if answered.facts else {}
    return Explained(
        answered.decision,
        answered.response,
        not_started,
        gaps,
        answered.unreadable,
        tuple(asked.read),
        asked.fetched,
        {"parse": parsed, **answered.timings},
        answered.facts,
    )


def _absent(prepared: Prepared, hook: Hook) -> str:
    """What would have had to be there for the rule to start at this hook."""
    counting = [one for one in prepared.triggers if one.counts(prepared.content.about, hook)]
    return "; ".join(map(_said, counting)) or "nothing starts it at this hook"


def _said(trigger: Trigger) -> str:
    places = [f"{name} of {_either(sets)}" for name, sets in trigger.chart.items()]
    if trigger.drafts:
        purpose = f" for {_either(trigger.reasons)}" if trigger.reasons else ""
        places.insert(0, f"draft of {_either(trigger.drafts)}{purpose}")
    return f"no {' with '.join(places)}"


def _either(names: Iterable[str]) -> str:
    *before, last = sorted(names)
    return f"{', '.join(before)} or {last}" if before else last


def service_of(body: bytes, services: Mapping[str, Service]) -> Service:
    """The first service of the hook that a request names; NotJson or ContractBroken where there is none."""
    try:
        named = msgspec.json.decode(body, type=_Named)
    except msgspec.ValidationError:
        raise ContractBroken("hook", "A required member is missing or not a string.", code="required") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotJson from None
    service = next((service for service in services.values() if service.hook == named.hook), None)
    if service is None:
        raise ContractBroken("hook", "No service answers this hook.")
    return service


def refusal(refused: CallRefused) -> Iterator[str]:
    """A refusal in a sentence; where data are missing, with the reason of each."""
    where = f" ({', '.join(refused.expression)})" if refused.expression else ""
    yield f"The service answers {refused.status}: {refused.text}{where}"
    if isinstance(refused, DataMissing):
        yield from (f"  {key}: {why}" for key, why in refused.reasons.items())


def cards(explained: Explained) -> Iterator[str]:
    """The cards as a clinician reads them, and what of the request could not be read."""
    decision = explained.decision
    if decision.gate:
        yield f"No card: {decision.gate}."
    elif not decision.all_cards:
        yield "No card."
    for card in decision.all_cards:
        yield from (*_card(card), "")
    for loss in explained.unreadable:
        yield f"Could not be read: {loss.member} in {loss.key} ({loss.why})"


def _card(card: Card) -> Iterator[str]:
    yield from _wrapped(f"{card.indicator.upper()}  {card.summary}")
    for paragraph in plain(card.detail or "").split("\n\n"):
        yield from ("", *_wrapped(paragraph, "  "))
    if card.suggestions:
        yield from ("", "  Suggestions:")
    for suggestion in card.suggestions:
        yield f"    - {suggestion.label}{' (recommended)' if suggestion.is_recommended else ''}"
        yield from (f"        {action.type}: {action.description}" for action in suggestion.actions)
    if card.override_reasons:
        yield from ("", *_wrapped(f"Reasons to override: {'; '.join(r.display for r in card.override_reasons)}.", "  "))


def why(content: Content, explained: Explained, *, everything: bool = False) -> Iterator[str]:
    """Why each rule spoke, step by step, and in one line why it did not; ``everything`` gives those steps as well."""
    shown = {rule for card in explained.decision.cards for rule in (card.extension or {})["org.rbd-cds.rules"]}
    for evaluation in explained.decision.evaluations:
        rule = content.rules[evaluation.rule]
        unseen = "" if rule.id in shown else hidden(rule, explained.decision)
        yield f"{_name(rule, evaluation)}: {outcome(rule, evaluation)}{unseen}"
        if everything or evaluation.outcome is Outcome.FOUND:
            yield from (line for step in evaluation.steps for line in _step(rule, step))
            yield ""
    for name, absent in explained.not_started.items():
        yield f"{name} {content.rules[name].version}: not started: {absent}"


def _name(rule: RuleContent, evaluation: Evaluation) -> str:
    about = f" on {evaluation.subject.source}" if evaluation.subject else ""
    return f"{rule.id} {rule.version}{about}"


def hidden(rule: RuleContent, decision: Decision) -> str:
    """Why what was found is on no card."""
    if rule.id not in decision.found:
        return ""
    if rule.status != "active":
        return f"; {FATES['draft']}"
    return f"; {FATES['cut' if rule.id in cut(decision) else 'folded']}"


def cut(decision: Decision) -> set[str]:
    """The rules whose cards were left out for others."""
    return {rule for rules in decision.cut for rule in rules}


def outcome(rule: RuleContent, evaluation: Evaluation) -> str:
    """What a rule came to, in words."""
    if evaluation.finding is not None:
        indicator = evaluation.finding.level(rule)
        return f"{indicator}, in the words of {evaluation.finding.card}"
    if evaluation.outcome is Outcome.FAILED:
        return "no card, because the rule failed; the log says where"
    last = evaluation.steps[-1]
    said = criterion(rule, last).text
    if evaluation.outcome is Outcome.UNDETERMINED:
        return f"no card, because this cannot be told: {said} ({last.why})"
    return f"no card, because this is {'so' if holds(rule, last) else 'not so'}: {said}"


def _step(rule: RuleContent, step: Step) -> Iterator[str]:
    basis = ", ".join(step.sources) or step.why
    told = f"{HOLDS[holds(rule, step)]:8}{criterion(rule, step).text}"
    yield from _wrapped(f"{told} [{basis}]" if basis else told, "  ", " " * 10)


def holds(rule: RuleContent, step: Step) -> bool | None:
    """Whether the sentence of the criterion is true of the patient; a step tells whether the rule may go on."""
    if step.met is None or criterion(rule, step).kind != "unless":
        return step.met
    return not step.met


def criterion(rule: RuleContent, step: Step) -> Criterion:
    """The criterion that a step is about."""
    return next(c for c in rule.criteria if c.id == step.criterion)


def _wrapped(text: str, indent: str = "", further: str | None = None) -> Sequence[str]:
    below = indent if further is None else further
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=below)
