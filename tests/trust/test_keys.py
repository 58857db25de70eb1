"""Keys fetched from a configured address: cached, asked for rarely, kept while the address fails."""

import json

import pytest

from cds_service.trust.clients import Client, Clients
from cds_service.trust.keys import KeyRing
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

    async def fetch(self, address: str) -> bytes:
        self.asked.append(address)
        if self.fails:
            raise OSError
        return json.dumps({"keys": [key.as_dict(private=False) for key in self.keys]}).encode()

    def ring(self) -> KeyRing:
        return KeyRing(Clients({ISSUER: CLIENT}, {}), self.fetch, lambda: self.now)


async def test_keys_are_fetched_once_and_held() -> None:
    address = Address()
    ring = address.ring()
    assert await ring.find(CLIENT, "k1")
    assert await ring.find(CLIENT, "k1")
    assert address.asked == [CLIENT.jku]


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
    address.now = 100_000.0
    assert await ring.find(CLIENT, "k1") is None


async def test_a_set_without_usable_keys_is_no_set() -> None:
    address = Address()
    address.keys = []
    assert await address.ring().find(CLIENT, "k1") is None
