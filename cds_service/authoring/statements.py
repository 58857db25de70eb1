"""The page of the two sources: where each of their statements lives, and the case that shows it."""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.authoring.answers import Answers
from cds_service.authoring.tables import table
from cds_service.content.model import Content, Statement


def inventory(content: Content, answers: Answers) -> str:
    """Each statement with its homes, and with the case that shows it or why none does."""
    rows = [
        (name, one.says, "; ".join(_homes(content, name, one)) or "nowhere", _shown_by(one, answers))
        for name, one in content.statements.items()
    ]
    lines = [
        "# Where each statement of the sources lives",
        "",
        "*Written by `cds-service page` from `statements.toml` and the card files: change those.*",
        "",
        "S1 is a movement-disorder clinic's page on myoclonus, S2 an article on neck twitching in sleep and RBD.",
        "They say what this service is about; cards cite the primary sources.",
        "",
        "A statement is shown by a case: what a card then says or offers is quoted, and silence can be the answer too.",
        "Where no case shows it, the reason stands in its place.",
        "",
        *table(("statement", "what it says", "where it lives", "shown by"), rows),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _homes(content: Content, name: str, found: Statement) -> Iterator[str]:
    yield from (f"[{rule}]({rule}/README.md)" for rule, text in content.rules.items() if name in text.statements)
    yield from (f"question `{question}`" for question in found.questions)
    yield from (f"[{place}]({place})" for place in found.places)


def _shown_by(found: Statement, answers: Answers) -> str:
    if found.case is None:
        return f"no case: {found.not_computed}"
    rule, _, name = found.case.partition("/")
    said = next(answer.said for answer in answers[rule] if answer.case.name == name)
    told = "silence" if said == "silent" else f"**{said}**"
    words = f', "{found.words}"' if found.words else ""
    return f"[{found.case}]({rule}/README.md#cases): {told}{words}"
