"""Imports run downward only; the failure names the import to move."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "cds_service"
ABOVE_ALL = "__main__"
LAYERS = (
    ("__init__", "errors", "hiding", "settings"),
    ("fhir",),
    ("terminology", "fhir_client", "hooks"),
    ("facts",),
    ("phenotypes", "content"),
    ("rules",),
    ("decisions",),
    ("trust", "record", "replay", "authoring"),
    ("web",),
    ("cli",),
    (ABOVE_ALL,),
)
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
APART = {
    frozenset(pair)
    for pair in (
        ("terminology", "fhir_client"),
        ("terminology", "hooks"),
        ("fhir_client", "hooks"),
        ("hooks", "facts"),
        ("fhir_client", "facts"),
    )
}
RULE_FILES_MAY_IMPORT = (
    "cds_service.facts.",
    "cds_service.phenotypes",
    "cds_service.fhir.dates",
)
SPEAKS_HTTP = {
    "cds_service.fhir_client.http",
    "cds_service.fhir_client.transport",
    "cds_service.trust.fetching",
    "cds_service.cli.probe",
    "cds_service.cli.why",
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    parts = ("cds_service", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part_of(module: str) -> str:
    """The package or module right below ``cds_service``."""
    return [*module.split("."), "__init__"][1]


def imports(path: Path, *, late: bool = True, types: bool = True) -> Iterator[tuple[int, str]]:
    """Line and absolute name of everything a module imports, from-imports as ``module.name``.

    Without ``late`` nothing that only a function imports; without ``types`` nothing that only type checkers do.
    """
    for node in walk(ast.parse(path.read_text()), late, types):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}:{node.lineno}: write the import in full"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def walk(node: ast.AST, late: bool, types: bool) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if not late and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if not types and isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        yield from walk(child, late, types)


def own(name: str) -> bool:
    return name == "cds_service" or name.startswith("cds_service.")


def told(path: Path, line: int, name: str) -> str:
    return f"{path.relative_to(PACKAGE.parent)}:{line} imports {name}"


def test_every_module_has_a_layer():
    assert {part_of(name_of(path)) for path in MODULES} <= RANK.keys()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_run_downward(path):
    here = part_of(name_of(path))
    for line, name in imports(path):
        there = part_of(name) if own(name) else here
        there = there if there in RANK else "__init__"
        assert RANK[there] <= RANK[here], f"{told(path, line, name)}: {there} lies above {here}; move it down"
        assert frozenset({here, there}) not in APART, (
            f"{told(path, line, name)}: {here} and {there} know nothing of each other"
        )


def test_no_module_imports_itself_by_way_of_others_at_once_or_late():
    needs = {name_of(path): {module_of(name) for _, name in imports(path, types=False)} for path in MODULES}
    for module in needs:
        assert module not in reached(module, needs), f"{module} imports itself by way of others"


def test_the_fhir_client_has_no_circle_of_types_either():
    needs = {name_of(path): {module_of(name) for _, name in imports(path)} for path in MODULES}
    for module in needs:
        if part_of(module) == "fhir_client":
            assert module not in reached(module, needs), f"{module} imports itself by way of others"


def module_of(name: str) -> str:
    """The module behind an imported name: the name itself, or what it stands in."""
    return name if name in _known() else name.rpartition(".")[0]


@cache
def _known() -> frozenset[str]:
    return frozenset(name_of(path) for path in MODULES)


def reached(start: str, needs: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = set(needs[start])
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting |= needs.get(one, set())
    return found


RULE_FOLDER = sorted((PACKAGE / "rules").glob("*.py"))
RULES = [path for path in RULE_FOLDER if '@rule("' in path.read_text()]
SHARED = [path for path in RULE_FOLDER if path not in RULES and path.stem != "review"]


@pytest.mark.parametrize("path", [*RULES, *SHARED], ids=lambda path: path.stem)
def test_a_rule_sees_facts_and_its_card_only(path):
    beside = tuple(name_of(shared) for shared in RULE_FOLDER if shared not in RULES)
    for line, name in imports(path):
        allowed = name.startswith((*RULE_FILES_MAY_IMPORT, *beside)) or not own(name)
        assert allowed, f"{told(path, line, name)}: a rule reads facts and phenotypes, and no other rule"
        assert own(name) or name.split(".")[0] in sys.stdlib_module_names | {"msgspec"}, told(path, line, name)


def test_only_the_settings_read_the_environment():
    for path in MODULES:
        text = path.read_text()
        reads = "os.environ" in text or "getenv" in text
        assert not reads or path.name == "settings.py", f"{name_of(path)} reads the environment: use Settings"


def test_only_three_modules_speak_http_to_others():
    for path in MODULES:
        for line, name in imports(path):
            speaks = name.split(".")[0] in ("httpx", "requests", "urllib3", "aiohttp") or name.startswith(
                "urllib.request"
            )
            assert not speaks or name_of(path) in SPEAKS_HTTP, told(path, line, name)


def test_the_models_of_fhir_resources_are_those_of_r4b_and_load_late():
    for path in MODULES:
        for line, name in imports(path):
            if name.startswith("fhir."):
                assert name.startswith("fhir.resources.R4B"), f"{told(path, line, name)}: the default is R5"
        for line, name in imports(path, late=False, types=False):
            assert not name.startswith("fhir."), (
                f"{told(path, line, name)}: it takes long, so import it where it is used"
            )


def test_answering_a_hook_loads_neither_models_nor_templates():
    late = ("fhir.resources", "jsonschema", "jinja2")
    code = f"import sys, cds_service.web.app; print([name for name in {late} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_module_is_longer_than_400_lines(path):
    assert len(path.read_text().splitlines()) <= 400
