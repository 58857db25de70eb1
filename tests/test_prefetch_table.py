"""The tables of docs/fhir-server.md say of every prefetch key what discovery and the rules do with it."""

from pathlib import Path

import pytest

from cds_service.content.load import load
from cds_service.content.places import cards
from cds_service.decisions.ruleset import assemble
from cds_service.facts.queries import TEMPLATES
from cds_service.settings import Settings
from tests.calling import application_with

GUIDE = (Path(__file__).parents[1] / "docs/fhir-server.md").read_text(encoding="utf-8")
HOOKS = ("patient-view", "order-select", "order-sign")
RULESET = assemble(load(cards(Settings())))


def table(heading: str) -> dict[str, list[str]]:
    """The further cells of each row by the name in the first one."""
    _, _, rows = GUIDE.partition(f"| {heading} |\n")
    cells = [row.replace("\\|", "\0").strip("| ").split(" | ") for row in rows.partition("\n\n")[0].splitlines()[1:]]
    return {name.strip("`"): [cell.replace("\0", "|") for cell in more] for name, *more in cells}


COSTS = table("key | view | select | sign | query | typical size | lost without it")
READERS = table("key | read by")


@pytest.fixture(scope="module")
def asked():
    """The templates of each hook in each set, as discovery has them."""
    return {
        name: {s.hook: s.prefetch for s in application_with(CDS_PREFETCH=name).discovery().services}
        for name in ("full", "lean")
    }


def test_every_key_that_discovery_asks_for_has_a_row(asked) -> None:
    keys = [key for key in TEMPLATES if any(key in asked["full"][hook] for hook in HOOKS)]
    assert list(COSTS) == keys
    assert list(READERS) == keys


@pytest.mark.parametrize("key", TEMPLATES)
def test_a_row_says_in_which_set_the_key_is_at_each_hook(asked, key) -> None:
    sets = ["lean" if key in asked["lean"][hook] else "full" if key in asked["full"][hook] else "" for hook in HOOKS]
    assert COSTS[key][:3] == sets


@pytest.mark.parametrize("key", TEMPLATES)
def test_a_row_has_the_query_as_discovery_has_it_but_for_the_codes(asked, key) -> None:
    written, _, codes = COSTS[key][3].removeprefix("`").partition("`")
    queries = {asked["full"][hook].get(key, "").replace("{{context.patientId}}", "{id}") for hook in HOOKS} - {""}
    if codes == " and the codes":
        assert all(query.startswith(written) and len(query) > len(written) for query in queries)
    else:
        assert {written} == queries


@pytest.mark.parametrize("key", TEMPLATES)
def test_a_row_says_how_much_comes_and_what_is_lost(key) -> None:
    _, _, _, _, size, lost = COSTS[key]
    assert size
    assert lost == RULESET.content.services.prefetch_loss[key]


@pytest.mark.parametrize("key", TEMPLATES)
def test_a_row_names_the_rules_that_read_the_key(key) -> None:
    shown = {rule for service in RULESET.content.services.service for rule in service.rules}
    readers = {rule for rule in shown if key in RULESET.rules[rule].keys or key == "patient"}
    others = shown - readers
    names = ", ".join(f"`{rule}`" for rule in sorted(min(readers, others, key=len)))
    said = names if len(readers) <= len(others) else f"all but {names}" if others else "all"
    assert READERS[key] == [said]
