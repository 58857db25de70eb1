"""What each caller is offered: no key that its FHIR server does not serve, and codes as that server wants them."""

import copy
import datetime as dt
import json
import subprocess
import sys
from contextlib import asynccontextmanager

import httpx
import pytest
import structlog

from cds_service.errors import SettingsError
from cds_service.hooks.services import Service
from cds_service.settings import Settings
from cds_service.web.app import create_app
from cds_service.web.assembly import Application
from cds_service.web.offers import Asking, Offer
from tests.calling import TODAY, requests
from tests.fhir_client import misbehaving
from tests.fhir_client.misbehaving import sends
from tests.trust.ehr import BASE, CLIENTS, clients_file, guarding, token

__all__ = ["clients_file"]
pytestmark = pytest.mark.anyio

OTHER = CLIENTS.replace("test-ehr", "other-ehr").replace("https://ehr.test.example", "https://other.test.example")
FETCHED = 'prefetch = "lean"\nfhir-servers = ["https://fhir.example.org/r4"]\n'
DRUGS = ("medicationRequests", "medicationStatements")
LEAN = {
    "patient-view": (
        "patient",
        "conditions",
        *DRUGS,
        "medicationDispenses",
        "observations",
        "questionnaireResponses",
        "diagnosticReports",
    ),
    "order-select": ("patient", "conditions", *DRUGS),
    "order-sign": ("patient", "conditions", *DRUGS),
}


@asynccontextmanager
async def in_open_mode(**environ):
    settings = Settings.read({"CDS_TODAY": TODAY, "CDS_RECORD": "off"} | environ)
    app = create_app(Application(settings))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client,
    ):
        yield client


async def offered(client, hook="patient-view", **headers):
    services = (await client.get("/cds-services", headers=headers)).json()["services"]
    return next(service["prefetch"] for service in services if service["hook"] == hook)


async def offered_to_each(client):
    """What the first and the second client of a file are offered."""
    return [
        await offered(client, Authorization=f"Bearer {token(aud=f'{BASE}/cds-services', iss=issuer)}")
        for issuer in ("https://ehr.test.example", "https://other.test.example")
    ]


def vendors_file(path, *said):
    path.write_text("".join(text + more + "\n" for text, more in zip((CLIENTS, OTHER), said, strict=False)))
    return path


async def test_what_is_not_served_is_not_asked_for_in_discovery():
    async with in_open_mode() as client:
        whole = await offered(client)
    async with in_open_mode(CDS_NOT_SERVED="tasks medicationStatements") as client:
        assert whole.keys() - (await offered(client)).keys() == {"tasks", "medicationStatements"}


async def test_the_only_client_there_is_is_offered_what_its_own_server_answers(clients_file):
    async with guarding(vendors_file(clients_file, 'vendor = "oracle-health"')) as client:
        prefetch = await offered(client)
    assert "medicationStatements" not in prefetch
    assert "code=http://loinc.org|" in prefetch["observations"]


async def test_of_several_clients_each_is_known_by_its_token_only(clients_file):
    vendors_file(clients_file, 'vendor = "oracle-health"', "")
    async with guarding(clients_file) as client:
        anyone = await offered(client)
    assert "tasks" in anyone
    assert "loinc.org" not in anyone["observations"]
    async with guarding(clients_file, discovery="token") as client:
        mine, other = await offered_to_each(client)
    assert "tasks" not in mine
    assert "code=http://loinc.org|" in mine["observations"]
    assert other == anyone


async def test_anyone_may_be_asked_for_less():
    async with in_open_mode() as client:
        whole = {hook: await offered(client, hook) for hook in LEAN}
    async with in_open_mode(CDS_PREFETCH="lean") as client:
        for hook, keys in LEAN.items():
            assert await offered(client, hook) == {key: whole[hook][key] for key in keys}
    async with in_open_mode(CDS_PREFETCH="full") as client:
        assert {hook: await offered(client, hook) for hook in LEAN} == whole


async def test_the_only_client_there_is_may_be_asked_for_less(clients_file):
    async with guarding(vendors_file(clients_file, f'{FETCHED}vendor = "oracle-health"')) as client:
        prefetch = await offered(client)
    assert prefetch.keys() == set(LEAN["patient-view"]) - {"medicationStatements"}
    assert "code=http://loinc.org|" in prefetch["observations"]


async def test_a_client_is_asked_for_less_where_its_token_shows_it(clients_file):
    vendors_file(clients_file, FETCHED, 'not-served = ["tasks", "conditions"]')
    async with guarding(clients_file) as client:
        assert len(await offered(client)) == 15
    async with guarding(clients_file, discovery="token") as client:
        mine, other = await offered_to_each(client)
    assert mine.keys() == set(LEAN["patient-view"])
    assert len(other) == 13


def test_a_key_that_no_rule_of_a_service_reads_is_not_asked_for_because_it_is_lean():
    one = Service(hook="patient-view", title="", description="", id="one", prefetch={"tasks": "T", "patient": "P"})
    offer = Offer.of({"one": one}, frozenset(), Asking(), {"patient-view": ("patient", "observations")})
    (service,) = offer.discovery("2.0.1").services
    assert service.prefetch == {"patient": "P"}
    assert offer.services["one"].prefetch == one.prefetch


@pytest.fixture
def sign():
    return copy.deepcopy(requests()["order-sign-rbd-dementia"])


@pytest.fixture
async def ehr(sign):
    """A server that holds what was prefetched, but knows no MedicationStatement and no AdverseEvent."""
    async with misbehaving.running() as server:
        for value in sign["prefetch"].values():
            kinds = {entry["resource"]["resourceType"] for entry in value.get("entry", ())} | {value["resourceType"]}
            server.answers |= {kind: sends(value) for kind in kinds - {"Bundle"}}
        server.answers |= {kind: sends(b"", 404) for kind in ("MedicationStatement", "AdverseEvent")}
        yield server


def open_call(sign, server, **prefetch):
    return sign | {"fhirServer": server.url, "prefetch": prefetch}


def outcomes(answer):
    assert answer.status_code == 200, answer.text
    return answer.json().get("extension", {}).get("org.rbd-cds.outcomes", {})


async def test_what_is_not_served_is_neither_fetched_nor_missing(sign, ehr):
    call = open_call(sign, ehr)
    async with in_open_mode() as client:
        missed = outcomes(await client.post("/cds-services/rbd-order-sign", json=call))
    assert missed["unavailable"].keys() == {"medicationStatements", "adverseEvents"}
    asked = {one.name for one in ehr.asked}
    ehr.asked.clear()
    async with in_open_mode(CDS_NOT_SERVED="medicationStatements,adverseEvents") as client:
        answer = await client.post("/cds-services/rbd-order-sign", json=call)
    assert "unavailable" not in outcomes(answer)
    assert "undetermined" not in outcomes(answer)
    assert answer.json()["cards"]
    assert asked - {one.name for one in ehr.asked} == {"MedicationStatement", "AdverseEvent"}


async def test_what_is_not_served_counts_all_the_same_where_it_was_sent(sign, ehr):
    taken = {
        "resourceType": "MedicationStatement",
        "id": "s-1",
        "status": "active",
        "subject": {"reference": f"Patient/{sign['context']['patientId']}"},
        "medicationCodeableConcept": {"text": "oxycodone"},
    }
    sent = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": taken}]}
    call = open_call(sign, ehr, medicationStatements=sent)
    async with in_open_mode(CDS_NOT_SERVED="medicationStatements,adverseEvents") as client:
        answer = await client.post("/cds-services/rbd-order-sign", json=call)
    assert "clonazepam-opioid" in answer.text


def may_sign(clients_file, said):
    """The one client may call order-sign, and has this said of it too."""
    vendors_file(clients_file, said)
    clients_file.write_text(clients_file.read_text().replace("rbd-patient-view", "rbd-order-sign"))


async def signed_call(client, sign, ehr):
    """The answer to order-sign where the client grants access to its server."""
    granted = {"access_token": "x", "token_type": "Bearer", "expires_in": 60, "scope": "x", "subject": "x"}
    call = open_call(sign, ehr) | {"fhirAuthorization": granted}
    path = "/cds-services/rbd-order-sign"
    return await client.post(path, json=call, headers={"Authorization": f"Bearer {token(aud=BASE + path)}"})


@pytest.mark.parametrize("form", ["bare", "with-system"])
async def test_a_server_is_asked_for_codes_in_its_own_form(clients_file, sign, ehr, form):
    said = f'observation-codes = "{form}"\nfhir-servers = ["{ehr.url}"]'
    may_sign(clients_file, said)
    async with guarding(clients_file) as client:
        assert (await signed_call(client, sign, ehr)).status_code == 200
    (observations,) = (one.path for one in ehr.asked if one.name == "Observation")
    assert ("http://loinc.org%7C29463-7" in observations) is (form == "with-system")
    assert "29463-7" in observations


@pytest.mark.parametrize(("said", "name"), [("", "code"), ('observation-search = "combo-code"', "combo-code")])
async def test_results_are_found_by_the_codes_of_components_where_a_site_says_so(clients_file, sign, ehr, said, name):
    may_sign(clients_file, f'{said}\nfhir-servers = ["{ehr.url}"]')
    async with guarding(clients_file) as client:
        prefetch = await offered(client, "order-sign")
        assert (await signed_call(client, sign, ehr)).status_code == 200
    (observations,) = (one.path for one in ehr.asked if one.name == "Observation")
    for asked in (prefetch["observations"], observations):
        assert f"&{name}=" in asked
    assert [key for key, template in prefetch.items() if "&combo-code=" in template] == ["observations"][: bool(said)]


async def test_what_a_server_demands_of_a_search_is_in_every_query_for_it(clients_file, sign, ehr):
    said = f'vendor = "athenahealth"\nfhir-servers = ["{ehr.url}"]'
    may_sign(clients_file, said)
    async with guarding(clients_file) as client:
        prefetch = await offered(client, "order-sign")
        assert (await signed_call(client, sign, ehr)).status_code == 200
    assert prefetch["medicationRequests"] == "MedicationRequest?patient={{context.patientId}}&intent=order,plan"
    assert [key for key, template in prefetch.items() if "intent" in template] == ["medicationRequests"]
    (orders,) = (one.path for one in ehr.asked if one.name == "MedicationRequest")
    assert orders == f"/fhir/MedicationRequest?patient={sign['context']['patientId']}&intent=order,plan&_count=200"


@pytest.mark.parametrize(("said", "found"), [("", False), ('diagnostic-reports = "all"', True)])
async def test_a_report_in_words_alone_is_found_where_a_site_asks_for_all_of_them(clients_file, said, found):
    call = copy.deepcopy(requests()["order-sign-early-onset-dream-enactment-psg"])
    told = {
        "resourceType": "DiagnosticReport",
        "id": "report-1",
        "status": "final",
        "code": {"text": "Polysomnography"},
        "subject": {"reference": f"Patient/{call['context']['patientId']}"},
        "effectiveDateTime": "2026-05-01",
    }
    del call["prefetch"]["diagnosticReports"]

    async def as_servers_do(server, asked, writer):
        held = misbehaving.searchset(*([] if "code=" in asked.path else [told]))
        await sends(held)(server, asked, writer)

    async with misbehaving.running() as server:
        server.answers["DiagnosticReport"] = as_servers_do
        vendors_file(clients_file, f'{said}\nfhir-servers = ["{server.url}"]')
        clients_file.write_text(clients_file.read_text().replace("rbd-patient-view", "rbd-order-sign"))
        granted = {"access_token": "x", "token_type": "Bearer", "expires_in": 60, "scope": "x", "subject": "x"}
        path = "/cds-services/rbd-order-sign"
        async with guarding(clients_file, fixed_day=dt.date(2026, 6, 15)) as client:
            held = {"Authorization": f"Bearer {token(aud=BASE + path)}"}
            body = call | {"fhirServer": server.url, "fhirAuthorization": granted}
            answer = await client.post(path, json=body, headers=held)
        assert len(server.asked) == 1
    assert ("psg-repeat" in answer.text) is found


async def test_what_is_not_served_is_told_once_at_the_start():
    with structlog.testing.capture_logs() as lines:
        async with in_open_mode(CDS_NOT_SERVED="tasks,carePlans") as client:
            await offered(client)
    told = [line for line in lines if line["event"] == "not served"]
    assert [(line["caller"], line["keys"]) for line in told] == [("anyone", ["carePlans", "tasks"])]


def test_a_key_that_is_none_stops_the_start():
    with pytest.raises(SettingsError, match="CDS_NOT_SERVED: 'nonsense' is none of adverseEvents"):
        Application(Settings.read({"CDS_NOT_SERVED": "nonsense"}))


FIRST_FETCH = """
import asyncio, json, sys
from cds_service.settings import Settings
from cds_service.web.assembly import Application
from cds_service.fhir_client.egress import Base
from cds_service.fhir_client.target import Target
from cds_service.fhir.sources import query
from tests.fhir_client.misbehaving import running

async def fetched():
    app = Application(Settings(record="off"))
    async with app.running(), running() as server:
        before = set(sys.modules)
        found = await app._fhir.fetch(
            Target(Base.of(server.url)), {"c": query("Condition?patient=1")}, deadline=app._fhir.deadline()
        )
        print(json.dumps([sorted(set(sys.modules) - before), found["c"].gap, "httpx" in before]))

asyncio.run(fetched())
"""


def test_the_first_fetch_of_a_process_finds_all_it_needs_loaded():
    # In a process of its own, as the tests themselves load it.
    done = subprocess.run([sys.executable, "-c", FIRST_FETCH], capture_output=True, text=True, check=True)
    loaded, gap, was_there = json.loads(done.stdout)
    assert was_there
    assert (loaded, gap) == ([], None)
