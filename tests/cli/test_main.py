"""The command line: what it prints, where it ends, and with which code."""

import json
import os
import platform
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from cds_service.cli.main import main
from cds_service.content.places import fhir_examples
from tests.processes import free_port
from tests.trust.ehr import CLIENTS, EC_KEY

ROOT = Path(__file__).parents[2]
REQUESTS = fhir_examples() / "requests"
DAY = {"CDS_TODAY": "2026-06-15"}


def run(*args, code=0, **environ):
    """The output of a command that ends with this code; errors and output together."""
    result = CliRunner().invoke(main, args, env={**DAY, **environ}, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def checked(few_cases):
    return partial(run, "check", CDS_CARDS=str(few_cases))


def flat(text):
    return " ".join(text.split())


@pytest.fixture
def checkout(tmp_path):
    """A copy of the project, to be written into."""
    for name in ("cds_service", "cards", "fhir_examples"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def in_checkout(checkout, *args):
    return subprocess.run(
        [sys.executable, "-m", "cds_service", *args], cwd=checkout, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("command", ["serve", "check", "page", "try", "new"])
def test_each_command_has_help_with_exit_codes(command):
    assert "Exit codes: 0" in run(command, "--help")
    assert command in run("--help")


@pytest.mark.parametrize("args", [("serve",), ("check",), ("record", "prune"), ("demo-ehr",)])
def test_windows_is_told_in_one_sentence_that_it_is_not_supported(monkeypatch, args):
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    (sentence,) = run(*args, code=1).splitlines()
    assert "does not run on Windows" in sentence


def test_the_command_starts_without_what_windows_does_not_have():
    missing = "fcntl", "grp", "pwd", "resource", "termios", "uvloop"
    script = f"import sys; sys.modules.update(dict.fromkeys({missing})); import cds_service.cli.main"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)


def test_help_loads_neither_cards_nor_server():
    late = ("cds_service.content.load", "uvicorn", "starlette")
    code = f"import sys, cds_service.cli.main; print([name for name in sys.modules if name.startswith({late})])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_check_prints_the_settings_in_force_and_what_was_read():
    said = run("check", CDS_PORT="9000", CDS_DATABASE_URL="postgresql://cds:very-secret@db/cds")
    assert "CDS_PORT              9000" in said
    assert "CDS_TODAY             2026-06-15" in said
    assert "very-secret" not in said
    assert "No fault found." in said


def test_check_parts_every_setting_from_its_value(checked):
    told = [line.split() for line in checked().splitlines() if line.startswith("  CDS_")]
    assert all(len(words) >= 2 for words in told)


def test_the_line_that_gets_a_card_is_told_only_where_no_token_is_asked_for():
    from cds_service.cli.main import _addresses
    from cds_service.settings import Settings

    where = {"clients": Path("clients.toml"), "public_url": "https://cds.example.org"}
    assert any("curl" in line for line in _addresses(Settings()))
    assert not any("curl" in line for line in _addresses(Settings(**where)))


def test_check_tells_what_an_ehr_does_not_serve(tmp_path, checked):
    keys = {"keys": [EC_KEY.as_dict(private=False)]}
    (tmp_path / "keys.json").write_text(json.dumps(keys))
    (tmp_path / "clients.toml").write_text(CLIENTS + 'vendor = "epic"')
    said = checked(CDS_CLIENTS=str(tmp_path / "clients.toml"))
    assert "not served, and taken for empty: carePlans, medicationStatements" in said
    (tmp_path / "clients.toml").write_text(
        CLIENTS + 'vendor = "athenahealth"\ndiagnostic-reports = "all"\nobservation-search = "combo-code"'
    )
    said = checked(CDS_CLIENTS=str(tmp_path / "clients.toml"))
    assert "asked for all diagnosticReports, whatever their codes" in said
    assert "asked for observations by the codes of their components too" in said
    assert "asked for medicationRequests with intent=order,plan: what that leaves out is not seen" in said
    assert "CDS_NOT_SERVED        tasks" in checked(CDS_NOT_SERVED="tasks")
    assert "CDS_NOT_SERVED: 'task' is none of" in checked(code=1, CDS_NOT_SERVED="task")


def test_check_tells_from_where_what_is_not_lean_is_fetched(tmp_path, checked):
    keys = {"keys": [EC_KEY.as_dict(private=False)]}
    (tmp_path / "keys.json").write_text(json.dumps(keys))
    path, lean = tmp_path / "clients.toml", CLIENTS + 'prefetch = "lean"\n'
    served = lean + 'fhir-servers = ["https://fhir.example.org/r4", "https://fhir.example.org/test"]\n'
    path.write_text(served)
    said = checked(CDS_CLIENTS=str(path))
    fetched = "prefetch: lean, what else is needed is fetched from"
    assert f"    {fetched} https://fhir.example.org/r4 or https://fhir.example.org/test" in said
    assert "CDS_DISCOVERY=token" not in said
    path.write_text(served + CLIENTS.replace("test-ehr", "other").replace("ehr.test.example", "other.test.example"))
    said = checked(CDS_CLIENTS=str(path))
    assert said.count(fetched) == 1
    assert "asks each of them for the full set: only with CDS_DISCOVERY=token" in said
    assert "full set" not in checked(CDS_CLIENTS=str(path), CDS_DISCOVERY="token")
    path.write_text(lean)
    for said in (checked(code=1, CDS_CLIENTS=str(path)), run("serve", code=1, CDS_CLIENTS=str(path))):
        assert "clients.toml: test-ehr: prefetch: 'lean' needs fhir-servers" in said


def test_check_tells_from_where_it_is_fetched_in_open_mode(checked):
    fetched = "Prefetch: lean, what else is needed is fetched from servers on this machine"
    assert f"{fetched}\n" in checked(CDS_PREFETCH="lean", CDS_FHIR_SERVERS="10.20.0.0/16")
    listed = "https://fhir.example.org/r4 10.20.0.0/16"
    assert f"{fetched} or https://fhir.example.org/r4\n" in checked(CDS_PREFETCH="lean", CDS_FHIR_SERVERS=listed)
    assert "what else is needed" not in checked()


def test_check_tells_a_lean_key_that_no_rule_of_the_service_reads_any_more(checkout):
    assert "no rule of its services reads" not in run("check")
    services = checkout / "cards" / "services.toml"
    lists = re.compile(r'^rules = \["maoi.*"rbd-drug-current".*\]$', re.MULTILINE)
    services.write_text(lists.sub('rules = ["rbd-drug-current", "myoclonus-workup"]', services.read_text(), count=1))
    done = in_checkout(checkout, "check")
    assert done.returncode == 0, done.stderr
    assert "prefetch-lean: patient-view: no rule of its services reads diagnosticReports." in done.stdout


def test_faults_of_the_settings_are_sentences():
    said = run("check", code=1, CDS_PORT="many", CDS_MODE="loud")
    assert "CDS_PORT must be a number from 1 to 65535." in said
    assert "CDS_MODE must be one of: show, silent." in said


def test_check_names_file_and_key_of_every_fault(checkout):
    card = checkout / "cards" / "clonazepam-falls" / "card.toml"
    card.write_text(card.read_text().replace('family = "clonazepam"', 'family = "clobazam"'))
    done = in_checkout(checkout, "check")
    assert done.returncode == 1
    assert "clonazepam-falls/card.toml: family: 'clobazam' is not in families.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_check_tells_the_trusted_ehrs_and_what_is_wrong_with_them(tmp_path, checked):
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [EC_KEY.as_dict(private=False)]}))
    (tmp_path / "clients.toml").write_text(CLIENTS)
    said = checked(CDS_CLIENTS=str(tmp_path / "clients.toml"))
    assert "  test-ehr: https://ehr.test.example, keys of keys.json by ES384, RS384, default" in said
    (tmp_path / "clients.toml").write_text(CLIENTS.replace("rbd-patient-view", "rbd-no-such") + "colour = 1")
    said = checked(code=1, CDS_CLIENTS=str(tmp_path / "clients.toml"))
    assert "clients.toml: test-ehr: colour: unknown field" in said
    assert "No fault found" not in said
    assert "colour: unknown field" in run("serve", "--port", "8999", code=1, CDS_CLIENTS=str(tmp_path / "clients.toml"))


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("CDS_VAR", "/proc/nowhere", "CDS_VAR: /proc/nowhere cannot be written"),
        ("CDS_AUDIT", "/proc/nowhere", "CDS_AUDIT: /proc/nowhere cannot be written"),
        ("CDS_DATABASE_URL", "postgresql:foo", "CDS_DATABASE_URL"),
        ("CDS_DATABASE_URL", "postgresql://h:port/db", "CDS_DATABASE_URL"),
        ("CDS_DATABASE_URL", "postgresql://h/db?sslrootcert=x", "sslrootcert must name a file that can be read"),
        ("CDS_DATABASE_URL", "postgresql://h/db?sslroot=x", "unknown parameter 'sslroot'"),
    ],
)
def test_what_cannot_be_written_is_told_before_anything_is_served(variable, value, said, checked):
    assert said in checked(code=1, **{variable: value})
    assert said in run("serve", "--port", "8999", code=1, **{variable: value})


@pytest.mark.parametrize(
    "address", ["postgresql:MARK", "postgresql://u:MARK@h:MARK/db", "postgresql://u:p@MARK:MARK@h:x/d"]
)
def test_no_part_of_an_address_is_repeated_that_may_be_of_a_password(address):
    assert "MARK" not in run("serve", "--port", "8999", code=1, CDS_DATABASE_URL=address)


def test_check_tells_a_variable_that_is_no_setting(checked):
    assert "CDS_SILENT is set, but is no setting" in checked(CDS_SILENT="yes")


def test_check_tells_faults_of_the_ehrs_beside_those_of_the_cards(checkout, tmp_path):
    (checkout / "cards/clonazepam-dementia/card.toml").write_text("not toml")
    (tmp_path / "clients.toml").write_text("colour = 1")
    said = run("check", code=1, CDS_CARDS=str(checkout / "cards"), CDS_CLIENTS=str(tmp_path / "clients.toml"))
    assert "clonazepam-dementia/card.toml" in said
    assert "clients.toml: no client is named" in said


def test_check_runs_the_cases(checkout):
    numbers = checkout / "cards" / "phenotypes" / "fall-risk.toml"
    numbers.write_text(numbers.read_text().replace("value = 45", "value = 51"))
    done = in_checkout(checkout, "check")
    assert done.returncode == 1
    assert "clonazepam-falls/cases.toml: morse-45: expected warning, got silent" in done.stderr


def test_page_writes_what_is_stale_and_check_names_it(checkout):
    in_checkout(checkout, "page")
    card = checkout / "cards" / "clonazepam-falls" / "card.toml"
    card.write_text(card.read_text().replace("Is clonazepam being given to someone who falls", "Does somebody fall"))
    named = in_checkout(checkout, "page", "--check")
    assert (named.returncode, named.stderr.splitlines()[1:]) == (1, ["  - README.md", "  - clonazepam-falls/README.md"])
    assert "wrote cards/clonazepam-falls/README.md" in in_checkout(checkout, "page").stdout
    assert in_checkout(checkout, "page", "--check").returncode == 0


def test_try_prints_the_cards_and_then_the_steps():
    said = flat(run("try", str(REQUESTS / "order-select-rbd-dementia.json")))
    assert said.startswith("WARNING Clonazepam in Alzheimer's disease")
    assert "- Replace with melatonin 3 mg at bedtime (recommended) delete: Remove the draft of clonazepam" in said
    assert "Reasons to override: Benefit outweighs this risk for my patient;" in said
    assert "yes Dementia or cognitive impairment (mild, vascular" in said
    assert "[Condition/rbd-dementia-alzheimer]" in said
    assert "yes The draft does not stop or cancel it." in said


def test_try_says_in_one_line_why_a_rule_is_silent():
    lines = run("try", str(REQUESTS / "order-select-rbd-dementia.json")).splitlines()
    (falls,) = [line for line in lines if line.startswith("clonazepam-falls")]
    assert "no card, because this is not so: A fall within 12 months" in falls


def test_try_says_of_a_draft_that_cannot_be_read_neither_what_it_is_nor_what_it_is_not(tmp_path):
    request = json.loads((REQUESTS / "order-sign-rbd-dementia.json").read_text())
    request["context"]["draftOrders"]["entry"][0]["resource"]["medicationCodeableConcept"] = 17
    (tmp_path / "request.json").write_text(json.dumps(request))
    told = run("try", str(tmp_path / "request.json"))
    assert "An order could not be read" in told
    assert "Could not be read: MedicationRequest.medicationCodeableConcept in draftOrders (not an object)" in told
    assert "no draft of clonazepam\n" not in told
    assert "no draft of clonazepam for parasomnia-unspecified, " in told
    (dementia,) = [line for line in told.splitlines() if line.startswith("clonazepam-dementia")]
    assert "cannot be told" in dementia
    assert "MedicationRequest.medicationCodeableConcept cannot be read" in dementia


def test_try_says_what_was_not_there_to_start_a_rule():
    lines = run("try", str(REQUESTS / "order-select-rbd-dementia.json")).splitlines()
    (dose,) = [line for line in lines if line.startswith("melatonin-dose")]
    (pair,) = [line for line in lines if line.startswith("clonazepam-opioid")]
    assert dose.endswith("not started: no draft of melatonin")
    assert "no draft of clonazepam with medications of opioid; no draft of opioid with" in pair


def test_try_all_prints_the_steps_of_silent_rules_too():
    request = str(REQUESTS / "order-select-rbd-dementia.json")
    assert run("try", "--all", request).count("The draft stops or cancels it.") > run("try", request).count(
        "The draft stops or cancels it."
    )


def test_try_names_an_exclusion_that_holds():
    said = run("try", str(REQUESTS / "order-sign-clonazepam-fall-taper.json"))
    (falls,) = [line for line in said.splitlines() if line.startswith("clonazepam-falls")]
    assert "no card, because this is so: The draft is a lower daily dose tha" in falls


def test_try_names_what_could_not_be_looked_up():
    body = '{"hook": "patient-view", "hookInstance": "1", "context": {"userId": "Practitioner/1", "patientId": "p"}'
    said = CliRunner().invoke(main, ["try", "-"], input=body + ', "prefetch": {"conditions": null}}', env=DAY).output
    assert "no card, because this cannot be told" in said
    assert "not sent" in said


def test_try_says_why_nothing_may_be_shown():
    body = (REQUESTS / "patient-view-hypertension.json").read_text().replace("Practitioner/", "Patient/")
    assert "No card: the user is not a Practitioner" in CliRunner().invoke(main, ["try", "-"], input=body).output


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("{", "The service answers 400: The body is not JSON"),
        ("{}", "The service answers 422: A required member is missing or not a string. (hook)"),
        ('{"hook": "order-dispatch"}', "The service answers 422: No service answers this hook. (hook)"),
        ('{"hook": "patient-view"}', "The service answers 422: A required member"),
    ],
)
def test_try_tells_a_refusal_in_a_sentence(body, told):
    result = CliRunner().invoke(main, ["try", "-"], input=body, env=DAY)
    assert result.exit_code == 1
    assert told in result.output


def test_try_holds_request_and_answer_against_their_schemas():
    said = run("try", "--validate", str(REQUESTS / "order-select-rbd-dementia.json"))
    assert said.startswith("The request keeps its schema.\nWARNING  Clonazepam in Alzheimer's disease")
    assert said.endswith("The response keeps its schema.\n")


def test_try_tells_each_fault_of_a_request_even_of_one_that_is_answered(tmp_path):
    request = json.loads((REQUESTS / "order-select-rbd-dementia.json").read_text())
    (tmp_path / "odd.json").write_text(json.dumps(request | {"fhirAuthorization": {"access_token": ""}}))
    said = run("try", "--validate", str(tmp_path / "odd.json"), code=1)
    assert said.startswith("The request breaks its schema:\n  - the document lacks fhirServer\n  - fhirAuth")
    assert "fhirAuthorization.access_token breaks minLength 1" in said
    assert "Clonazepam in Alzheimer's disease" in said
    (tmp_path / "odd.json").write_text(json.dumps(request | {"context": {}}))
    said = run("try", "--validate", str(tmp_path / "odd.json"), code=1)
    assert "  - context lacks userId, patientId" in said
    assert "The service answers 422" in said


def test_validate_needs_a_request():
    run("try", "--validate", "--fhir-server", "http://127.0.0.1:1/fhir", code=2)


def test_try_takes_a_day():
    request = str(REQUESTS / "order-select-rbd-dementia.json")
    assert "Clonazepam in Alzheimer's disease" in run("try", "--day", "2026-06-15", request, CDS_TODAY="2020-01-01")
    assert "Clonazepam in Alzheimer's disease" not in run("try", request, CDS_TODAY="2020-01-01")


def test_a_file_that_is_not_there_is_a_fault_of_the_command():
    assert "No such file" in run("try", "nowhere.json", code=2)


def test_new_makes_a_rule_that_runs_as_a_draft(checkout):
    made = in_checkout(checkout, "new", "rbd-sample")
    assert made.returncode == 0, made.stderr
    assert "made cards/rbd-sample/card.toml" in made.stdout
    assert "made cds_service/rules/rbd_sample.py" in made.stdout
    assert "What to do next" in made.stdout
    assert in_checkout(checkout, "check").returncode == 0
    in_checkout(checkout, "page")
    assert "draft: evaluated and recorded, not shown" in (checkout / "cards" / "rbd-sample" / "README.md").read_text()


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("Rbd Sample",), "is no name for a rule"),
        (("clonazepam-falls",), "There is a rule 'clonazepam-falls' already."),
        (("rbd-sample", "--family", "nobody"), "'nobody' is no family: choose one of"),
    ],
)
def test_new_refuses_a_name_in_a_sentence(args, told):
    assert told in run("new", *args, code=1)


def test_serve_tells_a_curl_line_that_gets_a_card(monkeypatch):
    monkeypatch.setenv("CDS_RECORD", "off")
    port = free_port()
    serving = subprocess.Popen(
        [sys.executable, "-m", "cds_service", "serve", "--port", str(port)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        told = json.loads(serving.stdout.readline())["told"]
        assert f"http://127.0.0.1:{port}/cds-services" in "".join(told)
        curl = shlex.split(told[-1])
        body = ROOT / curl[curl.index("--data") + 1].removeprefix("@")
        answer = posted(curl[-1], body.read_bytes())
        assert answer.json()["cards"][0]["indicator"] == "warning"
    finally:
        serving.send_signal(signal.SIGINT)
        serving.communicate(timeout=60)


def test_serve_greets_a_person_in_words(monkeypatch):
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "cds_service", "serve", "--port", str(free_port())]
    with subprocess.Popen(command, cwd=ROOT, stdout=theirs) as serving:
        assert os.read(ours, 100).startswith(b"cds-service ")
        serving.kill()
    os.close(ours)
    os.close(theirs)


def posted(address, body):
    """The answer of a server that may still be starting."""
    for _ in range(1200):
        try:
            return httpx.post(address, content=body, headers={"Content-Type": "application/json"})
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"{address} did not answer")


def test_serve_says_that_a_port_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"Port {port} of 127.0.0.1 cannot be listened on" in run("serve", "--port", port, code=1, CDS_PORT=port)


def test_serve_refuses_to_be_open_to_others():
    said = run("serve", "--host", "0.0.0.0", code=1, CDS_HOST="127.0.0.1")  # overwritten by the option
    assert "CDS_CLIENTS is not set" in said
