"""No number of medicine stands in Python: each has one home in ``cards/``, with its unit and where it comes from."""

import ast
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

PACKAGE = Path(__file__).parents[1] / "cds_service"
ROOMS = ("facts", "phenotypes", "rules", "decisions")
MODULES = [path.relative_to(PACKAGE).as_posix() for room in ROOMS for path in sorted((PACKAGE / room).rglob("*.py"))]
COUNTS = (0, 1, 2)
"""Numbers of which code is made: first, none, a pair."""
EXPLAINED = {
    ("facts/build.py", "_OLDEST_DEATH"): "FHIR: a day before which a date of death stands for an unknown one",
    ("facts/chart.py", "MOST_RESOURCES"): "what is read of one chart in time",
    ("facts/doses.py", "_DAYS"): "FHIR: days in a unit of time",
    ("facts/doses.py", "_TIMES_A_DAY"): "FHIR: times a day of a timing code",
    ("facts/doses.py", "_repeat_rate"): "FHIR: days a week",
    ("facts/doses.py", "dose"): "decimal places, beyond the noise of a multiplication",
    ("facts/drugs.py", "_DAYS"): "FHIR: days in a unit of time",
    ("facts/drugs.py", "_supplied"): "the calendar of Python ends with the year 9999",
    ("facts/relevance.py", "_MOST_REMEMBERED"): "memory: concepts of which it is remembered what they are",
    ("phenotypes/kidney.py", "_cockcroft_gault"): "constants of the equation",
    ("phenotypes/pregnancy.py", "pregnancy"): "days a week",
    ("rules/myoclonus_reversible_cause.py", "_MOST"): "room in a summary",
    ("rules/rbd_prodrome.py", "_MOST"): "room in a summary",
    ("rules/rbd_signs.py", "_MOST_IN_A_SUMMARY"): "room in a summary",
    ("decisions/cards.py", "_MOST_LINKS"): "room on a card",
    ("decisions/cards.py", "_MOST_PHRASES"): "room in a summary",
    ("decisions/collector.py", "spare_the_collector"): "memory: how often the collector looks through what is new",
    ("decisions/decide.py", "_MOST_LOSSES"): "room in an answer: what could not be read, by name",
    ("decisions/sources.py", "_MOST_SERVERS"): "memory: servers whose pace is remembered",
    ("decisions/sources.py", "_fetch"): "time: milliseconds in a second",
    ("decisions/sources.py", "allows_two"): "time: what a second round may take of what is left",
    ("decisions/stages.py", "_MOST_PLANS"): "memory: kinds of drafts whose plan is remembered",
}
"""Numbers that are no statement of medicine, by file and by the function or constant that they stand in."""


class Literal(msgspec.Struct, frozen=True):
    """A number as it is written, and the function or constant that it stands in."""

    number: float
    line: int
    within: str


def literals(source: str) -> Iterator[Literal]:
    """The numbers of a module besides counts."""
    for statement in ast.parse(source).body:
        members = statement.body if isinstance(statement, ast.ClassDef) else [statement]
        for member in members:
            for node in ast.walk(member):
                if isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value not in COUNTS:
                    yield Literal(node.value, node.lineno, name_of(member))


def name_of(statement: ast.stmt) -> str:
    """What a statement defines."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return statement.name
    if isinstance(statement, ast.Assign):
        return ast.unparse(statement.targets[0])
    return ast.unparse(statement.target) if isinstance(statement, ast.AnnAssign | ast.AugAssign) else ""


@pytest.mark.parametrize("module", MODULES)
def test_a_number_of_medicine_stands_in_the_cards(module):
    found = [one for one in literals((PACKAGE / module).read_text()) if (module, one.within) not in EXPLAINED]
    assert not found, "\n".join(
        f"cds_service/{module}:{one.line}: {one.number:g}: give it a name, unit and source in the card file or in "
        f"cards/phenotypes/, and read it with review.number() or facts.numbers; "
        f"if it is none of medicine, explain it in {Path(__file__).name}"
        for one in found
    )


@pytest.mark.parametrize(("module", "within"), EXPLAINED, ids=[f"{module}:{name}" for module, name in EXPLAINED])
def test_each_explanation_explains_a_number(module, within):
    assert any(one.within == within for one in literals((PACKAGE / module).read_text()))


def test_a_number_is_found_wherever_it_stands():
    source = "A: int = 30\nB = -(45)\nclass C:\n    D = 1.5\n    def e(self, f=14): return f + 1 if True else 2\n"
    assert [(one.number, one.line, one.within) for one in literals(source)] == [
        (30, 1, "A"),
        (45, 2, "B"),
        (1.5, 4, "D"),
        (14, 5, "e"),
    ]
