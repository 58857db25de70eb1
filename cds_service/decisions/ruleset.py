"""The rules that run: every card folder tied to its function, with what each reads and starts with worked out once."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator

import msgspec

from cds_service import rules as rules_package
from cds_service.content.contract import broken, contract, unsaid
from cds_service.content.model import Content, RuleContent, ServiceText
from cds_service.content.reviews import unsigned
from cds_service.content.triggers import triggers_of
from cds_service.content.wording import Filling, filling
from cds_service.decisions.frames import CardFrame, frames
from cds_service.errors import ContentError
from cds_service.facts.queries import MEDICATIONS, OBSERVATIONS, READS, collections, templates
from cds_service.rules.gates import GATES
from cds_service.rules.review import RULES, Prepared, Rule


class Ruleset(msgspec.Struct, frozen=True):
    """Content and functions together."""

    content: Content
    rules: dict[str, Prepared]
    weight: dict[str, int]
    resources: dict[str, Filling]
    """The files of ``cards/suggestions``, ready to be filled."""
    frames: dict[str, dict[str, CardFrame]]
    """By rule and card, what is fixed of it."""
    unsigned: frozenset[str]
    """The rules that no clinician has signed as they stand."""

    def prefetch(self, service: ServiceText) -> dict[str, str]:
        """The prefetch templates of a service: what its rules read, and nothing else."""
        active = (self.rules[name] for name in service.rules)
        reads = {read for prepared in active if prepared.content.status != "retired" for read in prepared.reads}
        return templates(reads | {"patient"}, self.content.vocabulary.codes_of)


def assemble(content: Content) -> Ruleset:
    """Ties cards to functions; raises ContentError for a card without function and a function without card."""
    functions = registered()
    faults = list(_unpaired(content, functions))
    if not faults:
        faults = [fault for name, text in content.rules.items() for fault in _unmet(content, text, functions[name])]
        faults += unsaid(content)
    if faults:
        raise ContentError(faults)
    framed = {name: frames(content, text) for name, text in content.rules.items()}
    drugs = frozenset(found.name for found in content.value_sets if found.kind == "drug")
    prepared = {name: _prepared(text, functions[name], content, drugs) for name, text in content.rules.items()}
    weight = {name: place for place, name in enumerate(content.families.weight)}
    resources = {name: filling(template) for name, template in content.resources.items()}
    return Ruleset(content, prepared, weight, resources, framed, unsigned(content))


def registered() -> dict[str, Rule]:
    """Every rule function of the package; importing a rule's module registers it."""
    for module in pkgutil.iter_modules(rules_package.__path__):
        importlib.import_module(f"{rules_package.__name__}.{module.name}")
    return dict(RULES)


def _unpaired(content: Content, functions: Iterable[str]) -> Iterator[str]:
    names = set(functions)
    for name in sorted(set(content.rules) - names):
        yield f"{name}/card.toml: no function; write cds_service/rules/{name.replace('-', '_')}.py"
    for name in sorted(names - set(content.rules)):
        yield f"{name}: a function without card; write cards/{name}/card.toml or retire the function"


def _unmet(content: Content, text: RuleContent, rule: Rule) -> Iterator[str]:
    """What the card file names and the program does not have."""
    yield from broken(content, text, rule.gives)
    for gate in text.gates:
        if gate not in GATES:
            yield f"{text.id}/card.toml: gates: {gate!r} is none of {', '.join(GATES)}"


def _prepared(text: RuleContent, rule: Rule, content: Content, drugs: frozenset[str]) -> Prepared:
    reads, triggers = frozenset(text.reads), tuple(triggers_of(text, drugs))
    return Prepared(
        rule=rule,
        content=text,
        digest=content.digests[text.id],
        criteria={criterion.id: criterion for criterion in text.criteria},
        gates={name: GATES[name] for name in text.gates},
        contract=contract(content, text),
        wording=content.wording.with_phrases(text.phrase),
        reads=reads,
        keys=frozenset(key for name in collections(reads) for key in READS[name]),
        triggers=triggers,
        trigger_collections=frozenset(name for one in triggers for name in one.chart),
        drugs=frozenset(name for one in triggers if not one.drafts for name in one.chart.get(MEDICATIONS, ())),
        result_sets=frozenset(r.partition(":")[2] for r in reads if r.startswith(f"{OBSERVATIONS}:")),
        offers_tasks=any(
            content.resources[create.resource]["resourceType"] == "Task"
            for card in text.card.values()
            for name in card.suggestions
            for create in content.suggestions[name].create
        ),
    )
