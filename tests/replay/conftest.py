"""A demonstration export of a few hundred lines, and a replay of it in this process."""

import csv
from datetime import date

import pytest

from cds_service.content.load import load
from cds_service.content.places import fhir_examples, shipped_cards
from cds_service.decisions.ruleset import assemble
from cds_service.hooks.hooks import HOOKS
from cds_service.replay.demo import PLANTED, Planted, write_demo
from cds_service.replay.judge import Asked, Site
from cds_service.replay.run import Question, replay

DAY = date(2026, 6, 15)


@pytest.fixture(scope="session")
def ruleset():
    return assemble(load(shipped_cards()))


@pytest.fixture
def planted():
    """Reads what is to be found in an export."""

    def read(folder):
        with (folder / PLANTED).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return [Planted(row["patient"], row["hook"], tuple(row["rules"].split()), row["indicator"]) for row in rows]

    return read


@pytest.fixture(scope="session")
def bulk(tmp_path_factory):
    """An export of two hundred patients."""
    folder = tmp_path_factory.mktemp("bulk")
    write_demo(200, folder, fhir_examples())
    return folder


@pytest.fixture
def run(ruleset, tmp_path):
    """Replays a source into a new folder, and gives what is told of it with its folder."""

    def replayed(
        source, *, cards=None, executor=None, workers=1, out=None, progress=lambda *_: None, question=None, **asked
    ):
        folder = out or tmp_path / f"out-{len(list(tmp_path.glob('out-*')))}"
        members = {"hooks": tuple(HOOKS), "day": DAY, "is_past": asked.get("mode") != "events"} | asked
        made = Question(
            source=str(source),
            out=folder,
            site=Site(cards or shipped_cards()),
            asked=Asked(**members),
            **(question or {}),
        )
        rules = assemble(load(cards)) if cards else ruleset
        return replay(made, rules, executor, workers, progress), folder

    return replayed


@pytest.fixture(scope="session")
def judged(bulk, ruleset, tmp_path_factory):
    """The folder of a replay of the export as of its day, and what is told of it."""
    out = tmp_path_factory.mktemp("judged")
    asked = Asked(hooks=tuple(HOOKS), day=DAY, is_past=True)
    made = Question(source=str(bulk), out=out, site=Site(shipped_cards()), asked=asked)
    return replay(made, ruleset, None, 1, lambda *_: None), out
