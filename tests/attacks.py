"""The table of attacks in docs/security.md, from the marks ``attack`` on tests; run as a module it writes the table."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from cds_service.authoring.tables import table

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs/security.md"
HEADING = "## What was tried against it\n"
BEFORE = """
Each row is tried by the suite, which is green only where the result holds.
The table is written from the tests by `python -m tests.attacks`.
"""


def marked() -> Iterator[tuple[str, str, str]]:
    """What is tried, the result and the test, in the order of the files."""
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for mark in filter(None, map(_attack, node.decorator_list)):
                    yield (*mark, f"{path.relative_to(TESTS.parent)}::{node.name}")


def _attack(decorator: ast.expr) -> tuple[str, str] | None:
    if not isinstance(decorator, ast.Call) or ast.unparse(decorator.func) != "pytest.mark.attack":
        return None
    what, result = (ast.literal_eval(argument) for argument in decorator.args)
    return what, result


def section() -> str:
    """The section of the page; tests of one attack share a row."""
    rows: dict[tuple[str, str], list[str]] = {}
    for what, result, test in marked():
        file, _, name = test.partition("::")
        rows.setdefault((what, result), []).append(f"[{name.removeprefix('test_').replace('_', ' ')}](../{file})")
    lines = table(("attack", "tried by", "result"), ((w, "; ".join(by), result) for (w, result), by in rows.items()))
    return f"{HEADING}{BEFORE}\n" + "\n".join(lines)


def written(page: str) -> str:
    """The page with the section as it is now, wherever it stands."""
    before, _, after = page.partition(HEADING)
    _, mark, rest = after.partition("\n## ")
    return f"{before}{section()}{mark}{rest}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
