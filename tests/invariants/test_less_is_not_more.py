"""Knowing less never adds a card without saying what was not checked, and never makes an all-clear."""

import random

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

seeds = st.integers(0, 2**32)
places = st.integers(0, 10**6)
thoroughly = settings(
    max_examples=250, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

FAILED = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}


def rules_of(answer):
    return {rule for card in answer["cards"] for rule in card["extension"]["org.rbd-cds.rules"]}


def owned_up(card):
    return "**Not checked:**" in card["detail"]


def check(before, after):
    """Nothing is claimed that was not claimed before, unless the card says what it could not look at."""
    if before is None or after is None:
        return
    known = rules_of(before)
    for card in after["cards"]:
        rules = card["extension"]["org.rbd-cds.rules"]
        assert owned_up(card) or known.issuperset(rules), rules


@thoroughly
@given(places, seeds)
def test_a_key_that_is_left_out_adds_no_card(bases, ask, changed, place, seed):
    request, rng = bases.nth(place), random.Random(seed)
    other, _ = changed(request)
    for key in rng.sample(sorted(other["prefetch"]), rng.randint(1, 3)):
        del other["prefetch"][key]
    check(ask(request), ask(other))


@thoroughly
@given(places, seeds)
def test_a_query_that_failed_adds_no_card(bases, ask, changed, place, seed):
    request, rng = bases.nth(place), random.Random(seed)
    other, _ = changed(request)
    for key in rng.sample(sorted(other["prefetch"]), rng.randint(1, 3)):
        other["prefetch"][key] = FAILED
    check(ask(request), ask(other))


@thoroughly
@given(places, seeds)
def test_a_resource_that_cannot_be_read_adds_no_card(bases, ask, changed, place, seed):
    request, rng = bases.nth(place), random.Random(seed)
    other, bundles = changed(request)
    entries = [entry for bundle in bundles.values() for entry in bundle.get("entry", [])]
    for entry in rng.sample(entries, min(len(entries), 2)):
        entry["resource"] = [1, {}, "x"]
    check(ask(request), ask(other))


@thoroughly
@given(places)
def test_more_pages_that_were_not_sent_add_no_card(bases, ask, changed, place):
    request = bases.nth(place)
    other, bundles = changed(request)
    for bundle in bundles.values():
        bundle["link"] = [{"relation": "next", "url": "https://ehr.example/r4?page=2"}]
    check(ask(request), ask(other))


@pytest.mark.parametrize("key", ["conditions", "observations", "questionnaireResponses"])
def test_nobody_is_reassured_without_the_grounds_for_it(bases, ask, changed, key):
    request = bases["patient-view-head-jerks"]
    other, _ = changed(request)
    del other["prefetch"][key]
    assert rules_of(ask(request)) == {"head-jerks"}
    assert rules_of(ask(other)) == set()


@pytest.mark.parametrize("key", ["conditions", "observations"])
def test_a_study_is_called_unnecessary_only_with_what_was_not_checked(bases, ask, changed, key):
    other, _ = changed(bases["order-select-head-jerks"])
    del other["prefetch"][key]
    assert all(owned_up(card) for card in ask(other)["cards"])
