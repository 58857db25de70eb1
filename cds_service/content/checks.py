"""What must hold across the content files; each fault names the file, the key and what to write."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from cds_service.content import numbers as spelt
from cds_service.content.contract import undeclared
from cds_service.content.leaflets import faults_of_leaflets, link_name
from cds_service.content.model import (
    GATES_OF_ALL,
    OVERRIDES_AT_MOST,
    CardText,
    Content,
    Criterion,
    Parameter,
    RuleContent,
)
from cds_service.content.not_checked import faults_of_not_checked
from cds_service.content.source_attributes import faults_of_source_attributes
from cds_service.content.tables import LARGEST
from cds_service.content.text import names_alone, placeholders
from cds_service.facts import drugs
from cds_service.facts.queries import (
    ANSWERS,
    DRAFTS,
    MEDICATIONS,
    OBSERVATIONS,
    QUESTIONS,
    READS,
    REASONS,
    TEMPLATES,
    collection,
    collections,
)
from cds_service.hooks.hooks import HOOKS
from cds_service.terminology.value_sets import Kind

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SAID = re.compile(r"\b(should|must)\b", re.IGNORECASE)
_OF_TIME = ("d", "wk", "mo", "a")


def faults_of(content: Content) -> list[str]:
    """Every fault across the files."""
    sets = {s.name for s in content.value_sets}
    found = [fault for name, rule in content.written.items() for fault in _rule(name, rule, content, sets)]
    shared = (
        _services,
        _addresses,
        _families,
        _folds,
        _gates,
        _memory,
        _suggestions,
        _statements,
        _phenotypes,
        _current_drug,
        _lean,
        _reviews,
        faults_of_leaflets,
        faults_of_not_checked,
        faults_of_source_attributes,
    )
    return [*found, *undeclared(content), *(fault for check in shared for fault in check(content))]


def _rule(folder: str, rule: RuleContent, content: Content, sets: set[str]) -> Iterator[str]:
    file = f"{folder}/card.toml"
    if rule.id != folder or not _ID.fullmatch(rule.id):
        yield f"{file}: id: {rule.id!r} is not the name of its folder"
    if rule.family not in content.families.family:
        yield f"{file}: family: {rule.family!r} is not in families.toml"
    for read in rule.reads:
        if collection(read) not in READS:
            yield f"{file}: reads: {read!r} is none of {', '.join(READS)}"
        elif read.startswith(f"{OBSERVATIONS}:") and read.partition(":")[2] not in sets:
            yield f"{file}: reads: no value set {read.partition(':')[2]!r}"
    for fault in _triggers(rule, content):
        yield f"{file}: triggers: {fault}"
    for cited in rule.evidence:
        if cited.id not in content.evidence:
            yield f"{file}: evidence: {cited.id!r} is not in evidence.toml"
    if rule.status == "active" and not rule.evidence:
        yield f"{file}: evidence: an active card cites at least one source"
    yield from _cites(file, rule)
    for code in rule.override:
        if code not in content.overrides:
            yield f"{file}: override: {code!r} is not in override-reasons.toml"
    yield from _reasons(file, rule, content)
    known = content.links.keys() | map(link_name, content.leaflets)
    for link in (*rule.links, *(name for card in rule.card.values() for name in card.links)):
        if link not in known:
            yield f"{file}: links: {link!r} is neither in links.toml nor a leaflet"
    yield from _parameters(file, rule.parameter)
    names = set(spelt.of_rule(rule, spelt.shared(content.phenotypes.values())))
    for gate in rule.gates:
        if gate not in content.gates:
            yield f"{file}: gates: {gate!r} is not in gates.toml"
    ids = [c.id for c in rule.criteria]
    if not ids:
        yield f"{file}: criteria: there is none"
    for twice in {i for i in ids if ids.count(i) > 1}:
        yield f"{file}: criteria: {twice!r} stands twice"
    for criterion in rule.criteria:
        if criterion.id not in content.gates:
            yield from _criterion(file, f"criteria.{criterion.id}", criterion, names)
    for table, chosen in (("indicator", rule.indicator), ("card", rule.card), ("note", rule.note)):
        for key, one in chosen.items():
            yield from _known_names(file, f"{table}.{key}.when", one.when, names)
    for key, card in rule.card.items():
        yield from _card(file, key, card, content)
    for key, note in rule.note.items():
        yield from _said(file, f"note.{key}", note.text)


def _reasons(file: str, rule: RuleContent, content: Content) -> Iterator[str]:
    """Reasons that are none of the rule's, that nothing found can bring about, or that are cut every time."""
    for code, name in rule.override_with.items():
        family = content.families.family.get(rule.family)
        if code not in rule.override:
            yield f"{file}: override-with: {code!r} is no reason of the rule"
        if name not in {*rule.card, *rule.indicator, *rule.note, *(family.note if family else ())}:
            yield f"{file}: override-with: {code}: {name!r} is no indicator, no note and no variant of the card"
    for code in rule.override_display:
        if code not in rule.override:
            yield f"{file}: override-display: {code!r} is no reason of the rule"
    for key, card in rule.card.items():
        for code in sorted(set(card.override) - set(rule.override)):
            yield f"{file}: card.{key}.override: {code!r} is no reason of the rule"
        always = [
            code
            for code in card.override or rule.override
            if code not in rule.override_with and code in content.overrides and not content.overrides[code].needs
        ]
        if len(always) > OVERRIDES_AT_MOST:
            yield f"{file}: card.{key}.override: {len(always)} reasons; a card offers at most {OVERRIDES_AT_MOST}"


def _triggers(rule: RuleContent, content: Content) -> Iterator[str]:
    if not rule.triggers or not all(rule.triggers):
        yield "name at least one value set in each of at least one alternative"
    if rule.about == "each-order" and any(DRAFTS not in one for one in rule.triggers):
        yield "a rule about orders names drafts in every alternative"
    if rule.about in ("each-drug", "each-therapy") and not any(
        MEDICATIONS in one and DRAFTS not in one for one in rule.triggers
    ):
        yield "a rule about current drugs has an alternative of medications without drafts"
    if any(REASONS in one and DRAFTS not in one for one in rule.triggers):
        yield "reasons are those of drafts: name drafts beside them"
    kinds = {found.name: found.kind for found in content.value_sets}
    for one in rule.triggers:
        for place, names in one.items():
            yield from _place(rule, place, names, kinds)


def _place(rule: RuleContent, place: str, names: tuple[str, ...], kinds: dict[str, Kind]) -> Iterator[str]:
    """What is wrong with the value sets that one alternative names in one collection."""
    if place not in _KINDS:
        yield f"{place!r} is none of {', '.join(_KINDS)}"
        return
    read = "orders" if place in (DRAFTS, REASONS) else place
    if read not in collections(frozenset(rule.reads)):
        yield f"the rule does not read {read}"
    if not names:
        yield f"{place}: name at least one value set"
    for name in names:
        if name not in kinds:
            yield f"no value set {name!r}"
        elif kinds[name] not in _KINDS[place] or (place == ANSWERS and name.removeprefix("question-") not in QUESTIONS):
            yield f"{place} hold nothing of {name!r}"
        elif place == OBSERVATIONS and f"{OBSERVATIONS}:{name}" not in rule.reads:
            yield f"the rule does not read {OBSERVATIONS}:{name}"


_KINDS: dict[str, tuple[Kind, ...]] = {
    DRAFTS: ("drug", "order"),
    REASONS: ("condition", "order"),
    MEDICATIONS: ("drug",),
    "allergies": ("drug",),
    "conditions": ("condition",),
    "events": ("condition",),
    OBSERVATIONS: ("observation",),
    ANSWERS: ("observation",),
    **dict.fromkeys(("procedures", "requests", "plans", "reports"), ("order",)),
}
"""The kinds of value sets that can be found in each collection."""


def _criterion(file: str, key: str, criterion: Criterion, names: set[str]) -> Iterator[str]:
    if criterion.goes_on and not criterion.not_checked:
        yield f"{file}: {key}: goes on without knowing; say in not-checked what was not checked"
    yield from _known_names(file, key, criterion.text, names)
    yield from _known_names(file, f"{key}.not-checked", criterion.not_checked or "", names)


def _gates(content: Content) -> Iterator[str]:
    names = set(spelt.shared(content.phenotypes.values()))
    for key, gate in content.gates.items():
        yield from _criterion("gates.toml", key, gate.criterion(key), names)
    for key in GATES_OF_ALL:
        if key not in content.gates or not content.gates[key].closed:
            yield f"gates.toml: {key}: say in closed why nothing is shown"


def _phenotypes(content: Content) -> Iterator[str]:
    for name, phenotype in content.phenotypes.items():
        yield from _parameters(f"phenotypes/{name}.toml", phenotype.parameter)


def _parameters(file: str, parameters: Mapping[str, Parameter]) -> Iterator[str]:
    """Numbers that no day could be counted with, or that would be cut to whole ones while the sentences say them."""
    for name, parameter in parameters.items():
        if not 0 <= parameter.value <= LARGEST:
            yield f"{file}: parameter.{name}: value: {parameter.value:g} is not between 0 and {LARGEST}"
        elif parameter.unit in _OF_TIME and not parameter.value.is_integer():
            yield f"{file}: parameter.{name}: value: {parameter.value:g} {parameter.unit} is not a whole number"


def _cites(file: str, rule: RuleContent) -> Iterator[str]:
    sources = {cited.id for cited in rule.evidence}
    for key, card in rule.card.items():
        for name in card.cites:
            if name not in sources:
                yield f"{file}: card.{key}.cites: {name!r} is not among the evidence of this card"


def _known_names(file: str, key: str, text: str, names: set[str]) -> Iterator[str]:
    try:
        unknown = sorted(names_alone(text) - names)
    except ValueError as error:
        yield f"{file}: {key}: {error}"
        return
    for name in unknown:
        yield f"{file}: {key}: {{{name}}} is no parameter of this card or of a phenotype"


def _card(file: str, key: str, card: CardText, content: Content) -> Iterator[str]:
    found = (("found", text) for text in card.found)
    for member, text in (
        ("summary", card.summary),
        *found,
        ("detail", card.detail),
        ("phrase", card.phrase),
        ("if-taken", card.if_taken),
    ):
        yield from _said(file, f"card.{key}.{member}", text or "")
    if not card.found:
        yield f"{file}: card.{key}.found: says nothing"
    yield from _written(f"{file}: card.{key}.summary", card.summary)
    for text in card.found:
        yield from _written(f"{file}: card.{key}.found", text)
    yield from _written(f"{file}: card.{key}.detail", card.detail, lines=True)
    for name in card.suggestions:
        if name not in content.suggestions:
            yield f"{file}: card.{key}.suggestions: {name!r} is not in suggestions.toml"


def _written(where: str, text: str | None, *, lines: bool = False) -> Iterator[str]:
    """What a card cannot be without: words, and no more than one line of them where it has room for one."""
    if text is not None and not text.strip():
        yield f"{where}: is empty"
    elif text and not lines and "\n" in text:
        yield f"{where}: write it in one line"


def _said(file: str, key: str, text: str) -> Iterator[str]:
    try:
        placeholders(text)
    except ValueError as error:
        yield f"{file}: {key}: {error}"
    if _SAID.search(text):
        yield f"{file}: {key}: says should or must"


def _services(content: Content) -> Iterator[str]:
    ids = [service.id for service in content.services.service]
    for twice in {name for name in ids if ids.count(name) > 1}:
        yield f"services.toml: {twice}: two services have this id"
    for service in content.services.service:
        if not _ID.fullmatch(service.id):
            yield f"services.toml: {service.id}: id: write lower-case words with hyphens, as it is a part of an address"
        if service.hook not in HOOKS:
            yield f"services.toml: {service.id}: hook: {service.hook!r} is none of {', '.join(HOOKS)}"
        for rule in service.rules:
            if rule not in content.rules:
                yield f"services.toml: {service.id}: no card folder {rule!r}"


def _lean(content: Content) -> Iterator[str]:
    lean = content.services.prefetch_lean
    for hook in sorted({service.hook for service in content.services.service} - lean.keys()):
        yield f"services.toml: prefetch-lean: {hook!r} is missing"
    for hook, keys in lean.items():
        if hook not in HOOKS:
            yield f"services.toml: prefetch-lean: {hook!r} is none of {', '.join(HOOKS)}"
        for key in keys:
            if key not in TEMPLATES:
                yield f"services.toml: prefetch-lean: {hook}: {key!r} is none of {', '.join(TEMPLATES)}"


def _addresses(content: Content) -> Iterator[str]:
    for key, source in content.evidence.items():
        if source.url is not None and not source.url.startswith("https://"):
            yield f"evidence.toml: {key}: url: {source.url!r} does not begin with https://"
    for key, link in content.links.items():
        if not link.url.startswith(("https://", "{service}/")):
            yield f"links.toml: {key}: url: {link.url!r} begins neither with https:// nor with {{service}}/"


def _families(content: Content) -> Iterator[str]:
    for rule in content.rules.values():
        if rule.status == "active" and rule.id not in content.families.weight:
            yield f"families.toml: weight: {rule.id!r} is missing"
    for hook in sorted({service.hook for service in content.services.service} - content.families.cap.keys()):
        yield f"families.toml: cap: {hook!r} is missing"
    for hook in sorted(content.families.cap.keys() - HOOKS.keys()):
        yield f"families.toml: cap: {hook!r} is none of {', '.join(HOOKS)}"


def _folds(content: Content) -> Iterator[str]:
    for name in content.families.weight:
        if name not in content.rules:
            yield f"families.toml: weight: no card folder {name!r}"
    for code in (*content.families.stale.override, *content.families.stale.display):
        if code not in content.overrides:
            yield f"families.toml: stale: {code!r} is not in override-reasons.toml"
    for fold in content.families.fold:
        for name in (fold.by, *fold.takes, *fold.silences):
            rule, _, variant = name.partition("/")
            if rule not in content.rules or (variant and variant not in content.rules[rule].card):
                yield f"families.toml: fold: by {fold.by}: no card {name!r}"


def _reviews(content: Content) -> Iterator[str]:
    for name in sorted(content.reviews.keys() - content.rules.keys()):
        yield f"reviews.toml: {name!r} is no rule"


def _memory(content: Content) -> Iterator[str]:
    memory = content.memory
    if memory.without_reason not in content.overrides:
        yield f"memory.toml: without-reason: {memory.without_reason!r} is not in override-reasons.toml"
    for code, reason in content.overrides.items():
        if not (reason.mutes_days or reason.mutes_months or reason.until_changed):
            yield f"override-reasons.toml: {code}: give mutes-days, mutes-months or until-changed"
    for name in (*memory.accepted_months_of, *memory.once_months):
        if name not in content.families.weight:
            yield f"memory.toml: {name!r} is no rule of families.toml"


def _suggestions(content: Content) -> Iterator[str]:
    for name, text in content.suggestions.items():
        for told in (text.label, text.remove_draft, text.change_dose, *(one.description for one in text.create)):
            yield from _written(f"suggestions.toml: {name}", told)
        for create in text.create:
            if create.resource not in content.resources:
                yield f"suggestions.toml: {name}: no file suggestions/{create.resource}"
        if not (text.create or text.remove_draft or text.change_dose):
            yield f"suggestions.toml: {name}: does nothing"

    used = {create.resource for text in content.suggestions.values() for create in text.create}
    for name in sorted(content.resources.keys() - used):
        yield f"suggestions/{name}: no suggestion creates it"


def _current_drug(content: Content) -> Iterator[str]:
    """The numbers without which no medication could be read at all."""
    given = content.numbers.parameters.get("current-drug", {})
    for name in drugs.NUMBERS:
        if name not in given:
            yield f"phenotypes/current-drug.toml: parameter.{name}: is missing"


def _statements(content: Content) -> Iterator[str]:
    """Every statement of the sources has a home that exists, and a case or a reason why none shows it."""
    claimed = {name: rule.id for rule in content.rules.values() for name in rule.statements}
    for name in sorted(set(claimed) - set(content.statements)):
        yield f"{claimed[name]}/card.toml: statements: {name!r} is not in statements.toml"
    for name, statement in content.statements.items():
        if name not in claimed and not (statement.questions or statement.places or statement.not_computed):
            yield f"statements.toml: {name}: without a home; name it in a card, or say where it lives or why not"
        if (statement.case is None) == (statement.not_computed is None):
            yield f"statements.toml: {name}: name either the case that shows it or, in not-computed, why none does"
        for question in statement.questions:
            if question not in QUESTIONS:
                yield f"statements.toml: {name}: questions: {question!r} is no question of the screening form"
        for place in statement.places:
            if not content.files.path(place).is_file():
                yield f"statements.toml: {name}: places: no file {place}"
