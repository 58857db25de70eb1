"""Feedback is read entry by entry."""

import datetime as dt
import json

import jsonschema
import pytest

from cds_service.errors import ContractBroken, NotJson
from cds_service.hooks.feedback import Feedback, Reason, parse_feedback
from cds_service.hooks.schemas import schema

CARD = "4f1f5f6c-6a0e-4f57-9a55-3f3f7a0a3b11"
SUGGESTION = "2a6b6f36-6c6b-4a49-8e4a-1c1f6d3d2b22"
AT = dt.datetime(2026, 7, 1, 9, 30, tzinfo=dt.UTC)
ACCEPTED = {
    "card": CARD,
    "outcome": "accepted",
    "acceptedSuggestions": [{"id": SUGGESTION}],
    "outcomeTimestamp": "2026-07-01T09:30:00Z",
}
OVERRIDDEN = {"card": CARD, "outcome": "overridden", "outcomeTimestamp": "2026-07-01T11:30:00.000+02:00"}
REASON = {"reason": {"system": "urn:r", "code": "risk-benefit-ratio"}, "userComment": "CPAP in use"}
VALIDATOR = jsonschema.Draft202012Validator(schema("feedback"))


def report(*entries, **members):
    return parse_feedback(json.dumps({"feedback": list(entries)} | members).encode())


def only(entry):
    (found,) = report(entry).entries
    return found


def test_an_accepted_suggestion_is_read():
    assert only(ACCEPTED) == Feedback(card=CARD, outcome="accepted", at=AT, accepted=(SUGGESTION,))


def test_a_card_may_be_overridden_without_a_word():
    assert only(OVERRIDDEN) == Feedback(card=CARD, outcome="overridden", at=AT)


def test_a_reason_and_a_comment_are_kept():
    found = only(OVERRIDDEN | {"overrideReason": REASON})
    assert found.reason == Reason("risk-benefit-ratio", "urn:r")
    assert found.comment == "CPAP in use"


def test_a_comment_may_stand_alone():
    assert only(OVERRIDDEN | {"overrideReason": {"userComment": "no"}}).comment == "no"


def test_the_spelling_of_epic_is_understood():
    sent = OVERRIDDEN | {"overrideReasons": REASON | {"extension": {"com.epic": 1}}}
    assert only(sent) == only(OVERRIDDEN | {"overrideReason": REASON})


def test_the_sandbox_leaves_out_the_system():
    assert only(OVERRIDDEN | {"overrideReason": {"reason": {"code": "benefit"}}}).reason == Reason("benefit")


@pytest.mark.parametrize("odd", ["x", 7, [], {"reason": "x"}, {"reason": {}}, {"userComment": 7}])
def test_an_unreadable_reason_does_not_cost_the_outcome(odd):
    assert only(OVERRIDDEN | {"overrideReason": odd}) == only(OVERRIDDEN)


def test_no_entries_are_no_fault():
    assert report().entries == ()


def test_the_same_entry_twice_is_two_entries():
    assert len(report(ACCEPTED, ACCEPTED).entries) == 2


UNUSABLE = {
    "another outcome": ACCEPTED | {"outcome": "ignored"},
    "no card": {**ACCEPTED, "card": None},
    "an empty card": ACCEPTED | {"card": ""},
    "accepted what": {**ACCEPTED, "acceptedSuggestions": []},
    "no time": {**OVERRIDDEN, "outcomeTimestamp": None},
    "a bad time": OVERRIDDEN | {"outcomeTimestamp": "yesterday"},
    "a time without zone": OVERRIDDEN | {"outcomeTimestamp": "2026-07-01T09:30:00"},
    "no object": "x",
}


@pytest.mark.parametrize("entry", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_an_unusable_entry_does_not_cost_its_neighbours(entry):
    found = report(entry, OVERRIDDEN)
    assert found.entries == (only(OVERRIDDEN),)
    assert found.unusable == 1


@pytest.mark.parametrize("entry", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_a_report_without_a_usable_entry_is_refused(entry):
    with pytest.raises(ContractBroken) as refused:
        report(entry)
    assert refused.value.expression == ("feedback",)


@pytest.mark.parametrize("body", [{}, {"feedback": None}, {"feedback": {}}, {"feedback": "x"}, [], "x"])
def test_a_body_without_an_array_of_entries_is_refused(body):
    with pytest.raises(ContractBroken):
        parse_feedback(json.dumps(body).encode())


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 10_000], ids=["nothing", "cut", "bytes", "deep"])
def test_what_is_no_json_is_refused_as_such(body):
    with pytest.raises(NotJson):
        parse_feedback(body)


@pytest.mark.parametrize("entry", [ACCEPTED, OVERRIDDEN, OVERRIDDEN | {"overrideReason": REASON}])
def test_what_the_standard_shows_fits_the_schema(entry):
    VALIDATOR.validate({"feedback": [entry]})
