"""The demonstration server: what the services and the public sandbox ask of it."""

import httpx
import pytest

from cds_service.cli.demo_ehr import Patients, application
from cds_service.content import places
from cds_service.facts.queries import TEMPLATES
from cds_service.fhir.validity import faults_in

pytestmark = pytest.mark.anyio

CODED = {
    "observations": "72106-8,http://loinc.org|72172-0,http://snomed.info/sct|1",
    "diagnosticReports": "http://loinc.org|28633-6",
}
FORM = "http://127.0.0.1:8000/Questionnaire/rbd-screen"


@pytest.fixture(scope="module")
def patients():
    return Patients.of(places.fhir_examples() / "patients")


@pytest.fixture
async def ehr(patients):
    transport = httpx.ASGITransport(app=application(patients))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8180/fhir/") as client:
        yield client


@pytest.mark.parametrize("key", TEMPLATES)
async def test_every_template_finds_the_patient_s_own_and_nobody_else_s(ehr, key):
    query = TEMPLATES[key].replace("{{context.patientId}}", "rbd-dementia") + CODED.get(key, "")
    answer = await ehr.get(query)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/fhir+json"
    assert '"Patient/clonazepam-fall"' not in answer.text
    if key != "patient":
        assert not faults_in(answer.json())
        assert answer.json()["total"] == len(answer.json().get("entry", ()))


async def test_a_code_is_matched_with_and_without_its_system(ehr):
    found = [
        (await ehr.get("Observation", params={"patient": "rbd-dementia", "code": code})).json()["total"]
        for code in ("29463-7", "http://loinc.org|29463-7", "http://snomed.info/sct|29463-7", "x,29463-7", "|29463-7")
    ]
    assert found[0] > 0
    assert found == [found[0], found[0], 0, found[0], 0]


async def test_a_system_alone_finds_all_its_codes(ehr):
    patient = {"patient": "rbd-dementia"}
    known = (await ehr.get("Observation", params=patient | {"code": "http://loinc.org|"})).json()["total"]
    assert known > (await ehr.get("Observation", params=patient | {"code": "29463-7"})).json()["total"] > 0


@pytest.mark.parametrize(
    ("canonical", "found"),
    [
        (FORM, 1),
        (f"{FORM}|1.0.0", 1),
        (f"{FORM}|2.0.0", 0),
        ("https://x.example/Questionnaire/rbd-screen", 0),
        ("rbd-screen", 0),
        ("urn:org.rbd-cds:Questionnaire:rbd-screen", 0),
        (FORM[:-1], 0),
    ],
)
async def test_a_form_is_found_by_its_whole_address_and_no_other(ehr, canonical, found):
    asked = {"patient": "head-jerks", "questionnaire": canonical}
    assert (await ehr.get("QuestionnaireResponse", params=asked)).json()["total"] == found


async def test_pages_are_short_unless_longer_ones_are_asked_for(ehr):
    def length(page):
        return len(page.json()["entry"]), [link["relation"] for link in page.json()["link"]]

    assert length(await ehr.get("Condition")) == (20, ["self", "next"])
    assert length(await ehr.get("Condition?_count=7")) == (7, ["self", "next"])
    assert length(await ehr.get("Observation?_count=100000"))[0] <= 200


async def test_sorting_is_no_fault(ehr):
    assert (await ehr.get("Condition?patient=rbd-dementia&_sort=-recorded-date")).status_code == 200


async def test_a_parameter_without_value_is_none(ehr):
    whole = (await ehr.get("Condition?patient=rbd-dementia")).json()["total"]
    assert (await ehr.get("Condition?patient=rbd-dementia&code=")).json()["total"] == whole > 0


@pytest.mark.parametrize(
    "query", ["Condition?questionnaire=x", "AllergyIntolerance?subject=x", "AdverseEvent?patient=x", "Condition?foo=1"]
)
async def test_a_parameter_of_another_type_is_refused_unless_leniency_is_asked_for(ehr, query):
    assert (await ehr.get(query)).status_code == 400
    lenient = await ehr.get(query, headers={"Prefer": "handling=lenient"})
    assert lenient.status_code == 200
    (own,) = (link["url"] for link in lenient.json()["link"] if link["relation"] == "self")
    assert query.partition("?")[2] not in own, "the answer says what was asked for"


async def test_it_says_how_it_is_secured_and_what_it_can_be_asked(ehr):
    (rest,) = (await ehr.get("metadata")).json()["rest"]
    assert rest["security"]["description"]
    named = {one["type"]: {p["name"] for p in one["searchParam"]} for one in rest["resource"]}
    assert named["QuestionnaireResponse"] == {"_id", "patient", "subject", "status", "questionnaire"}


async def test_pages_follow_one_another_to_the_end(ehr):
    seen = []
    address = "Condition?_count=10"
    while address:
        page = (await ehr.get(address)).json()
        seen += [entry["resource"]["id"] for entry in page["entry"]]
        address = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
    assert len(seen) == len(set(seen)) == page["total"] > 50


async def test_a_search_may_be_a_form(ehr):
    posted = await ehr.post("Condition/_search", data={"patient": "rbd-dementia"})
    got = await ehr.get("Condition", params={"patient": "rbd-dementia"})
    assert posted.json()["entry"] == got.json()["entry"]


async def test_the_sandbox_finds_what_it_looks_for(ehr):
    old = {"Accept": "application/json+fhir", "Origin": "https://sandbox.cds-hooks.org"}
    metadata = await ehr.get("metadata", headers=old)
    assert not faults_in(metadata.json())
    assert metadata.json()["fhirVersion"] == "4.0.1"
    assert metadata.headers["content-type"] == "application/json+fhir"
    assert metadata.headers["access-control-allow-origin"] == "*"
    patients = (await ehr.get("Patient", headers=old)).json()
    assert all(entry["resource"]["name"][0]["given"] for entry in patients["entry"])
    preflight = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    assert (await ehr.options("Patient", headers=old | preflight)).status_code == 200


@pytest.mark.parametrize(
    ("address", "status"), [("Patient/nobody", 404), ("Nonsense", 404), ("Condition?onset-date=2026", 400)]
)
async def test_what_is_not_there_or_not_supported_is_an_operation_outcome(ehr, address, status):
    answer = await ehr.get(address)
    assert answer.status_code == status
    assert answer.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_nothing_can_be_written(ehr, method):
    assert (await ehr.request(method, "Patient/rbd-dementia")).status_code == 405
