"""Cases are read strictly and become the hook requests that a client would send."""

import pytest

from cds_service.authoring.cases import Parts, read_cases, request
from cds_service.content.load import load
from cds_service.content.places import fhir_examples
from cds_service.errors import ContentError

PARTS = Parts(fhir_examples() / "parts")
KEYS = ("patient", "conditions", "medicationRequests", "observations")
CASES = "tremor/cases.toml"


def cases(small):
    return read_cases(load(small.folder), PARTS)["tremor"]


def only(small):
    (case,) = cases(small)
    return case


def fault(small):
    with pytest.raises(ContentError) as found:
        cases(small)
    return found.value.faults[0]


def made(small, keys=KEYS):
    return request("tremor", only(small), keys, PARTS)


def test_what_is_not_named_is_sent_as_an_empty_bundle(small):
    prefetch = made(small)["prefetch"]
    assert prefetch["observations"] == {"resourceType": "Bundle", "type": "searchset", "total": 0}
    assert prefetch["conditions"]["entry"][0]["resource"]["id"] == "condition-rbd"
    assert prefetch["patient"]["resourceType"] == "Patient"


def test_only_the_keys_of_the_service_are_sent(small):
    assert made(small, ("conditions",))["prefetch"].keys() == {"conditions"}


def test_what_is_left_out_is_not_sent_and_what_failed_is_an_outcome(small):
    small.edit(CASES, 'expect = "info"', 'left-out = ["observations"]\nfailed = ["conditions"]\nexpect = "info"')
    prefetch = made(small)["prefetch"]
    assert "observations" not in prefetch
    assert prefetch["conditions"]["resourceType"] == "OperationOutcome"


def test_of_what_is_paged_the_first_page_is_sent(small):
    small.edit(CASES, 'expect = "info"', 'paged = ["conditions"]\nexpect = "info"')
    conditions = made(small)["prefetch"]["conditions"]
    assert conditions["link"][0]["relation"] == "next"
    assert (conditions["total"], len(conditions["entry"])) == (2, 1)


def test_every_resource_is_about_the_patient_of_the_case(small):
    small.edit(CASES, '"patient-66m"', '{ part = "patient-66m", id = "erna" }')
    found = made(small)
    assert found["context"]["patientId"] == "erna"
    assert found["prefetch"]["conditions"]["entry"][0]["resource"]["subject"]["reference"] == "Patient/erna"


def test_a_part_can_be_changed_and_shortened(small):
    small.edit(
        CASES,
        '"condition-rbd"',
        '{ part = "condition-rbd", id = "x", set = { "code.coding.0.code" = "G47.51" }, without = ["code.text"] }',
    )
    condition = made(small)["prefetch"]["conditions"]["entry"][0]["resource"]
    assert (condition["id"], condition["code"]["coding"][0]["code"]) == ("x", "G47.51")
    assert "text" not in condition["code"]


def test_all_drafts_are_selected_unless_some_are_named(small):
    small.edit(CASES, "patient-view", "order-select")
    small.edit(CASES, "expect =", 'drafts = ["draft-sertraline", "draft-aspirin"]\nexpect =')
    assert made(small)["context"]["selections"] == [
        "MedicationRequest/draft-sertraline",
        "MedicationRequest/draft-aspirin",
    ]
    small.edit(CASES, "expect =", 'selected = ["draft-aspirin"]\nexpect =')
    assert made(small)["context"]["selections"] == ["MedicationRequest/draft-aspirin"]


def test_the_same_case_makes_the_same_request(small):
    assert made(small) == made(small)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('name = "shakes"', 'name = "Shakes!"', "Shakes!: name: write it in lower case"),
        ('card = "found"', 'card = "lost"', "shakes: card: 'lost' is none of found"),
        ('card = "found"', "", "shakes: card: None is none of found"),
        ('expect = "info"', 'expect = "silent"', "shakes: card, words and not-words belong to a case"),
        ('hook = "patient-view"', 'hook = "patient-veiw"', "shakes: hook: 'patient-veiw' is none of patient-view,"),
        ('"condition-rbd"', '"condition-luck"', "shakes: no file condition-luck.json among the parts"),
        ('"patient-66m", ', "", "shakes: chart: name exactly one patient"),
        (
            '"condition-rbd"',
            '{ part = "condition-rbd", set = { "a.b" = 1 } }',
            "shakes: condition-rbd: no 'a' at the end",
        ),
        (
            'expect = "info"',
            'left-out = ["luck"]\nexpect = "info"',
            "shakes: left-out, failed, paged: no prefetch key 'luck'",
        ),
        ('expect = "info"', 'selected = ["x"]\nexpect = "info"', "shakes: selected: no draft has the id 'x'"),
        ('expect = "info"', 'expect = "maybe"', "Invalid enum value 'maybe'"),
        ("says =", "sais =", "unknown field `sais`"),
        ("says =", "says", "not TOML"),
    ],
)
def test_a_fault_names_the_file_and_the_case(small, old, new, told):
    small.edit(CASES, old, new)
    assert fault(small).startswith(CASES)
    assert told in fault(small)


def test_two_cases_of_one_name_are_a_fault(small):
    small.add(CASES, (small.folder / CASES).read_text())
    assert fault(small) == f"{CASES}: shakes: the name stands twice"


def test_a_missing_file_is_a_fault(small):
    (small.folder / CASES).unlink()
    assert fault(small) == f"{CASES}: the file is missing"


def test_the_case_of_a_statement_is_there_and_its_rule_claims_the_statement(small):
    small.edit("statements.toml", "", '["S1-01"]\nsays = "x"\nquestions = ["injury"]\ncase = "tremor/shivers"\n')
    assert fault(small) == "statements.toml: S1-01: case: there is no case 'tremor/shivers'"
    small.edit("statements.toml", "tremor/shivers", "shaking/shakes")
    assert fault(small) == "statements.toml: S1-01: case: there is no case 'shaking/shakes'"
    small.edit("statements.toml", "shaking/shakes", "tremor/shakes")
    assert fault(small) == "statements.toml: S1-01: case: tremor/card.toml does not have it among its statements"
    small.edit("tremor/card.toml", "statements = []", 'statements = ["S1-01"]')
    assert only(small).name == "shakes"
