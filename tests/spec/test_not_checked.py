"""The card that says what could not be checked, with the service itself and a FHIR server beside it."""

import copy
import shutil

import pytest

from cds_service.content.load import load
from cds_service.content.places import cards
from cds_service.errors import ContentError
from cds_service.settings import Settings
from tests.calling import application_with, requests, rules_of
from tests.contract import speaking_to
from tests.fhir_client import misbehaving
from tests.fhir_client.misbehaving import FAULTS, searchset, sends

pytestmark = pytest.mark.anyio

GRANTED = {"access_token": "a-secret-token", "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.rs"}
SUMMARY = "Clonazepam: contraindications, dementia, falls and sleep apnea could not be checked (problem list {})"
FORBIDDEN = sends({"resourceType": "OperationOutcome"}, 403)


@pytest.fixture
def sign():
    """An order of clonazepam of which everything but the problem list is prefetched."""
    call = copy.deepcopy(requests()["order-sign-rbd-dementia"])
    del call["prefetch"]["conditions"]
    return call


@pytest.fixture
async def ehr():
    async with misbehaving.running() as server:
        yield server


@pytest.fixture
def cards_off(tmp_path):
    """The cards with this one switched off."""
    folder = tmp_path / "cards"
    shutil.copytree(cards(Settings()), folder)
    file = folder / "not-checked.toml"
    file.write_text(file.read_text().replace("enabled = true", "enabled = false"))
    return str(folder)


def asking(call, server):
    return call | {"fhirServer": server.url, "fhirAuthorization": GRANTED}


async def answered(call, **environment):
    async with speaking_to(application_with(CDS_DEADLINE_MS="200", **environment)) as client:
        answer = await client.post(f"/cds-services/rbd-{call['hook']}", json=call)
    assert answer.status_code == 200, answer.text
    return answer.json()


def told(answer):
    return [card for card in answer["cards"] if rules_of(card) == ["not-checked"]]


def undetermined(answer):
    return answer["extension"]["org.rbd-cds.outcomes"]["undetermined"]


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (FAULTS["hangs"], "not in time"),
        (FORBIDDEN, "not authorised"),
        (FAULTS["fails"], "failed"),
    ],
)
async def test_what_was_asked_for_in_vain_is_told_on_one_quiet_card(sign, ehr, fault, why):
    ehr.answers["Condition"] = fault
    answer = await answered(asking(sign, ehr))
    (card,) = answer["cards"]
    assert card["summary"] == SUMMARY.format(why)
    assert card["indicator"] == "info"
    assert card["source"]["topic"]["code"] == "not-checked"
    assert not card.keys() & {"suggestions", "overrideReasons", "links"}
    assert "clonazepam-dementia" in undetermined(answer)


async def test_nothing_is_told_where_everything_was_answered(sign, ehr):
    ehr.answers["Condition"] = sends(searchset())
    assert told(await answered(asking(sign, ehr))) == []


async def test_what_nobody_can_be_asked_for_stands_in_the_extension_only(sign):
    answer = await answered(sign)
    assert told(answer) == []
    assert "clonazepam-dementia" in undetermined(answer)


async def test_a_token_that_cannot_be_used_stands_in_the_extension_only(sign, ehr):
    call = asking(sign, ehr) | {"fhirAuthorization": GRANTED | {"expires_in": 0}}
    answer = await answered(call)
    assert (told(answer), ehr.asked) == ([], [])
    assert "clonazepam-dementia" in undetermined(answer)


async def test_nothing_is_told_where_a_chart_is_opened(sign, ehr):
    ehr.answers["Condition"] = FAULTS["hangs"]
    context = {name: value for name, value in sign["context"].items() if name != "draftOrders"}
    answer = await answered(asking(sign, ehr) | {"hook": "patient-view", "context": context})
    assert ehr.asked
    assert told(answer) == []


async def test_the_card_can_be_switched_off(sign, ehr, cards_off):
    ehr.answers["Condition"] = FAULTS["hangs"]
    answer = await answered(asking(sign, ehr), CDS_CARDS=cards_off)
    assert told(answer) == []
    assert "clonazepam-dementia" in undetermined(answer)


async def test_silent_mode_shows_none(sign, ehr):
    ehr.answers["Condition"] = FAULTS["hangs"]
    answer = await answered(asking(sign, ehr), CDS_MODE="silent")
    assert answer["cards"] == []
    assert "clonazepam-dementia" in undetermined(answer)


async def test_nothing_is_told_of_a_draft_that_starts_no_safety_rule(sign, ehr):
    ehr.answers["Condition"] = FAULTS["hangs"]
    aspirin = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "1191"}]}
    for entry in sign["context"]["draftOrders"]["entry"]:
        entry["resource"]["medicationCodeableConcept"] = aspirin
    assert (await answered(asking(sign, ehr)))["cards"] == []


async def test_a_rule_with_a_card_of_its_own_is_not_told_again(sign, ehr):
    call = asking(copy.deepcopy(requests()["order-sign-rbd-dementia"]), ehr)
    del call["prefetch"]["allergies"], call["prefetch"]["observations"]
    ehr.answers |= dict.fromkeys(("AllergyIntolerance", "Observation"), FAULTS["hangs"])
    answer = await answered(call)
    assert any("clonazepam-dementia" in rules_of(card) for card in answer["cards"])
    assert all("dementia" not in card["summary"] for card in told(answer))
    assert len(told(answer)) == 1


@pytest.mark.parametrize(
    ("line", "instead", "fault"),
    [
        ('clonazepam-falls = "falls"', 'no-such-rule = "falls"', "topic: 'no-such-rule' is no rule"),
        ('conditions = "problem list"', 'diagnoses = "problem list"', "data: 'diagnoses' is no prefetch key"),
        ('conditions = "problem list"', "", "data: 'conditions' is missing"),
        ('"no connection" = "no connection"', "", "why: 'no connection' is missing"),
        ('reason = "{data} {why}"', 'reason = "{patient}"', "reason: {patient} is none of data, why"),
    ],
)
def test_what_the_file_names_must_exist_and_be_complete(cards_off, line, instead, fault, tmp_path):
    file = tmp_path / "cards" / "not-checked.toml"
    file.write_text(file.read_text().replace("enabled = false", "enabled = true").replace(line, instead))
    with pytest.raises(ContentError) as refused:
        load(tmp_path / "cards")
    assert f"not-checked.toml: {fault}" in str(refused.value)


async def test_a_long_list_of_reasons_leaves_the_summary_and_stays_in_the_detail(sign, ehr):
    sign["prefetch"] = {key: sign["prefetch"][key] for key in ("patient", "medicationRequests")}
    ehr.answers = dict.fromkeys(("Condition", "Observation", "MedicationStatement", "Encounter"), FAULTS["hangs"])
    (card,) = told(await answered(asking(sign, ehr)))
    assert card["summary"].endswith("falls and sleep apnea could not be checked")
    assert "problem list not in time, " in card["detail"]
    assert "encounters not in time" in card["detail"]
