"""The test bench without any script: everything goes by plain forms and whole pages."""

import datetime as dt
import json
import re
from urllib.parse import urlencode, urlsplit

import httpx
import pytest
import structlog
from hypothesis import given, strategies as st
from sqlalchemy import select

from cds_service.record.recorder import opened
from cds_service.record.report import feedback_report
from cds_service.record.tables import ANSWERS
from cds_service.settings import Settings
from cds_service.web.app import create_app
from cds_service.web.assembly import Application
from tests.calling import EXAMPLES, TODAY, application_with, requests
from tests.contract import speaking_to
from tests.fhir_client.misbehaving import running, sends
from tests.marks import BORN, MARK, marked
from tests.trust.ehr import BASE, clients_file
from tests.web.benching import FORM, URL, Bench
from tests.web.spoiling import so_many, spoilt
from tests.web.watching import watched

__all__ = ["clients_file"]
pytestmark = pytest.mark.anyio

PATIENTS = sorted(path.stem for path in (EXAMPLES / "patients").glob("*.json"))
DEMENTIA = "Clonazepam in Alzheimer's disease"
BUNDLE = (EXAMPLES / "patients" / "rbd-dementia.json").read_text()
MMSE = "fact Observation/rbd-dementia-mmse-2024 value"
LARGEST = 150_000


@pytest.fixture
async def bench(client):
    made = Bench(client)
    await made.open()
    return made


async def test_one_press_on_the_opened_page_shows_the_first_card_and_why_the_others_are_silent(bench):
    assert '<section aria-labelledby="cards">' not in bench.page.text
    page = await bench.press()
    assert DEMENTIA in page.part("cards")
    assert "1 found" in page.part("why")
    assert "not met" in page.part("why")
    assert "rules that nothing starts here" in page.part("why")
    assert "patient" in page.part("read")


async def test_an_accepted_suggestion_changes_the_orders_and_fires_the_next_hook(bench):
    await bench.press()
    page = await bench.press("take 0.0")
    assert page.value("hook") == "order-sign"
    assert "melatonin 3 mg" in page.part("orders")
    assert "clonazepam" not in page.part("orders")
    assert "No card" in page.part("cards")
    assert "Accepted: Replace with melatonin" in page.words


async def test_what_a_suggestion_changes_is_shown_before_it_is_pressed(bench):
    page = await bench.press()
    assert "− removes clonazepam, 0.5 mg at bedtime" in page.part("cards")
    assert "+ adds melatonin 3 mg" in page.part("cards")


async def test_a_changed_score_and_a_removed_diagnosis_change_the_cards(bench):
    await bench.press()
    await bench.press("remove Condition/rbd-dementia-alzheimer")
    page = await bench.change(MMSE, "30")
    assert DEMENTIA not in page.part("cards")
    assert "MMSE total score, 30" in page.part("why")
    assert page.value(MMSE) == "30"


async def test_a_change_can_be_taken_back(bench):
    await bench.press()
    page = await bench.change(MMSE, "30")
    page = await bench.press("undo 0")
    assert page.value(MMSE) == "20"


@pytest.mark.parametrize(
    ("field", "value", "gone"),
    [
        ("fact Patient/rbd-dementia age", "40", "At 65 or over"),
        ("fact Condition/rbd-dementia-alzheimer verified", "refuted", "Alzheimer's disease (since"),
        ("fact Condition/rbd-dementia-alzheimer date", "2020-02-03", "since 1 May 2024"),
        ("fact Condition/rbd-dementia-alzheimer what", "Essential tremor", "Alzheimer's disease (since"),
    ],
)
async def test_every_kind_of_fact_changes_what_the_card_says(bench, field, value, gone):
    assert gone in (await bench.press()).part("cards")
    assert gone not in (await bench.change(field, value)).part("cards")


async def test_a_fact_is_added_from_the_list_or_in_words(bench):
    await bench.press()
    page = await bench.press("change", add="condition-osa", diagnosis="Opioid use disorder")
    assert "Diagnoses (7)" in page.part("chart")


async def test_another_patient_begins_without_the_changes_and_keeps_the_order(bench):
    await bench.press()
    await bench.change(MMSE, "30")
    page = await bench.press("", patient="clonazepam-apnea")
    assert not [value for name, value in page.pairs if name == "edit"]
    assert "clonazepam" in page.part("orders")
    assert "apnea" in page.part("cards")
    assert "Patient/clonazepam-apnea" in page.value("drafts")


def link_of(page):
    return urlsplit(re.search(r'data-link="([^"]+)"', page.text)[1].replace("&amp;", "&"))


async def test_a_link_sets_up_the_same_again(bench, client):
    await bench.press()
    page = await bench.change(MMSE, "19")
    parts = link_of(page)
    again = await Bench(client).open(f"{parts.path}?{parts.query}")
    assert again.part("cards") == page.part("cards")
    assert again.value(MMSE) == "19"


@pytest.mark.parametrize("do", ["override 0.data-wrong", "take 0.0"])
async def test_a_link_presses_no_button(bench, client, do):
    parts = link_of(await bench.press())
    page = await Bench(client).open(f"{parts.path}?{parts.query}&{urlencode({'do': do})}")
    assert DEMENTIA in page.part("cards")
    assert "Feedback on" not in page.words


async def test_a_pasted_bundle_is_judged_as_of_today_unless_another_day_is_chosen():
    async with speaking_to(application_with(CDS_TODAY="2030-01-01")) as client:
        bench = Bench(client)
        await bench.open()
        page = await bench.press(text=BUNDLE)
        assert "Judged as of 2030-01-01" in page.words
        assert page.value("fact Patient/rbd-dementia age") == "81"
        assert page.value("text") == BUNDLE
        page = await bench.press("", day=TODAY)
        assert page.value("fact Patient/rbd-dementia age") == "78"
        page = await bench.press("", patient="rbd-dementia")
        assert "Judged as of 2026-06-15" in page.words
        assert page.value("text") == BUNDLE


async def test_a_pasted_request_brings_its_hook_its_orders_and_what_was_selected(bench):
    text = json.dumps(requests()["order-select-rbd-dementia-aspirin-selected"])
    page = await bench.press("", text=text)
    assert page.value("hook") == "order-select"
    assert "No card" in page.part("cards")
    known = [value for name, value in page.pairs if name == "known"]
    assert len(known) == 2
    body = page.pairs + [("selected", name) for name in known]
    bench.page.pairs = body
    assert DEMENTIA in (await bench.press("")).part("cards")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"resourceType": "Bundle",\n "entry": [}', "line 2, column 12"),
        ('{"resourceType": "Patient"}', "this is a FHIR Patient"),
        ("<Bundle/>", "This is not JSON"),
    ],
)
async def test_a_broken_chart_is_told_beside_the_field_and_nothing_typed_is_lost(bench, text, says):
    page = await bench.press(text=text, reason="something typed")
    assert says in page.words
    assert 'aria-describedby="text-fault"' in page.text
    assert (page.value("text"), page.value("reason"), page.value("what")) == (text, "something typed", "clonazepam")
    assert page.part("cards") == ""


async def test_broken_orders_are_told_beside_the_field_and_kept_as_they_were_typed(bench):
    await bench.press()
    page = await bench.press("", drafts="[{]")
    assert (
        "The orders are not JSON: expecting property name enclosed in double quotes at line 1, column 3." in page.words
    )
    assert page.value("drafts") == "[{]"


async def test_a_chart_that_the_service_refuses_shows_its_refusal(bench):
    sent = requests()["patient-view-hypertension"]
    sent = sent | {"context": sent["context"] | {"patientId": "a b"}}
    page = await bench.press(text=json.dumps(sent))
    assert "The service answers 422" in page.part("cards")
    assert "OperationOutcome" in page.part("travels")


async def test_schema_faults_are_marked_where_they_are(bench):
    sent = requests()["patient-view-hypertension"]
    sent = {**sent, "hookInstance": "not a uuid", "context": {**sent["context"], "userId": 7}}
    page = await bench.press(text=json.dumps(sent))
    assert re.search(r"<mark>.*userId.*</mark> <span class=\"fault\">← must be of type string", page.text)


async def test_an_override_is_sent_and_shown_under_the_benchs_own_name(tmp_path):
    settings = {"CDS_TODAY": TODAY, "CDS_VAR": str(tmp_path)}
    application = Application(Settings.read(settings))
    async with speaking_to(application) as client:
        bench = Bench(client)
        await bench.open()
        page = await bench.press()
        page = await bench.press("override 0.risk-benefit-ratio")
        assert "recorded under the name bench" in page.words
        assert "risk-benefit-ratio" in page.words
        assert DEMENTIA in page.part("cards")
        again = await bench.press()
        assert DEMENTIA in again.part("cards")
    now = dt.datetime.now(dt.UTC)
    async with opened(application.settings) as store:
        await store.open()
        async with store.engine.connect() as connection:
            kept = (await connection.execute(select(ANSWERS))).mappings().all()
        report = await feedback_report(store, now - dt.timedelta(400), now + dt.timedelta(400), ())
    assert [(one["client"], one["reason"]) for one in kept] == [("bench", "risk-benefit-ratio")]
    assert (report.lines, report.unknown) == ({}, 0)


async def test_without_a_record_an_override_is_taken_and_it_is_said_that_nothing_is_kept(bench):
    await bench.press()
    assert "not recorded (CDS_RECORD is off)" in (await bench.press("override 0.data-wrong")).words


async def test_nothing_is_counted_of_the_bench(client):
    bench = Bench(client)
    await bench.open()

    async def counted():
        lines = (await client.get("/metrics")).text.splitlines()
        return [line for line in lines if re.match("rbd_cds_(?!other_calls|process|build|gc|loop)", line)]

    before = await counted()
    await bench.press()
    await bench.press("override 0.data-wrong")
    assert await counted() == before


async def test_nothing_of_a_chart_is_logged(client):
    bench = Bench(client)
    await bench.open()
    with structlog.testing.capture_logs() as lines:
        await bench.press(text=json.dumps(marked("order-sign-clonazepam-many-risks")))
        await bench.press("", text=f'{{"{MARK}": "{BORN}", }}')
    assert MARK.lower() not in json.dumps(lines).lower()
    assert BORN not in json.dumps(lines)


async def test_the_answer_is_in_the_dialect_of_the_chosen_client(bench):
    await bench.press()
    old = await bench.press("", profile="v1")
    assert "Override" not in old.part("cards")
    accepted = await bench.press("take 0.0")
    assert "clonazepam" not in accepted.part("orders")


async def test_the_request_is_shown_and_saved_and_copied_as_curl(bench):
    await bench.press()
    page = await bench.press("show request")
    assert '"draftOrders"' in page.part("travels")
    page = await bench.press("show curl")
    assert "curl -s -H 'Content-Type: application/json' --data" in page.words
    saved = await bench.send("save request", {})
    assert saved.headers["content-disposition"] == 'attachment; filename="hook-request.json"'
    assert saved.json()["hook"] == "order-select"


async def test_a_saved_request_gets_the_same_cards_from_the_service_itself(bench, client):
    page = await bench.press()
    saved = await bench.send("save request", {})
    answer = await client.post("/cds-services/rbd-order-select", json=saved.json())
    assert all(card["summary"] in page.part("cards") for card in answer.json()["cards"])


async def test_a_server_on_this_machine_is_asked_in_open_mode(bench):
    patient = next(one["resource"] for one in json.loads(BUNDLE)["entry"] if "birthDate" in one["resource"])
    async with running() as server:
        server.answers["Patient"] = sends(patient)
        page = await bench.press(server=server.url, server_patient="rbd-dementia")
        assert {one.name for one in server.asked} >= {"Patient", "Condition"}
    assert "fetched: ok" in page.part("read")
    assert "No card" in page.part("cards")


async def test_a_link_fetches_nothing_by_itself(client):
    page = await Bench(client).open(f"{URL}?patient=*server&server=http://127.0.0.1:9/fhir&server_patient=x")
    assert page.value("server") == "http://127.0.0.1:9/fhir"
    assert page.part("cards") == ""


@pytest.mark.parametrize("name", PATIENTS)
async def test_every_shipped_patient_is_shown_on_a_small_page(bench, name):
    page = await bench.press("fire", patient=name, hook="order-sign")
    assert page.part("cards")
    assert len(page.text.encode()) < LARGEST


async def test_the_page_keeps_its_policy_and_asks_nothing_of_others(bench, client):
    answer = await client.get(URL)
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "connect-src 'self'" in policy
    assert "unsafe" not in policy
    page = await bench.press()
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page.text)
    assert re.findall(r"<script([^>]*)>", page.text) == re.findall(r'<script( src="/static/bench[^>]*)>', page.text)
    assert not re.search(r'(src|action)="(https?:)?//', page.text)


async def test_words_of_a_chart_are_shown_and_not_obeyed(bench):
    text = BUNDLE.replace("Osteoporosis", "<img src=x onerror=alert(1)>")
    page = await bench.press(text=text)
    assert "<img" not in page.text


async def test_too_large_a_form_is_refused():
    async with speaking_to(application_with(CDS_MAX_BODY_MB="0.01")) as client:
        bench = Bench(client)
        await bench.open()
        answer = await bench.send("fire", {"text": "x" * 20_000})
    assert answer.status_code == 413


async def seen(application, path=URL, *, peer="127.0.0.1", base="http://127.0.0.1:8000", method="GET", **headers):
    """The status for somebody at an address."""
    app = create_app(application)
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    transport = httpx.ASGITransport(app, client=(peer, 1))
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url=base) as client:
        return (await client.request(method, path, headers={**told, **(FORM if method == "POST" else {})})).status_code


async def test_in_open_mode_the_bench_is_on_for_this_machine_only(application):
    assert await seen(application) == 200
    assert await seen(application, peer="10.20.0.5") == 404


async def test_switched_off_there_is_no_bench_and_no_link_to_it():
    application = application_with(CDS_BENCH="off")
    assert await seen(application) == 404
    async with speaking_to(application) as client:
        assert URL not in (await client.get("/")).text


def guarded(clients, folder, **more):
    told = {"CDS_CLIENTS": str(clients), "CDS_PUBLIC_URL": BASE, "CDS_RECORD": "off", "CDS_VAR": str(folder), **more}
    return Application(Settings.read(told))


async def test_with_trusted_clients_the_bench_is_off_unless_networks_are_named(clients_file, tmp_path):
    assert await seen(guarded(clients_file, tmp_path), base=BASE) == 404


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("10.20.3.4", {}, 200),
        ("::ffff:10.20.3.4", {}, 200),
        ("10.21.0.1", {}, 404),
        ("127.0.0.1", {}, 404),
        ("10.20.3.4", {"x_forwarded_for": "10.20.3.4"}, 404),
        ("10.20.3.4", {"via": "1.1 proxy"}, 404),
        ("10.20.3.4", {"forwarded": "for=10.20.3.4"}, 404),
        ("10.20.3.4", {"host": "rebound.example"}, 404),
        ("10.20.3.4", {"host": "["}, 404),
        ("10.20.3.4", {"host": "10.20.0.1:8000"}, 200),
    ],
)
async def test_only_named_networks_are_let_in_and_nobody_through_a_proxy(clients_file, tmp_path, peer, headers, status):
    application = guarded(clients_file, tmp_path, CDS_BENCH="10.20.0.0/16")
    assert await seen(application, peer=peer, base=BASE, **headers) == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://127.0.0.1:8000", "sec_fetch_site": "same-origin"}, 200),
        ({"origin": "http://evil.example"}, 404),
        ({"origin": "null"}, 404),
        ({"sec_fetch_site": "cross-site"}, 404),
    ],
)
async def test_a_page_of_another_site_cannot_press_for_somebody(application, headers, status):
    assert await seen(application, method="POST", **headers) == status


@pytest.mark.parametrize("path", [URL, "/outcomes", "/why"])
async def test_a_page_of_another_site_may_lead_here_and_not_read(client, path):
    async def status(**headers):
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        return (await client.get(path, headers=told)).status_code

    assert await status(sec_fetch_site="cross-site", sec_fetch_mode="navigate") == 200
    assert await status(sec_fetch_site="cross-site", sec_fetch_mode="no-cors") == 404
    assert await status(origin="https://evil.example", sec_fetch_site="cross-site", sec_fetch_mode="cors") == 404
    assert await status(origin="https://evil.example") == 404
    assert await status(origin="http://[") == 404


async def test_with_trusted_clients_no_server_is_asked_that_the_site_has_not_listed(clients_file, tmp_path):
    listed = "https://fhir.example.org/r4"
    application = guarded(clients_file, tmp_path, CDS_BENCH="10.20.0.0/16", CDS_FHIR_SERVERS=listed)
    for server in ("http://127.0.0.1:9/fhir", "http://localhost/fhir", "https://other.example/r4", None):
        assert application.bench_grant(server) is None
    assert application.bench_grant(listed).target(listed, None, authorized=False).base.url == listed


@pytest.mark.parametrize("text", ["0.0.0.0/0", "everyone", "10.20.0.0/16, off"])
def test_a_setting_that_is_no_network_is_refused(text):
    with pytest.raises(Exception, match="CDS_BENCH"):
        Settings.read({"CDS_BENCH": text})


@st.composite
def spoilt_charts(draw):
    name = draw(st.sampled_from(sorted(requests())))
    return draw(spoilt(requests()[name], name=name))


def test_whatever_is_pasted_and_pressed_the_answer_is_a_page_or_a_refusal(tmp_path):
    with watched(tmp_path) as call:

        @so_many(100)
        @given(spoilt_charts(), st.sampled_from(["fire", "take 0.0", "override 0.data-wrong", "show curl", "undo 7"]))
        def any_chart(chart, do):
            body = urlencode([("text", chart.body), ("patient", "*pasted"), ("do", do), ("what", "EEG")]).encode()
            answer = call("", body, {**FORM, "host": "127.0.0.1:8000"}, path=URL)
            assert answer.status == 200

        any_chart()
