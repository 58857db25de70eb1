"""The pages that clinicians read: one for each card folder, and the catalogue.

They are generated, so that every changed word and answer shows in a review.
Running the cases is left to the caller.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from cds_service.authoring.answers import Answers, CaseAnswer
from cds_service.authoring.overrides import overrides
from cds_service.authoring.statements import inventory
from cds_service.authoring.tables import table
from cds_service.content.families import Note
from cds_service.content.model import Content, Criterion, Parameter, RuleContent, SuggestionText
from cds_service.content.reviews import signature, state
from cds_service.content.source_attributes import path, source_attributes
from cds_service.content.text import placeholders
from cds_service.content.wording import Wording
from cds_service.facts.queries import READS, TEMPLATES, collection
from cds_service.hooks.responses import Card

GRADES = {
    1: "label contraindication or boxed warning",
    2: "guideline or validated tool",
    3: "expert consensus, cohorts or series",
    4: "the sources alone, or judgement",
}
_MADE = "*Written by `cds-service page` from `card.toml` and `cases.toml`: change those.*"
_STATUS = {
    "draft": "draft: evaluated and recorded, not shown",
    "active": "active: shown",
    "retired": "retired: kept, not run",
}
_ABOUT = {
    "each-order": "each draft order",
    "each-drug": "each current drug",
    "each-therapy": "each draft order; when the chart is opened, each current drug",
    "patient": "the patient",
    "patient-or-order": "each draft order; when the chart is opened, the patient",
}
_UNSIGNED = {"unsigned": "none yet", "lapsed": "the signature has lapsed, as the card has changed"}
_SUBJECT = {"each-order": "order", "each-drug": "drug", "each-therapy": "order or drug", "patient-or-order": "order"}
_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'(])")


def pages(content: Content, answers: Answers) -> dict[str, str]:
    """Every generated page by its path under the folder of cards."""
    made = {f"{name}/README.md": rule_page(content, name, answers[name]) for name in content.rules}
    return {"README.md": catalogue(content), "statements.md": inventory(content, answers), **made}


def stale(content: Content, answers: Answers) -> list[str]:
    """The pages that are not what the content says now."""
    made = pages(content, answers)
    return [name for name, text in made.items() if _on_disk(content, name) != text]


def _on_disk(content: Content, name: str) -> str | None:
    path = content.files.path(name)
    return path.read_text(encoding="utf-8") if path.is_file() else None


def rule_page(content: Content, name: str, answers: Sequence[CaseAnswer]) -> str:
    """The page of one card folder."""
    rule = content.rules[name]
    sections = (
        _head(content, rule),
        _criteria(rule),
        _indicators(rule),
        _words(content, rule, answers),
        _offers(content, rule, answers),
        overrides(content, rule),
        _numbers(content, rule),
        _evidence(content, rule),
        _source_attributes(content, rule),
        _cases(answers),
        _foot(content, rule),
    )
    return "\n".join(line for section in sections for line in section).rstrip() + "\n"


def _head(content: Content, rule: RuleContent) -> Iterator[str]:
    services = [s for s in content.services.service if rule.id in s.rules]
    keys = dict.fromkeys(key for read in rule.reads for key in READS[collection(read)])
    yield from (f"# {rule.title}", "", rule.question, "", _MADE, "")
    yield from table(
        ("", ""),
        [
            ("Rule", f"`{rule.id}` ({rule.code})"),
            ("Status", _STATUS[rule.status]),
            ("Clinical review", _reviewed(content, rule)),
            ("Asked at", ", ".join(s.hook for s in services) or "no hook: no service lists it"),
            ("About", _ABOUT[rule.about]),
            *_together(content, rule),
            ("Reads", ", ".join(key for key in TEMPLATES if key in keys)),
        ],
    )
    if rule.remark:
        yield from (*_sentences(rule.remark), "")


def _reviewed(content: Content, rule: RuleContent) -> str:
    """Who signed it, if the signature holds; who wrote it, and when it is due."""
    said = _UNSIGNED.get(state(content, rule.id))
    if held := signature(content, rule.id):
        said = ", ".join(filter(None, (f"signed by {held.by}", held.role, str(held.on), held.note)))
    return f"{said}; written by {rule.review.written_by}, due {rule.review.next_review}"


def _together(content: Content, rule: RuleContent) -> Iterator[tuple[str, str]]:
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


def _criteria(rule: RuleContent) -> Iterator[str]:
    yield from ("## When it speaks", "")
    titles = {"only-if": "Only if:", "unless": "Not if:", "changes-words": "Its words change with:"}
    for kind, title in titles.items():
        found = [c for c in rule.criteria if c.kind == kind]
        if found:
            yield from (title, "", *(line for c in found for line in _criterion(c)), "")


def _criterion(criterion: Criterion) -> Iterator[str]:
    yield f"- {criterion.text}"
    if criterion.goes_on:
        yield f'  Where that cannot be looked up, the card says "Not checked: {criterion.not_checked}".'
    elif criterion.if_unknown is None:
        yield "  Where that cannot be looked up, it stays silent, and the response says so."


def _indicators(rule: RuleContent) -> Iterator[str]:
    yield from ("## How serious", "")
    yield from table(("indicator", "when"), [(i.indicator, i.when) for i in rule.indicator.values()])


def _words(content: Content, rule: RuleContent, answers: Sequence[CaseAnswer]) -> Iterator[str]:
    yield from ("## What it says", "", "Each line with the values of a case below.", "")
    rows = []
    words = _wording(content, rule)
    for key, card in rule.card.items():
        answer = _example(a for a in answers if a.variant == key)
        said = words.fill(card.summary, answer.values) if answer else card.summary
        rows.append((f"`{key}`", card.when, said))
    yield from table(("words", "when", "summary"), rows)
    whole = _example(a for a in answers if a.card)
    if whole is not None and whole.card is not None:
        yield from _whole(whole, whole.card)
    shared = content.families.family[rule.family].note
    reached = {key: a for a in answers for key in a.notes}
    notes = [(rule.note.get(key) or shared[key], answer) for key, answer in reached.items()]
    yield from _notes(content, rule, notes)


def _example(answers: Iterable[CaseAnswer]) -> CaseAnswer | None:
    """The first case whose card speaks for the rule alone, else the first."""
    found = list(answers)
    return next((a for a in found if a.alone), found[0] if found else None)


def _whole(answer: CaseAnswer, card: Card) -> Iterator[str]:
    yield from (f"The whole card of the case `{answer.case.name}`:", "", f"> **{card.indicator}** {card.summary}", ">")
    for paragraph in (card.detail or "").split("\n\n"):
        yield from (f"> {line}" for line in _sentences(paragraph))
        yield ">"
    labels = (f"{s.label}{' (recommended)' if s.is_recommended else ''}" for s in card.suggestions)
    yield from (f"> Offers: {'; '.join(labels) or 'nothing'}.", "")


def _notes(content: Content, rule: RuleContent, notes: Sequence[tuple[Note, CaseAnswer]]) -> Iterator[str]:
    if notes:
        yield from ("Paragraphs that are added:", "")
        words = _wording(content, rule)
        rows = [(note.when, words.fill(note.text, answer.values)) for note, answer in notes]
        yield from table(("when", "paragraph"), rows)


def _offers(content: Content, rule: RuleContent, answers: Sequence[CaseAnswer]) -> Iterator[str]:
    offered: dict[str, list[str]] = {}
    for key, card in rule.card.items():
        for name in card.suggestions:
            offered.setdefault(name, []).append(key)
    yield from ("## What it offers", "")
    if not offered:
        yield from ("Nothing.", "")
        return
    rows = []
    words = _wording(content, rule)
    for name, keys in offered.items():
        text = content.suggestions[name]
        answer = _example(a for a in answers if a.variant in keys)
        values = {**dict.fromkeys(_named(text), "..."), **(answer.values if answer else {})}
        does = "; ".join(words.fill(said, values) for said in _actions(text))
        rows.append((words.fill(text.label, values), does, words.listed(f"`{k}`" for k in keys)))
    yield from table(("suggestion", "what it does", "with the words"), rows)
    yield from ("Nothing is applied by itself: what is created is a draft or a request.", "")


def _actions(text: SuggestionText) -> tuple[str, ...]:
    described = (text.remove_draft, *(create.description for create in text.create), text.change_dose)
    return tuple(filter(None, described))


def _named(text: SuggestionText) -> frozenset[str]:
    return frozenset(name for said in (text.label, *_actions(text)) for name in placeholders(said))


def _wording(content: Content, rule: RuleContent) -> Wording:
    return content.wording.with_phrases(rule.phrase)


def _numbers(content: Content, rule: RuleContent) -> Iterator[str]:
    named = {name for text in _sentences_of(content.written[rule.id]) for name in placeholders(text)}
    shared = [
        (key, p.id, found)
        for p in content.phenotypes.values()
        for key, found in p.parameter.items()
        if not named.isdisjoint({key, f"{p.id}/{key}"} - rule.parameter.keys())
    ]
    rows = [_number(key, "this card", found) for key, found in rule.parameter.items()]
    rows += [_number(key, f"`phenotypes/{home}.toml`", found) for key, home, found in shared]
    if rows:
        yield from ("## Numbers", "", *table(("number", "value", "home", "source"), rows))


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


def _evidence(content: Content, rule: RuleContent) -> Iterator[str]:
    yield from ("## Evidence", "")
    for cited in rule.evidence:
        source = content.evidence[cited.id]
        yield f"- **{source.label}** (grade {cited.grade}, {GRADES[cited.grade]}; {source.strength}): {cited.says}"
        yield f"  {source.citation}."
        if source.url:
            yield f"  <{source.url}>"
    yield ""
    if rule.statements:
        yield from (f"Statements of the two source documents that live here: {', '.join(rule.statements)}.", "")


def _source_attributes(content: Content, rule: RuleContent) -> Iterator[str]:
    """The thirteen of the regulation; served as JSON too."""
    found = source_attributes(content, rule)
    yield from ("## Source attributes", "", f"As {found.regulation} lists them; as JSON at `{path(rule.id)}`.", "")
    unknown = (content.source_attributes.not_stated,)
    rows = [(f"{one.number}", one.title, " · ".join(one.says or unknown)) for one in found.attributes]
    yield from table(("", "attribute", "what is stated"), rows)


def _cases(answers: Sequence[CaseAnswer]) -> Iterator[str]:
    yield from ("## Cases", "", "Today is 15 June 2026; what a case does not name is known to be empty.", "")
    rows = [(a.case.says, a.case.hook, _told(a), f"`{a.case.name}`") for a in answers]
    yield from table(("patient and event", "hook", "answer", "case"), rows)


def _told(answer: CaseAnswer) -> str:
    if answer.said == "silent":
        return "silence"
    if answer.said == "undetermined":
        return f"cannot be told ({answer.missing})"
    hidden = "" if answer.case.shown else ", not shown"
    return f"**{answer.said}** `{answer.variant}`{hidden}"


def _foot(content: Content, rule: RuleContent) -> Iterator[str]:
    yield f"Version {rule.version}, digest `{content.digests[rule.id]}`."


def catalogue(content: Content) -> str:
    """One line for each card, by family."""
    families = {key: [r for r in content.rules.values() if r.family == key] for key in content.families.family}
    lines = [
        "# Cards",
        "",
        _MADE.replace("`card.toml` and `cases.toml`", "the card folders"),
        "",
        "Grade: " + "; ".join(f"{grade} {text}" for grade, text in GRADES.items()) + ".",
        "",
    ]
    for key, rules in families.items():
        if rules:
            lines += [f"## {content.families.family[key].title}", "", *_listing(content, rules)]
    return "\n".join(lines).rstrip() + "\n"


def _listing(content: Content, rules: Iterable[RuleContent]) -> Iterator[str]:
    weight = content.families.weight
    ordered = sorted(rules, key=lambda r: (weight.index(r.id) if r.id in weight else len(weight), r.id))
    rows = [
        (
            f"[{rule.title}]({rule.id}/README.md)",
            rule.question,
            content.wording.listed(
                i for i in ("critical", "warning", "info") if i in {x.indicator for x in rule.indicator.values()}
            ),
            ", ".join(s.hook for s in content.services.service if rule.id in s.rules) or "none",
            ", ".join(str(grade) for grade in sorted({c.grade for c in rule.evidence})),
            rule.status,
        )
        for rule in ordered
    ]
    return table(("card", "question", "indicator", "hooks", "grade", "status"), rows)


def _sentences(paragraph: str) -> list[str]:
    """One sentence per line."""
    return _END.split(paragraph)
