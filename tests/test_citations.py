"""What the code, the cards and the tests cite stands in this repository, and every link between its pages leads there.

A citation is a code ("CLZ-02", "REF-01 b", "G-08", "SG-5", "S2-14"), a section of the clinical specification
("clinical specification 2.2 MCI"), a section by its number alone ("section 2.7"), a flag ("flag F6") or a source by
its number ("evidence E27").
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
SPECIFICATION = ROOT / "docs/clinical-specification.md"
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [
    ROOT / "README.md",
    ROOT / "SECURITY.md",
    *DOCS,
    *sorted(page for top in ("cards", "fhir_examples") for page in ROOT.glob(f"{top}/**/*.md")),
]
CITING = [
    *PAGES,
    *sorted(
        path
        for kind in ("cds_service/**/*.py", "tests/**/*.py", "cards/**/*.toml", "cards/**/*.json")
        for path in ROOT.glob(kind)
        if path != Path(__file__)
    ),
]

RULE = re.compile(r"\b((?:CLZ|MEL|MYO|RBD|PSG|BEN|SAF|PROG|REF|MED|TRT)-\d\d)\b((?:(?:,| and)? [a-d]\b)*)")
CODE = re.compile(r"\b(?:G-\d\d|SG-\d+)\b")
STATEMENT = re.compile(r"\bS[12]-\d\d\b")
OTHER = re.compile(r"\b(?:flags? |evidence )([EF]\d+)\b")
OF_THE_SPECIFICATION = re.compile(r"\bclinical specification\b([^\n\"|]*)", re.IGNORECASE)
NUMBER = re.compile(r"\b\d\.\d(?:\.\d)?\b")
NAME_OF_A_SET = re.compile(r"\b[A-Z]{2,}\b(?!-\d)")
SECTION = re.compile(r"\b[Ss]ections? (\d(?:\.\d)+)\b")
SET_BY_HAND = re.compile(r'<a id="([^"]+)">')
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def table_of(path: Path) -> dict[str, dict[str, dict[str, object]]]:
    return tomllib.loads(text_of(path))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def headings(page: Path) -> list[str]:
    return re.findall(r"^#+ (.+)$", FENCED.sub("", text_of(page)), re.MULTILINE)


def set_by_hand(page: Path) -> set[str]:
    return set(SET_BY_HAND.findall(text_of(page)))


def anchors(page: Path) -> set[str]:
    """Where a link into a page may lead: its headings, as GitHub names them, and the anchors set by hand."""
    named = (re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings(page))
    return set(named) | set_by_hand(page)


@cache
def places() -> frozenset[str]:
    """Everything in docs/ that can be cited: the first word of each heading, and each anchor set by hand."""
    first_words = {heading.split()[0].lower() for page in DOCS for heading in headings(page)}
    return frozenset(first_words.union(*map(set_by_hand, DOCS)))


def cited(path: Path) -> Iterator[str]:
    """The places that a file cites, by the names that :func:`places` gives them."""
    text = text_of(path)
    for code, parts in RULE.findall(text):
        yield code
        yield from (f"{code}-{part}" for part in re.findall(r"\b[a-d]\b", parts))
    yield from CODE.findall(text)
    yield from OTHER.findall(text)
    for rest in OF_THE_SPECIFICATION.findall(text):
        yield from NUMBER.findall(rest)
        yield from NAME_OF_A_SET.findall(re.split("[:;]", rest)[0]) if "2.2" in rest else ()
    yield from SECTION.findall(text) if path.suffix == ".py" else ()


def test_what_is_cited_has_its_place_in_the_docs() -> None:
    missing = {
        name_of(path): found for path in CITING if (found := {n for n in cited(path) if n.lower() not in places()})
    }
    assert not missing, f"cited, and on no page of docs/: {missing}"


def test_citations_of_every_kind_are_found() -> None:
    found = {name for path in CITING for name in cited(path)}
    assert found >= {"CLZ-02", "REF-01-b", "REF-01-d", "G-08", "SG-5", "2.7", "2.7.5", "7.3", "MCI", "OSA", "PAP", "F6"}


def test_every_statement_that_is_cited_is_one_of_the_sources() -> None:
    known = tomllib.loads(text_of(ROOT / "cards/statements.toml"))
    assert {name for path in CITING for name in STATEMENT.findall(text_of(path))} <= known.keys()


def test_every_rule_has_its_section_with_a_link_to_its_card() -> None:
    page = text_of(SPECIFICATION.with_suffix("") / "rules.md")
    sections = dict(re.findall(r"^### ([A-Z]+-\d\d) .*\n\n\[([\w-]+)\]\(", page, re.MULTILINE))
    assert sections == {str(table_of(card)["code"]): card.parent.name for card in ROOT.glob("cards/*/card.toml")}


def test_every_suggestion_with_a_code_has_its_row() -> None:
    suggestions = table_of(ROOT / "cards/suggestions.toml").values()
    assert {str(text["code"]).lower() for text in suggestions if "code" in text} <= places()


def test_every_parameter_and_file_that_the_docs_name_is_there() -> None:
    lost = {(name_of(page), *named) for page in DOCS for named in _named(page) if not _is_there(*named)}
    assert not lost


def _named(page: Path) -> list[tuple[str, str]]:
    """What stands in backticks with a slash in it: ``rbd/yes-months``, ``facts/doses.py``."""
    return re.findall(r"`([^\W\d][\w.-]*)/([\w./-]*)`", text_of(page))


def _is_there(first: str, rest: str) -> bool:
    for home in (ROOT / f"cards/phenotypes/{first}.toml", ROOT / f"cards/{first}/card.toml"):
        if home.exists():
            return rest in table_of(home).get("parameter", {})
    is_made = not rest and f"{first}/" in text_of(ROOT / ".gitignore").split()
    return is_made or any((top / first / rest).exists() for top in (ROOT, ROOT / "cds_service"))


def test_every_file_on_the_path_of_a_call_is_there() -> None:
    told = ast.get_docstring(ast.parse(text_of(ROOT / "cds_service/__init__.py"))) or ""
    files = re.findall(r"``(\w+/\w+\.py)``", told)
    assert len(files) > 10
    assert [file for file in files if not (ROOT / "cds_service" / file).exists()] == []


def test_every_value_set_and_source_that_the_docs_name_is_there() -> None:
    sets = {file.stem for file in ROOT.glob("cards/value-sets/*.json")}
    assert _keys_in_rows(SPECIFICATION.with_suffix("") / "phenotypes.md") <= sets
    assert _keys_in_rows(SPECIFICATION) <= tomllib.loads(text_of(ROOT / "cards/evidence.toml")).keys()


def _keys_in_rows(page: Path) -> set[str]:
    """The names in backticks of the second column of the rows with an anchor, but for parameters."""
    rows = re.findall(r"^\| <a id=[^|]*\|([^|]*)\|", text_of(page), re.MULTILINE)
    return {key for row in rows for key in re.findall(r"`([\w-]+)`", row)}


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """The links of a page that stay in the repository: the file, and the place in it."""
    for target in LINK.findall(FENCED.sub("", text_of(page))):
        if not re.match(r"[a-z]+:", target):
            file, _, place = target.partition("#")
            yield ((page.parent / file).resolve() if file else page), place


def test_every_link_of_a_page_leads_somewhere() -> None:
    for page in PAGES:
        for file, place in links(page):
            assert file.exists(), f"{name_of(page)} links to {file}"
            assert not place or place in anchors(file), f"{name_of(page)} links to #{place} of {file.name}"


def test_every_page_of_the_docs_is_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            waiting += [file for file, _ in links(page) if file.suffix == ".md"]
    assert set(DOCS) <= reached
