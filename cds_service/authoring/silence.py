"""Why each rule of a service spoke or stayed silent, with the values that its steps rest on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from cds_service.authoring import documents, explain, fields
from cds_service.authoring.documents import Json
from cds_service.authoring.explain import Explained
from cds_service.content.model import RuleContent
from cds_service.decisions.ruleset import Ruleset
from cds_service.facts.patient import Observation, PatientFacts
from cds_service.rules.review import Evaluation, Outcome, Prepared, Step

NOT_STARTED = "not started"
_MOST_SEEN = 4
_ADULT = "adult"
_SORTED = {Outcome.FOUND: 0, Outcome.FAILED: 1, Outcome.UNDETERMINED: 2, Outcome.NOT_MET: 3}


class ToldStep(msgspec.Struct, frozen=True):
    """A criterion, whether its sentence is true of the patient, and what was seen of it."""

    text: str
    holds: bool | None
    seen: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    """Where nothing was found that meets it, the newest results that the rule reads."""
    why: str = ""
    """Why it could not be told."""


class ToldRule(msgspec.Struct, frozen=True):
    """One rule about one patient, order or drug."""

    id: str
    title: str
    outcome: str
    said: str
    """Why there is no card; of what was found, why it is on none."""
    about: str = ""
    steps: tuple[ToldStep, ...] = ()


def told(ruleset: Ruleset, explained: Explained, chart: Iterable[Json]) -> Iterator[ToldRule]:
    """Every rule of the service: those that found something first, last those that nothing started."""
    words = {documents.name_of(one): _described(one) for one in chart}
    shown = {rule for card in explained.decision.cards for rule in (card.extension or {})["org.rbd-cds.rules"]}
    for evaluation in sorted(explained.decision.evaluations, key=lambda one: _SORTED[one.outcome]):
        prepared = ruleset.rules[evaluation.rule]
        unseen = "" if evaluation.rule in shown else explain.hidden(prepared.content, explained.decision)
        yield _rule(prepared, evaluation, explained.facts, words, unseen)
    for name, absent in explained.not_started.items():
        yield ToldRule(name, ruleset.content.rules[name].title, NOT_STARTED, absent)


def _rule(
    prepared: Prepared, evaluation: Evaluation, facts: PatientFacts | None, words: Mapping[str, str], unseen: str
) -> ToldRule:
    rule, subject = prepared.content, evaluation.subject
    age = f"age {facts.age.value.lowest}" if facts and facts.age.known else ""
    steps = [_step(rule, one, words, age) for one in evaluation.steps]
    if steps and evaluation.outcome is Outcome.NOT_MET and not steps[-1].seen and facts:
        steps[-1] = msgspec.structs.replace(steps[-1], beside=tuple(_results(prepared, facts, words)))
    about = words.get(subject.source, subject.source) if subject else ""
    found = evaluation.outcome is Outcome.FOUND
    said = unseen.removeprefix("; ") if found else explain.outcome(rule, evaluation)
    return ToldRule(rule.id, rule.title, evaluation.outcome.value, said, about, tuple(steps))


def _step(rule: RuleContent, step: Step, words: Mapping[str, str], age: str) -> ToldStep:
    seen = tuple([words.get(source, source) for source in step.sources])
    if step.criterion == _ADULT and age:
        seen = (age,)
    return ToldStep(explain.criterion(rule, step).text, explain.holds(rule, step), seen, why=step.why)


def _results(prepared: Prepared, facts: PatientFacts, words: Mapping[str, str]) -> Iterator[str]:
    """The newest of each kind of result that the rule reads."""
    results = facts.observations(*sorted(prepared.result_sets)) if prepared.result_sets else None
    found: tuple[Observation, ...] = results.value_or(()) if results else ()
    newest = {min(one.sets): one for one in reversed(found)}
    yield from [words.get(one.source, one.source) for one in newest.values()][:_MOST_SEEN]


def _described(resource: Json) -> str:
    day = next((resource[name] for name in _DAYS if isinstance(resource.get(name), str)), "")
    return f"{fields.words(resource)} ({day[: len('2026-06-15')]})" if day else fields.words(resource)


_DAYS = ("onsetDateTime", "effectiveDateTime", "authoredOn", "performedDateTime", "recordedDate", "authored")
