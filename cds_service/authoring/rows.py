"""What the pages of a rule tell, row by row; Markdown and HTML each put the rows in their own form.

Names of the card files stand between backticks, as in Markdown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from cds_service.authoring.answers import CaseAnswer
from cds_service.content.families import Note
from cds_service.content.model import WEIGHT_OF, Content, Criterion, Indicator, Parameter, RuleContent, SuggestionText
from cds_service.content.reviews import signature, state
from cds_service.content.text import placeholders
from cds_service.content.wording import Wording
from cds_service.facts.queries import READS, TEMPLATES, collection

GRADES = {
    1: "label contraindication or boxed warning",
    2: "guideline or validated tool",
    3: "expert consensus, cohorts or series",
    4: "the sources alone, or judgement",
}
STATUS = {
    "draft": "draft: evaluated and recorded, not shown",
    "active": "active: shown",
    "retired": "retired: kept, not run",
}
ABOUT = {
    "each-order": "each draft order",
    "each-drug": "each current drug",
    "each-therapy": "each draft order; when the chart is opened, each current drug",
    "patient": "the patient",
    "patient-or-order": "each draft order; when the chart is opened, the patient",
}
_UNSIGNED = {"unsigned": "none yet", "lapsed": "the signature has lapsed, as the card has changed"}
_SUBJECT = {"each-order": "order", "each-drug": "drug", "each-therapy": "order or drug", "patient-or-order": "order"}


def by_family(content: Content) -> Iterator[tuple[str, list[RuleContent]]]:
    """The title of each family that has rules, and its rules, the weightiest first."""
    weight = content.families.weight
    for key, family in content.families.family.items():
        rules = [rule for rule in content.rules.values() if rule.family == key]
        rules.sort(key=lambda r: (weight.index(r.id) if r.id in weight else len(weight), r.id))
        if rules:
            yield family.title, rules


def indicators(rule: RuleContent) -> list[Indicator]:
    """Those that its cards can have, the most serious first."""
    return sorted({one.indicator for one in rule.indicator.values()}, key=WEIGHT_OF.__getitem__)


def grades(rule: RuleContent) -> list[int]:
    """Of the evidence that it cites."""
    return sorted({cited.grade for cited in rule.evidence})


def reads(rule: RuleContent) -> list[str]:
    """The prefetch keys that it reads."""
    keys = {key for read in rule.reads for key in READS[collection(read)]}
    return [key for key in TEMPLATES if key in keys]


def hooks(content: Content, rule: RuleContent) -> list[str]:
    """At which it is asked."""
    return [service.hook for service in content.services.service if rule.id in service.rules]


def reviewed(content: Content, rule: RuleContent) -> str:
    """Who signed it, if the signature holds; who wrote it, and when it is due."""
    said = _UNSIGNED.get(state(content, rule.id))
    if held := signature(content, rule.id):
        said = ", ".join(filter(None, (f"signed by {held.by}", held.role, str(held.on), held.note)))
    return f"{said}; written by {rule.review.written_by}, due {rule.review.next_review}"


def together(content: Content, rule: RuleContent) -> Iterator[tuple[str, str]]:
    """How the finding goes with others: one card for a family, folds, silences."""
    if rule.about != "patient":
        title = content.families.family[rule.family].title
        yield "Shares a card with", f"other findings about the same {_SUBJECT[rule.about]}: {title}"
    folds = content.families.fold
    takes = [name for fold in folds if fold.by == rule.id for name in fold.takes]
    silences = [name for fold in folds if fold.by == rule.id for name in fold.silences]
    taken = [fold.by for fold in folds if rule.id in {name.partition("/")[0] for name in fold.takes}]
    silenced = [fold.by for fold in folds if rule.id in {name.partition("/")[0] for name in fold.silences}]
    for title, names in (
        ("Takes in", takes),
        ("Is taken in by", taken),
        ("Silences", silences),
        ("Is silenced by", silenced),
    ):
        present = [f"`{name}`" for name in names if name.partition("/")[0] in content.rules]
        if present:
            yield title, ", ".join(present)


def unknown(criterion: Criterion) -> str | None:
    """What happens where it cannot be looked up."""
    if criterion.goes_on:
        return f'Where that cannot be looked up, the card says "Not checked: {criterion.not_checked}".'
    if criterion.if_unknown is None:
        return "Where that cannot be looked up, it stays silent, and the response says so."
    return None


def summaries(content: Content, rule: RuleContent, answers: Sequence[CaseAnswer]) -> Iterator[tuple[str, str, str]]:
    """The words of each variant, when they are said, and its summary with the values of a case."""
    words = wording(content, rule)
    for key, card in rule.card.items():
        answer = example(a for a in answers if a.variant == key)
        yield f"`{key}`", card.when, words.fill(card.summary, answer.values) if answer else card.summary


def offers(content: Content, rule: RuleContent, answers: Sequence[CaseAnswer]) -> Iterator[tuple[str, str, str]]:
    """Each suggestion, what it does, and the words it comes with."""
    offered: dict[str, list[str]] = {}
    for key, card in rule.card.items():
        for name in card.suggestions:
            offered.setdefault(name, []).append(key)
    words = wording(content, rule)
    for name, keys in offered.items():
        text = content.suggestions[name]
        answer = example(a for a in answers if a.variant in keys)
        values = {**dict.fromkeys(_named(text), "..."), **(answer.values if answer else {})}
        does = "; ".join(words.fill(said, values) for said in _actions(text))
        yield words.fill(text.label, values), does, words.listed(f"`{k}`" for k in keys)


def notes_of(content: Content, rule: RuleContent) -> dict[str, Note]:
    """The paragraphs that may be added, by name."""
    return {**content.families.family[rule.family].note, **rule.note}


def example(answers: Iterable[CaseAnswer]) -> CaseAnswer | None:
    """The first case whose card speaks for the rule alone, else the first."""
    found = list(answers)
    return next((a for a in found if a.alone), found[0] if found else None)


def _actions(text: SuggestionText) -> tuple[str, ...]:
    described = (text.remove_draft, *(create.description for create in text.create), text.change_dose)
    return tuple(filter(None, described))


def _named(text: SuggestionText) -> frozenset[str]:
    return frozenset(name for said in (text.label, *_actions(text)) for name in placeholders(said))


def wording(content: Content, rule: RuleContent) -> Wording:
    return content.wording.with_phrases(rule.phrase)


def numbers(content: Content, rule: RuleContent) -> list[tuple[str, str, str, str]]:
    """Each number that its sentences name: its value, its home and its source."""
    named = {name for text in _sentences_of(content.written[rule.id]) for name in placeholders(text)}
    shared = [
        (key, p.id, found)
        for p in content.phenotypes.values()
        for key, found in p.parameter.items()
        if not named.isdisjoint({key, f"{p.id}/{key}"} - rule.parameter.keys())
    ]
    rows = [_number(key, "this card", found) for key, found in rule.parameter.items()]
    rows += [_number(key, f"`phenotypes/{home}.toml`", found) for key, home, found in shared]
    return rows


def _sentences_of(rule: RuleContent) -> Iterator[str]:
    yield from (c.text for c in rule.criteria)
    for chosen in (rule.indicator, rule.card, rule.note):
        yield from (one.when for one in chosen.values())
    for card in rule.card.values():
        yield from filter(None, (card.summary, card.phrase, card.if_taken, *card.found, card.detail, card.folded))
    yield from (note.text for note in rule.note.values())
    yield from (phrase.text for phrase in rule.phrase.values())


def _number(name: str, home: str, found: Parameter) -> tuple[str, str, str, str]:
    return name, f"{found.value:g} {found.unit}", home, found.source


def told(answer: CaseAnswer) -> str:
    if answer.said == "silent":
        return "silence"
    if answer.said == "undetermined":
        return f"cannot be told ({answer.missing})"
    hidden = "" if answer.case.shown else ", not shown"
    return f"**{answer.said}** `{answer.variant}`{hidden}"
