"""The page of outcomes: what it shows, to whom, and what it says where there is nothing to show."""

import asyncio
import csv
import io
import json
import time
from datetime import date, timedelta

import httpx
import pytest

from cds_service.record.demonstration import Demonstration, write
from cds_service.record.entries import Tally
from cds_service.settings import Settings
from cds_service.web.app import create_app
from cds_service.web.assembly import Application
from cds_service.web.outcomes import TABLES
from tests.calling import TODAY, application_with, requests
from tests.contract import speaking_to
from tests.fhir_client import misbehaving
from tests.trust.ehr import BASE, clients_file
from tests.web.benching import Page

__all__ = ["clients_file"]

pytestmark = pytest.mark.anyio

URL = "/outcomes"
MOST_BYTES, MOST_SECONDS = 150_000, 0.1


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A record of a made-up year."""
    folder = tmp_path_factory.mktemp("year")
    application = recording(folder)

    async def fill():
        async with application.running():
            made = Demonstration(application.ruleset, application.settings.now(), 1)
            await write(application.store, made.days(364))

    asyncio.run(fill())
    return folder


def recording(folder, **more):
    return application_with(CDS_RECORD="on", CDS_VAR=str(folder), **more)


@pytest.fixture
async def year(filled, anyio_backend):
    async with speaking_to(recording(filled)) as client:
        yield client


async def opened(client, query=""):
    answer = await client.get(f"{URL}{query}")
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


async def rows(client, name, query=""):
    answer = await client.get(f"{URL}/{name}.ndjson{query}")
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_an_empty_record_says_how_it_is_filled(tmp_path):
    async with speaking_to(recording(tmp_path)) as client:
        page = await opened(client)
        assert await rows(client, "rules") == []
    assert "cds-service demo-data" in page.words
    assert "Nothing was counted" in page.words


async def test_a_record_that_is_off_is_not_an_empty_one(tmp_path):
    async with speaking_to(application_with(CDS_RECORD="off")) as client:
        page = await opened(client)
    assert "CDS_RECORD is off" in page.words
    assert "Nothing was counted" not in page.words


async def test_a_record_that_cannot_be_read_is_not_an_empty_one(tmp_path):
    application = recording(tmp_path)
    async with speaking_to(application) as client:
        await application.store.open()
        for file in tmp_path.glob("cds-service.sqlite*"):
            file.unlink()
        page = await opened(client)
        table = await client.get(f"{URL}/rules.csv")
    assert table.status_code == 503
    assert "cannot be read" in page.words
    assert "Nothing was counted" not in page.words


async def test_made_up_data_are_called_so(year):
    assert "Demonstration data" in (await opened(year)).words


async def called_and_answered(client, **more):
    """A card, overridden; with the receipt of the feedback everything before it can be read."""
    answer = await client.post("/cds-services/rbd-order-sign", json={**requests()["order-sign-rbd-dementia"], **more})
    (card,) = answer.json()["cards"]
    given = {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": f"{TODAY}T10:00:00Z"}
    await client.post("/cds-services/rbd-order-sign/feedback", json={"feedback": [given]})


async def test_a_real_call_is_counted_and_nothing_says_that_it_was_made_up(tmp_path):
    async with speaking_to(recording(tmp_path)) as client:
        await called_and_answered(client)
        page = await opened(client)
        found = {row["rule"]: row for row in await rows(client, "rules")}
    assert "Demonstration" not in page.words
    assert found["clonazepam-dementia"]["shown"] == found["clonazepam-dementia"]["overridden"] == 1
    assert "1 of 1 (100%)" in page.words


async def test_queries_to_fhir_servers_are_counted_by_hook(tmp_path):
    prefetch = dict(requests()["order-sign-rbd-dementia"]["prefetch"])
    server_answers = misbehaving.sends(prefetch.pop("conditions"))
    async with misbehaving.running() as server, speaking_to(recording(tmp_path)) as client:
        server.answers["Condition"] = server_answers
        granted = {"access_token": "t", "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.rs"}
        await called_and_answered(client, prefetch=prefetch, fhirServer=server.url, fhirAuthorization=granted)
        (row,) = await rows(client, "hooks")
    assert row == {"hook": "order-sign", "calls": 1, "queries": len(server.asked), "queries per call": 1.0}


async def test_rules_that_fell_silent_or_flood_stand_out(year):
    page = await opened(year)
    assert "silent clonazepam-dementia at rbd-order-select" in page.part("alarms")
    assert "flood rbd-drug-new at rbd-order-sign" in page.part("alarms")
    assert "(silent)" in page.part("rules")


def loud():
    """The tallies of a month in which every tenth chart that was opened had a card."""
    for ago in range(29):
        where = {"day": (date.fromisoformat(TODAY) - timedelta(days=ago)).isoformat(), "service": "rbd-patient-view"}
        for outcome, count in (("call", 100), ("gravest none", 90), ("gravest info", 10)):
            yield Tally(**where, client="anyone", rule="", version="", outcome=outcome, count=count)


async def test_a_hook_over_its_budget_stands_out_with_its_ceiling(tmp_path):
    application = recording(tmp_path)
    async with speaking_to(application) as client:
        await write(application.store, [tuple(loud())])
        said = (await opened(client)).part("alarms")
        (row,) = await rows(client, "alarms")
    assert "over-budget info at rbd-patient-view for anyone: such a card or a graver one in 290 of 2900" in said
    assert (row["kind"], row["ceiling"]) == ("over-budget", 0.02)


async def test_every_rate_comes_with_its_counts(year):
    (row, *_) = await rows(year, "rules")
    words = (await opened(year)).part("rules")
    for name in ("accepted", "overridden", "ignored"):
        assert f"{row[name]} of {row['shown']} ({row[name] / row['shown']:.0%})" in words
    assert f"{row['undetermined']} of {row['evaluated']}" in words


async def test_the_cards_shown_are_those_answered_and_those_ignored(year):
    for name in ("rules", "periods", "callers"):
        for row in await rows(year, name, "?days=364"):
            assert row["shown"] == row["accepted"] + row["overridden"] + row["ignored"]


async def test_all_tables_count_the_same_cards(year):
    sums = {name: sum(row["shown"] for row in await rows(year, name)) for name in ("rules", "periods", "callers")}
    assert len(set(sums.values())) == 1, sums


async def test_a_service_a_client_and_a_rule_can_be_chosen(year):
    query = "?service=rbd-order-sign&client=demonstration-clinics&rule=rbd-drug-new"
    assert {row["rule"] for row in await rows(year, "rules", query)} == {"rbd-drug-new"}
    (caller,) = await rows(year, "callers", query)
    assert (caller["service"], caller["client"]) == ("rbd-order-sign", "demonstration-clinics")
    assert {row["rule"] for row in await rows(year, "alarms", query)} == {"rbd-drug-new"}
    page = await opened(year, query)
    assert page.value("rule") == "rbd-drug-new"


async def test_what_is_asked_for_and_unknown_is_not_repeated(year):
    page = await opened(year, "?rule=%3Cscript%3E&days=x&client=nobody")
    assert "<script" not in page.text
    assert "nobody" not in page.words


@pytest.mark.parametrize("name", TABLES)
async def test_each_table_is_given_as_csv_and_as_lines_of_json(year, name):
    answer = await year.get(f"{URL}/{name}.csv?days=91")
    (*told,) = csv.DictReader(io.StringIO(answer.text))
    listed = await rows(year, name, "?days=91")
    assert told
    assert told == [{column: str(cell) for column, cell in row.items()} for row in listed]


@pytest.mark.timing
@pytest.mark.parametrize("days", [28, 91, 364])
async def test_a_page_of_a_year_is_small_and_soon_there(year, days):
    """The first look counts; whoever looks within the minute waits for nothing."""
    await year.get(f"{URL}?days={days}")
    started = time.perf_counter()
    answer = await year.get(f"{URL}?days={days}")
    assert time.perf_counter() - started < MOST_SECONDS
    assert len(answer.content) < MOST_BYTES


async def seen(application, path, peer, base="http://127.0.0.1:8000"):
    app = create_app(application)
    transport = httpx.ASGITransport(app, client=(peer, 1))
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url=base) as client:
        return (await client.get(path)).status_code


@pytest.mark.parametrize("path", [URL, f"{URL}/rules.csv"])
async def test_in_open_mode_it_is_for_this_machine_only(tmp_path, path):
    assert await seen(recording(tmp_path), path, "127.0.0.1") == 200
    assert await seen(recording(tmp_path), path, "10.20.0.5") == 404


@pytest.mark.parametrize("path", [URL, f"{URL}/rules.csv"])
async def test_with_trusted_clients_it_is_for_the_networks_of_the_bench_only(tmp_path, clients_file, path):
    told = {"CDS_CLIENTS": str(clients_file), "CDS_PUBLIC_URL": BASE, "CDS_VAR": str(tmp_path)}
    within = Application(Settings.read({**told, "CDS_BENCH": "10.20.0.0/16"}))
    assert await seen(within, path, "10.20.3.4", BASE) == 200
    assert await seen(within, path, "10.21.0.1", BASE) == 404
    assert await seen(Application(Settings.read(told)), path, "10.20.3.4", BASE) == 404
