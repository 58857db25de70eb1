"""What commands are tried with."""

import shutil
import tomllib

import pytest

from cds_service.content.places import shipped_cards


@pytest.fixture(scope="session")
def few_cases(tmp_path_factory):
    """The shipped cards with a few cases of each rule, for what is not about cases: there are two thousand."""
    folder = tmp_path_factory.mktemp("few") / "cards"
    shutil.copytree(shipped_cards(), folder)
    statements = tomllib.loads((folder / "statements.toml").read_text(encoding="utf-8"))
    shown = {told["case"] for told in statements.values() if "case" in told}
    for file in folder.glob("*/cases.toml"):
        begin, *cases = file.read_text(encoding="utf-8").split("[[case]]\n")
        kept = [case for case in cases if f"{file.parent.name}/{name_of(case)}" in shown]
        file.write_text("[[case]]\n".join([begin, *(kept or cases[:1])]), encoding="utf-8")
    return folder


def name_of(case):
    return tomllib.loads(case)["name"]
