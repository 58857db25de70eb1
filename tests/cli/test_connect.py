"""What is exchanged with an EHR of each vendor, at the command line and on the pages of the manual."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from cds_service.cli.connect import BEGIN, END
from cds_service.cli.main import main
from cds_service.trust.clients import read_clients
from cds_service.trust.vendors import vendors
from tests.calling import application_with

PAGES = Path(__file__).parents[2] / "docs/connecting"
SITE = "https://cds.hospital.example"
each_vendor = pytest.mark.parametrize("vendor", vendors())


def run(*args: str, code: int = 0, **environ: str) -> str:
    result = CliRunner().invoke(main, ["connect", *args], env=environ, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def site(folder: Path, said: str) -> dict[str, str]:
    client = '[[client]]\nname = "general-hospital"\nissuer = "https://ehr.example"\njku = "https://ehr.example/keys"\n'
    (folder / "clients.toml").write_text(f"{client}{said}\n")
    return {"CDS_CLIENTS": str(folder / "clients.toml"), "CDS_PUBLIC_URL": SITE}


def test_every_vendor_has_a_page_and_no_page_is_of_another() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == set(vendors())


@each_vendor
def test_the_page_of_a_vendor_holds_what_the_command_prints_now(vendor: str) -> None:
    page = (PAGES / f"{vendor}.md").read_text(encoding="utf-8")
    written = page.partition(f"{BEGIN}\n\n")[2].partition(f"\n{END}")[0]
    assert written == run(vendor), "stale: run `make pages`"


@each_vendor
def test_prefetch_is_what_discovery_asks_of_a_client_of_the_vendor(vendor: str, tmp_path: Path) -> None:
    environ = site(tmp_path, f'vendor = "{vendor}"')
    told = json.loads(run(vendor, "--json", **environ))
    asked = {one.id: one.prefetch for one in application_with(**environ, CDS_TODAY="").discovery().services}
    assert {one["id"]: one["prefetch"] for one in told["services"]} == asked
    assert {one["address"] for one in told["services"]} == {f"{SITE}/cds-services/{name}" for name in asked}
    assert told["link-hosts"][0] == "cds.hospital.example"


@each_vendor
def test_each_type_that_is_searched_or_followed_has_a_scope_and_no_other(vendor: str) -> None:
    told = json.loads(run(vendor, "--json"))
    searched = {re.split("[?/]", one)[0] for service in told["services"] for one in service["prefetch"].values()}
    scoped = {re.sub(r"patient/(\w+)\.rs", r"\1", one) for one in told["scopes"]}
    assert scoped - searched == {"Medication"}
    assert searched <= scoped
    assert told["older-scopes"] == [f"patient/{name}.read" for name in sorted(scoped)]


@each_vendor
def test_the_table_for_the_clients_file_is_valid(vendor: str, tmp_path: Path) -> None:
    (block,) = re.findall(r"^```toml\n(.*?)^```$", run(vendor), re.MULTILINE | re.DOTALL)
    (tmp_path / "clients.toml").write_text(block)
    (client,) = read_clients(tmp_path / "clients.toml").by_name.values()
    assert client.vendor == vendor


@each_vendor
def test_every_reason_and_every_statement_is_on_the_page_with_its_source(vendor: str) -> None:
    page, told = run(vendor), json.loads(run(vendor, "--json"))
    assert all(f"| `{one['code']}` | {one['system']} |" in page for one in told["override-reasons"])
    said = [*told["known"], *(one for key in told["needed"] for one in key["known"])]
    assert all(f"{one['says']} | <{one['source']}>, read {one['read']}" in page for one in said)
    assert len(said) >= len(vendors()[vendor].known) + len(vendors()[vendor].not_served)
    assert all(f"- {one}" in page for one in vendors()[vendor].unknown)


def test_a_client_of_the_site_is_asked_as_it_says_itself(tmp_path: Path) -> None:
    said = 'vendor = "epic"\nnot-served = ["tasks"]\nservices = ["rbd-order-sign"]\nobservation-search = "combo-code"'
    told = json.loads(run("epic", "--client", "general-hospital", "--json", **site(tmp_path, said)))
    (service,) = told["services"]
    assert "tasks" not in service["prefetch"]
    assert "carePlans" in service["prefetch"]
    assert "combo-code=" in service["prefetch"]["observations"]


def test_a_client_that_is_not_there_or_of_another_vendor_is_a_fault(tmp_path: Path) -> None:
    environ = site(tmp_path, 'vendor = "epic"')
    assert "names no nobody of the vendor epic" in run("epic", "--client", "nobody", code=1, **environ)
    assert "of the vendor meditech" in run("meditech", "--client", "general-hospital", code=1, **environ)
    assert "which is not set" in run("epic", "--client", "general-hospital", code=1)


def test_a_page_keeps_its_own_words_around_what_is_written_into_it(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Before\n\n{BEGIN}\nold\n{END}\n\nAfter\n")
    assert run("epic", "--into", str(page)) == ""
    text = page.read_text()
    assert text.startswith(f"# Before\n\n{BEGIN}\n\n`https://cds.example.org`")
    assert text.endswith(f"\n{END}\n\nAfter\n")
    assert "old" not in text.splitlines()


def test_a_page_without_a_place_for_it_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Mine\n")
    assert BEGIN in run("epic", "--into", str(page), code=1)
    assert page.read_text() == "# Mine\n"
