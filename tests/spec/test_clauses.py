"""The table of clauses and the tests beside it name each other."""

import ast
import csv
from pathlib import Path

HERE = Path(__file__).parent
STRENGTHS = {"SHALL", "SHALL NOT", "SHOULD", "SHOULD NOT", "MAY", "REQUIRED", "should", "need", "derived", "ours"}


def rows():
    with (HERE / "clauses.csv").open(newline="") as table:
        return list(csv.DictReader(table))


def written_tests():
    for file in sorted(HERE.glob("test_*.py")):
        if file != Path(__file__):
            for node in ast.parse(file.read_text()).body:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                    yield f"{file.name}::{node.name}"


def test_every_clause_has_its_test_and_every_test_its_clause():
    assert {row["test"] for row in rows()} == set(written_tests())


def test_every_clause_says_how_strong_it_is():
    assert {row["strength"] for row in rows()} <= STRENGTHS
    assert all(row["section"] and row["requirement"] for row in rows())
