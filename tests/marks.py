"""Marked values: what would tell who the patient is, and must turn up nowhere but in the answer."""

import json

from tests.calling import as_bytes, requests

MARK = "xQMARK"
BORN = "1941-09-23"
TOKEN = f"{MARK}-token"


def marked(name):
    """An example with a mark in everything that could tell who the patient is, and what is the matter."""
    request = json.loads(as_bytes(requests()[name]).replace(requests()[name]["context"]["patientId"].encode(), b"pat"))
    request = json.loads(
        json.dumps(request).replace('"pat"', f'"{MARK}-pat"').replace("Patient/pat", f"Patient/{MARK}-pat")
    )
    for node in nodes(request):
        for member in ("text", "display", "family", "reference", "id"):
            if member in node and isinstance(node[member], str) and MARK not in node[member]:
                node[member] = rewritten(member, node[member])
    request["prefetch"]["patient"] |= {
        "birthDate": BORN,
        "name": [{"family": f"{MARK}-family", "given": [f"{MARK}-given"]}],
        "identifier": [{"system": f"urn:{MARK}", "value": f"{MARK}-number"}],
        "telecom": [{"value": f"{MARK}-phone"}],
    }
    request["context"] |= {"userId": f"Practitioner/{MARK}-user", "encounterId": f"{MARK}-visit"}
    request |= {
        "hookInstance": f"{MARK}-instance",
        "fhirServer": f"https://{MARK}.example/r4",
        "extension": {MARK: MARK},
    }
    for selections in filter(None, [request["context"].get("selections")]):
        selections[:] = [rewritten("reference", selection) for selection in selections]
    request["fhirAuthorization"] = {"access_token": TOKEN, "token_type": "Bearer", "scope": MARK, "subject": MARK}
    return request


def rewritten(member, value):
    """Words get a mark behind them, ids and references one that keeps them apart from each other."""
    if member in ("text", "display", "family"):
        return f"{value} {MARK}"
    return f"{value}-{MARK}"


def nodes(node):
    if isinstance(node, dict):
        yield node
    for member in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(member)


def kept_quiet(answer):
    told = json.dumps([answer.lines, answer.headers])
    assert MARK.lower() not in told.lower()
    assert "1941-09" not in told
    if answer.status >= 400:
        assert MARK.encode() not in answer.body
        assert b"1941-09" not in answer.body
    return answer
