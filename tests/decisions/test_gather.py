"""Prefetch and FHIR server together: what is asked for, what counts as had, and what is told of the rest."""

import asyncio
import json
from datetime import date

import httpx
import pytest
import respx

from cds_service.decisions.gather import gather_all, gather_sent
from cds_service.decisions.sources import Asked, Sources
from cds_service.errors import ContractBroken, OtherRelease
from cds_service.facts.knowledge import Known, Unavailable
from cds_service.facts.queries import TEMPLATES
from cds_service.fhir_client.access import FhirAccess, FhirGrant
from cds_service.fhir_client.egress import Servers
from cds_service.hooks.requests import parse_request
from cds_service.hooks.services import Service
from tests.case_runs import ruleset
from tests.charts import FALL, RBD, concepts
from tests.fhir_client.misbehaving import searchset

pytestmark = pytest.mark.anyio

TODAY = date(2026, 6, 15)
EHR = "https://fhir.example.org/r4"
LONG_ENOUGH = 30.0
"""Seconds that no answer of these tests waits for, however busy the machine."""
KEYS = ("patient", "conditions", "medicationRequests", "procedures", "encounters")
SERVICE = Service(
    hook="patient-view",
    title="Chart review",
    description="For tests.",
    id="review",
    prefetch={key: TEMPLATES[key] for key in KEYS},
)
PATIENT = {"resourceType": "Patient", "id": "pat-1", "birthDate": "1951-03-02"}
NOTHING = searchset(total=0)
FATAL = {"resourceType": "OperationOutcome", "issue": [{"severity": "fatal"}]}
ALL = dict.fromkeys(KEYS, NOTHING) | {"patient": PATIENT}
GRANTED = {"access_token": "a-secret-token", "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.rs"}


def condition(name, code=RBD, **members):
    return {
        "resourceType": "Condition",
        "id": name,
        "code": code,
        "subject": {"reference": "Patient/pat-1"},
        "onsetDateTime": "2026-01-01",
        **members,
    }


def hook(prefetch, *, server=EHR, granted=GRANTED, **context):
    body = {
        "hook": "patient-view",
        "hookInstance": "0d5b2a0e-8a53-4a3b-9d5e-6d1a4e0c1f01",
        "context": {"userId": "Practitioner/p-1", "patientId": "pat-1", **context},
        "prefetch": prefetch,
    }
    body |= {"fhirServer": server} if server else {}
    body |= {"fhirAuthorization": granted} if granted else {}
    return parse_request(json.dumps(body).encode(), SERVICE)


@pytest.fixture
def ehr():
    with respx.mock(assert_all_called=False) as mocked:
        mocked.get(f"{EHR}/Patient/pat-1").respond(json=PATIENT)
        yield mocked


@pytest.fixture
async def facts():
    access = FhirAccess(LONG_ENOUGH)

    async def gathered(asked, *, within=True):
        grant = FhirGrant(access, Servers.listed([EHR])) if within else None
        return await gather_all(asked, Sources(asked, SERVICE.prefetch, grant), ruleset().content, TODAY)

    yield gathered
    await access.aclose()


def diagnoses(found):
    return sorted(condition.source for condition in found.held["conditions"].items)


async def test_a_complete_prefetch_asks_the_server_nothing(ehr, facts):
    route = ehr.get(url__startswith="https://").respond(500)
    found = await facts(hook(ALL))
    assert found.gaps == {}
    assert not route.called


async def test_what_was_not_sent_is_asked_for_and_nothing_else(ehr, facts):
    route = ehr.get(url__startswith=f"{EHR}/Condition").respond(json=searchset(condition("c-1")))
    found = await facts(hook({key: value for key, value in ALL.items() if key != "conditions"}))
    assert [call.request.url.raw_path for call in ehr.calls] == [b"/r4/Condition?patient=pat-1&_count=200"]
    assert route.calls.last.request.headers["authorization"] == "Bearer a-secret-token"
    assert diagnoses(found) == ["Condition/c-1"]
    assert found.gaps == {}


@pytest.mark.parametrize(
    "sent",
    [
        FATAL,
        searchset(FATAL),
        "nonsense",
        7,
        [],
        {"resourceType": "Patient", "id": "pat-1"},
        searchset(condition("c-0"), FATAL),
        searchset(condition("c-0"), total=9),
    ],
)
async def test_what_failed_or_came_in_part_is_asked_for_again(ehr, facts, sent):
    ehr.get(url__startswith=f"{EHR}/Condition").respond(json=searchset(condition("c-0"), condition("c-1", FALL)))
    found = await facts(hook(ALL | {"conditions": sent}))
    assert diagnoses(found) == ["Condition/c-0", "Condition/c-1"]
    assert found.gaps == {}


@pytest.mark.parametrize("sent", [None, NOTHING, searchset(), searchset(condition("c-0"))])
async def test_an_answer_that_is_complete_is_not_asked_for_again(ehr, facts, sent):
    route = ehr.get(url__startswith=f"{EHR}/Condition").respond(500)
    assert (await facts(hook(ALL | {"conditions": sent}))).gaps == {}
    assert not route.called


async def test_of_a_paged_answer_only_the_further_pages_are_asked_for(ehr, facts):
    second = [{"relation": "next", "url": f"{EHR}?page=3"}]
    ehr.get(EHR, params={"page": "2"}).respond(json=searchset(condition("c-2", FALL), link=second, total=3))
    ehr.get(EHR, params={"page": "3"}).respond(json=searchset(condition("c-3"), total=3))
    first = searchset(condition("c-1"), link=[{"relation": "next", "url": f"{EHR}?page=2"}], total=3)
    found = await facts(hook(ALL | {"conditions": first}))
    assert len(ehr.calls) == 2
    assert found.gaps == {}
    assert {"rbd", "fall-event"} <= concepts(found)


async def test_a_page_on_another_server_is_not_followed_but_the_query_asked_on_the_right_one(ehr, facts):
    other = ehr.get(url__startswith="https://evil.example").respond(json=NOTHING)
    ehr.get(f"{EHR}/Condition").respond(json=searchset(condition("c-1"), condition("c-2", FALL)))
    first = searchset(condition("c-1"), link=[{"relation": "next", "url": "https://evil.example/r4?page=2"}])
    found = await facts(hook(ALL | {"conditions": first}))
    assert not other.called
    assert diagnoses(found) == ["Condition/c-1", "Condition/c-2"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (httpx.Response(403), "not authorised for this data"),
        (httpx.Response(410), "not found"),
        (httpx.Response(200, json=FATAL), "the query failed"),
        (httpx.Response(200, json=searchset(FATAL)), "the query failed"),
        (httpx.Response(200, json=PATIENT), "answer unreadable"),
        (httpx.Response(200, content=b"<html>"), "answer unreadable"),
        (httpx.Response(200, json=searchset(condition("c-9"), total=3)), "fewer than the total"),
        (httpx.Response(200, json=searchset({"resourceType": "Unheard"}, condition("c-9"))), "unreadable resource"),
    ],
)
async def test_an_answer_that_is_none_leaves_the_gap_and_says_why(ehr, facts, answer, why):
    ehr.get(f"{EHR}/Condition").mock(answer)
    found = await facts(hook({key: value for key, value in ALL.items() if key != "conditions"}))
    assert found.gaps == {"conditions": why}
    assert found.conditions("dementia") == Unavailable(f"conditions: {why}")


async def test_what_the_client_sent_in_part_stays_when_the_rest_cannot_be_had(ehr, facts):
    ehr.get(EHR).respond(500)
    first = searchset(condition("c-1"), link=[{"relation": "next", "url": f"{EHR}?page=2"}])
    found = await facts(hook(ALL | {"conditions": first}))
    assert diagnoses(found) == ["Condition/c-1"]
    assert found.gaps == {"conditions": "the server failed"}


async def test_what_the_client_could_not_read_stays_a_gap_when_the_pages_have_come(ehr, facts):
    ehr.get(EHR).respond(json=searchset(condition("c-2", FALL)))
    unreadable = {"resourceType": "Unheard"}
    first = searchset(unreadable, link=[{"relation": "next", "url": f"{EHR}?page=2"}])
    found = await facts(hook(ALL | {"conditions": first}))
    assert diagnoses(found) == ["Condition/c-2"]
    assert found.gaps == {"conditions": "unreadable resource"}


async def test_a_resource_that_came_twice_counts_once(ehr, facts):
    ehr.get(f"{EHR}/Condition").respond(json=searchset(condition("c-1"), total=3))
    found = await facts(hook(ALL | {"conditions": searchset(condition("c-1"), total=3)}))
    assert diagnoses(found) == ["Condition/c-1"]
    assert found.gaps == {"conditions": "fewer than the total"}


@pytest.mark.parametrize(
    ("server", "granted", "why"),
    [
        (None, None, "not sent"),
        ("https://evil.example/r4", GRANTED, "FHIR server not allowed"),
        ("http://169.254.169.254/", GRANTED, "FHIR server not allowed"),
        ("file:///etc/passwd", GRANTED, "FHIR server not allowed"),
        (EHR, None, "no token"),
        (EHR, GRANTED | {"expires_in": 0}, "token not usable"),
        (EHR, GRANTED | {"patient": "pat-2"}, "token not usable"),
        (EHR, GRANTED | {"access_token": ""}, "token not usable"),
    ],
)
async def test_a_server_that_may_not_be_asked_is_not_asked(ehr, facts, server, granted, why):
    found = await facts(hook({"patient": PATIENT}, server=server, granted=granted))
    assert not ehr.calls
    assert found.gaps == dict.fromkeys(KEYS[1:], why)


@pytest.mark.timing
async def test_a_token_that_soon_runs_out_is_not_used_longer(ehr, facts):
    async def never(_):
        await asyncio.sleep(0.3)

    ehr.get(f"{EHR}/Condition").mock(side_effect=never)
    asked = hook(
        {key: value for key, value in ALL.items() if key != "conditions"}, granted=GRANTED | {"expires_in": 0.05}
    )
    assert (await facts(asked)).gaps == {"conditions": "not in time"}


async def test_without_reach_nothing_is_fetched(ehr, facts):
    found = await facts(hook({"patient": PATIENT}), within=False)
    assert not ehr.calls
    assert found.gaps == dict.fromkeys(KEYS[1:], "not sent")
    assert found == gather_sent(hook({"patient": PATIENT}), SERVICE.prefetch, ruleset().content, TODAY)


async def test_the_patient_may_come_from_the_server(ehr, facts):
    found = await facts(hook({key: value for key, value in ALL.items() if key != "patient"}))
    assert isinstance(found.age, Known)


@pytest.mark.parametrize("prefetched", [True, False])
async def test_the_patient_of_another_id_is_refused(ehr, facts, prefetched):
    other = PATIENT | {"id": "pat-2"}
    ehr.get(f"{EHR}/Patient/pat-1").respond(json=other)
    sent = ALL | {"patient": other} if prefetched else {key: value for key, value in ALL.items() if key != "patient"}
    with pytest.raises(ContractBroken) as refusal:
        await facts(hook(sent))
    assert refusal.value.expression == ("prefetch.patient" if prefetched else "fhirServer",)


async def test_fetched_resources_of_another_patient_are_dropped_and_counted(ehr, facts):
    theirs = condition("c-2", subject={"reference": "Patient/pat-2"})
    ehr.get(f"{EHR}/Condition").respond(json=searchset(condition("c-1"), theirs))
    found = await facts(hook({key: value for key, value in ALL.items() if key != "conditions"}))
    assert (diagnoses(found), found.dropped) == (["Condition/c-1"], 1)


async def test_a_server_of_another_release_is_recognised(ehr, facts):
    old = {"resourceType": "MedicationOrder", "id": "m-1"}
    ehr.get(url__startswith=f"{EHR}/MedicationRequest").respond(json=searchset(old))
    with pytest.raises(OtherRelease) as release:
        await facts(hook({key: value for key, value in ALL.items() if key != "medicationRequests"}))
    assert release.value.kind == "MedicationOrder"


async def test_a_drug_that_stands_in_a_medication_of_its_own_is_named(ehr, facts):
    ehr.get(f"{EHR}/Medication", params={"_id": "m-1"}).respond(
        json=searchset({"resourceType": "Medication", "id": "m-1", "code": {"text": "clonazepam 0.5 mg"}})
    )
    order = {
        "resourceType": "MedicationRequest",
        "id": "r-1",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/pat-1"},
        "medicationReference": {"reference": "Medication/m-1"},
    }
    found = await facts(hook(ALL | {"medicationRequests": searchset(order)}))
    assert "clonazepam" in concepts(found)
    assert found.gaps == {}


async def test_the_day_of_a_fall_is_that_of_its_encounter(ehr, facts):
    met = {
        "resourceType": "Encounter",
        "id": "e-1",
        "subject": {"reference": "Patient/pat-1"},
        "period": {"start": "2026-04-20"},
    }
    ehr.get(f"{EHR}/Encounter", params={"_id": "e-1"}).respond(json=searchset(met))
    fall = condition("c-1", FALL, onsetDateTime=None, encounter={"reference": "Encounter/e-1"})
    found = await facts(hook(ALL | {"conditions": searchset(fall)}))
    assert found.held["conditions"].items[0].onset.first == date(2026, 4, 20)


async def test_references_that_could_not_be_had_are_named(ehr, facts):
    ehr.get(f"{EHR}/Encounter", params={"_id": "e-1"}).respond(403)
    ehr.get(f"{EHR}/Encounter/e-1").respond(403)
    fall = condition("c-1", FALL, onsetDateTime=None, encounter={"reference": "Encounter/e-1"})
    found = await facts(hook(ALL | {"conditions": searchset(fall)}))
    assert found.gaps == {"references": "not authorised for this data"}


async def test_a_further_page_that_is_a_bare_resource_adds_to_the_first(ehr, facts):
    ehr.get(EHR).respond(json=condition("c-2", FALL))
    first = searchset(condition("c-1"), link=[{"relation": "next", "url": f"{EHR}?page=2"}])
    found = await facts(hook(ALL | {"conditions": first}))
    assert diagnoses(found) == ["Condition/c-1", "Condition/c-2"]
    assert found.gaps == {}


async def test_what_was_fetched_is_told_by_key_with_what_is_still_not_had(ehr):
    ehr.get(f"{EHR}/Condition").respond(json=FATAL)
    ehr.get(f"{EHR}/Procedure").respond(json=NOTHING)
    access = FhirAccess(LONG_ENOUGH)
    asked = hook({key: value for key, value in ALL.items() if key not in ("conditions", "procedures")})
    grant = FhirGrant(access, Servers.listed([EHR]))
    told = Asked()
    await gather_all(asked, Sources(asked, SERVICE.prefetch, grant, asked=told), ruleset().content, TODAY)
    assert told.fetched == {"conditions": "the query failed", "procedures": "ok"}
    assert [(one.stage, one.queries) for one in told.rounds] == [(1, 2)]
    await access.aclose()
