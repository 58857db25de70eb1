"""Why a card came: the page, and what is kept for it."""

import asyncio
import json
import re
from time import monotonic

import httpx
import pytest

from cds_service.settings import Settings
from cds_service.web import recent as keeping
from cds_service.web.app import create_app
from cds_service.web.assembly import Application
from cds_service.web.recent import SECONDS, Recent
from tests.calling import TODAY, application_with, requests
from tests.contract import speaking_to
from tests.marks import MARK, marked
from tests.trust.ehr import BASE, clients_file
from tests.web.benching import Bench, Page

__all__ = ["clients_file"]

pytestmark = pytest.mark.anyio

PROGRAM = {"accept": "application/json"}
SIGN = "order-sign-rbd-dementia"
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
UNKNOWN = "0f1f5f6c-6a0e-4f57-9a55-3f3f7a0a3b11"


async def called(client):
    """The uuid of the card, and the hookInstance."""
    sent = requests()[SIGN]
    answer = await client.post("/cds-services/rbd-order-sign", json=sent)
    (card,) = answer.json()["cards"]
    return card["uuid"], sent["hookInstance"]


async def asked(client, name, **headers):
    answer = await client.get(f"/why/{name}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


async def told(client, name):
    return json.loads((await asked(client, name, **PROGRAM)).text)


async def test_a_card_and_its_call_lead_to_the_steps_of_each_rule(client):
    for name in await called(client):
        page = Page((await asked(client, name)).text)
        assert "found Clonazepam in dementia" in page.part("steps")
        assert "yes Dementia" in page.part("steps")
        assert "Condition/" in page.part("steps")


async def test_programs_get_the_same_as_json(client):
    card, _ = await called(client)
    call = (await told(client, card))["call"]
    (found,) = [rule for rule in call["rules"] if rule["rule"] == "clonazepam-dementia"]
    assert (found["outcome"], found["fate"]) == ("found", "on a card")
    assert "clonazepam-dementia" in call["cards"][card]
    assert ["cognitive-decline", True] in [[step["criterion"], step["holds"]] for step in found["steps"]]


async def test_capitals_in_a_uuid_are_no_matter(client):
    card, _ = await called(client)
    assert (await told(client, card.upper()))["call"]


async def test_it_can_be_asked_in_a_field(client):
    card, _ = await called(client)
    answer = await client.get("/why", params={"of": f" {card} "})
    assert "found Clonazepam in dementia" in Page(answer.text).part("steps")
    assert "This is no uuid" in (await client.get("/why", params={"of": "<script>"})).text


async def test_what_is_not_known_is_said_and_another_worker_is_asked_next(client):
    answer = await asked(client, UNKNOWN)
    assert "Nothing is known of it" in answer.text
    assert answer.headers["connection"] == "close"


async def test_what_was_tried_on_the_bench_can_be_asked_too(client):
    bench = Bench(client)
    await bench.open()
    page = await bench.press()
    named = set(re.findall(UUID, (await bench.press("show request")).words)) | set(re.findall(UUID, page.words))
    found = [call for call in [(await told(client, name))["call"] for name in named] if call]
    assert {call["client"] for call in found} == {"bench"}


async def test_without_steps_the_record_says_which_rules_a_card_named_and_what_became_of_it(tmp_path):
    application = application_with(CDS_RECORD="on", CDS_VAR=str(tmp_path))
    async with speaking_to(application) as client:
        card, _ = await called(client)
        given = {"card": card, "outcome": "overridden", "outcomeTimestamp": f"{TODAY}T10:00:00Z"}
        given["overrideReason"] = {"reason": {"code": "risk-benefit-ratio"}}
        await client.post("/cds-services/rbd-order-sign/feedback", json={"feedback": [given]})
    async with speaking_to(application_with(CDS_RECORD="on", CDS_VAR=str(tmp_path))) as client:
        page = Page((await asked(client, card)).text)
        found = await told(client, card)
    assert found["call"] is None
    assert "clonazepam-dementia" in [rule["rule"] for rule in found["card"]["rules"]]
    assert "Overridden: risk-benefit-ratio" in page.part("record")


async def test_a_record_that_cannot_be_read_is_not_an_empty_one(tmp_path):
    async with speaking_to(application_with(CDS_RECORD="on", CDS_VAR=str(tmp_path))) as client:
        for file in tmp_path.glob("cds-service.sqlite*"):
            file.unlink()
        page = Page((await asked(client, UNKNOWN)).text)
    assert "The record cannot be read" in page.words
    assert "Nothing is known" not in page.words


async def test_with_trusted_clients_names_and_outcomes_are_kept_and_nothing_of_a_chart():
    application = application_with()
    application.recent = Recent(whole=False)
    async with speaking_to(application) as client:
        await client.post("/cds-services/rbd-order-sign", json=marked(SIGN) | {"hookInstance": UNKNOWN})
        call = (await told(client, UNKNOWN))["call"]
    assert [rule["rule"] for rule in call["rules"] if rule["outcome"] == "found"]
    assert {(tuple(step["sources"]), step["why"]) for rule in call["rules"] for step in rule["steps"]} == {((), "")}
    assert MARK not in json.dumps(call)
    assert "/" not in json.dumps([call["rules"], call["not_started"], call["cards"]])


def test_trusted_clients_are_kept_so(clients_file, tmp_path):
    assert guarded(clients_file, tmp_path).recent is None
    within = guarded(clients_file, tmp_path, CDS_BENCH="10.20.0.0/16")
    assert (application_with().recent.whole, within.recent.whole) == (True, False)


async def test_what_is_too_old_is_forgotten(client, monkeypatch):
    card, _ = await called(client)
    later = monotonic() + SECONDS
    monkeypatch.setattr(keeping, "monotonic", lambda: later)
    assert (await told(client, card))["call"] is None


async def test_what_is_too_old_is_forgotten_though_nobody_calls_or_asks(monkeypatch):
    application = application_with()
    async with speaking_to(application) as client:
        await called(client)
        later = monotonic() + SECONDS
        monkeypatch.setattr(keeping, "monotonic", lambda: later)
        for _ in range(100):
            if application.recent._calls:
                await asyncio.sleep(0.05)
        assert not application.recent._calls


def guarded(clients, folder, **more):
    told = {"CDS_CLIENTS": str(clients), "CDS_PUBLIC_URL": BASE, "CDS_RECORD": "off", "CDS_VAR": str(folder), **more}
    return Application(Settings.read(told))


async def seen(application, peer, base="http://127.0.0.1:8000", path=f"/why/{UNKNOWN}"):
    app = create_app(application)
    transport = httpx.ASGITransport(app, client=(peer, 1))
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url=base) as client:
        return (await client.get(path)).status_code


@pytest.mark.parametrize("path", ["/why", f"/why/{UNKNOWN}"])
async def test_it_is_for_whom_the_bench_is(clients_file, tmp_path, path):
    assert await seen(application_with(), "127.0.0.1", path=path) == 200
    assert await seen(application_with(), "10.20.0.5", path=path) == 404
    assert await seen(guarded(clients_file, tmp_path), "10.20.3.4", BASE, path) == 404
    within = guarded(clients_file, tmp_path, CDS_BENCH="10.20.0.0/16")
    assert await seen(within, "10.20.3.4", BASE, path) == 200
    assert await seen(within, "10.21.0.1", BASE, path) == 404


async def test_it_is_only_read(client):
    answer = await client.post(f"/why/{UNKNOWN}")
    assert answer.status_code == 405
