"""A site's own cards at the command line: the example of docs/your-own-cards.md is made, compared and checked."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from cds_service.cli.main import main
from cds_service.content.places import shipped_cards

PAGE = (Path(__file__).parents[2] / "docs/your-own-cards.md").read_text()
FILES = dict(re.findall(r"^```toml\n# (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
(SHOWN,) = re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
FAULT = "clonazepam-falls/card.toml: note.gone: the shipped cards have nothing of this name"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the worked example, without its own case."""
    for name, text in FILES.items():
        if name != "clonazepam-falls/cases.toml":
            write(tmp_path, name, text)
    return tmp_path


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text)


def run(*args: str, code: int = 0, **environ: str) -> str:
    result = CliRunner().invoke(main, args, env=environ, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def test_diff_shows_each_key_as_the_page_does_and_every_case_that_is_answered_otherwise(folder):
    said = run("cards", "diff", CDS_CARDS=str(folder))
    told = iter(said.splitlines())
    for line in SHOWN.splitlines():
        assert any(one.startswith(line) for one in told), line
    cases = said.partition("Cases that are answered otherwise")[2]
    assert re.search(r"^  clonazepam-falls morse-45: warning \"Clonazepam .*\" -> no card$", cases, re.MULTILINE)
    assert re.search(r"^  head-jerks \S+: info \".*\" -> no card \(not shown\)$", cases, re.MULTILINE)


def test_check_holds_the_cards_to_the_cases_of_the_folder_and_to_no_other(folder):
    name = "clonazepam-falls/cases.toml"
    write(folder, name, FILES[name].replace("silent", "info"))
    faults = [line for line in run("check", code=1, CDS_CARDS=str(folder)).splitlines() if line.startswith("  - ")]
    assert [fault.partition(" (")[0] for fault in faults] == [f"  - {name}: morse-45: expected info, got silent"]


def test_what_no_longer_fits_is_named_before_anything_is_served(folder):
    write(folder, "clonazepam-falls/card.toml", '[note.gone]\ntext = "x"\n')
    for command in (("check",), ("serve", "--port", "8869"), ("cards", "diff")):
        assert FAULT in run(*command, code=1, CDS_CARDS=str(folder))


def test_page_writes_only_the_pages_that_differ_from_the_shipped_ones(folder):
    told = run("page", CDS_CARDS=str(folder))
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*.md")}
    assert written == {
        "README.md",
        "clonazepam-dementia/README.md",
        "clonazepam-falls/README.md",
        "head-jerks/README.md",
    }
    assert told.count("wrote") == len(written)
    assert "No birth date is on record." in (folder / "clonazepam-dementia/README.md").read_text()


def test_a_signature_is_written_beside_the_site_s_own_words(folder):
    write(folder, "clonazepam-falls/cases.toml", FILES["clonazepam-falls/cases.toml"])
    given = ("--by", "Ada Example", "--role", "neurologist")
    run("review", "sign", "clonazepam-dementia", *given, CDS_CARDS=str(folder))
    assert "Ada Example" in (folder / "reviews.toml").read_text()
    said = run("check", CDS_CARDS=str(folder))
    assert "1 signed" in said
    assert "laid over the shipped ones: " in said
    assert "No fault found." in said
    assert not (shipped_cards() / "reviews.toml").exists()


def test_a_new_rule_is_not_made_where_only_changes_stand(folder):
    assert "A rule is a function too" in run("new", "my-rule", code=1, CDS_CARDS=str(folder))


def test_without_a_folder_there_is_nothing_to_compare():
    assert "These are the shipped cards" in run("cards", "diff", code=1)
