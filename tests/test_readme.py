"""Every command and JSON in the README is run and compared."""

import datetime as dt
import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from click.testing import CliRunner

from cds_service.cli.main import main
from cds_service.hooks.profiles import PROFILES
from cds_service.settings import Settings
from cds_service.trust.clients import Client
from cds_service.web.app import create_app
from cds_service.web.assembly import Application
from cds_service.web.metrics import REGISTRY

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DAY = dt.date(2026, 6, 15)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines() if line.strip()]
STAYS_UP = ("demo-ehr", "serve")
"""Commands that serve until stopped: their help is asked for instead."""


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_every_make_target_exists(command: str) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert command.split()[1] in targets


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("cds-service ")])
def test_every_command_runs(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("CDS_TODAY", DAY.isoformat())
    words = shlex.split(command)[1:]
    if words[0] in STAYS_UP or words[0] == "new" or "--fhir-server" in words:
        words = [words[0], "--help"]
    elif words[:2] in (["feedback", "report"], ["record", "prune"]):
        words = [*words, "--help"]
    elif words[0] == "page":
        words = ["page", "--check"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output


def test_every_command_line_is_of_a_kind_that_is_tested() -> None:
    assert all(c.startswith(("make ", "cds-service ", "curl ")) for c in COMMANDS)


async def answer(path: str, body: bytes | None = None) -> Any:
    app = create_app(Application(Settings(fixed_day=DAY, record="off")))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client,
    ):
        if body is None:
            return (await client.get(path)).json()
        return (await client.post(path, content=body, headers={"Content-Type": "application/json"})).json()


def without_uuids(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_uuids(one) for key, one in value.items() if key != "uuid"}
    return [without_uuids(one) for one in value] if isinstance(value, list) else value


@pytest.mark.anyio
async def test_the_first_card_is_the_one_that_the_curl_line_gets() -> None:
    (line,) = [c for c in COMMANDS if c.startswith("curl ")]
    words = shlex.split(line)
    body = (ROOT / next(w for w in words if w.startswith("@"))[1:]).read_bytes()
    path = words[-1].removeprefix("http://127.0.0.1:8000")
    (written,) = [json.loads(block) for block in blocks("json")]
    assert without_uuids(await answer(path, body)) == without_uuids(written)


def test_every_setting_is_in_the_table_and_every_one_in_the_table_exists() -> None:
    table = README.partition("## Settings")[2].partition("\n## ")[0]
    written = set(re.findall(r"`(CDS_[A-Z_]+)`", table.split("| setting |")[1]))
    assert written == set(Settings().told())


def test_the_clients_file_of_the_manual_is_valid() -> None:
    (block,) = blocks("toml")
    for entry in tomllib.loads(block)["client"]:
        assert {name.replace("-", "_") for name in entry} <= set(Client.__struct_fields__)
        assert entry["profile"] in PROFILES


def first_column(heading: str) -> list[str]:
    """The names in the first column of the table under a heading of columns."""
    _, _, table = README.partition(f"| {heading} |")
    return [row.split("|")[1].strip(" `") for row in table.partition("\n\n")[0].splitlines()[2:]]


def test_every_key_of_a_client_is_in_the_table() -> None:
    assert first_column("key | default") == [field.encode_name for field in msgspec.structs.fields(Client)]


def test_every_profile_is_in_the_table() -> None:
    assert first_column("profile") == list(PROFILES)


def test_every_metric_is_in_the_table_with_its_labels() -> None:
    kept = {name: collector for collector, names in REGISTRY._collector_to_names.items() for name in names}
    written = first_column("metric")
    assert {name for name in written if name not in kept} == set()
    assert {kept[name] for name in written} == set(kept.values())
    for row in README.partition("| metric |")[2].partition("\n\n")[0].splitlines()[2:]:
        _, name, labels, *_ = (cell.strip(" `") for cell in row.split("|"))
        assert tuple(filter(None, labels.split(", "))) == kept[name]._labelnames


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_every_link_into_the_repository_leads_somewhere(target: str) -> None:
    assert target.startswith("https://") or (ROOT / target).exists()
