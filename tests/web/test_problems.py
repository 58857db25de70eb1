"""Every refusal there is, as an answer."""

import json
import re

import pytest
from starlette.exceptions import HTTPException

from cds_service import errors
from cds_service.web.problems import on_http_exception, on_refusal, problem

ARGUMENTS = {
    errors.MethodNotAllowed: (("POST", "GET"),),
    errors.DataMissing: (("patient", "conditions"),),
    errors.ContractBroken: ("context.patientId", "The patient must be named by a bare FHIR id."),
}
ISSUE_TYPES = {
    "structure", "login", "forbidden", "not-found", "not-supported", "timeout", "required", "too-long", "value",
    "invariant", "throttled", "exception", "transient",
}  # fmt: skip


def everything(kind):
    for below in kind.__subclasses__():
        yield below
        yield from everything(below)


REFUSALS = list(everything(errors.CallRefused))


@pytest.mark.parametrize("kind", REFUSALS, ids=lambda kind: kind.__name__)
def test_a_refusal_is_an_operation_outcome(kind):
    answer = problem(kind(*ARGUMENTS.get(kind, ())))
    assert answer.status_code == kind.status
    (issue,) = json.loads(answer.body)["issue"]
    assert issue["severity"] == "error"
    assert issue["code"] in ISSUE_TYPES
    assert issue["details"]["text"].endswith(".")


def test_the_tree_in_the_module_is_the_tree_of_the_classes():
    drawn = re.findall(r"[├└]── (\w+)", errors.__doc__)
    assert set(drawn) == {kind.__name__ for kind in everything(errors.CdsError)}
    statuses = re.findall(r"── (\w+) +(\d{3})", errors.__doc__)
    assert {(name, int(status)) for name, status in statuses} == {(kind.__name__, kind.status) for kind in REFUSALS}


@pytest.mark.parametrize(
    ("refusal", "name", "value"),
    [
        (errors.NotAuthenticated(), "www-authenticate", "Bearer"),
        (errors.MethodNotAllowed(["POST", "GET"]), "allow", "GET, POST"),
        (errors.TooManyCalls(7), "retry-after", "7"),
        (errors.NotReady(), "retry-after", "1"),
        (errors.BodyTooLarge(), "connection", "close"),
    ],
)
def test_a_refusal_brings_the_header_it_needs(refusal, name, value):
    assert problem(refusal).headers[name] == value


@pytest.mark.anyio
@pytest.mark.parametrize(("status", "code"), [(404, "not-found"), (405, "not-supported"), (413, "too-long")])
async def test_what_starlette_refuses_is_told_in_the_same_way(status, code):
    answer = await on_http_exception(None, HTTPException(status, headers={"Allow": "GET, HEAD"}))
    assert answer.status_code == status
    assert json.loads(answer.body)["issue"][0]["code"] == code


@pytest.mark.anyio
@pytest.mark.parametrize("handler", [on_refusal, on_http_exception])
async def test_what_is_no_refusal_is_not_swallowed(handler):
    with pytest.raises(ZeroDivisionError):
        await handler(None, ZeroDivisionError())
