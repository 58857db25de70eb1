"""A request full of marked values: no mark in a log line, a header, an error body, the metrics or what is kept."""

import copy
import logging
from pathlib import Path

import msgspec
import pytest

from cds_service.content.load import load
from cds_service.content.places import cards
from cds_service.decisions.ruleset import assemble
from cds_service.decisions.service import DecisionService
from cds_service.rules.review import Rule
from cds_service.settings import Settings
from tests.calling import TODAY, application_with, as_bytes, requests, rules_of, serving
from tests.contract import read_validated
from tests.marks import BORN, MARK, TOKEN, kept_quiet, marked

FAILING = "clonazepam-falls"
NAMES = sorted(requests())
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Origin": f"https://{MARK}.example", "X-Request-Id": MARK}


@pytest.fixture(scope="module")
def call():
    with serving() as called:
        yield called


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.attack("Reading the log for what tells of a patient", "nothing there")
def test_an_answer_leaves_no_mark_in_log_or_header(call, name, caplog):
    caplog.set_level(logging.DEBUG)
    request = marked(name)
    answer = kept_quiet(call(request["hook"], as_bytes(request), HEADERS))
    assert answer.status == 200
    read_validated(answer.body)
    assert answer.headers["server-timing"].startswith("parse;dur=")
    assert MARK.lower() not in caplog.text.lower()


def test_the_marked_examples_are_answered_like_the_others(call):
    name = "order-sign-clonazepam-many-risks"
    request, plain = marked(name), requests()[name]
    found = [[rules_of(card) for card in call(r["hook"], as_bytes(r)).cards] for r in (request, plain)]
    assert found[0] == found[1] != []


def test_no_card_says_when_the_patient_was_born(call):
    for name in NAMES:
        request = marked(name)
        assert b"1941-09" not in call(request["hook"], as_bytes(request)).body


BROKEN = {
    "not JSON": lambda r: as_bytes(r)[:-20],
    "another hook": lambda r: as_bytes(r | {"hook": MARK}),
    "no context": lambda r: as_bytes(r | {"context": MARK}),
    "no user": lambda r: as_bytes(r | {"context": {"patientId": f"{MARK}-pat"}}),
    "an odd patient": lambda r: as_bytes(r | {"context": r["context"] | {"patientId": f"{MARK}/../x?y=z"}}),
    "another patient": lambda r: as_bytes(r | {"context": r["context"] | {"patientId": f"{MARK}-other"}}),
    "no data": lambda r: as_bytes(r | {"prefetch": {}, "fhirServer": None, "fhirAuthorization": None}),
    "failed data": lambda r: as_bytes(r | {"prefetch": {k: failed() for k in r["prefetch"]}}),
    "drafts that are none": lambda r: as_bytes(r | {"context": r["context"] | {"draftOrders": [MARK]}}),
    "another release": lambda r: as_bytes(r | {"prefetch": r["prefetch"] | {"conditions": {"resourceType": MARK}}}),
    "an array": lambda r: as_bytes([MARK, r]),
    "a lone surrogate": lambda r: as_bytes(r).replace(MARK.encode(), b"\\ud800" + MARK.encode(), 5),
    "invalid UTF-8": lambda r: as_bytes(r).replace(MARK.encode(), b"\xff" + MARK.encode(), 5),
}


def failed():
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": "exception", "diagnostics": MARK, "details": {"text": MARK}}],
    }


@pytest.mark.parametrize("way", BROKEN)
@pytest.mark.attack("Values of a request in the refusal", "none there")
def test_a_refusal_repeats_nothing(call, way):
    request = marked("order-sign-clonazepam-many-risks")
    kept_quiet(call(request["hook"], BROKEN[way](request), HEADERS))


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", f"/cds-services/{MARK}", {}),
        ("GET", f"/{MARK}/%2e%2e/<script>{MARK}", {}),
        ("PUT", "/cds-services/rbd-order-sign", {}),
        (MARK, "/cds-services/rbd-order-sign", {}),
        ("POST", "/cds-services/rbd-order-sign", {"Content-Type": f"text/{MARK}"}),
        ("POST", "/cds-services/rbd-order-sign", {"Content-Type": "application/json", "Content-Encoding": MARK}),
        ("POST", "/cds-services/rbd-order-sign", {"Content-Length": "99999999999"}),
        ("POST", "/cds-services/rbd-order-sign", {"Content-Length": "9" * 5_000}),
    ],
)
def test_an_address_or_a_method_that_is_refused_is_not_repeated(call, method, path, headers):
    body = as_bytes(marked("order-sign-clonazepam-many-risks"))
    answer = kept_quiet(call("order-sign", body, HEADERS | headers, method=method, path=path))
    assert answer.status in (404, 405, 413, 415)


@pytest.mark.attack("Reading the metrics for patients", "nobody there")
def test_the_metrics_name_nobody(call):
    request = marked("order-sign-clonazepam-many-risks")
    call(request["hook"], as_bytes(request), HEADERS)
    assert MARK.encode() not in call("", b"", method="GET", path="/metrics").body


def test_what_is_kept_of_a_call_holds_no_mark(tmp_path: Path):
    environment = {"CDS_RECORD": "on", "CDS_VAR": str(tmp_path / "var"), "CDS_AUDIT": str(tmp_path / "audit")}
    with serving(**environment) as call:
        for name in NAMES:
            request = marked(name)
            uuids = [card["uuid"] for card in call(request["hook"], as_bytes(request), HEADERS).cards]
            for uuid in uuids:
                reason = {"reason": {"code": "data-wrong"}, "userComment": f"{MARK}-comment {BORN}"}
                told = {"card": uuid, "outcome": "overridden", "overrideReason": reason, "outcomeTimestamp": TODAY}
                path = f"/cds-services/rbd-{request['hook']}/feedback"
                kept_quiet(call("", as_bytes({"feedback": [told]}), HEADERS, path=path))
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept, "something was kept"
    for path in kept:
        written = path.read_bytes()
        assert MARK.lower().encode() not in written.lower(), path.name
        assert b"1941-09" not in written, path.name


# A rule that raises


@pytest.fixture(scope="module")
def call_with_a_broken_rule():
    ruleset = assemble(load(cards(Settings())))

    def raising(review):
        raise ValueError(f"{review.facts} {review.therapy}")

    broken = msgspec.structs.replace(ruleset.rules[FAILING], rule=Rule(FAILING, raising, frozenset()))
    application = application_with()
    rules = msgspec.structs.replace(ruleset, rules=ruleset.rules | {FAILING: broken})
    application._decisions = DecisionService(rules, application.settings.today)
    with serving(application) as called:
        yield called


def test_a_rule_that_raises_costs_only_its_own_card(call, call_with_a_broken_rule):
    request = copy.deepcopy(requests()["order-sign-clonazepam-many-risks"])
    sound, broken = (one(request["hook"], as_bytes(request)) for one in (call, call_with_a_broken_rule))
    (whole,), (rest,) = sound.cards, broken.cards
    assert broken.status == 200
    read_validated(broken.body)
    assert FAILING in rules_of(whole)
    assert rules_of(rest) == [rule for rule in rules_of(whole) if rule != FAILING]


def test_a_rule_that_raises_is_told_in_the_log_without_a_value(call_with_a_broken_rule):
    request = marked("order-sign-clonazepam-many-risks")
    answer = kept_quiet(call_with_a_broken_rule(request["hook"], as_bytes(request), HEADERS))
    (line,) = [line for line in answer.lines if line["event"] == "rule failed"]
    assert (line["rule"], line["fault"], line["log_level"]) == (FAILING, "ValueError", "error")
