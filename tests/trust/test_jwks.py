"""Keys fetched from a configured address: cached, asked for rarely, kept while the address fails."""

import asyncio
import json

import pytest

from cds_service.trust.clients import Client, Clients, public_keys
from cds_service.trust.jwks import KeyRing
from tests.trust.ehr import EC_KEY, ISSUER, RSA_KEY

pytestmark = pytest.mark.anyio
CLIENT = Client(name="ehr", issuer=ISSUER, jku="https://ehr.test.example/keys")


class Address:
    """Stands in for the EHR's key address and the clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked: list[str] = []
        self.keys = [EC_KEY]
        self.fails = False
        self.hangs: asyncio.Event | None = None
        self.told: list[tuple[str, str]] = []

    async def fetch(self, address: str) -> bytes:
        self.asked.append(address)
        if self.hangs:
            await self.hangs.wait()
        if self.fails:
            raise OSError
        return json.dumps({"keys": [key.as_dict(private=False) for key in self.keys]}).encode()

    def ring(self) -> KeyRing:
        return KeyRing(
            Clients({CLIENT.name: CLIENT}, {}), self.fetch, lambda: self.now, lambda *told: self.told.append(told)
        )


async def test_keys_are_fetched_once_and_held() -> None:
    address = Address()
    ring = address.ring()
    assert await ring.find(CLIENT, "k1")
    assert await ring.find(CLIENT, "k1")
    assert address.asked == [CLIENT.jku]


@pytest.mark.attack("A flood of tokens with unknown key ids", "one fetch a minute")
async def test_an_unknown_kid_is_asked_for_once_a_minute_at_most() -> None:
    address = Address()
    ring = address.ring()
    for _ in range(20):
        assert await ring.find(CLIENT, "k2") is None
    assert len(address.asked) == 1
    address.now, address.keys = 61.0, [EC_KEY, RSA_KEY]
    assert await ring.find(CLIENT, "k2")
    assert len(address.asked) == 2


async def test_the_last_good_set_is_kept_while_the_address_fails() -> None:
    address = Address()
    ring = address.ring()
    assert await ring.find(CLIENT, "k1")
    address.now, address.fails = 3600.0, True
    assert await ring.find(CLIENT, "k1")
    await asyncio.sleep(0)
    assert len(address.asked) == 2
    address.now = 100_000.0
    assert await ring.find(CLIENT, "k1") is None


async def test_a_set_without_usable_keys_is_no_set() -> None:
    address = Address()
    address.keys = []
    assert await address.ring().find(CLIENT, "k1") is None


@pytest.mark.timing
async def test_a_call_whose_key_is_held_does_not_wait_for_a_new_set() -> None:
    address = Address()
    ring = address.ring()
    assert await ring.find(CLIENT, "k1")
    address.now, address.keys, address.hangs = 1000.0, [RSA_KEY], asyncio.Event()
    assert await asyncio.wait_for(ring.find(CLIENT, "k1"), 1)
    assert await asyncio.wait_for(ring.find(CLIENT, "k1"), 1)
    address.hangs.set()
    assert await ring.find(CLIENT, "k2")
    assert len(address.asked) == 2
    assert await ring.find(CLIENT, "k1") is None


async def test_calls_with_an_unknown_key_wait_for_one_fetch_together() -> None:
    address = Address()
    ring = address.ring()
    found = await asyncio.gather(*(ring.find(CLIENT, "k1") for _ in range(20)))
    assert all(found)
    assert len(address.asked) == 1


async def test_keys_are_asked_for_at_the_start() -> None:
    address = Address()
    ring = address.ring()
    ring.prepare()
    await asyncio.sleep(0)
    assert await ring.find(CLIENT, "k1")
    assert address.asked == [CLIENT.jku]


async def test_every_fetch_is_told_with_its_outcome() -> None:
    address = Address()
    ring = address.ring()
    await ring.find(CLIENT, "k1")
    address.now, address.fails = 3600.0, True
    await ring.find(CLIENT, "k2")
    assert address.told == [("ehr", "fetched"), ("ehr", "failed")]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"keys": 3}', b'{"keys": [null, {"kty": "EC"}]}', b"[" * 100_000, b"\xff"]
)
async def test_an_answer_that_is_no_key_set_costs_nothing_that_is_held(body: bytes) -> None:
    address = Address()
    ring = address.ring()
    assert await ring.find(CLIENT, "k1")

    async def fetch(_: str) -> bytes:
        return body

    address.now, ring._fetch = 3600.0, fetch
    assert await ring.find(CLIENT, "k2") is None
    assert await ring.find(CLIENT, "k1")


async def test_a_key_that_cannot_be_read_does_not_cost_its_neighbours() -> None:
    broken = {"kty": "EC", "crv": "P-0", "kid": "k1", "x": "a", "y": "b"}
    found = public_keys({"keys": [broken, {"kty": "oct", "k": "c2VjcmV0", "kid": "k3"}, RSA_KEY.as_dict(private=True)]})
    assert [key.kid for key in found.keys] == ["k2"]
    assert not any(key.is_private for key in found.keys)
