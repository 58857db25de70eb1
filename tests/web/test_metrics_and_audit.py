"""What an operator can count, and an audit file whose every change shows."""

import datetime as dt
import json
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from cds_service.cli import main
from cds_service.record.audit import verify
from cds_service.settings import Settings
from cds_service.web.app import create_app
from cds_service.web.server import House

EXAMPLE = Path(__file__).parents[2] / "fhir_examples/requests/order-select-rbd-dementia.json"
CALL = "/cds-services/rbd-order-select"


async def asked(settings: Settings, times: int = 1) -> str:
    """The metrics after so many calls of the example."""
    app = create_app(House(settings))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client,
    ):
        for _ in range(times):
            await client.post(CALL, content=EXAMPLE.read_bytes(), headers={"Content-Type": "application/json"})
        return (await client.get("/metrics")).text


def settings(**more: object) -> Settings:
    return Settings(fixed_day=dt.date(2026, 6, 15), record="off", **more)  # type: ignore[arg-type]


def counted(text: str, start: str) -> float:
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(start))


@pytest.mark.anyio
async def test_calls_outcomes_and_cards_are_counted() -> None:
    before = await asked(settings(), 0)
    after = await asked(settings(), 2)
    for name in (
        'rbd_cds_calls_total{client="anyone",service="rbd-order-select",status="200"}',
        'rbd_cds_rule_outcomes_total{outcome="found",rule="clonazepam-dementia"}',
        'rbd_cds_cards_total{rule="clonazepam-dementia",service="rbd-order-select"}',
        'rbd_cds_call_seconds_count{service="rbd-order-select"}',
    ):
        assert counted(after, name) - counted(before, name) == 2


@pytest.mark.anyio
async def test_metrics_name_no_patient() -> None:
    patient = json.loads(EXAMPLE.read_text())["context"]["patientId"]
    assert patient not in await asked(settings())


@pytest.mark.anyio
async def test_an_audit_file_holds_a_line_per_call_and_every_change_in_it_shows(tmp_path: Path) -> None:
    await asked(settings(audit=tmp_path), 3)
    (path,) = tmp_path.glob("audit-*.jsonl")
    whole = path.read_bytes()
    assert json.loads(EXAMPLE.read_text())["context"]["patientId"].encode() not in whole
    found = verify(path)
    assert (found.lines, found.broken_at, found.closed) == (4, None, True)
    lines = whole.splitlines(keepends=True)
    for spoilt, at in (
        ([lines[0].replace(b"200", b"500"), *lines[1:]], 2),
        ([lines[0], *lines[2:]], 2),
        ([lines[1], lines[0], *lines[2:]], 1),
        ([*lines, lines[0]], 5),
        ([b"rubbish\n", *lines[1:]], 1),
    ):
        path.write_bytes(b"".join(spoilt))
        assert verify(path).broken_at == at
    path.write_bytes(b"".join(lines[:-1]))
    assert not verify(path).closed


@pytest.mark.anyio
async def test_the_command_names_the_broken_line(tmp_path: Path) -> None:
    await asked(settings(audit=tmp_path))
    (path,) = tmp_path.glob("audit-*.jsonl")
    assert CliRunner().invoke(main, ["audit", "verify", str(tmp_path)]).exit_code == 0
    path.write_bytes(path.read_bytes().replace(b"anyone", b"nobody"))
    done = CliRunner().invoke(main, ["audit", "verify", str(tmp_path)])
    assert done.exit_code == 1
    assert "broken at line 2" in done.output
