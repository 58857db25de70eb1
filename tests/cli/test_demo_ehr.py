"""The demonstration server: what the services and the public sandbox ask of it."""

import httpx
import pytest

from cds_service.cli.demo_ehr import Patients, application
from cds_service.content import places
from cds_service.facts.queries import TEMPLATES
from cds_service.fhir.validity import faults_in

pytestmark = pytest.mark.anyio

CODED = {"observations": "72106-8,http://loinc.org|72172-0,http://snomed.info/sct|1"}


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
        for code in ("29463-7", "http://loinc.org|29463-7", "http://snomed.info/sct|29463-7", "x,29463-7")
    ]
    assert found[0] > 0
    assert found == [found[0], found[0], 0, found[0]]


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
