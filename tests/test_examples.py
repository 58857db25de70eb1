"""The examples are valid, synthetic, and hang together."""

import json
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from fhir.resources.R4B import get_fhir_model_class  # noqa: TID251
from pydantic import ValidationError

from cds_service.content.places import fhir_examples

EXAMPLES = fhir_examples()
PARTS = sorted((EXAMPLES / "parts").glob("*.json"))
PATIENTS = sorted((EXAMPLES / "patients").glob("*.json"))
REQUESTS = sorted((EXAMPLES / "requests").glob("*.json"))
EXPECTED = tomllib.loads((EXAMPLES / "expected.toml").read_text())
README = (EXAMPLES / "README.md").read_text()
TODAY = "2026-06-15"
KEYS = {
    "patient",
    "conditions",
    "medicationRequests",
    "medicationStatements",
    "medicationDispenses",
    "observations",
    "procedures",
    "serviceRequests",
    "carePlans",
    "tasks",
    "questionnaireResponses",
    "diagnosticReports",
    "allergies",
    "encounters",
    "adverseEvents",
}


def each(paths):
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.stem)


def read(path: Path):
    return json.loads(path.read_text())


def chart(slug):
    return [entry["resource"] for entry in read(EXAMPLES / "patients" / f"{slug}.json")["entry"]]


def entries(bundle):
    return [entry["resource"] for entry in bundle.get("entry", [])]


def drafts(request):
    return entries(request["context"].get("draftOrders", {}))


def sent(request):
    """Every resource of a request that is not inside another one."""
    prefetch = request["prefetch"]
    searches = (searched for key, searched in prefetch.items() if key != "patient")
    return [prefetch["patient"], *(one for searched in searches for one in entries(searched)), *drafts(request)]


def everything(path):
    content = read(path)
    if "hook" in content:
        return sent(content)
    return entries(content) if content["resourceType"] == "Bundle" else [content]


def valid(resource):
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)


def members(node, name):
    """The values of all members of this name, at any depth."""
    if isinstance(node, list):
        return [found for item in node for found in members(item, name)]
    if not isinstance(node, dict):
        return []
    here = [node[name]] if name in node else []
    return here + [found for value in node.values() for found in members(value, name)]


def references(resource):
    return [found for found in members(resource, "reference") if isinstance(found, str)]


def dates(node):
    return re.findall(r'"(\d{4}-\d\d-\d\d)', json.dumps(node))


def row(name):
    return next(line for line in README.splitlines() if line.startswith(f"| `{name}` |"))


@each(PARTS + PATIENTS)
def test_a_part_or_a_patient_is_valid_r4(path):
    valid(read(path))


@each(REQUESTS)
def test_what_a_prefetch_holds_is_valid_r4(path):
    for answer in read(path)["prefetch"].values():
        valid(answer)


@each(REQUESTS)
def test_drafts_are_valid_r4_unless_the_expectations_say_why_not(path):
    bundle = read(path)["context"].get("draftOrders")
    if "not-r4" in EXPECTED["requests"][path.stem]:
        with pytest.raises(ValidationError):
            valid(bundle)
    elif bundle:
        valid(bundle)


@each(PARTS)
def test_a_part_is_about_the_example_patient_and_named_like_its_file(path):
    part = read(path)
    if part["resourceType"] == "Patient":
        assert part["id"] == "example"
        return
    subject = part.get("subject") or part.get("patient") or part["for"]
    assert (part["id"], subject) == (path.stem, {"reference": "Patient/example"})


@each(PATIENTS)
def test_a_patient_is_a_transaction_that_puts_each_resource_once(path):
    bundle = read(path)
    assert bundle["type"] == "transaction"
    assert all(entry["fullUrl"].startswith("urn:uuid:") for entry in bundle["entry"])
    urls = [f"{one['resourceType']}/{one['id']}" for one in entries(bundle)]
    assert [entry["request"] for entry in bundle["entry"]] == [{"method": "PUT", "url": url} for url in urls]
    assert max(Counter(urls).values()) == 1


@each(PATIENTS)
def test_references_of_a_patient_resolve_inside_the_bundle(path):
    resources = entries(read(path))
    held = {f"{one['resourceType']}/{one['id']}" for one in resources}
    assert {reference for one in resources for reference in references(one)} <= held


@each(PATIENTS)
def test_a_chart_is_as_long_as_a_real_one(path):
    assert 15 <= len(entries(read(path))) <= 60


def test_resources_of_two_patients_never_share_an_id():
    shared = {"Practitioner", "Organization"}
    urls = [f"{one['resourceType']}/{one['id']}" for path in PATIENTS for one in chart(path.stem)]
    twice = {url for url, times in Counter(urls).items() if times > 1}
    assert {url.split("/")[0] for url in twice} <= shared


@each(PARTS + PATIENTS + REQUESTS)
def test_nothing_is_dated_after_the_day_of_the_demonstration(path):
    assert max(dates(read(path)), default=TODAY) <= TODAY


@each(REQUESTS)
def test_a_request_has_every_prefetch_key_and_no_other(path):
    assert read(path)["prefetch"].keys() == KEYS


@each(REQUESTS)
def test_a_prefetch_is_what_the_chart_of_the_patient_holds(path):
    request = read(path)
    resources = chart(request["context"]["patientId"])
    prefetched = [one for one in sent(request | {"context": {}}) if one["resourceType"] != "OperationOutcome"]
    assert all(one in resources for one in prefetched)


@each(REQUESTS)
@pytest.mark.parametrize("key", ["conditions", "medicationRequests", "procedures", "serviceRequests", "allergies"])
def test_a_prefetch_leaves_nothing_of_the_chart_out(path, key):
    request = read(path)
    sought = {"allergies": "AllergyIntolerance"}.get(key, key[0].upper() + key[1:-1])
    charted = [one for one in chart(request["context"]["patientId"]) if one["resourceType"] == sought]
    assert [one for one in entries(request["prefetch"][key]) if one["resourceType"] == sought] == charted


@each(REQUESTS)
def test_a_search_counts_its_matches(path):
    searches = [answer for key, answer in read(path)["prefetch"].items() if key != "patient"]
    for search in searches:
        matches = [entry for entry in search.get("entry", []) if entry["search"]["mode"] == "match"]
        assert search["total"] == len(matches)


@each(REQUESTS)
def test_a_request_names_its_hook_its_user_and_drafts_that_are_there(path):
    request = read(path)
    context = request["context"]
    assert path.stem.startswith(request["hook"])
    assert f"Practitioner/{context['userId'].split('/')[1]}" in {
        f"{one['resourceType']}/{one['id']}" for one in chart(context["patientId"])
    }
    assert ("draftOrders" in context) == (request["hook"] != "patient-view")
    assert ("selections" in context) == (request["hook"] == "order-select")
    assert set(context.get("selections", ())) <= {f"{one['resourceType']}/{one['id']}" for one in drafts(request)}


def test_no_two_requests_share_a_hook_instance():
    assert max(Counter(read(path)["hookInstance"] for path in REQUESTS).values()) == 1


@each(PARTS + PATIENTS + REQUESTS)
def test_every_resource_is_marked_as_test_data(path):
    for resource in everything(path):
        assert "HTEST" in members(resource["meta"], "code")


@each(PARTS + PATIENTS + REQUESTS)
def test_nothing_looks_like_a_number_a_person_is_known_by(path):
    text = path.read_text()
    assert not re.search(r"\b\d{3}-\d\d-\d{4}\b", text), "social security number"
    assert not re.search(r"\(\d{3}\) ?\d{3}-\d{4}|\b\d{3}-\d{3}-\d{4}\b|\+\d{8,}", text), "telephone number"
    assert not re.search(r"[\w.]+@[\w-]+\.\w", text), "mail address"
    assert "telecom" not in text


def test_each_patient_and_each_request_has_an_expected_answer():
    assert EXPECTED["patients"].keys() == {path.stem for path in PATIENTS}
    assert EXPECTED["requests"].keys() == {path.stem for path in REQUESTS}


@each(REQUESTS)
def test_the_expected_answer_is_about_the_patient_of_the_request(path):
    assert EXPECTED["requests"][path.stem]["patient"] == read(path)["context"]["patientId"]


def test_at_least_five_patients_and_five_requests_are_met_with_silence():
    for group in EXPECTED.values():
        assert sum(not answer["cards"] for answer in group.values()) >= 5


@pytest.mark.parametrize("name", [name for group in EXPECTED.values() for name in group])
def test_the_readme_tells_the_same_expectations(name):
    answer = EXPECTED["requests"].get(name) or EXPECTED["patients"][name]
    told = row(name).rsplit("|", 2)[1]
    assert re.findall(r"`([a-z-]+)`", told) == [rule for card in answer["cards"] for rule in card["rules"]]
    assert re.findall(r"\((\w+)\)", told) == [card["indicator"] for card in answer["cards"]]
    assert ("silence" in told) == (not answer["cards"])
