"""What an operator can count, and an audit file whose every change shows."""

import datetime as dt
import errno
import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
import structlog
from click.testing import CliRunner

from cds_service import __version__
from cds_service.cli.main import main
from cds_service.content.load import load
from cds_service.errors import SettingsError
from cds_service.facts.queries import DRUG_KEYS, TEMPLATES
from cds_service.record.audit import Audit, verify
from cds_service.settings import Settings
from cds_service.web.app import create_app
from cds_service.web.assembly import Application
from tests.fhir_client import misbehaving
from tests.trust.ehr import call, clients_file, guarding, token

__all__ = ["clients_file"]
EXAMPLE = Path(__file__).parents[2] / "fhir_examples/requests/order-select-rbd-dementia.json"
CALL = "/cds-services/rbd-order-select"


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(Application(settings))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client,
    ):
        yield client


async def asked(settings: Settings, times: int = 1) -> str:
    """The metrics after so many calls of the example."""
    async with running(settings) as client:
        for _ in range(times):
            await client.post(CALL, content=EXAMPLE.read_bytes(), headers={"Content-Type": "application/json"})
        return (await client.get("/metrics")).text


def settings(**more: object) -> Settings:
    return Settings(**{"fixed_day": dt.date(2026, 6, 15), "record": "off", **more})  # type: ignore[arg-type]


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
async def test_codes_in_unread_systems_are_counted_by_client_and_system_and_not_named() -> None:
    request = json.loads(EXAMPLE.read_bytes())
    local = {"coding": [{"system": "https://ehr.example.org/drugs", "code": "4711"}]}
    request["context"]["draftOrders"]["entry"][0]["resource"]["medicationCodeableConcept"] = local
    series = 'rbd_cds_unread_codes_total{client="anyone",collection="drafts",system="other"}'
    async with running(settings()) as client:
        before = (await client.get("/metrics")).text
        await client.post(CALL, json=request)
        after = (await client.get("/metrics")).text
    assert counted(after, series) - counted(before, series) == 1
    assert "4711" not in after
    assert "ehr.example.org" not in after


@pytest.mark.anyio
async def test_every_rule_is_counted_from_the_start() -> None:
    """Or else nobody could tell one that has fallen silent from one that was never there."""
    text = await asked(settings(), 0)
    rules = load(Path(__file__).parents[2] / "cards").rules
    for rule in rules:
        for outcome in ("found", "not_met", "undetermined", "failed"):
            assert f'rbd_cds_rule_outcomes_total{{outcome="{outcome}",rule="{rule}"}}' in text


@pytest.mark.anyio
async def test_refused_calls_are_counted_too() -> None:
    names = {
        422: 'rbd_cds_calls_total{client="anyone",service="rbd-order-select",status="422"}',
        415: 'rbd_cds_calls_total{client="anyone",service="rbd-order-select",status="415"}',
        404: 'rbd_cds_other_calls_total{status="404"}',
    }
    async with running(settings()) as client:
        before = (await client.get("/metrics")).text
        assert (await client.post(CALL, json={})).status_code == 422
        assert (await client.post(CALL, content="x", headers={"Content-Type": "text/plain"})).status_code == 415
        assert (await client.get("/nowhere")).status_code == 404
        after = (await client.get("/metrics")).text
    for name in names.values():
        assert counted(after, name) - counted(before, name) == 1


@pytest.mark.anyio
async def test_a_call_without_a_token_is_counted_and_audited(clients_file: Path) -> None:
    folder = clients_file.parent / "audit"
    name = 'rbd_cds_calls_total{client="unknown",service="rbd-patient-view",status="401"}'
    async with guarding(clients_file, audit=folder) as client:
        before = (await client.get("/metrics")).text
        assert (await call(client, None)).status_code == 401
        assert (await call(client, token(jti="5b1c86c0-9c2d-4f7e", tenant="north"))).status_code == 200
        after = (await client.get("/metrics")).text
    assert counted(after, name) - counted(before, name) == 1
    refused, answered, _ = audited(folder)
    assert (refused["status"], refused["service"], "caller" in refused) == (401, "rbd-patient-view", False)
    assert (answered["caller"], answered["tenant"], answered["token"]) == ("test-ehr", "north", "5b1c86c0-9c2d-4f7e")


@pytest.mark.anyio
async def test_what_is_missing_is_counted_by_rule_and_datum() -> None:
    name = 'rbd_cds_undetermined_total{datum="conditions",rule="clonazepam-dementia"}'
    body = json.loads(EXAMPLE.read_text())
    del body["prefetch"]["conditions"]
    async with running(settings()) as client:
        before = (await client.get("/metrics")).text
        await client.post(CALL, json=body)
        after = (await client.get("/metrics")).text
    assert counted(after, name) - counted(before, name) == 1


def series(text: str, start: str) -> dict[str, float]:
    """What each series of a name stands at."""
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if line.startswith(start))
    return {name: float(told) for name, told in lines}


def grown(before: str, after: str, start: str) -> dict[str, float]:
    """The series of a name that grew, with their labels, and by how much."""
    was, now = series(before, start), series(after, start)
    more = {name: told - was.get(name, 0) for name, told in now.items()}
    return {name: by for name, by in more.items() if by}


def used(before: str, after: str) -> dict[str, set[str]]:
    """The keys that a call counted, by what became of them."""
    found: dict[str, set[str]] = {}
    for name, n in grown(before, after, "rbd_cds_prefetch_keys_total").items():
        labels = dict(re.findall(r'(\w+)="([^"]*)"', name))
        assert (n, labels["client"]) == (1, "anyone")
        found.setdefault(labels["use"], set()).add(labels["key"])
    return found


def of_types(*keys: str) -> list[str]:
    return [TEMPLATES[key].partition("?")[0].partition("/")[0] for key in keys]


async def counted_of(call: dict[str, Any], **more: object) -> tuple[str, str]:
    """The metrics before and after one call."""
    async with running(settings(**more)) as client:
        before = (await client.get("/metrics")).text
        await client.post(f"/cds-services/rbd-{call['hook']}", json=call)
        return before, (await client.get("/metrics")).text


@pytest.mark.anyio
async def test_each_key_is_counted_by_what_became_of_it() -> None:
    call = json.loads(EXAMPLE.read_text())
    keys = set(call["prefetch"])
    before, after = await counted_of(call)
    found = used(before, after)
    assert found["changed"] == {"conditions"}
    assert "carePlans" in found["unread"]
    assert (found["read"] | found["unread"], found["read"] & found["unread"]) == (keys, set())
    assert "fetched" not in found
    assert grown(before, after, "rbd_cds_charts_read_total") == {
        'rbd_cds_charts_read_total{client="anyone",service="rbd-order-select"}': 1
    }


@pytest.mark.anyio
async def test_an_order_that_starts_nothing_counts_no_key_wherever_its_prefetch_stands() -> None:
    call = json.loads(EXAMPLE.with_name("order-select-rbd-dementia-aspirin-selected.json").read_text())
    for body in (call, {"prefetch": call["prefetch"], **call}):
        before, after = await counted_of(body)
        assert used(before, after) == {}
        assert grown(before, after, "rbd_cds_charts_read_total") == {}
        assert grown(before, after, "rbd_cds_calls_total")


@pytest.mark.anyio
async def test_what_is_fetched_is_counted_by_key_and_by_stage() -> None:
    call = json.loads(EXAMPLE.with_name("patient-view-rbd-sertraline.json").read_text())
    sent = {key: call["prefetch"][key] for key in ("patient", "conditions", "medicationRequests")}
    async with misbehaving.running() as server:
        before, after = await counted_of(call | {"prefetch": sent, "fhirServer": server.url})
        asked = len(server.asked)
    found = used(before, after)
    assert len(found["fetched"]) == asked
    assert found["fetched"].isdisjoint(sent)
    queries = grown(before, after, "rbd_cds_fhir_queries_total")
    assert queries.keys() == {f'rbd_cds_fhir_queries_total{{client="anyone",stage="{stage}"}}' for stage in (1, 2)}
    assert sum(queries.values()) == asked
    for stage in (1, 2):
        name = f'rbd_cds_fhir_round_seconds_count{{client="anyone",stage="{stage}"}}'
        assert grown(before, after, name) == {name: 1}


@pytest.mark.anyio
async def test_what_was_fetched_for_a_call_that_is_refused_is_counted_and_logged() -> None:
    call = json.loads(EXAMPLE.read_text()) | {"prefetch": {}}
    async with misbehaving.running() as server:
        server.answers = dict.fromkeys(of_types("conditions", "patient", *DRUG_KEYS), misbehaving.sends({}, 403))
        with structlog.testing.capture_logs() as lines:
            before, after = await counted_of(call | {"fhirServer": server.url})
    (line,) = (line for line in lines if line.get("kind") == "hook")
    assert line["status"] == 412
    assert line["fetched"]["conditions"] == "not authorised for this data"
    # Without the problem list a rule on jerks may apply, which reads the screening form.
    assert [one["stage"] for one in line["rounds"]] == [1, 2]
    assert used(before, after)["fetched"] == set(line["fetched"])


@pytest.mark.anyio
async def test_every_key_of_what_each_client_may_call_is_there_from_the_start(clients_file: Path) -> None:
    # A name of its own: other tests in this process count for theirs.
    clients_file.write_text(clients_file.read_text().replace("test-ehr", "silent-ehr"))
    async with guarding(clients_file) as client:
        text = (await client.get("/metrics")).text
    for key, use in product(TEMPLATES, ("read", "unread", "fetched", "changed")):
        labels = f'client="silent-ehr",key="{key}",service="rbd-patient-view",use="{use}"'
        assert f"rbd_cds_prefetch_keys_total{{{labels}}}" in text
    assert 'client="silent-ehr",key="patient",service="rbd-order-sign"' not in text
    for stage in (1, 2):
        assert f'rbd_cds_fhir_queries_total{{client="silent-ehr",stage="{stage}"}}' in text
        assert f'rbd_cds_fhir_round_seconds_count{{client="silent-ehr",stage="{stage}"}}' in text
    assert 'rbd_cds_charts_read_total{client="silent-ehr",service="rbd-patient-view"}' in text


@pytest.mark.anyio
async def test_no_call_makes_a_series_of_keys_that_was_not_there() -> None:
    call = json.loads(EXAMPLE.read_text())
    sent = call["prefetch"] | {"problems": call["prefetch"]["conditions"]}
    before, after = await counted_of(call | {"prefetch": sent})
    for name in ("rbd_cds_prefetch_keys_total", "rbd_cds_fhir", "rbd_cds_charts_read_total"):
        assert series(before, name).keys() == series(after, name).keys()


@pytest.mark.anyio
async def test_fetched_key_sets_are_counted(clients_file: Path) -> None:
    clients_file.write_text(clients_file.read_text().replace("jwks =", 'jku = "https://ehr.test.example/k"\njwks ='))
    with respx.mock as outside:
        outside.get("https://ehr.test.example/k").respond(500)
        async with guarding(clients_file) as client:
            before = (await client.get("/metrics")).text
            assert (await call(client, token(header={"kid": "k9"}))).status_code == 401
            after = (await client.get("/metrics")).text
    name = 'rbd_cds_key_fetches_total{client="test-ehr",outcome="failed"}'
    assert counted(after, name) - counted(before, name) in (0, 1)
    assert counted(after, name) >= 1


@pytest.mark.anyio
async def test_the_queue_and_the_answers_of_clinicians_are_counted(tmp_path: Path) -> None:
    name = 'rbd_cds_feedback_total{client="anyone",outcome="overridden",service="rbd-order-select"}'
    kept = {"record": "on", "var": tmp_path, "database_url": f"sqlite:///{tmp_path}/cds-service.sqlite"}
    entry = {"card": "4f1f5f6c-6a0e-4f57-9a55-3f3f7a0a3b11", "outcome": "overridden"}
    async with running(settings(**kept)) as client:
        before = (await client.get("/metrics")).text
        assert counted(before, "rbd_cds_record_queue") == 0
        await client.post(CALL, content=EXAMPLE.read_bytes(), headers={"Content-Type": "application/json"})
        assert counted((await client.get("/metrics")).text, "rbd_cds_record_queue") > 0
        told = [entry | {"outcomeTimestamp": "2026-06-15T09:00:00Z"}, entry]
        assert (await client.post(f"{CALL}/feedback", json={"feedback": told})).status_code == 200
        after = (await client.get("/metrics")).text
    assert counted(after, name) - counted(before, name) == 1
    unusable = name.replace("overridden", "unusable")
    assert counted(after, unusable) - counted(before, unusable) == 1
    assert counted(after, "rbd_cds_record_lost") == 0


@pytest.mark.anyio
async def test_metrics_name_no_patient() -> None:
    patient = json.loads(EXAMPLE.read_text())["context"]["patientId"]
    assert patient not in await asked(settings())


@pytest.mark.anyio
@pytest.mark.attack("A line of the audit that is changed, taken out or put in", "the command names it")
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


def audited(folder: Path) -> list[dict[str, Any]]:
    (path,) = folder.glob("audit-*.jsonl")
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.mark.anyio
async def test_a_line_says_who_asked_what_was_there_what_was_found_and_how_long_it_took(tmp_path: Path) -> None:
    body = json.loads(EXAMPLE.read_text())
    del body["prefetch"]["observations"]
    body["prefetch"]["procedures"] = {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}
    async with running(settings(audit=tmp_path)) as client:
        answer = await client.post(CALL, json=body)
    (card,) = answer.json()["cards"]
    line = audited(tmp_path)[0]
    assert line["request_id"] == answer.headers["x-request-id"]
    assert line["instance"] == body["hookInstance"]
    assert (line["service"], line["hook"], line["status"]) == ("rbd-order-select", "order-select", 200)
    assert line["prefetch"]["left out"] == ["observations"]
    assert line["prefetch"]["failed"] == ["procedures"]
    assert "conditions" in line["prefetch"]["given"]
    assert (line["uuids"], line["topics"]) == ([card["uuid"]], ["clonazepam-dementia"])
    assert set(line["phases"]) == {"parse", "gather", "decide"}
    assert line["rules"].startswith(f"{__version__}+")
    assert "clonazepam-falls" not in line["found"]


@pytest.mark.anyio
async def test_a_line_of_feedback_says_outcome_reason_and_card(tmp_path: Path) -> None:
    card = "4f1f5f6c-6a0e-4f57-9a55-3f3f7a0a3b11"
    at = {"outcomeTimestamp": "2026-06-15T09:00:00Z"}
    reasons = ({"code": "limited-time"}, {"code": "MARK"})
    told = [
        {"card": name, "outcome": "overridden", "overrideReason": {"reason": reason, "userComment": "MARK"}, **at}
        for name, reason in zip((card, "MARK"), reasons, strict=True)
    ]
    async with running(settings(audit=tmp_path)) as client:
        await client.post(f"{CALL}/feedback", json={"feedback": told})
    line = audited(tmp_path)[0]
    assert (line["overridden"], line["reasons"], line["uuids"]) == (2, {"limited-time": 1, "other": 1}, [card])
    assert "MARK" not in json.dumps(line)


@pytest.mark.anyio
async def test_a_full_disk_costs_no_answer_and_shows_in_the_audit(tmp_path: Path, monkeypatch: Any) -> None:
    async with running(settings(audit=tmp_path)) as client:

        async def ask() -> int:
            return (await client.post(CALL, content=EXAMPLE.read_bytes())).status_code

        assert await ask() == 200
        with monkeypatch.context() as disk:

            def refused(*_: object) -> int:
                raise OSError(errno.ENOSPC, "No space left on device")

            disk.setattr(os, "pwrite", refused)
            assert [await ask(), await ask()] == [200, 200]
        assert await ask() == 200
    assert [line.get("missed") for line in audited(tmp_path)] == [None, 2, None]
    (path,) = tmp_path.glob("audit-*.jsonl")
    assert verify(path).broken_at is None


def test_an_audit_folder_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"CDS_AUDIT: .* cannot be written"):
        Audit(tmp_path / "file")


def test_a_folder_without_audit_files_is_no_proof(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["audit", "verify", str(tmp_path)])
    assert (done.exit_code, "no audit file" in done.output) == (1, True)
