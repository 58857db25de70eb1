"""Prefetch and FHIR access, clause by clause, with the service itself and a FHIR server beside it."""

import copy
import time
from contextlib import contextmanager

import pytest
import structlog

from cds_service.facts.queries import TEMPLATES
from tests.calling import application_with, requests, rules_of
from tests.contract import speaking_to
from tests.fhir_client import misbehaving
from tests.fhir_client.misbehaving import FAULTS, searchset, sends
from tests.lateness import measured

pytestmark = pytest.mark.anyio

DEADLINE, AMPLE = 0.2, 5
MARGIN = 0.1
DEMENTIA = "clonazepam-dementia"
GRANTED = {"access_token": "a-secret-token", "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.rs"}
FATAL = {"resourceType": "OperationOutcome", "issue": [{"severity": "fatal", "code": "exception"}]}
NOTHING_FOUND = {
    "resourceType": "OperationOutcome",
    "issue": [
        {"severity": "warning", "code": "processing", "details": {"text": "Resource request returns no results."}}
    ],
}
EMPTY = [
    None,
    {"resourceType": "Bundle", "type": "searchset", "total": 0},
    {"resourceType": "Bundle", "type": "searchset", "entry": []},
    searchset(NOTHING_FOUND, total=0),
]
NONSENSE = ["text", 7, [], [{}], True, {}, {"resourceType": "Nonsense"}, {"resourceType": "Patient", "id": "pat-9"}]
READ_FOR_CLONAZEPAM = {
    "Patient",
    "Condition",
    "MedicationRequest",
    "MedicationStatement",
    "MedicationDispense",
    "Observation",
    "Procedure",
    "ServiceRequest",
    "AllergyIntolerance",
    "Encounter",
    "AdverseEvent",
}
NEEDED = {"patient", "conditions", "medicationRequests", "medicationStatements", "medicationDispenses"}


def with_deadline(seconds):
    return application_with(CDS_DEADLINE_MS=str(int(seconds * 1000)), CDS_FHIR_SERVERS="https://fhir.example.org/r4")


@pytest.fixture(scope="module")
def fetching():
    return with_deadline(AMPLE)


@pytest.fixture(scope="module")
def hurried():
    return with_deadline(DEADLINE)


@pytest.fixture
async def ours(fetching, anyio_backend):
    async with speaking_to(fetching) as client:
        yield client


@pytest.fixture
def sign():
    """An order of clonazepam for a patient with dementia, everything being prefetched."""
    return copy.deepcopy(requests()["order-sign-rbd-dementia"])


@pytest.fixture
async def ehr(sign):
    """A FHIR server that holds what is prefetched otherwise."""
    async with misbehaving.running() as server:
        for key, value in sign["prefetch"].items():
            server.answers[TEMPLATES[key].partition("?")[0].partition("/")[0]] = sends(value)
        yield server


@pytest.fixture
def answered(ours):
    async def post(call, status=200, client=ours):
        answer = await client.post(f"/cds-services/rbd-{call['hook']}", json=call)
        assert answer.status_code == status, answer.text
        return answer

    return post


@contextmanager
def in_time():
    """Within the deadline and a tenth of it, not counting what the machine was late by itself."""
    with measured() as late:
        started = time.perf_counter()
        yield
        seconds = time.perf_counter() - started
    assert seconds <= DEADLINE * 1.1 + MARGIN + 2 * late.worst


def with_access(call, server, **granted):
    return call | {"fhirServer": server.url, "fhirAuthorization": GRANTED | granted}


def without(call, *keys):
    return call | {"prefetch": {key: value for key, value in call["prefetch"].items() if key not in keys}}


def with_value(call, key, value):
    return call | {"prefetch": call["prefetch"] | {key: value}}


def rules(answer):
    return [rule for card in answer.json()["cards"] for rule in rules_of(card)]


def unavailable(answer):
    outcomes = answer.json().get("extension", {}).get("org.rbd-cds.outcomes", {})
    return outcomes.get("unavailable", {})


def undetermined(answer):
    return answer.json()["extension"]["org.rbd-cds.outcomes"]["undetermined"]


async def test_a_complete_prefetch_needs_no_server(answered, sign, ehr):
    for call in (sign, with_access(sign, ehr)):
        answer = await answered(call)
        assert DEMENTIA in rules(answer)
        assert unavailable(answer) == {}
    assert ehr.asked == []


async def test_nothing_prefetched_and_no_access_is_412_with_the_keys(answered, sign):
    for call in (sign | {"prefetch": {}}, {name: value for name, value in sign.items() if name != "prefetch"}):
        refusal = (await answered(call, 412)).json()
        assert {*refusal["issue"][0]["expression"]} == {f"prefetch.{key}" for key in NEEDED}


async def test_everything_is_fetched_with_the_token_and_the_media_type_of_fhir(answered, sign, ehr):
    answer = await answered(with_access(sign | {"prefetch": {}}, ehr))
    assert rules(answer) == rules(await answered(sign))
    assert {asked.name for asked in ehr.asked} == READ_FOR_CLONAZEPAM
    assert len(ehr.asked) == len(READ_FOR_CLONAZEPAM)
    assert {asked.headers["authorization"] for asked in ehr.asked} == {"Bearer a-secret-token"}
    assert {asked.headers["accept"] for asked in ehr.asked} == {"application/fhir+json"}


async def test_the_query_of_a_missing_key_is_asked_and_no_other(answered, sign, ehr):
    answer = await answered(with_access(without(sign, "conditions"), ehr))
    assert DEMENTIA in rules(answer)
    patient = sign["context"]["patientId"]
    assert [(asked.method, asked.path) for asked in ehr.asked] == [
        ("GET", f"/fhir/Condition?patient={patient}&_count=200")
    ]


async def test_a_missing_key_that_cannot_be_fetched_is_named(answered, sign):
    answer = await answered(without(sign, "allergies", "observations"))
    assert DEMENTIA in rules(answer)
    assert unavailable(answer) == {"allergies": "not sent", "observations": "not sent"}


@pytest.mark.parametrize("empty", EMPTY)
async def test_an_empty_search_means_none_recorded(answered, sign, ehr, empty):
    answer = await answered(with_access(with_value(sign, "conditions", empty), ehr))
    assert DEMENTIA not in rules(answer)
    assert (unavailable(answer), ehr.asked) == ({}, [])


async def test_a_failed_query_is_never_taken_for_none_recorded(answered, sign):
    answer = await answered(with_value(sign, "conditions", FATAL))
    assert unavailable(answer) == {"conditions": "the query failed"}
    assert DEMENTIA in undetermined(answer)
    await answered(sign | {"prefetch": dict.fromkeys(sign["prefetch"], FATAL)}, 412)


async def test_a_null_for_the_patient_is_as_good_as_none(answered, sign, ehr):
    null = with_value(sign, "patient", None)
    assert unavailable(await answered(null)) == {"patient": "not sent"}
    assert unavailable(await answered(with_access(null, ehr))) == {}
    assert [asked.name for asked in ehr.asked] == ["Patient"]


async def test_a_further_page_is_fetched_and_counts(answered, sign, ehr):
    found = sign["prefetch"]["conditions"]
    first = searchset(link=[{"relation": "next", "url": f"{ehr.url}/Condition?page=2"}], total=found["total"])
    ehr.answers["Condition"] = sends(found)
    answer = await answered(with_access(with_value(sign, "conditions", first), ehr))
    assert DEMENTIA in rules(answer)
    assert unavailable(answer) == {}
    assert [asked.path for asked in ehr.asked] == ["/fhir/Condition?page=2"]


async def test_a_further_page_that_cannot_be_fetched_is_named(answered, sign):
    first = searchset(link=[{"relation": "next", "url": "https://fhir.example.org/Condition?page=2"}])
    answer = await answered(with_value(sign, "conditions", first))
    assert unavailable(answer) == {"conditions": "more pages"}
    assert DEMENTIA in undetermined(answer)


async def test_a_page_on_another_host_is_not_fetched(answered, sign, ehr):
    async with misbehaving.running() as other:
        first = searchset(link=[{"relation": "next", "url": f"{other.url}/Condition?page=2"}])
        await answered(with_access(with_value(sign, "conditions", first), ehr))
        ehr.answers["Condition"] = sends(first)
        answer = await answered(with_access(without(sign, "conditions"), ehr))
        assert unavailable(answer) == {"conditions": "more pages elsewhere"}
        assert other.connections == 0


@pytest.mark.parametrize("nonsense", NONSENSE)
async def test_a_value_that_cannot_be_an_answer_is_unreadable_and_never_none_recorded(answered, sign, nonsense):
    answer = await answered(with_value(sign, "conditions", nonsense))
    of_another_type = isinstance(nonsense, dict) and nonsense.get("resourceType") == "Patient"
    assert unavailable(answer) == {"conditions": "not sent" if of_another_type else "unreadable"}
    assert DEMENTIA in undetermined(answer)


async def test_a_key_that_was_not_asked_for_is_ignored(answered, sign):
    extra = with_value(without(sign, "conditions"), "problems", sign["prefetch"]["conditions"])
    assert rules(await answered(extra)) == rules(await answered(without(sign, "conditions")))


@pytest.mark.attack("Data of another patient among those of this one", "they do not count")
async def test_resources_of_another_patient_do_not_count(answered, sign, ehr):
    theirs = copy.deepcopy(sign["prefetch"]["conditions"])
    for entry in theirs["entry"]:
        entry["resource"]["subject"] = {"reference": "Patient/somebody-else"}
    ehr.answers["Condition"] = sends(theirs)
    for call in (with_value(sign, "conditions", theirs), with_access(without(sign, "conditions"), ehr)):
        with structlog.testing.capture_logs() as lines:
            assert DEMENTIA not in rules(await answered(call))
        assert [line["dropped"] for line in lines if "dropped" in line] == [len(theirs["entry"])]


@pytest.mark.attack("The Patient of another id", "422")
async def test_the_patient_of_another_id_is_refused(answered, sign, ehr):
    other = sign["prefetch"]["patient"] | {"id": "somebody-else"}
    ehr.answers["Patient"] = sends(other)
    await answered(with_value(sign, "patient", other), 422)
    await answered(with_access(without(sign, "patient"), ehr), 422)


@pytest.mark.parametrize(
    "server",
    [
        "http://169.254.169.254/",
        "http://[fd00:ec2::254]/latest",
        "https://evil.example",
        "https://user@127.0.0.1/fhir",
        "http://127.0.0.1:8000@evil.example/",
        "http://2130706433/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:70/",
        "not an address",
    ],
)
@pytest.mark.attack("A call that names a server inside the network", "not called")
async def test_a_server_that_is_not_listed_is_not_called(answered, sign, server):
    call = without(sign, "conditions") | {"fhirServer": server, "fhirAuthorization": GRANTED}
    assert unavailable(await answered(call)) == {"conditions": "FHIR server not allowed"}


@pytest.mark.timing
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.attack("A FHIR server that hangs, drips, breaks off or talks nonsense", "the answer leaves in time")
@pytest.mark.timing
async def test_whatever_the_server_does_the_answer_leaves_in_time(answered, sign, ehr, hurried, fault):
    async with speaking_to(hurried) as client:
        ehr.answers["Condition"] = FAULTS[fault]
        with in_time():
            answer = await answered(with_access(without(sign, "conditions"), ehr), client=client)
        assert unavailable(answer).keys() == {"conditions"}
        ehr.answers = dict.fromkeys(ehr.answers, FAULTS[fault])
        with in_time():
            await answered(with_access(sign | {"prefetch": {}}, ehr), 412, client)


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (401, "token refused"),
        (403, "not authorised for this data"),
        (404, "not found"),
        (410, "not found"),
    ],
)
async def test_a_refusal_of_the_server_is_told_and_not_passed_on(answered, sign, ehr, status, why):
    ehr.answers["Patient"] = ehr.answers["Condition"] = sends(FATAL, status)
    answer = await answered(with_access(without(sign, "patient", "conditions"), ehr))
    assert unavailable(answer) == {"patient": why, "conditions": why}


async def test_a_token_that_has_run_out_is_not_used(answered, sign, ehr):
    answer = await answered(with_access(without(sign, "conditions"), ehr, expires_in=0))
    assert (unavailable(answer), ehr.asked) == ({"conditions": "token not usable"}, [])


@pytest.mark.attack("An access token of another patient", "not used")
async def test_a_token_of_another_patient_is_not_used(answered, sign, ehr):
    answer = await answered(with_access(without(sign, "conditions"), ehr, patient="somebody-else"))
    assert (unavailable(answer), ehr.asked) == ({"conditions": "token not usable"}, [])


@pytest.mark.parametrize(
    "scope",
    [
        "patient/Condition.rs patient/MedicationRequest.rs",
        "patient/Condition.read launch openid",
        "epic scanning.dmsystem [ R4 Condition.Read ] (x y)",
        "",
        7,
        None,
    ],
)
async def test_a_scope_is_no_condition(answered, sign, ehr, scope):
    assert DEMENTIA in rules(await answered(with_access(without(sign, "conditions"), ehr, scope=scope)))


@pytest.mark.parametrize("kind", ["collection", "batch-response", None])
async def test_a_bundle_of_any_type_is_read(answered, sign, kind):
    bundle = {name: value for name, value in sign["prefetch"]["conditions"].items() if name != "type"}
    bundle |= {"type": kind} if kind else {}
    answer = await answered(with_value(sign, "conditions", bundle))
    assert DEMENTIA in rules(answer)
    assert unavailable(answer) == {}


async def test_the_token_goes_to_the_named_server_only(answered, sign, ehr):
    async with misbehaving.running() as other:
        ehr.answers["Condition"] = misbehaving.redirects(f"{other.url}/Condition")
        await answered(with_access(sign | {"prefetch": {}}, ehr))
        assert other.connections == 0


@pytest.mark.parametrize("where", ["prefetch", "server", "draft"])
async def test_data_of_another_release_are_no_cards_and_say_why_and_what_to_do(answered, sign, ehr, where):
    old = searchset({"resourceType": "MedicationOrder", "id": "m-1"})
    ehr.answers["MedicationRequest"] = sends(old)
    key = "medicationRequests"
    call = {
        "prefetch": with_value(sign, key, old),
        "server": with_access(without(sign, key), ehr),
        "draft": sign | {"context": sign["context"] | {"draftOrders": old}},
    }[where]
    why = "not FHIR R4: MedicationOrder; the client has to be set to a FHIR R4 server"
    with structlog.testing.capture_logs() as lines:
        answer = (await answered(call)).json()
    assert answer["cards"] == []
    assert answer["extension"]["org.rbd-cds.outcomes"]["reason"] == why
    assert [line["gate"] for line in lines] == [why]


async def test_neither_token_nor_patient_is_logged_whatever_is_fetched(answered, sign, ehr):
    ehr.answers["Condition"] = FAULTS["fails"]
    with structlog.testing.capture_logs() as lines:
        await answered(with_access(sign | {"prefetch": {}}, ehr))
    assert lines[0]["unavailable"] == {"conditions": "the server failed"}
    assert "a-secret-token" not in str(lines)
    assert sign["context"]["patientId"] not in str(lines)
