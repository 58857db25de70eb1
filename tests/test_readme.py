"""Every command, answer and table of the README and of the manual in docs/ is run and compared."""

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
DAY = dt.date(2026, 6, 15)


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


README = page("README.md")
MANUAL = [README, *(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").rglob("*.md")))]


def blocks(language: str, text: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


COMMANDS = sorted({line for text in MANUAL for block in blocks("sh", text) for line in block.splitlines() if line})
ONLY_HELP = {"serve", "demo-ehr", "new", "feedback", "record", "--fhir-server", "--to", "our-cards"}
"""Commands that serve until stopped, that write, or that need what is not there in a test: their help is asked for."""


def test_the_readme_is_read_in_five_minutes() -> None:
    assert len(README.encode()) <= 5_120


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_every_make_target_exists(command: str) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert command.split()[1] in targets


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("cds-service ")])
def test_every_command_runs(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("CDS_TODAY", DAY.isoformat())
    words = shlex.split(command)[1:]
    if ONLY_HELP.intersection(words):
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
    words = shlex.split(_curl())
    body = (ROOT / _posted(words)).read_bytes()
    path = words[-1].removeprefix("http://127.0.0.1:8000")
    (written,) = [json.loads(block) for block in blocks("json", page("docs/first-steps.md"))]
    assert without_uuids(await answer(path, body)) == without_uuids(written)


def test_the_first_card_reads_as_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDS_TODAY", DAY.isoformat())
    (written,) = blocks("text", README)
    told = CliRunner().invoke(main, ["try", str(ROOT / _posted(shlex.split(_curl())))])
    assert told.output.startswith(f"{written}\n")


def _curl() -> str:
    (line,) = [command for command in COMMANDS if command.startswith("curl ")]
    return line


def _posted(words: list[str]) -> str:
    return next(word for word in words if word.startswith("@"))[1:]


def test_every_setting_is_in_the_table_and_every_one_in_the_table_exists() -> None:
    written = set(re.findall(r"`(CDS_[A-Z_]+)`", page("docs/settings.md").split("| setting |")[1]))
    assert written == set(Settings().told())


def test_the_clients_file_of_the_manual_is_valid() -> None:
    (block,) = blocks("toml", page("docs/connecting.md"))
    for entry in tomllib.loads(block)["client"]:
        assert {name.replace("-", "_") for name in entry} <= set(Client.__struct_fields__)
        assert entry["profile"] in PROFILES


def rows(name: str, heading: str) -> list[list[str]]:
    """The cells of each row of the table of a page under a heading of columns."""
    _, _, table = page(name).partition(f"| {heading} |")
    return [[cell.strip(" `") for cell in row.split("|")[1:]] for row in table.partition("\n\n")[0].splitlines()[2:]]


def test_every_key_of_a_client_is_in_the_table() -> None:
    written = [name for name, *_ in rows("docs/connecting.md", "key | default")]
    assert written == [field.encode_name for field in msgspec.structs.fields(Client)]


def test_every_profile_has_a_column() -> None:
    (heading,) = [line for line in page("docs/clients.md").splitlines() if line.startswith("| | `default`")]
    assert re.findall(r"`([^`]+)`", heading) == list(PROFILES)


def test_every_metric_is_in_the_table_with_its_labels() -> None:
    kept = {name: collector for collector, names in REGISTRY._collector_to_names.items() for name in names}
    written = {name: labels for name, labels, *_ in rows("docs/operations.md", "metric | labels")}
    assert written.keys() - kept.keys() == set()
    assert {kept[name] for name in written} == set(kept.values())
    for name, labels in written.items():
        assert tuple(filter(None, labels.split(", "))) == kept[name]._labelnames
