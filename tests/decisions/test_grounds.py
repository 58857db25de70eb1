"""Which keys changed an answer: told from the steps, and held against what happens where a key holds nothing."""

import json
from collections import Counter
from datetime import date

import pytest

from cds_service.authoring.cases import DAY
from cds_service.decisions.service import DecisionService
from tests.calling import answered_to, requests
from tests.case_runs import cases, ruleset, runner
from tests.fhir_client.misbehaving import searchset

pytestmark = pytest.mark.anyio

DECISIONS = DecisionService(ruleset(), lambda: DAY)


async def decided(body, recall=None):
    service = DECISIONS.services[f"rbd-{body['hook']}"]
    return await answered_to(DECISIONS, json.dumps(body).encode(), service, recall=recall)


def emptied(body, key):
    return body | {"prefetch": body["prefetch"] | {key: searchset(total=0)}}


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("order-sign-clonazepam-opioid", ("medicationRequests",)),
        ("order-sign-levetiracetam-kidney", ("conditions", "observations")),
        ("patient-view-head-jerks", ("conditions", "questionnaireResponses")),
    ],
)
async def test_a_key_whose_resources_carry_a_card_changed_the_answer(name, keys):
    body = requests()[name]
    answer = await decided(body)
    assert answer.changed_by == keys
    for key in keys:
        assert (await decided(emptied(body, key))).response.cards != answer.response.cards


async def test_a_card_on_what_the_draft_says_was_changed_by_no_key():
    answer = await decided(requests()["order-sign-rbd-prognosis-melatonin-20mg"])
    assert answer.response.cards
    assert answer.changed_by == ()


async def test_a_key_that_kept_a_started_rule_from_a_card_changed_the_answer():
    body = requests()["patient-view-clonazepam-fall"]
    answer = await decided(body)
    assert {"carePlans", "serviceRequests"} <= set(answer.changed_by)
    without = await decided(emptied(emptied(body, "carePlans"), "serviceRequests"))
    assert set(without.decision.found) > set(answer.decision.found)


async def test_what_is_not_shown_again_changed_no_answer():
    async def everything(judged):
        return {evaluation.key: "overridden" for evaluation in judged.found}

    answer = await decided(requests()["order-sign-clonazepam-opioid"], everything)
    assert (answer.response.cards, answer.changed_by) == ((), ())


async def test_a_death_silences_all_and_is_known_of_the_patient_alone():
    body = requests()["order-sign-clonazepam-opioid"]
    dead = body["prefetch"]["patient"] | {"deceasedDateTime": date(2026, 6, 1).isoformat()}
    assert (await decided(body | {"prefetch": body["prefetch"] | {"patient": dead}})).changed_by == ("patient",)


async def test_nothing_was_changed_where_nothing_was_read():
    assert (await decided(requests()["order-select-rbd-dementia-aspirin-selected"])).changed_by == ()


def words(answer):
    return [(card.summary, card.detail, [one.label for one in card.suggestions]) for card in answer.decision.cards]


async def test_nine_in_ten_keys_are_counted_right_where_emptying_one_shows_it():
    told: Counter[tuple[bool, bool]] = Counter()
    for rule, found in cases().items():
        for case in found[::12]:
            body = runner().request(rule, case)
            answer = await decided(body)
            for key in (key for key, value in body["prefetch"].items() if value and value.get("entry")):
                changed = words(await decided(emptied(body, key))) != words(answer)
                told[key in answer.changed_by, changed] += 1
    assert told[True, True] >= 9 * told[False, True]
    assert told[True, True] >= 9 * told[True, False]
