"""The pages that clinicians read: one for each card folder, and the catalogue.

They are generated, so that every changed word and answer shows in a review.
Running the cases is left to the caller.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from cds_service.authoring import rows
from cds_service.authoring.answers import Answers, CaseAnswer
from cds_service.authoring.overrides import overrides
from cds_service.authoring.statements import inventory
from cds_service.authoring.tables import table
from cds_service.content.families import Note
from cds_service.content.model import Content, Criterion, RuleContent
from cds_service.content.source_attributes import path, source_attributes
from cds_service.hooks.responses import Card

_MADE = "*Written by `cds-service page` from `card.toml` and `cases.toml`: change those.*"
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
    yield from (f"# {rule.title}", "", rule.question, "", _MADE, "")
    yield from table(
        ("", ""),
        [
            ("Rule", f"`{rule.id}` ({rule.code})"),
            ("Status", rows.STATUS[rule.status]),
            ("Clinical review", rows.reviewed(content, rule)),
            ("Asked at", ", ".join(rows.hooks(content, rule)) or "no hook: no service lists it"),
            ("About", rows.ABOUT[rule.about]),
            *rows.together(content, rule),
            ("Reads", ", ".join(rows.reads(rule))),
        ],
    )
    if rule.remark:
        yield from (*_sentences(rule.remark), "")


def _criteria(rule: RuleContent) -> Iterator[str]:
    yield from ("## When it speaks", "")
    titles = {"only-if": "Only if:", "unless": "Not if:", "changes-words": "Its words change with:"}
    for kind, title in titles.items():
        found = [c for c in rule.criteria if c.kind == kind]
        if found:
            yield from (title, "", *(line for c in found for line in _criterion(c)), "")


def _criterion(criterion: Criterion) -> Iterator[str]:
    yield f"- {criterion.text}"
    if unknown := rows.unknown(criterion):
        yield f"  {unknown}"


def _indicators(rule: RuleContent) -> Iterator[str]:
    yield from ("## How serious", "")
    yield from table(("indicator", "when"), [(i.indicator, i.when) for i in rule.indicator.values()])


def _words(content: Content, rule: RuleContent, answers: Sequence[CaseAnswer]) -> Iterator[str]:
    yield from ("## What it says", "", "Each line with the values of a case below.", "")
    yield from table(("words", "when", "summary"), rows.summaries(content, rule, answers))
    whole = rows.example(a for a in answers if a.card)
    if whole is not None and whole.card is not None:
        yield from _whole(whole, whole.card)
    every = rows.notes_of(content, rule)
    reached = {key: a for a in answers for key in a.notes}
    notes = [(every[key], answer) for key, answer in reached.items()]
    yield from _notes(content, rule, notes)


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
        words = rows.wording(content, rule)
        added = [(note.when, words.fill(note.text, answer.values)) for note, answer in notes]
        yield from table(("when", "paragraph"), added)


def _offers(content: Content, rule: RuleContent, answers: Sequence[CaseAnswer]) -> Iterator[str]:
    offered = list(rows.offers(content, rule, answers))
    yield from ("## What it offers", "")
    if not offered:
        yield from ("Nothing.", "")
        return
    yield from table(("suggestion", "what it does", "with the words"), offered)
    yield from ("Nothing is applied by itself: what is created is a draft or a request.", "")


def _numbers(content: Content, rule: RuleContent) -> Iterator[str]:
    if found := rows.numbers(content, rule):
        yield from ("## Numbers", "", *table(("number", "value", "home", "source"), found))


def _evidence(content: Content, rule: RuleContent) -> Iterator[str]:
    yield from ("## Evidence", "")
    for cited in rule.evidence:
        source = content.evidence[cited.id]
        yield f"- **{source.label}** (grade {cited.grade}, {rows.GRADES[cited.grade]}; {source.strength}): {cited.says}"
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
    stated = [(f"{one.number}", one.title, " · ".join(one.says or unknown)) for one in found.attributes]
    yield from table(("", "attribute", "what is stated"), stated)


def _cases(answers: Sequence[CaseAnswer]) -> Iterator[str]:
    yield from ("## Cases", "", "Today is 15 June 2026; what a case does not name is known to be empty.", "")
    got = [(a.case.says, a.case.hook, rows.told(a), f"`{a.case.name}`") for a in answers]
    yield from table(("patient and event", "hook", "answer", "case"), got)


def _foot(content: Content, rule: RuleContent) -> Iterator[str]:
    yield f"Version {rule.version}, digest `{content.digests[rule.id]}`."


def catalogue(content: Content) -> str:
    """One line for each card, by family."""
    lines = [
        "# Cards",
        "",
        _MADE.replace("`card.toml` and `cases.toml`", "the card folders"),
        "",
        "Grade: " + "; ".join(f"{grade} {text}" for grade, text in rows.GRADES.items()) + ".",
        "",
    ]
    for title, rules in rows.by_family(content):
        lines += [f"## {title}", "", *_listing(content, rules)]
    return "\n".join(lines).rstrip() + "\n"


def _listing(content: Content, rules: Iterable[RuleContent]) -> Iterator[str]:
    listed = [
        (
            f"[{rule.title}]({rule.id}/README.md)",
            rule.question,
            content.wording.listed(rows.indicators(rule)),
            ", ".join(rows.hooks(content, rule)) or "none",
            ", ".join(map(str, rows.grades(rule))),
            rule.status,
        )
        for rule in rules
    ]
    return table(("card", "question", "indicator", "hooks", "grade", "status"), listed)


def _sentences(paragraph: str) -> list[str]:
    """One sentence per line."""
    return _END.split(paragraph)
