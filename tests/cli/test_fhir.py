"""The commands that speak to FHIR servers, with the demonstration server as the server."""

import json
import subprocess
import sys
import time

import httpx
import pytest
import respx

from cds_service.content.places import fhir_examples
from tests.cli.test_main import ROOT, flat, run
from tests.processes import free_port

DRAFT = str(fhir_examples() / "parts" / "draft-clonazepam-rbd.json")


@pytest.fixture(scope="module")
def port():
    return free_port()


@pytest.fixture(scope="module")
def demo(port):
    """The demonstration server, started as a person starts it; yields its address."""
    command = [sys.executable, "-m", "cds_service", "demo-ehr", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        address = f"http://127.0.0.1:{port}/fhir"
        until = time.monotonic() + 120
        while True:
            try:
                httpx.get(f"{address}/metadata")
                break
            except httpx.ConnectError:
                assert time.monotonic() < until, "the server does not start"
                time.sleep(0.05)
        yield address, process
        process.terminate()


@pytest.mark.parametrize("command", ["demo-ehr", "examples"])
def test_each_command_has_help(command):
    assert command in run("--help")
    assert "--help" in run(command, "--help")


def test_try_fetches_everything_of_a_patient_and_prints_cards_and_steps(demo):
    address, _ = demo
    about = ("--fhir-server", address, "--patient", "rbd-dementia", "--hook", "order-sign", "--order", DRAFT)
    said = flat(run("try", *about))
    assert f"Asking {address} ..." in said
    assert "WARNING Clonazepam in Alzheimer's disease" in said
    assert "[Condition/rbd-dementia-alzheimer]" in said
    assert "Not to be had" not in said


def test_try_builds_a_selection_for_order_select(demo):
    address, _ = demo
    about = ("--fhir-server", address, "--patient", "rbd-dementia", "--hook", "order-select", "--order", DRAFT)
    assert "WARNING Clonazepam in Alzheimer's disease" in flat(run("try", *about))


def test_try_without_an_order_is_about_the_chart(demo):
    address, _ = demo
    said = flat(run("try", "--fhir-server", address, "--patient", "clonazepam-fall", "--hook", "patient-view"))
    assert "WARNING" in said


def test_try_says_that_a_patient_is_not_there(demo):
    address, _ = demo
    said = run("try", "--fhir-server", address, "--patient", "nobody", "--hook", "patient-view", code=1)
    assert said.splitlines()[-1] == f"There is no patient nobody on {address}."
    assert "No card" not in said


@pytest.mark.parametrize("status", [404, 410])
def test_try_says_so_too_where_the_server_answers_every_query_alike(status):
    with respx.mock() as nothing:
        nothing.route(url__startswith="http://127.0.0.1:2/fhir").respond(status)
        about = ("--fhir-server", "http://127.0.0.1:2/fhir", "--patient", "gone", "--hook", "patient-view")
        said = run("try", *about, code=1)
    assert "There is no patient gone on http://127.0.0.1:2/fhir, or no FHIR server there." in said
    assert "The service answers 412" in said


def test_try_names_what_could_not_be_had():
    patient = {"resourceType": "Patient", "id": "p", "birthDate": "1950"}
    with respx.mock() as server:
        server.get("http://127.0.0.1:2/fhir/Patient/p").respond(json=patient)
        server.route(url__regex="/Procedure").respond(403)
        server.route(url__startswith="http://127.0.0.1:2/fhir").respond(json={"resourceType": "Bundle", "total": 0})
        said = run("try", "--fhir-server", "http://127.0.0.1:2/fhir", "--patient", "p", "--hook", "patient-view")
    assert "Not to be had: procedures (not authorised for this data)" in said


def test_try_says_why_a_server_had_nothing():
    about = ("--fhir-server", "http://127.0.0.1:1/fhir", "--patient", "nobody", "--hook", "patient-view")
    said = run("try", *about, code=1)
    assert "The service answers 412" in said
    assert "conditions: no connection" in said


def test_try_says_how_to_point_the_sandbox_at_r4():
    with respx.mock() as old:
        order = {"resourceType": "MedicationOrder", "id": "m-1"}
        bundle = {"resourceType": "Bundle", "entry": [{"resource": order}]}
        old.get(url__startswith="http://127.0.0.1:2/fhir").respond(json=bundle)
        said = run("try", "--fhir-server", "http://127.0.0.1:2/fhir", "--patient", "p", "--hook", "patient-view")
    assert "not FHIR R4: MedicationOrder" in said
    assert "https://launch.smarthealthit.org/v/r4/fhir" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Give a REQUEST, or --fhir-server"),
        ([DRAFT, "--fhir-server", "http://a/b"], "not both"),
        (["--fhir-server", "http://a/b", "--patient", "p"], "--fhir-server needs --patient and --hook"),
        (["--fhir-server", "http://a/b", "--patient", "p", "--hook", "order-sign"], "give the --order"),
        (["--fhir-server", "file:///etc", "--patient", "p", "--hook", "patient-view"], "not the address of a FHIR"),
        (["--fhir-server", "http://a/b", "--patient", "p", "--hook", "order-sign", "--order", __file__], "as JSON"),
    ],
)
def test_try_says_what_is_missing(arguments, said):
    assert said in flat(run("try", *arguments, code=2))


def test_the_demonstration_server_says_what_it_is_for(port, demo):
    _, process = demo
    lines = [process.stdout.readline() for _ in range(3)]
    assert "FOR DEMONSTRATION ONLY" in lines[0]
    assert f"http://127.0.0.1:{port}/fhir" in lines[1]
    assert "https://sandbox.cds-hooks.org/?fhirServiceUrl=" in lines[2]


R4 = "https://fhir.example.org/r4"


def done(request, status="201 Created"):
    """What a server answers that has done every entry of a transaction but, with another status, the last."""
    entries = [{"response": {"status": "201 Created"}} for _ in json.loads(request.content)["entry"]]
    entries[-1]["response"]["status"] = status
    return httpx.Response(200, json={"resourceType": "Bundle", "type": "transaction-response", "entry": entries})


def test_examples_are_loaded_into_a_server():
    with respx.mock() as server:
        route = server.post(R4).mock(side_effect=done)
        said = run("examples", "upload", "--to", R4, "rbd-dementia", "hypertension")
    assert "2 of 2 patients" in said
    sent = [json.loads(call.request.content) for call in route.calls]
    assert [bundle["type"] for bundle in sent] == ["transaction", "transaction"]


def outcome(**issue):
    return {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "invalid", **issue}]}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("<html>Sign in</html>", "no JSON"),
        ("[]", "no FHIR resource"),
        (json.dumps(outcome(diagnostics="no transactions")), "an OperationOutcome: no transactions"),
        (json.dumps(outcome(details={"text": "no right"})), "an OperationOutcome: no right"),
        (json.dumps(outcome()), "an OperationOutcome: invalid"),
        ('{"resourceType": "OperationOutcome"}', "it says nothing"),
        ('{"resourceType": "Patient"}', "no transaction-response but a Patient"),
        ('{"resourceType": "Bundle", "type": "batch-response"}', "but a Bundle of type batch-response"),
        ('{"resourceType": "Bundle", "type": "transaction-response"}', "0 entries were answered, and"),
        ('{"resourceType": "Bundle", "type": "transaction-response", "entry": [7]}', "1 entries were answered, and"),
    ],
)
def test_a_patient_counts_as_loaded_only_where_the_answer_is_that_of_a_transaction(body, said):
    with respx.mock() as server:
        server.post(R4).respond(200, text=body)
        told = run("examples", "upload", "--to", R4, "hypertension", code=1)
    assert said in told
    assert "0 of 1 patients" in told


@pytest.mark.parametrize("status", ["400 Bad Request", "412", "", None])
def test_entries_that_were_refused_are_named(status):
    with respx.mock() as server:
        server.post(R4).mock(side_effect=lambda request: done(request, status))
        said = run("examples", "upload", "--to", R4, "rbd-dementia", code=1)
    assert "rbd-dementia: 1 of 33 entries were refused: " in said
    assert f"({status or 'no status'})" in said


def test_a_patient_that_was_refused_is_named():
    with respx.mock() as server:
        server.post("https://fhir.example.org/r4").mock(side_effect=[httpx.Response(422), httpx.ConnectError("gone")])
        said = run("examples", "upload", "--to", "https://fhir.example.org/r4", "rbd-dementia", "hypertension", code=1)
    assert "rbd-dementia: the server answered 422" in said
    assert "hypertension: the server could not be reached" in said
    assert "0 of 2 patients" in said


def test_a_patient_that_is_not_shipped_is_told():
    assert "there is no patient nobody" in run("examples", "upload", "--to", "https://a/b", "nobody", code=2)
