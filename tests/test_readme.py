"""Every command, answer and table of the README and of the manual in docs/ is run and compared."""

import datetime as dt
import inspect
import json
import re
import shlex
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from click.testing import CliRunner
from starlette.routing import Route

from cds_service.authoring.cases import Case
from cds_service.cli.main import main
from cds_service.content.families import Note
from cds_service.content.load import load
from cds_service.content.model import (
    CardText,
    Cited,
    Criterion,
    IndicatorWhen,
    OverrideText,
    Parameter,
    ReviewedBy,
    RuleContent,
)
from cds_service.content.places import cards
from cds_service.content.wording import Phrase
from cds_service.facts.queries import TEMPLATES
from cds_service.fhir_client.references import REFERRING
from cds_service.hooks.profiles import PROFILES
from cds_service.rules.review import Review
from cds_service.settings import Settings
from cds_service.trust.clients import Client
from cds_service.web.app import create_app
from cds_service.web.assembly import Application
from cds_service.web.metrics import REGISTRY
from cds_service.web.routes import ExactRoutes

ROOT = Path(__file__).parent.parent
DAY = dt.date(2026, 6, 15)


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


README = page("README.md")
MANUAL = [README, *(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").rglob("*.md")))]


def blocks(language: str, text: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


COMMANDS = sorted({line for text in MANUAL for block in blocks("sh", text) for line in block.splitlines() if line})
ONLY_HELP = {
    "serve",
    "demo-ehr",
    "new",
    "feedback",
    "record",
    "watch",
    "probe",
    "probe-key",
    "--fhir-server",
    "--to",
    "our-cards",
}
"""Commands that serve until stopped, that write, or that need what is not there in a test: their help is asked for."""


def test_nothing_of_the_manual_is_said_twice() -> None:
    pages = (README, *(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")))
    said = Counter(
        line for text in pages for line in re.sub(r"^```.*?^```", "", text, flags=re.M | re.S).splitlines() if line
    )
    assert [line for line, times in said.items() if times > 1 and len(line) > 60] == []


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


CONTENT = load(cards(Settings()))
FOLLOWED = {kind.__name__ for kind in REFERRING}


def test_every_type_that_is_read_is_among_those_to_allow() -> None:
    told = page("docs/connecting.md").partition("### Types of resources")[2].partition("\n\n")[2].partition("\n\n")[0]
    searched = {re.split(r"[?/]", template)[0] for template in TEMPLATES.values()}
    assert set(re.findall(r"`([A-Z]\w+)`", told)) == searched | FOLLOWED


def test_every_host_that_cards_link_to_is_among_those_to_allow() -> None:
    _, *written = (host for host, *_ in rows("docs/connecting.md", "host"))
    addresses = [one.url for one in (*CONTENT.evidence.values(), *CONTENT.links.values()) if one.url]
    assert set(written) == {urlsplit(url).hostname for url in addresses if not url.startswith("{service}/")}


def test_every_reason_to_override_is_in_the_table() -> None:
    written = rows("docs/connecting.md", "reason | system")
    assert [(code, words, silent) for code, _, words, silent, *_ in written] == [
        (code, text.display, _silence(text)) for code, text in CONTENT.overrides.items()
    ]
    ours = {code for code, system, *_ in written if system == "ours"}
    assert ours == {code for code, text in CONTENT.overrides.items() if text.system.startswith("urn:org.rbd-cds:")}


def _silence(text: OverrideText) -> str:
    time = f"{text.mutes_months} months" if text.mutes_months else f"{text.mutes_days} days" if text.mutes_days else ""
    until = " or ".join(filter(None, (time, "until the chart changes" if text.until_changed else "")))
    return f"{until}{', for that user' * text.only_for_user}{'; critical findings too' * text.despite_critical}"


def test_every_address_is_in_the_table() -> None:
    written = {path for cell, *_ in rows("docs/operations.md", "address") for path in re.findall(r"/[\w/-]*", cell)}
    routes, *variable = create_app(Application(Settings(record="off"))).routes
    assert isinstance(routes, ExactRoutes)
    served = {*routes.addresses, *(one.path for one in variable if isinstance(one, Route))}
    assert {_first(path) for path in written} - {"feedback"} == set(map(_first, served))


def _first(path: str) -> str:
    return path.split("/")[1]


KEYS = {
    "key": RuleContent,
    "key of `[review]`": ReviewedBy,
    "key of `[[criteria]]`": Criterion,
    "key of `[indicator.NAME]`": IndicatorWhen,
    "key of `[card.NAME]`": CardText,
    "key of `[note.NAME]`": Note,
    "key of `[phrase.NAME]`": Phrase,
    "key of `[parameter.NAME]`": Parameter,
    "key of `[[evidence]]`": Cited,
    "key of `[[case]]`": Case,
}


@pytest.mark.parametrize("heading", KEYS)
def test_every_key_of_a_card_file_is_in_its_table(heading: str) -> None:
    written = {name: needed for name, needed, *_ in rows("docs/cards.md", f"{heading} | needed")}
    read = msgspec.structs.fields(KEYS[heading])
    assert written == {field.encode_name: "yes" if field.required else "" for field in read}


def test_every_verb_of_a_review_is_in_the_table() -> None:
    written = {name for cell, *_ in rows("docs/cards.md", "verb") for name in re.findall(r"\w+", cell)}
    own = re.findall(r"self\.([a-z]\w*)(?:: [^=]+)? = ", inspect.getsource(Review.__init__))
    assert written == {*own, *(name for name in dir(Review) if not name.startswith("_"))}
