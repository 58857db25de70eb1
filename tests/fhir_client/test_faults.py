"""Whatever a FHIR server does, the answer leaves in time, says what was not had, and leaves the connections whole.

Time is real here, and the server too. Besides the deadline and a tenth of it, a run is given ``MARGIN`` for the
server, which shares the process, and twice what the machine was late by itself meanwhile.
"""

import asyncio
import datetime
import os
import ssl
import time
from contextlib import asynccontextmanager

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cds_service.facts.queries import TEMPLATES
from cds_service.fhir.sources import query
from cds_service.fhir_client.access import FhirAccess
from cds_service.fhir_client.egress import Base, Resolver, networks
from cds_service.fhir_client.target import Deadline, Target
from cds_service.hooks.prefetch import resolve
from tests.fhir_client import misbehaving
from tests.fhir_client.misbehaving import FAULTS, searchset, sends
from tests.lateness import measured

pytestmark = [pytest.mark.anyio, pytest.mark.timing]

DEADLINE = 0.1
LONG = 2.0
MARGIN = 0.05
FANOUTS = int(os.environ.get("FANOUTS", "700"))
QUERIES = {key: query(resolve(template, "pat-1")) for key, template in TEMPLATES.items()}
SHORT = {
    "hangs": "not in time",
    "drips a byte a second": "not in time",
    "drips its headers": "not in time",
    "floods with what is no answer yet": "answer unreadable",
    "floods with headers": "answer unreadable",
    "floods with headers of what is no answer yet": "answer unreadable",
    "floods with single bytes": "not in time",
    "resets": "no connection",
    "hangs up": "no connection",
    "redirects": "redirected",
    "sends 500 MB": "answer too large",
    "sends invalid JSON": "answer unreadable",
    "sends what is not packed as packed": "answer unreadable",
    "sends HTML": "answer unreadable",
    "sends HTML as JSON": "answer unreadable",
    "sends an endless chain of pages": "more pages",
    "fails": "the server failed",
}


@pytest.fixture
async def server():
    async with misbehaving.running() as running:
        yield running


@pytest.fixture
async def access():
    made = FhirAccess(DEADLINE)
    await made.ready()
    yield made
    await made.aclose()


def target(server):
    return Target(Base.of(server.url), "a-secret-token")


async def in_time(access, asked):
    """What came, in time."""
    with measured() as late:
        started = time.perf_counter()
        found = await access.fetch(asked, QUERIES, deadline=Deadline(DEADLINE))
        seconds = time.perf_counter() - started
    assert seconds <= DEADLINE * 1.1 + MARGIN + 2 * late.worst
    return found


def others(found, key):
    return {one.gap for other, one in found.items() if other != key}


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_fault_of_each_key_costs_that_key_and_no_time(server, access, fault):
    for key, asked in QUERIES.items():
        server.answers = {asked.kind.__name__: FAULTS[fault]}
        found = await in_time(access, target(server))
        assert found[key].gap in (SHORT[fault], "not in time")
        if others(found, key) != {None}:
            # A busy machine may need longer for fifteen good answers.
            found = await access.fetch(target(server), QUERIES, deadline=Deadline(LONG))
        assert others(found, key) == {None}


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_fault_of_every_key_at_once_costs_no_time(server, access, fault):
    server.answers = {asked.kind.__name__: FAULTS[fault] for asked in QUERIES.values()}
    found = await in_time(access, target(server))
    assert all(one.gap for one in found.values())


async def test_a_few_answers_before_the_answer_are_passed_over(server, access):
    hints = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
    body = b'{"resourceType": "Bundle", "type": "searchset", "total": 0,' + b"\n" * 1_000 + b'"entry": []}'

    async def hinting(_, __, writer):
        writer.write(hints * 10 + misbehaving.head(Content_Length=len(body)) + body)

    server.answers = {"Condition": hinting}
    for _ in range(2):  # also on a connection that was used before
        found = await access.fetch(target(server), QUERIES, deadline=Deadline(LONG))
        assert found["conditions"].gap is None


@pytest.mark.attack(
    "A small answer of a FHIR server that unpacks to a huge one", "unpacked to the limit, then unavailable"
)
async def test_a_packed_answer_is_never_unpacked_beyond_the_limit(server, access):
    server.answers = {"Condition": misbehaving.bomb()}
    found = await in_time(access, target(server))
    assert found["conditions"].gap in ("answer too large", "not in time")


async def test_a_server_that_is_not_there_is_told_at_once(access):
    nowhere = Target(Base.of("http://127.0.0.1:1/fhir"))
    found = await access.fetch(nowhere, QUERIES, deadline=Deadline(LONG))
    assert {one.gap for one in found.values()} == {"no connection"}


@asynccontextmanager
async def looking_up(lookup, permitted=()):
    access = FhirAccess(DEADLINE, Resolver(networks(permitted), lookup))
    await access.ready()
    yield access
    await access.aclose()


async def test_a_name_that_hangs_costs_no_time():
    async def hangs(_):
        await asyncio.sleep(60)

    async with looking_up(hangs) as access:
        found = await in_time(access, Target(Base.of("http://slow.example/fhir")))
    assert {one.gap for one in found.values()} == {"not in time"}


@pytest.mark.parametrize(("permitted", "why"), [((), "no connection"), (("127.0.0.0/8",), None)])
@pytest.mark.attack("A listed name that leads to this machine", "not connected")
async def test_a_name_is_connected_only_where_its_address_may_be(server, permitted, why):
    async def lookup(_):
        return ["127.0.0.1"]

    async with looking_up(lookup, permitted) as access:
        named = Target(Base.of(f"http://ehr.example:{server.port}/fhir"), "a-secret-token")
        found = await access.fetch(named, {"conditions": QUERIES["conditions"]}, deadline=Deadline(LONG))
    assert found["conditions"].gap == why
    assert [asked.headers["host"] for asked in server.asked] == ([] if why else [f"ehr.example:{server.port}"])


async def test_the_next_address_of_a_name_is_tried(server):
    async def lookup(_):
        return ["127.1.2.3", "127.0.0.1"]

    async with looking_up(lookup, ["127.0.0.0/8"]) as access:
        named = Target(Base.of(f"http://ehr.example:{server.port}/fhir"))
        found = await access.fetch(named, {"conditions": QUERIES["conditions"]}, deadline=Deadline(LONG))
    assert found["conditions"].gap is None


@pytest.mark.attack("A FHIR server with the certificate of another", "not called")
async def test_the_certificate_must_be_that_of_the_name(monkeypatch, tmp_path):
    authority = x509_for("ehr.example", tmp_path)

    async def lookup(_):
        return ["127.0.0.1"]

    async def both(access):
        async with misbehaving.running(tls=authority) as server:
            names = ("ehr.example", "other.example")
            targets = (Target(Base.of(f"https://{name}:{server.port}/fhir")) for name in names)
            asked = {"conditions": QUERIES["conditions"]}
            return [(await access.fetch(one, asked, deadline=Deadline(1)))["conditions"].gap for one in targets]

    async with looking_up(lookup, ["127.0.0.0/8"]) as access:
        assert await both(access) == ["no connection", "no connection"]
    monkeypatch.setattr(
        "cds_service.fhir_client.transport.trusted",
        lambda: ssl.create_default_context(cafile=tmp_path / "certificate.pem"),
    )
    async with looking_up(lookup, ["127.0.0.0/8"]) as access:
        assert await both(access) == [None, "no connection"]


def x509_for(name, folder):
    """A server's context with a certificate for the name, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 1)
        .not_valid_before(datetime.datetime(2020, 1, 1))
        .not_valid_after(datetime.datetime(2120, 1, 1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "certificate.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(private)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context


@pytest.mark.attack("A FHIR server that redirects or pages to another host", "the token stays at home")
async def test_the_token_is_seen_by_no_other_host(server, access):
    async with misbehaving.running() as other:
        for answer in (
            misbehaving.redirects(f"{other.url}/Condition"),
            sends(searchset(link=[{"relation": "next", "url": f"{other.url}/Condition?page=2"}])),
            sends(searchset({"resourceType": "Condition", "encounter": {"reference": f"{other.url}/Encounter/1"}})),
            sends(searchset(), Location=f"{other.url}/Condition", Content_Location=f"{other.url}/Condition"),
        ):
            server.answers = {"Condition": answer, "Patient": answer}
            await access.fetch(target(server), QUERIES, deadline=Deadline(LONG))
        assert (other.asked, other.connections) == ([], 0)
    assert {asked.headers.get("authorization") for asked in server.asked} == {"Bearer a-secret-token"}


async def test_connections_are_kept(server, access):
    for _ in range(3):
        await access.fetch(target(server), QUERIES, deadline=Deadline(LONG))
    assert len(server.asked) == 3 * len(QUERIES)
    assert server.connections <= len(QUERIES)


async def test_a_connection_that_the_server_closed_meanwhile_is_replaced(server, access):
    await access.fetch(target(server), QUERIES, deadline=Deadline(LONG))
    for task in list(server.under_way):
        task.cancel()
    found = await access.fetch(target(server), QUERIES, deadline=Deadline(LONG))
    assert {one.gap for one in found.values()} == {None}


async def test_a_hanging_server_does_not_keep_others_waiting(server, access):
    server.answers = {asked.kind.__name__: misbehaving.hangs for asked in QUERIES.values()}
    async with misbehaving.running() as other:
        stuck = [asyncio.create_task(access.fetch(target(server), QUERIES, deadline=Deadline(0.5))) for _ in range(15)]
        await asyncio.sleep(0.1)
        found = await access.fetch(target(other), QUERIES, deadline=Deadline(LONG))
        assert {one.gap for one in found.values()} == {None}
        for task in stuck:
            task.cancel()
        await asyncio.wait(stuck)


async def closes(there, asked, writer):
    """So that the next question has to connect, which is when cancelling is dangerous."""
    nothing = {"resourceType": "Patient"} if asked.name == "Patient" else searchset(total=0)
    await sends(nothing, Connection="close")(there, asked, writer)
    writer.close()


def lost(access):
    """Connections that the pool believes to be at work though nobody waits for them."""
    client = access._opening.result()
    pool = client._http._transport._pool
    busy = [one for one in pool.connections if not one.is_idle() and not one.is_closed()]
    return busy, pool._requests, client._under_way, {slots._value for slots in client._slots.values()}


async def test_however_many_are_given_up_at_whatever_moment_no_connection_is_lost(server, access):
    server.answers = {"Patient": closes, "Condition": closes}
    few = {key: QUERIES[key] for key in ("patient", "conditions", "medicationRequests")}
    for number in range(FANOUTS):
        task = asyncio.create_task(access.fetch(target(server), few, deadline=Deadline(DEADLINE)))
        for _ in range(number % 70):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,))
    for number in range(FANOUTS):
        await access.fetch(target(server), few, deadline=Deadline(0.0002 * (number % 40)))
    await asyncio.sleep(2 * DEADLINE)
    assert lost(access) == ([], [], set(), {128})
    found = await access.fetch(target(server), QUERIES, deadline=Deadline(1))
    assert {one.gap for one in found.values()} == {None}
