"""Signing cards from the command line."""

import tomllib
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from cds_service.cli.main import main
from tests.content.small import SmallCards


@pytest.fixture
def small(tmp_path) -> SmallCards:
    return SmallCards(tmp_path / "cards")


@pytest.fixture
def run(small, monkeypatch):
    from cds_service.cli import review
    from cds_service.content.load import load

    monkeypatch.setattr(review, "assembled", lambda _: SimpleNamespace(content=load(small.folder)))
    return lambda *given: CliRunner().invoke(main, ["review", *given])


def test_a_rule_is_signed_listed_and_counted(run, small):
    assert "unsigned" in run("list").output
    found = run("sign", "tremor", "--by", "Ada Example", "--role", "neurologist", "--day", "2026-12-01")
    assert found.exit_code == 0, found.output
    assert "tremor is signed by Ada Example (neurologist) as it stands" in found.output
    assert "Ada Example, neurologist, 2026-12-01" in run("list").output
    assert run("status").exit_code == 0
    assert "1 signed" in run("status").output
    (kept,) = tomllib.loads((small.folder / "reviews.toml").read_text())["tremor"]
    assert kept.keys() == {"by", "role", "on", "digest"}


def test_a_changed_word_makes_the_status_fail_with_the_rule_named(run, small):
    run("sign", "tremor", "--by", "Ada Example", "--role", "neurologist")
    small.edit("tremor/card.toml", "Tremor is common.", "Tremor is rare.")
    found = run("status")
    assert found.exit_code == 1
    assert "no longer holds, as the card has changed: tremor." in found.output


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("shiver", "--by", "A", "--role", "B"), "There is no rule shiver"),
        (("tremor", "--by", " ", "--role", "B"), "A signature needs a name and a role."),
    ],
)
def test_what_cannot_be_signed_is_told_and_nothing_is_written(run, small, given, told):
    found = run("sign", *given)
    assert found.exit_code == 1
    assert told in found.output
    assert not (small.folder / "reviews.toml").exists()
