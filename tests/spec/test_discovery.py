"""Discovery, clause by clause."""

import re

import pytest

from tests.calling import application_with
from tests.contract import speaking_to

pytestmark = pytest.mark.anyio

PLAIN = re.compile(r"[A-Z][A-Za-z]+(/[^/?&]+|\?[^?]+)")


@pytest.fixture
async def services(client):
    return (await client.get("/cds-services")).json()["services"]


async def test_discovery_is_a_json_object_with_services(client, validated):
    answer = await client.get("/cds-services")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert isinstance(validated(answer.content, "discovery")["services"], list)


async def test_each_service_says_what_it_must(services):
    assert all(service["hook"] and service["id"] and service["description"] for service in services)


async def test_each_service_says_what_it_should(services):
    for service in services:
        assert service["title"]
        assert re.fullmatch(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?", service["version"])
        assert service.get("hookVersion", "1.0") == "1.0"


async def test_ids_are_unique_and_plain(services):
    assert {service["hook"] for service in services} == {"patient-view", "order-select", "order-sign"}
    ids = [service["id"] for service in services]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch("[a-z0-9-]+", name) for name in ids)


async def test_nothing_in_discovery_is_null_or_empty(services):
    def values(node):
        yield node
        if isinstance(node, dict | list):
            for member in node.values() if isinstance(node, dict) else node:
                yield from values(member)

    assert all(value not in (None, "", {}, []) for value in values(services))


@pytest.mark.parametrize("prefetch", ["full", "lean"])
async def test_each_template_is_a_plain_read_or_search(prefetch, anyio_backend):
    async with speaking_to(application_with(CDS_PREFETCH=prefetch)) as client:
        services = (await client.get("/cds-services")).json()["services"]
    for service in services:
        assert {"patient", "conditions", "medicationRequests"} <= service["prefetch"].keys()
        for template in service["prefetch"].values():
            assert PLAIN.fullmatch(template)
            assert set(re.findall(r"\{\{(.*?)\}\}", template)) <= {"context.patientId"}
            names = [pair.split("=")[0] for pair in template.partition("?")[2].split("&")]
            assert len(names) == len(set(names))
            assert not any(re.search(r"[.:]|^_(include|revinclude|has|maxresults)|sort", name) for name in names)


async def test_each_service_answers_at_its_address(services, post, view, select, sign):
    calls = {"patient-view": view, "order-select": select, "order-sign": sign}
    for service in services:
        assert (await post(calls[service["hook"]])).json()["cards"]


async def test_the_document_is_the_same_each_time(client):
    first = await client.get("/cds-services")
    for accept in ("application/json", "application/fhir+json", "text/html"):
        again = await client.get("/cds-services", headers={"Accept": accept})
        assert again.content == first.content
        assert again.headers["content-type"] == "application/json"
    unchanged = await client.get("/cds-services", headers={"If-None-Match": first.headers["etag"]})
    assert unchanged.status_code == 304


async def test_discovery_takes_no_other_method(client):
    answer = await client.post("/cds-services", json={})
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]


async def test_a_slash_at_the_end_is_no_redirect(client):
    assert (await client.get("/cds-services/")).status_code == 200


async def test_a_garbled_token_does_not_break_open_discovery(client):
    assert (await client.get("/cds-services", headers={"Authorization": "Bearer !!"})).status_code == 200
