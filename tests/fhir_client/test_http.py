"""What is asked of a FHIR server and what is made of its answers; the server is replaced at the transport."""

import asyncio
import gzip
import json
import logging
import subprocess
import sys

import httpx
import pytest
import respx

from cds_service.fhir import elements as fhir
from cds_service.fhir.sources import query
from cds_service.fhir_client.access import FhirAccess, FhirGrant
from cds_service.fhir_client.egress import Base, Servers
from cds_service.fhir_client.target import PAGE_SIZE, REFERENCES, Bounds, Deadline, Target
from tests.fhir_client.misbehaving import searchset
from tests.lateness import slowness

pytestmark = pytest.mark.anyio

EHR = "https://fhir.example.org/r4"
TARGET = Target(Base.of(EHR), "a-secret-token")
CONDITIONS = query("Condition?patient=pat-1")
REQUESTS = query("MedicationRequest?patient=pat-1")
ENCOUNTERS = query("Encounter?patient=pat-1")
PATIENT = query("Patient/pat-1")
FATAL = {"resourceType": "OperationOutcome", "issue": [{"severity": "fatal"}]}


def resource(kind, name, **members):
    return {"resourceType": kind, "id": name, "subject": {"reference": "Patient/pat-1"}, **members}


def page(*resources, following=None, **members):
    link = [{"relation": "next", "url": following}] if following else []
    return httpx.Response(200, json=searchset(*resources, link=link, **members))


def ordered(name, medication, **members):
    return resource("MedicationRequest", name, medicationReference={"reference": medication}, **members)


@pytest.fixture
def ehr():
    with respx.mock(assert_all_called=False) as mocked:
        yield mocked


@pytest.fixture
async def access():
    made = FhirAccess(1.0)
    await made.ready()
    yield made
    await made.aclose()


@pytest.fixture
def fetch(access):
    async def fetched(*queries, held=(), target=TARGET, seconds=1.0):
        asked = {one.kind.__name__: one for one in queries}
        return await access.fetch(target, asked, held, deadline=Deadline(seconds))

    return fetched


def ids(fetched):
    return [resource.id for resource in fetched.resources]


async def test_a_search_is_the_template_s_own_with_the_token_and_the_media_type_of_fhir(ehr, fetch):
    route = ehr.get(f"{EHR}/Condition", params={"patient": "pat-1"}).mock(page(resource("Condition", "c-1")))
    found = await fetch(CONDITIONS)
    assert ids(found["Condition"]) == ["c-1"]
    assert found["Condition"].gap is None
    headers = route.calls.last.request.headers
    assert headers["authorization"] == "Bearer a-secret-token"
    assert headers["accept"] == "application/fhir+json"


async def test_no_answer_from_a_server_s_memory_is_taken(ehr, fetch):
    ehr.get(f"{EHR}/Patient/pat-1").respond(json={"resourceType": "Patient", "id": "pat-1"})
    ehr.get(f"{EHR}/Condition", params={"page": "2"}).mock(page())
    ehr.get(f"{EHR}/Condition").mock(page(following=f"{EHR}/Condition?page=2"))
    ehr.get(f"{EHR}/Encounter").respond(405)
    ehr.post(f"{EHR}/Encounter/_search").mock(page())
    await fetch(PATIENT, CONDITIONS, ENCOUNTERS)
    assert [call.request.headers["cache-control"] for call in ehr.calls] == ["no-cache"] * 5


async def test_long_pages_are_asked_for_in_searches_and_in_nothing_else(ehr, fetch):
    route = ehr.get(url__startswith=EHR).mock(page(following=f"{EHR}/Condition?page=2"))
    await fetch(PATIENT, CONDITIONS)
    asked = {str(call.request.url).removeprefix(f"{EHR}/") for call in route.calls}
    assert asked == {"Patient/pat-1", f"Condition?patient=pat-1&_count={PAGE_SIZE}", "Condition?page=2"}


async def test_a_server_that_refuses_the_size_of_pages_is_asked_without(ehr, fetch):
    ehr.get(f"{EHR}/Condition", params={"_count": "200"}).respond(400)
    ehr.get(f"{EHR}/Condition").mock(page(resource("Condition", "c-1")))
    found = (await fetch(CONDITIONS))["Condition"]
    assert (ids(found), found.gap) == (["c-1"], None)
    assert len(ehr.calls) == 2


async def test_further_pages_are_fetched_while_other_searches_run(ehr, fetch):
    further = asyncio.Event()

    async def slow(_):
        await further.wait()
        return page()

    def second(_):
        further.set()
        return page(resource("Condition", "c-2"))

    ehr.get(f"{EHR}/Condition", params={"page": "2"}).mock(side_effect=second)
    ehr.get(f"{EHR}/Condition").mock(page(resource("Condition", "c-1"), following=f"{EHR}/Condition?page=2"))
    ehr.get(f"{EHR}/Encounter").mock(side_effect=slow)
    found = await fetch(CONDITIONS, ENCOUNTERS)
    assert [one.gap for one in found.values()] == [None, None]


async def test_an_open_server_is_sent_no_token(ehr, fetch):
    route = ehr.get(f"{EHR}/Patient/pat-1").respond(json={"resourceType": "Patient", "id": "pat-1"})
    found = await fetch(PATIENT, target=Target(TARGET.base))
    assert found["Patient"].resources[0].id == "pat-1"
    assert "authorization" not in route.calls.last.request.headers


async def test_codes_are_escaped_and_nothing_else_is_changed(ehr, fetch):
    route = ehr.get(url__startswith=f"{EHR}/Observation").mock(page())
    await fetch(query("Observation?patient=pat-1&code=72106-8,http://snomed.info/sct|1"))
    asked = route.calls.last.request.url.query
    assert asked == b"patient=pat-1&code=72106-8,http://snomed.info/sct%7C1&_count=200"


async def test_all_keys_are_asked_at_once(ehr, fetch):
    waiting = asyncio.Barrier(3)

    async def answer(_):
        await waiting.wait()
        return page()

    ehr.get(url__startswith=EHR).mock(side_effect=answer)
    found = await fetch(CONDITIONS, REQUESTS, ENCOUNTERS)
    assert [one.gap for one in found.values()] == [None, None, None]


async def test_pages_are_followed_to_the_end_and_make_one_bundle(ehr, fetch):
    first = ehr.get(f"{EHR}/Condition", params={"patient": "pat-1"})
    first.mock(page(resource("Condition", "c-1"), following=f"{EHR}?page=2", total=3))
    ehr.get(EHR, params={"page": "2"}).mock(page(resource("Condition", "c-2"), following="Condition?page=3", total=3))
    ehr.get(f"{EHR}/Condition", params={"page": "3"}).mock(page(resource("Condition", "c-3"), total=3))
    found = (await fetch(CONDITIONS))["Condition"]
    assert ids(found) == ["c-1", "c-2", "c-3"]
    assert found.gap is None


@pytest.mark.parametrize("elsewhere", ["https://evil.example/r4/Condition?page=2", "http://fhir.example.org/r4?page=2"])
async def test_a_page_elsewhere_is_not_asked_for(ehr, fetch, elsewhere):
    other = ehr.get(elsewhere).mock(page())
    ehr.get(f"{EHR}/Condition").mock(page(resource("Condition", "c-1"), following=elsewhere))
    found = (await fetch(CONDITIONS))["Condition"]
    assert (ids(found), found.gap) == (["c-1"], "more pages elsewhere")
    assert not other.called


@pytest.mark.attack("Pages that go in a circle", "each asked for once")
async def test_pages_that_go_in_a_circle_are_asked_for_once(ehr, fetch):
    route = ehr.get(url__startswith=EHR).mock(page(resource("Condition", "c-1"), following=f"{EHR}/Condition?page=2"))
    assert (await fetch(CONDITIONS))["Condition"].gap == "more pages"
    assert len(route.calls) == 2


@pytest.mark.parametrize(
    ("bounds", "calls"),
    [(Bounds(pages=3), 3), (Bounds(entries=4), 2), (Bounds(bytes=700), 3), (Bounds(page_bytes=9), 1)],
)
@pytest.mark.attack("Pages, entries or bytes without end", "an end to each, then unavailable")
async def test_there_is_an_end_to_pages_entries_and_bytes(ehr, bounds, calls):
    access = FhirAccess(1.0, bounds=bounds)
    numbers = iter(range(100))

    def answer(_):
        resources = [resource("Condition", f"c-{n}") for n in (1, 2)]
        return page(*resources, following=f"{EHR}/Condition?page={next(numbers)}")

    route = ehr.get(url__startswith=EHR).mock(side_effect=answer)
    found = (await access.fetch(TARGET, {"conditions": CONDITIONS}, deadline=Deadline(1)))["conditions"]
    assert found.gap in ("more pages", "answer too large")
    assert len(route.calls) == calls
    await access.aclose()


@pytest.mark.parametrize("status", [405, 414, 501])
async def test_a_server_that_does_not_search_by_get_is_asked_by_post(ehr, fetch, status):
    ehr.get(f"{EHR}/Condition").respond(status)
    route = ehr.post(f"{EHR}/Condition/_search").mock(page(resource("Condition", "c-1")))
    assert ids((await fetch(CONDITIONS))["Condition"]) == ["c-1"]
    asked = route.calls.last.request
    assert asked.content == b"patient=pat-1&_count=200"
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.headers["authorization"] == "Bearer a-secret-token"


@pytest.mark.parametrize(("status", "why"), [(400, "the server refused"), (404, "not found")])
@pytest.mark.parametrize(("codes", "posted"), [(2, False), (400, True)])
async def test_a_400_or_404_is_taken_for_the_length_only_where_the_address_is_long(
    ehr, fetch, codes, posted, status, why
):
    ehr.get(url__startswith=EHR).respond(status)
    route = ehr.post(f"{EHR}/Observation/_search").mock(page())
    address = "Observation?patient=pat-1&code=" + ",".join(f"{n}-1" for n in range(codes))
    found = await fetch(query(address))
    assert route.called is posted
    assert found["Observation"].gap == (None if posted else why)


async def test_a_read_is_never_a_post(ehr, fetch):
    ehr.get(f"{EHR}/Patient/pat-1").respond(405)
    assert (await fetch(PATIENT))["Patient"].gap == "the server refused"


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (301, "redirected"),
        (307, "redirected"),
        (400, "the server refused"),
        (401, "token refused"),
        (403, "not authorised for this data"),
        (404, "not found"),
        (410, "not found"),
        (422, "the server refused"),
        (429, "the server failed"),
        (500, "the server failed"),
        (503, "the server failed"),
    ],
)
async def test_a_status_other_than_success_is_told_in_short_words(ehr, fetch, status, why):
    ehr.get(url__startswith=EHR).respond(status, json=FATAL, headers={"Location": "https://evil.example/"})
    other = ehr.get("https://evil.example/").respond(200)
    found = (await fetch(PATIENT))["Patient"]
    assert (found.resources, found.gap) == ((), why)
    assert not other.called


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"[]", b"7", b"<html></html>", b"\xff\xfe", b'{"resourceType": "Nonsense"}', b"[" * 100_000],
)
async def test_what_is_no_resource_is_unreadable(ehr, fetch, content):
    ehr.get(url__startswith=EHR).respond(200, content=content)
    assert (await fetch(PATIENT))["Patient"].gap == "answer unreadable"


@pytest.mark.attack("A number without end in an answer of a FHIR server", "not read")
async def test_an_endless_number_is_not_read(ehr, fetch):
    ehr.get(url__startswith=EHR).respond(200, content=b'{"resourceType":"Bundle","total":' + b"9" * 2_000_000 + b"}")
    assert (await fetch(CONDITIONS))["Condition"].gap == "answer unreadable"


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/fhir+xml"])
async def test_a_body_of_another_kind_is_not_read(ehr, fetch, kind):
    ehr.get(url__startswith=EHR).respond(200, content=b"{}", headers={"Content-Type": kind})
    assert (await fetch(PATIENT))["Patient"].gap == "answer unreadable"


async def test_resources_are_mended_as_prefetched_ones_are(ehr, fetch):
    odd = resource("Condition", "c-1", code="Falls", clinicalStatus={"coding": {"code": "active"}})
    ehr.get(url__startswith=EHR).mock(page(odd, None, 7, {"resourceType": "Condition", "id": {"a": []}}))
    found = (await fetch(CONDITIONS))["Condition"]
    assert [one.code.text if one.code else None for one in found.resources] == ["Falls", None]
    assert [[left.member for left in one.unreadable] for one in found.odd] == [["resourceType"], ["Condition.id"]]
    assert found.gap == "unreadable resource"


async def test_a_packed_answer_is_unpacked(ehr, fetch):
    packed = gzip.compress(json.dumps(searchset(resource("Condition", "c-1"))).encode())
    ehr.get(url__startswith=EHR).respond(200, content=packed, headers={"Content-Encoding": "gzip"})
    assert ids((await fetch(CONDITIONS))["Condition"]) == ["c-1"]


@pytest.mark.parametrize(
    ("encoding", "content", "why"),
    [
        ("gzip", gzip.compress(b" " * 20_000_000), "answer too large"),
        ("gzip", gzip.compress(b"{}" * 1_000)[:20], "answer unreadable"),
        ("br", b"{}", "answer unreadable"),
        ("deflate", b"{}", "answer unreadable"),
    ],
    ids=["a bomb", "cut short", "an unknown packing", "no packing at all"],
)
async def test_packing_does_not_get_around_the_limits(ehr, fetch, encoding, content, why):
    ehr.get(url__startswith=EHR).mock(
        httpx.Response(200, stream=httpx.ByteStream(content), headers={"Content-Encoding": encoding})
    )
    assert (await fetch(CONDITIONS))["Condition"].gap == why


async def test_a_connection_that_broke_is_tried_once_more(ehr, fetch):
    broken = httpx.RemoteProtocolError("Server disconnected without sending a response.")
    ehr.get(url__startswith=EHR).mock(side_effect=[broken, page(resource("Condition", "c-1"))])
    assert ids((await fetch(CONDITIONS))["Condition"]) == ["c-1"]


@pytest.mark.parametrize(
    ("error", "why", "calls"),
    [
        (httpx.ReadError("reset"), "no connection", 2),
        (httpx.ConnectError("refused"), "no connection", 1),
        (httpx.ConnectTimeout("slow"), "not in time", 1),
        (httpx.ReadTimeout("slow"), "not in time", 1),
    ],
)
async def test_a_server_that_cannot_be_reached_is_told(ehr, fetch, error, why, calls):
    route = ehr.get(url__startswith=EHR).mock(side_effect=error)
    assert (await fetch(CONDITIONS))["Condition"].gap == why
    assert len(route.calls) == calls


@pytest.mark.timing
async def test_at_the_deadline_what_has_come_counts(ehr, fetch):
    seconds = 0.15 * slowness()

    async def never(_):
        await asyncio.sleep(2 * seconds)

    ehr.get(f"{EHR}/Encounter").mock(side_effect=never)
    ehr.get(f"{EHR}/Condition").mock(page(resource("Condition", "c-1"), following=f"{EHR}?page=2"))
    ehr.get(EHR, params={"page": "2"}).mock(side_effect=never)
    ehr.get(f"{EHR}/MedicationRequest").mock(page())
    found = await fetch(CONDITIONS, REQUESTS, ENCOUNTERS, seconds=seconds)
    assert {key: one.gap for key, one in found.items()} == {
        "Condition": "not in time",
        "MedicationRequest": None,
        "Encounter": "not in time",
    }
    assert ids(found["Condition"]) == ["c-1"]


@pytest.mark.timing
async def test_a_token_that_was_refused_is_not_used_again(ehr, fetch):
    ehr.get(f"{EHR}/Condition").respond(401)

    async def later(_):
        await asyncio.sleep(0.02)
        return page(following=f"{EHR}/Encounter?page=2")

    route = ehr.get(url__startswith=f"{EHR}/Encounter").mock(side_effect=later)
    found = await fetch(CONDITIONS, ENCOUNTERS)
    assert found["Encounter"].gap == "token refused"
    assert len(route.calls) == 1


async def test_medications_that_nobody_sent_are_fetched_in_one_search(ehr, fetch):
    ehr.get(f"{EHR}/MedicationRequest").mock(
        page(
            ordered("r-1", "Medication/m-1"),
            ordered("r-2", f"{EHR}/Medication/m-2"),
            ordered("r-3", "Medication/m-1"),
            ordered("r-4", "#inside"),
            ordered("r-5", "https://evil.example/r4/Medication/m-5"),
            ordered("r-6", "Medication/sent"),
            ordered("r-7", "Medication/m-7", medicationCodeableConcept={"text": "melatonin"}),
            ordered("r-8", "Medication/m-8,m-9"),
            ordered("r-9", "urn:uuid:0d5b2a0e-8a53-4a3b-9d5e-6d1a4e0c1f01"),
            ordered("r-10", "/Medication/m-10/_history/2", medicationCodeableConcept={"extension": []}),
        )
    )
    route = ehr.get(f"{EHR}/Medication").mock(side_effect=medications)
    found = await fetch(REQUESTS, held=[fhir.Medication(id="sent")])
    assert ids(found[REFERENCES]) == ["m-1", "m-2", "m-10"]
    assert [call.request.url.query for call in route.calls] == [b"_id=m-1,m-2,m-10&_count=200"]


async def test_what_came_from_another_server_neither_asks_this_one_nor_answers_for_it(ehr, fetch):
    route = ehr.get(f"{EHR}/Medication").mock(side_effect=medications)
    theirs = "https://other.example/r4"
    held = [
        fhir.MedicationRequest(full_url=f"{theirs}/MedicationRequest/r", medication_reference=_to("Medication/m-9")),
        fhir.MedicationRequest(medication_reference=_to("Medication/m-1")),
        fhir.Medication(id="m-1", full_url=f"{theirs}/Medication/m-1"),
    ]
    assert ids((await fetch(held=held))[REFERENCES]) == ["m-1"]
    assert len(route.calls) == 1


async def test_the_reason_of_a_draft_is_fetched_and_that_of_an_older_order_is_not(ehr, fetch):
    route = ehr.get(f"{EHR}/Condition").mock(page(resource("Condition", "c-1")))
    held = [
        fhir.MedicationRequest(status="draft", reason_reference=[_to("Condition/c-1")]),
        fhir.MedicationRequest(status="active", reason_reference=[_to("Condition/c-2")]),
    ]
    assert ids((await fetch(held=held))[REFERENCES]) == ["c-1"]
    assert [call.request.url.query for call in route.calls] == [b"_id=c-1&_count=200"]


async def test_what_a_search_does_not_give_is_read_by_its_address(ehr, fetch):
    ehr.get(f"{EHR}/MedicationRequest").mock(orders_of(["m-1", "m-2", "m-gone"]))
    ehr.get(f"{EHR}/Medication").mock(page(resource("Medication", "m-1")))
    route = ehr.get(url__startswith=f"{EHR}/Medication/").mock(side_effect=read)
    found = (await fetch(REQUESTS))[REFERENCES]
    assert (sorted(ids(found)), found.gap) == (["m-1", "m-2"], None)
    assert len(route.calls) == 2


def _to(address):
    return fhir.Reference(address)


async def test_what_sent_resources_refer_to_is_fetched_too(ehr, fetch):
    encounter = ehr.get(f"{EHR}/Encounter").mock(page(resource("Encounter", "e-1")))
    medication = ehr.get(f"{EHR}/Medication").mock(page(resource("Medication", "m-1")))
    held = [
        fhir.Condition(id="c-1", encounter=fhir.Reference("Encounter/e-1")),
        fhir.Condition(id="c-2", encounter=fhir.Reference("Encounter/e-2"), onset_date_time="2026-01-01"),
        fhir.MedicationStatement(id="s-1", medication_reference=fhir.Reference("Medication/m-1")),
    ]
    found = await fetch(held=held)
    assert sorted(ids(found[REFERENCES])) == ["e-1", "m-1"]
    assert encounter.calls.last.request.url.query == b"_id=e-1&_count=200"
    assert medication.calls.last.request.url.query == b"_id=m-1&_count=200"


@pytest.mark.timing
async def test_a_late_key_does_not_keep_the_names_of_other_drugs_away(ehr, fetch):
    seconds = 0.2 * slowness()

    async def never(_):
        await asyncio.sleep(2 * seconds)

    ehr.get(f"{EHR}/MedicationRequest").mock(page(ordered("r-1", "Medication/m-1")))
    ehr.get(f"{EHR}/MedicationDispense").mock(side_effect=never)
    ehr.get(f"{EHR}/Medication").mock(page(resource("Medication", "m-1")))
    dispenses = query("MedicationDispense?patient=pat-1")
    found = await fetch(REQUESTS, dispenses, seconds=seconds)
    assert ids(found[REFERENCES]) == ["m-1"]
    assert (found[REFERENCES].gap, found["MedicationDispense"].gap) == (None, "not in time")


async def test_there_is_an_end_to_references(ehr):
    access = FhirAccess(1.0, bounds=Bounds(references=150))
    ehr.get(f"{EHR}/MedicationRequest").mock(page(*(ordered(f"r-{n}", f"Medication/m-{n}") for n in range(200))))
    route = ehr.get(f"{EHR}/Medication").mock(side_effect=medications)
    await access.fetch(TARGET, {"medicationRequests": REQUESTS}, deadline=Deadline(1))
    asked = [call.request.url.params["_id"].split(",") for call in route.calls]
    assert sorted(map(len, asked)) == [50, 100]
    await access.aclose()


LONG_IDS = [f"m-{n:03}-{'x' * 50}" for n in range(90)]


def orders_of(names):
    return page(*(ordered(f"r-{n}", f"Medication/{name}") for n, name in enumerate(names)))


def medications(request):
    return page(*(resource("Medication", name) for name in request.url.params["_id"].split(",")))


async def test_ids_are_asked_for_in_addresses_that_are_short_enough(ehr, fetch):
    ehr.get(f"{EHR}/MedicationRequest").mock(orders_of(LONG_IDS))
    route = ehr.get(f"{EHR}/Medication").mock(side_effect=medications)
    found = await fetch(REQUESTS)
    assert sorted(ids(found[REFERENCES])) == LONG_IDS
    lengths = [len(str(call.request.url)) for call in route.calls]
    assert max(lengths) < 1_500
    assert len(lengths) == 4, "and in no more than needed"


@pytest.mark.parametrize("status", [404, 414, 431])
@pytest.mark.parametrize("longest", [1_000, 600])
async def test_an_address_that_is_still_too_long_is_split_further(ehr, fetch, status, longest):
    def answer(request):
        return httpx.Response(status) if len(str(request.url)) > longest else medications(request)

    ehr.get(f"{EHR}/MedicationRequest").mock(orders_of(LONG_IDS))
    ehr.get(f"{EHR}/Medication").mock(side_effect=answer)
    ehr.post(f"{EHR}/Medication/_search").respond(status)
    found = (await fetch(REQUESTS))[REFERENCES]
    assert (sorted(ids(found)), found.gap) == (LONG_IDS, None)


def read(request):
    name = request.url.path.rpartition("/")[2]
    return httpx.Response(404) if name == "m-gone" else httpx.Response(200, json=resource("Medication", name))


@pytest.mark.parametrize("status", [400, 403, 404, 405, 501])
async def test_where_ids_cannot_be_searched_each_is_read(ehr, fetch, status):
    ehr.get(f"{EHR}/MedicationRequest").mock(orders_of(["m-1", "m-2", "m-gone"]))
    ehr.get(f"{EHR}/Medication").respond(status)
    ehr.post(f"{EHR}/Medication/_search").respond(status)
    ehr.get(url__startswith=f"{EHR}/Medication/").mock(side_effect=read)
    found = (await fetch(REQUESTS))[REFERENCES]
    assert (sorted(ids(found)), found.gap) == (["m-1", "m-2"], None)


async def test_what_may_not_be_read_either_is_tried_once(ehr, fetch):
    ehr.get(f"{EHR}/MedicationRequest").mock(orders_of(["m-1", "m-2", "m-3"]))
    ehr.get(f"{EHR}/Medication").respond(403)
    route = ehr.get(url__startswith=f"{EHR}/Medication/").respond(403)
    assert (await fetch(REQUESTS))[REFERENCES].gap == "not authorised for this data"
    assert len(route.calls) == 1


@pytest.mark.parametrize("status", [401, 500, 503])
async def test_other_failures_of_a_search_lead_to_no_read(ehr, fetch, status):
    ehr.get(f"{EHR}/MedicationRequest").mock(orders_of(["m-1", "m-2"]))
    ehr.get(f"{EHR}/Medication").respond(status)
    route = ehr.get(url__startswith=f"{EHR}/Medication/").mock(side_effect=read)
    assert (await fetch(REQUESTS))[REFERENCES].gap
    assert not route.called


@pytest.mark.parametrize("names", [[f"m-{n}" for n in range(8)], LONG_IDS], ids=["in one search", "in several"])
async def test_there_is_an_end_to_reads_and_what_is_left_is_told(ehr, names):
    access = FhirAccess(1.0, bounds=Bounds(reads=5))
    ehr.get(f"{EHR}/MedicationRequest").mock(orders_of(names))
    ehr.get(f"{EHR}/Medication").respond(400)
    route = ehr.get(url__startswith=f"{EHR}/Medication/").mock(side_effect=read)
    found = await access.fetch(TARGET, {"medicationRequests": REQUESTS}, deadline=Deadline(1))
    assert len(found[REFERENCES].resources) == len(route.calls) == 5
    assert found[REFERENCES].gap == "the server refused"
    await access.aclose()


async def test_reads_end_at_the_deadline_like_everything_else(ehr, fetch):
    async def slowly(request):
        await asyncio.sleep(0.3 if request.url.path.endswith("m-2") else 0)
        return read(request)

    ehr.get(f"{EHR}/MedicationRequest").mock(orders_of(["m-1", "m-2"]))
    ehr.get(f"{EHR}/Medication").respond(400)
    ehr.get(url__startswith=f"{EHR}/Medication/").mock(side_effect=slowly)
    found = (await fetch(REQUESTS, seconds=0.2))[REFERENCES]
    assert (ids(found), found.gap) == (["m-1"], "not in time")


async def test_an_id_that_leads_elsewhere_is_not_asked_for(ehr, fetch):
    route = ehr.get(url__startswith="https://").respond(200)
    assert (await fetch(query("Patient/..")))["Patient"].gap == "not found"
    assert not route.called


@pytest.mark.attack("A cookie that joins the questions about two patients", "not sent")
async def test_cookies_of_one_answer_do_not_go_with_the_next_question(ehr, fetch):
    route = ehr.get(url__startswith=EHR).respond(200, json=searchset(), headers={"Set-Cookie": "session=1; Path=/"})
    await fetch(CONDITIONS)
    await fetch(CONDITIONS)
    assert "cookie" not in route.calls.last.request.headers


async def test_no_proxy_or_password_file_of_the_machine_is_used(ehr, fetch, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine fhir.example.org login someone password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    route = ehr.get(url__startswith=EHR).mock(page())
    await fetch(CONDITIONS, target=Target(TARGET.base))
    assert "authorization" not in route.calls.last.request.headers


async def test_neither_token_nor_patient_is_logged(ehr, fetch, caplog):
    caplog.set_level(logging.DEBUG)
    ehr.get(url__startswith=EHR).respond(500)
    await fetch(PATIENT, CONDITIONS)
    assert "pat-1" not in caplog.text
    assert "secret" not in caplog.text
    assert "secret" not in repr(TARGET)


def test_the_http_library_is_loaded_by_the_first_fetch_and_not_before():
    # In a process of its own, as the tests themselves load it.
    code = "import cds_service.decisions.service, sys; print('httpx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def reach(**how):
    return FhirGrant(FhirAccess(1.0), Servers.listed(["https://fhir.example.org", "http://hapi.lan/fhir"], **how))


def test_a_listed_server_is_called_with_its_token():
    target = reach().target(EHR, "token", authorized=True)
    assert (target.base.url, target.token) == (EHR, "token")


def test_in_open_mode_a_server_may_need_no_token():
    assert reach(open=True).target("http://hapi.lan/fhir", None, authorized=False).token is None


@pytest.mark.parametrize(
    ("server", "token", "authorized", "why"),
    [
        (None, None, False, "no FHIR server"),
        ("https://evil.example/r4", "token", True, "FHIR server not allowed"),
        ("http://hapi.lan/fhir", "token", True, "FHIR server not allowed"),
        (EHR, None, True, "token not usable"),
        (EHR, "to\r\nken", True, "token not usable"),
        (EHR, "tökén", True, "token not usable"),
        (EHR, None, False, "no token"),
    ],
)
def test_why_a_server_is_not_asked(server, token, authorized, why):
    assert reach().target(server, token, authorized=authorized) == why


def test_a_token_that_cannot_be_used_is_not_replaced_by_asking_without():
    assert reach(open=True).target(EHR, None, authorized=True) == "token not usable"
