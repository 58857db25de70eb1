"""Whatever a hook is called with, the answer is below 500 and written as promised, and a refusal repeats nothing."""

import copy
import itertools
import json

import pytest
from hypothesis import given, strategies as st

from tests.calling import requests
from tests.contract import read_validated
from tests.marks import MARK, marked
from tests.web.spoiling import TIMES, bare, so_many, spoilt, values, written
from tests.web.watching import as_promised, watched

MARKED = {name: marked(name) for name in requests()}
HOOKS = ("patient-view", "order-select", "order-sign")
_patients = itertools.count()


@st.composite
def spoilt_requests(draw):
    name = draw(st.sampled_from(sorted(MARKED)))
    return MARKED[name]["hook"], draw(spoilt(MARKED[name], name=name))


def of_another_patient(body):
    """One patient's memory would else hold what all examples led to."""
    return body.replace(f"{MARK}-pat".encode(), f"{MARK}-pat{next(_patients)}".encode())


def called(call, hook, body):
    answer = as_promised(call(hook, body))
    return read_validated(answer.body).get("cards", []) if answer.status == 200 else []


@pytest.mark.parametrize("profile", ["default", "epic"])
def test_a_call_with_something_else_in_some_places_is_answered_before_and_after_feedback(tmp_path, profile):
    with watched(tmp_path, CDS_TIME_ZONE="America/New_York", CDS_PROFILE=profile) as call:

        @so_many(250)
        @given(spoilt_requests(), st.sampled_from(TIMES), st.sampled_from(HOOKS))
        def any_request(request, said, again):
            hook, body = request[0], of_another_patient(request[1].body)
            cards = called(call, hook, body)
            told = [{"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": said} for card in cards]
            as_promised(call("", json.dumps({"feedback": told}).encode(), path=f"/cds-services/rbd-{hook}/feedback"))
            called(call, hook, body)
            called(call, again, body.replace(f'"{hook}"'.encode(), f'"{again}"'.encode(), 1))

        any_request()


@pytest.mark.parametrize("number", ["9" * 5_000, "1e400", "0.50"])
def test_a_number_in_a_draft_is_passed_on_as_it_was_written(tmp_path, number):
    request = copy.deepcopy(requests()["order-sign-levetiracetam-kidney"])
    request["context"]["draftOrders"]["entry"][0]["resource"]["extension"] = {"valueDecimal": bare(number)}
    with watched(tmp_path) as call:
        answer = as_promised(call("order-sign", written(request)))
    assert answer.status == 200
    assert f'"valueDecimal":{number}}}'.encode() in answer.body


@pytest.mark.attack("Any JSON and any bytes as a call", "an answer that keeps its schema")
def test_any_json_and_any_bytes_are_answered(tmp_path):
    with watched(tmp_path) as call:

        @so_many(100)
        @given(
            st.sampled_from(HOOKS), values.map(written) | st.binary(max_size=200), st.sampled_from([b"", MARK.encode()])
        )
        def any_body(hook, body, before):
            called(call, hook, before + body)

        any_body()
