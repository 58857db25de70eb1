"""Whether a key comes with the request or is to be had from the FHIR server makes no difference to the answer.

The server is the service's own fetching, with an EHR in place of the network that holds what the client has not sent.
"""

import json
from urllib.parse import parse_qs

import pytest
from hypothesis import given, settings, strategies as st

from cds_service.authoring.cases import DAY
from cds_service.decisions import open_tasks
from cds_service.decisions.service import DecisionService
from cds_service.errors import DataMissing
from cds_service.facts.queries import TEMPLATES
from cds_service.fhir_client.access import FhirGrant
from cds_service.fhir_client.egress import Servers
from cds_service.fhir_client.fetch import Fetch, FhirReply
from cds_service.fhir_client.target import Bounds, Deadline
from cds_service.hooks.hooks import HOOKS
from cds_service.hooks.responses import Response
from tests.calling import answered_to, as_bytes, charts, opened, requests, without_uuids
from tests.case_runs import cases, ruleset, runner

pytestmark = pytest.mark.anyio

RULES = ruleset()
DECISIONS = DecisionService(RULES, lambda: DAY)
LEAN = RULES.content.services.prefetch_lean
EHR = "https://fhir.example.org/r4"
KINDS = {key: template.partition("?")[0].partition("/")[0] for key, template in TEMPLATES.items()}
"""The resource type that is asked for under each key."""


class Ehr:
    """The way to an EHR that holds a complete prefetch, and fails where that failed or was left out."""

    def __init__(self, held):
        self._held = {KINDS[key]: value for key, value in held.items()}
        self._entries = [entry for value in held.values() for entry in value.get("entry", ())]

    def deadline(self, _=None):
        return Deadline(60)

    async def fetch(self, target, queries, held=(), *, deadline):
        return await Fetch(self._answer, target, Bounds(), deadline).run(queries, held)

    async def _answer(self, request, *_):
        path, _, query = request.url.removeprefix(f"{EHR}/").partition("?")
        kind = path.partition("/")[0]
        ids = parse_qs(query).get("_id")
        found = self._by_id(kind, ids[0].split(",")) if ids else self._held.get(kind)
        return FhirReply(500) if found is None else FhirReply(200, json.dumps(found).encode())

    def _by_id(self, kind, ids):
        named = [(kind, one) for one in ids]
        found = [e for e in self._entries if (e["resource"]["resourceType"], e["resource"].get("id")) in named]
        return {"resourceType": "Bundle", "type": "searchset", "entry": found}


def service_of(body):
    return DECISIONS.services[f"rbd-{body['hook']}"]


async def seen(body, grant=None):
    """What was found and is shown; None where too little could be had for an answer.

    The card for what the server was asked for in vain is none of the decision's.
    """
    service = service_of(body)
    try:
        answered = await answered_to(DECISIONS, as_bytes(body), service, grant)
    except DataMissing:
        return None
    decision = answered.decision
    cards = without_uuids(json.loads(Response(cards=decision.cards).encode())["cards"])
    return decision.found, decision.gate, sorted(decision.undetermined), cards


async def split(body, sent):
    """The answer where the client sends these keys alone, and its server has what it did not send.

    At an order tasks are sent always: for what may be open already they are looked at, and never fetched.
    """
    sent = {*sent, *([] if HOOKS[body["hook"]].is_chart_view else open_tasks.KEYS)}
    kept = {key: value for key, value in body["prefetch"].items() if key in sent}
    grant = FhirGrant(Ehr(body["prefetch"]), Servers.listed([EHR], open=True))
    return await seen(body | {"fhirServer": EHR, "prefetch": kept}, grant)


def splits(body):
    """The keys that are sent, from all to none."""
    return {"full": TEMPLATES, "lean": LEAN[body["hook"]], "every other": list(TEMPLATES)[::2], "none": ()}


async def is_answered_alike(name, body, splits):
    whole = await seen(body)
    for how, sent in splits.items():
        apart = await split(body, sent)
        refused = apart is None and not whole[0]
        assert apart == whole or refused, (name, how)


@pytest.mark.parametrize("name", requests())
async def test_an_example_is_answered_alike_however_its_keys_come(name):
    await is_answered_alike(name, requests()[name], splits(requests()[name]))


@pytest.mark.parametrize("name", charts())
async def test_a_chart_is_viewed_alike_however_its_keys_come(name):
    await is_answered_alike(name, opened(name), splits(opened(name)))


@pytest.mark.parametrize("rule", cases())
async def test_a_case_is_answered_alike_however_its_keys_come(rule):
    for case in cases()[rule]:
        body = runner().request(rule, case)
        await is_answered_alike(case.name, body, splits(body))


EXAMPLES = [*requests().values(), *map(opened, charts())]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.sampled_from(EXAMPLES), st.sets(st.sampled_from(sorted(TEMPLATES))))
async def test_any_of_its_keys_may_be_sent_and_any_fetched(body, sent):
    await is_answered_alike(body["hookInstance"], body, {str(sent): sent})
