"""The service with a real FHIR server: what is fetched from it gives the cards of a whole prefetch."""

import asyncio
import json

import pytest

from cds_service.authoring.cases import DAY
from cds_service.cli.demo_ehr import parameters
from cds_service.decisions.service import DecisionService
from tests.calling import answered_to, as_bytes, requests, searchset, without_uuids
from tests.case_runs import ruleset
from tests.hapi import charts, server
from tests.hapi.__main__ import once
from tests.real_parts import left_out

DECISIONS = DecisionService(ruleset(), lambda: DAY)
LONG = {"copies": 41, "keys": ("conditions", "observations")}
"""So many of each of five conditions and five results that rules read are more than the 200 of one page."""
LOW_PRIORITY = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:ActiveProcessorCount=1", "-Xmx1g")
"""Quick to start, and easy on the tests that run beside it."""


@pytest.fixture(scope="module")
def hapi(tmp_path_factory):
    if not server.is_installed():
        left_out("Java and Maven are not installed (Debian: apt-get install openjdk-17-jdk-headless maven)")
    try:
        with server.running(tmp_path_factory.mktemp("hapi"), *LOW_PRIORITY) as address:
            yield address
    except server.NotFetched as fault:
        # Also under CI: a registry out of reach is no fault of the tests.
        pytest.skip(str(fault))


def test_what_is_fetched_from_it_gives_the_cards_of_a_whole_prefetch(hapi):
    charts.load_examples(hapi)
    asyncio.run(are_answered_alike(hapi, requests().values()))
    long = charts.lengthened(as_found(requests()["order-sign-rbd-dementia"]), **LONG)
    charts.load(hapi, long)
    asyncio.run(are_answered_alike(hapi, [long]))


def test_what_is_measured_is_an_answer_for_which_every_query_was_answered(hapi):
    charts.load_examples(hapi)
    body = json.dumps(charts.unsent(requests()["order-sign-rbd-dementia"], hapi)).encode()

    async def measured():
        async with charts.granted(hapi) as grant:
            return await once(DECISIONS, "order-sign", body, grant)

    seconds, queries = asyncio.run(measured())
    assert seconds > 0
    assert queries > 5


async def are_answered_alike(address, bodies):
    async with charts.granted(address) as grant:
        for body in bodies:
            whole, fetched = await answered(as_found(body)), await answered(charts.unsent(body, address), grant)
            assert shown(fetched) == shown(whole), body["hookInstance"]
            assert read(fetched) == read(whole), body["hookInstance"]


def as_found(body):
    """The request with no more in its prefetch than its queries find: results and reports with the listed codes."""
    found = dict(body["prefetch"])
    for key, query in DECISIONS.services[f"rbd-{body['hook']}"].prefetch.items():
        head, coded, codes = query.partition("&code=")
        if coded:
            meets = parameters(head.partition("?")[0])["code"][1]
            held = [entry["resource"] for entry in found[key].get("entry", ())]
            found[key] = searchset([one for one in held if meets(one, codes)])
    return body | {"prefetch": found}


async def answered(body, grant=None):
    service = DECISIONS.services[f"rbd-{body['hook']}"]
    return await answered_to(DECISIONS, as_bytes(body), service, grant)


def shown(answered):
    return without_uuids(json.loads(answered.response.encode())["cards"])


def read(answered):
    """How much of each collection was read; what was not to be had is named."""
    facts = answered.facts
    return facts and ({name: len(held.items) for name, held in facts.held.items()}, facts.gaps)
