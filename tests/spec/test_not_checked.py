"""The card that says what could not be checked, with the service itself and a FHIR server beside it."""

import copy
import datetime as dt
import shutil

import pytest

from cds_service.content.load import load
from cds_service.content.places import cards
from cds_service.errors import ContentError
from cds_service.record.recorder import opened
from cds_service.record.report import feedback_report
from cds_service.settings import Settings
from tests.calling import application_with, requests, rules_of
from tests.contract import speaking_to
from tests.fhir_client import misbehaving
from tests.fhir_client.misbehaving import FAULTS, searchset, sends

pytestmark = pytest.mark.anyio

GRANTED = {"access_token": "a-secret-token", "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.rs"}
DAY = dt.datetime(2026, 6, 15, tzinfo=dt.UTC)
SUMMARY = "Clonazepam: contraindications, dementia, falls and sleep apnea could not be checked (problem list {})"
FORBIDDEN = sends({"resourceType": "OperationOutcome"}, 403)
UNAUTHORIZED = sends({"resourceType": "OperationOutcome"}, 401)
FATAL = {"resourceType": "OperationOutcome", "issue": [{"severity": "fatal", "code": "exception"}]}
CONDITION = {"resourceType": "Condition", "id": "c-1", "subject": {"reference": "Patient/rbd-dementia"}}
UNREADABLE = searchset({"resourceType": "Unheard"}, CONDITION)
HURRIED = {"CDS_DEADLINE_MS": "200"}
"""For a server that hangs; whatever else it is asked for in that time may be late too on a busy machine."""


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
    async with speaking_to(application_with(**{"CDS_DEADLINE_MS": "5000"} | environment)) as client:
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
        (FORBIDDEN, "not authorised"),
        (UNAUTHORIZED, "not accessible"),
        (FAULTS["fails"], "failed"),
        (sends(FATAL), "failed"),
        (sends(searchset(CONDITION, FATAL)), "incomplete"),
        (sends(searchset(CONDITION, total=2)), "incomplete"),
        (sends(UNREADABLE), "unreadable in part"),
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


@pytest.mark.timing
async def test_what_did_not_come_in_time_is_told_on_one_quiet_card(sign, ehr):
    ehr.answers["Condition"] = FAULTS["hangs"]
    answer = await answered(asking(sign, ehr), **HURRIED)
    (card,) = answer["cards"]
    assert (card["summary"], card["indicator"]) == (SUMMARY.format("not in time"), "info")
    assert "clonazepam-dementia" in undetermined(answer)


async def test_nothing_is_told_where_everything_was_answered(sign, ehr):
    ehr.answers["Condition"] = sends(searchset())
    assert told(await answered(asking(sign, ehr))) == []


async def test_what_nobody_can_be_asked_for_stands_in_the_extension_only(sign):
    answer = await answered(sign)
    assert told(answer) == []
    assert "clonazepam-dementia" in undetermined(answer)


async def test_a_token_that_is_refused_is_told_whatever_is_asked_for(sign, ehr):
    del sign["prefetch"]["observations"]
    ehr.answers = dict.fromkeys(("Condition", "Observation"), UNAUTHORIZED)
    answer = await answered(asking(sign, ehr))
    (card,) = told(answer)
    assert "problem list not accessible, results not accessible" in card["detail"]
    assert answer["extension"]["org.rbd-cds.outcomes"]["unavailable"] == dict.fromkeys(
        ("conditions", "observations"), "token refused"
    )


@pytest.mark.parametrize(
    "sent", [{}, {"conditions": searchset(link=[{"relation": "next", "url": "https://fhir.example.org/r4?page=2"}])}]
)
async def test_a_token_that_has_run_out_is_told_though_nothing_is_asked_for_with_it(sign, ehr, sent):
    sign["prefetch"] |= sent
    answer = await answered(asking(sign, ehr) | {"fhirAuthorization": GRANTED | {"expires_in": 0}})
    (card,) = told(answer)
    assert (card["summary"], ehr.asked) == (SUMMARY.format("not accessible"), [])


async def test_a_server_that_the_site_does_not_list_stands_in_the_extension_only(sign):
    answer = await answered(sign | {"fhirServer": "https://fhir.example.org/r4", "fhirAuthorization": GRANTED})
    assert told(answer) == []
    assert "clonazepam-dementia" in undetermined(answer)


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (FATAL, "failed"),
        (searchset(FATAL), "failed"),
        (searchset(CONDITION, FATAL), "incomplete"),
        (UNREADABLE, "unreadable in part"),
    ],
)
@pytest.mark.parametrize("server", [{}, {"fhirServer": "https://not-listed.example.org/r4"}])
async def test_what_the_client_asked_for_in_vain_is_told_as_well(sign, sent, why, server):
    sign["prefetch"]["conditions"] = sent
    (card,) = told(await answered(sign | server))
    assert card["summary"] == SUMMARY.format(why)


@pytest.mark.parametrize(
    ("lost", "rules"),
    [
        ({"code": {"text": "dementia"}, "clinicalStatus": 7}, ["clonazepam-dementia"]),
        ({"code": {"text": "hypertension"}, "clinicalStatus": 7}, []),
        ({"code": {"text": "dementia"}, "note": 7}, []),
    ],
)
async def test_a_part_that_cannot_be_read_is_told_where_it_decides(sign, lost, rules):
    sign["prefetch"]["conditions"] = searchset(CONDITION | lost)
    answer = await answered(sign)
    assert list(answer.get("extension", {}).get("org.rbd-cds.outcomes", {}).get("undetermined", {})) == rules
    assert [card["summary"] for card in told(answer)] == [
        "Clonazepam: dementia could not be checked (problem list unreadable in part)" for _ in rules
    ]


@pytest.mark.parametrize(
    "sent",
    [
        searchset(CONDITION, total=2),
        searchset(CONDITION, link=[{"relation": "next", "url": "https://fhir.example.org/r4?page=2"}]),
    ],
)
async def test_what_a_client_does_not_send_on_is_not_told(sign, sent):
    sign["prefetch"]["conditions"] = sent
    answer = await answered(sign)
    assert told(answer) == []
    assert "clonazepam-dementia" in undetermined(answer)


@pytest.mark.timing
async def test_nothing_is_told_where_a_chart_is_opened(sign, ehr):
    ehr.answers["Condition"] = FAULTS["hangs"]
    context = {name: value for name, value in sign["context"].items() if name != "draftOrders"}
    answer = await answered(asking(sign, ehr) | {"hook": "patient-view", "context": context}, **HURRIED)
    assert ehr.asked
    assert told(answer) == []


@pytest.mark.timing
async def test_the_card_can_be_switched_off(sign, ehr, cards_off):
    ehr.answers["Condition"] = FAULTS["hangs"]
    answer = await answered(asking(sign, ehr), CDS_CARDS=cards_off, **HURRIED)
    assert told(answer) == []
    assert "clonazepam-dementia" in undetermined(answer)


@pytest.mark.timing
async def test_silent_mode_shows_none(sign, ehr):
    ehr.answers["Condition"] = FAULTS["hangs"]
    answer = await answered(asking(sign, ehr), CDS_MODE="silent", **HURRIED)
    assert answer["cards"] == []
    assert "clonazepam-dementia" in undetermined(answer)


@pytest.mark.timing
async def test_nothing_is_told_of_a_draft_that_starts_no_safety_rule(sign, ehr):
    ehr.answers["Condition"] = FAULTS["hangs"]
    aspirin = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "1191"}]}
    for entry in sign["context"]["draftOrders"]["entry"]:
        entry["resource"]["medicationCodeableConcept"] = aspirin
    assert (await answered(asking(sign, ehr), **HURRIED))["cards"] == []


@pytest.mark.timing
async def test_a_rule_with_a_card_of_its_own_is_not_told_again(sign, ehr):
    call = asking(copy.deepcopy(requests()["order-sign-rbd-dementia"]), ehr)
    del call["prefetch"]["allergies"], call["prefetch"]["observations"]
    ehr.answers |= dict.fromkeys(("AllergyIntolerance", "Observation"), FAULTS["hangs"])
    answer = await answered(call, **HURRIED)
    assert any("clonazepam-dementia" in rules_of(card) for card in answer["cards"])
    assert all("dementia" not in card["summary"] for card in told(answer))
    assert len(told(answer)) == 1


@pytest.mark.parametrize(("mode", "kept"), [("show", {"shown": 1, "overridden": 1}), ("silent", {"silent": 1})])
async def test_the_card_and_what_becomes_of_it_are_kept_like_any_other(sign, tmp_path, mode, kept):
    sign["prefetch"]["conditions"] = FATAL
    recorded = {"CDS_RECORD": "on", "CDS_VAR": str(tmp_path), "CDS_MODE": mode}
    async with speaking_to(application_with(**recorded)) as client:
        answer = (await client.post("/cds-services/rbd-order-sign", json=sign)).json()
        for card in answer["cards"]:
            entry = {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": "2026-06-15T12:00:00Z"}
            await client.post("/cds-services/rbd-order-sign/feedback", json={"feedback": [entry]})
    async with opened(Settings.read(recorded)) as store:
        found = await feedback_report(store, DAY, DAY + dt.timedelta(days=1), ())
    lines = {rule: line for (rule, _), line in found.lines.items()}
    assert (lines["not-checked"].outcomes, found.unknown) == (kept, 0)


@pytest.mark.parametrize(
    ("line", "instead", "fault"),
    [
        ('clonazepam-falls = "falls"', 'no-such-rule = "falls"', "topic: 'no-such-rule' is no rule"),
        ('conditions = "problem list"', 'diagnoses = "problem list"', "data: 'diagnoses' is no prefetch key"),
        ('conditions = "problem list"', "", "data: 'conditions' is missing"),
        ('"no connection" = "no connection"', "", "why: 'no connection' is missing"),
        ('"token not usable" = "not accessible"', "", "why: 'token not usable' is missing"),
        ('"no connection" = "no connection"', '"no token" = "no token"', "why: 'no token' is none of not in time"),
        ('reason = "{data} {why}"', 'reason = "{patient}"', "reason: {patient} is none of data, why"),
    ],
)
def test_what_the_file_names_must_exist_and_be_complete(cards_off, line, instead, fault, tmp_path):
    file = tmp_path / "cards" / "not-checked.toml"
    file.write_text(file.read_text().replace("enabled = false", "enabled = true").replace(line, instead))
    with pytest.raises(ContentError) as refused:
        load(tmp_path / "cards")
    assert f"not-checked.toml: {fault}" in str(refused.value)


@pytest.mark.timing
async def test_a_long_list_of_reasons_leaves_the_summary_and_stays_in_the_detail(sign, ehr):
    sign["prefetch"] = {key: sign["prefetch"][key] for key in ("patient", "medicationRequests")}
    ehr.answers = dict.fromkeys(("Condition", "Observation", "MedicationStatement", "Encounter"), FAULTS["hangs"])
    (card,) = told(await answered(asking(sign, ehr), **HURRIED))
    assert card["summary"].endswith("falls and sleep apnea could not be checked")
    assert "problem list not in time, " in card["detail"]
    assert "encounters not in time" in card["detail"]
