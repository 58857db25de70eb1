"""Several EHRs under one issuer: the token says whose it is, and the key of one never signs for another."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import respx
from joserfc import jws
from joserfc.jwk import ECKey

from cds_service.errors import NotAuthenticated, SettingsError
from cds_service.record.used_tokens_file import UsedTokensFile
from cds_service.trust.clients import Clients, read_clients
from cds_service.trust.fetching import fetch_key_set
from cds_service.trust.jwks import KeyRing
from cds_service.trust.tokens import Verifier
from tests.trust.ehr import BASE, CALL, EC_KEY, ISSUER, RSA_KEY, claims, token

pytestmark = pytest.mark.anyio

NORTH = EC_KEY
SOUTH = ECKey.generate_key("P-384", {"kid": NORTH.kid, "use": "sig"})
"""Its id is that of the other's key: ids are each signer's own."""

KEYS = {"north": NORTH, "south": SOUTH}
ADDRESS = {name: f"https://{name}.test.example/keys" for name in KEYS}
Says = Callable[[str], str]


def own_tenants(name: str) -> str:
    return f'jwks = "{name}.json"\ntenants = ["{name}", "{name}-2"]'


def own_address(name: str) -> str:
    return f'jku = "{ADDRESS[name]}"'


def own_tenants_at_one_address(name: str) -> str:
    return f'jku = "{ADDRESS["north"]}"\ntenants = ["{name}"]'


def written(folder: Path, says: Says) -> Path:
    for name, key in KEYS.items():
        (folder / f"{name}.json").write_text(key_set(key))
    path = folder / "clients.toml"
    path.write_text("\n".join(f'[[client]]\nname = "{name}"\nissuer = "{ISSUER}"\n{says(name)}' for name in KEYS))
    return path


def key_set(key: Any) -> str:
    return json.dumps({"keys": [key.as_dict(private=False)]})


@asynccontextmanager
async def trusting(folder: Path, says: Says) -> AsyncIterator[Callable[..., Any]]:
    """Who is let in with a token, by name; None where nobody is. Each EHR's address holds its own keys."""
    clients = read_clients(written(folder, says))
    used = UsedTokensFile(folder / "tokens.sqlite")
    verifier = Verifier(clients, KeyRing(clients, fetch_key_set), used, (BASE,))

    async def who(bearer: str) -> str | None:
        try:
            client, _ = await verifier.verify([f"Bearer {bearer}"], CALL, None)
        except NotAuthenticated:
            return None
        return client.name

    with respx.mock(assert_all_called=False) as outside:
        for name, address in ADDRESS.items():
            outside.get(address).respond(text=key_set(KEYS[name]))
        yield who
    used.close()


async def test_the_tenant_says_whose_key_counts(tmp_path: Path) -> None:
    async with trusting(tmp_path, own_tenants) as who:
        assert await who(token(NORTH, tenant="north")) == "north"
        assert await who(token(NORTH, tenant="north-2")) == "north"
        assert await who(token(SOUTH, tenant="south")) == "south"


@pytest.mark.attack("An EHR that signs for another of its issuer", "401")
@pytest.mark.parametrize("tenant", ["south", "south-2", "west", "", None, ..., ["north"], {"north": 1}, 1, True])
async def test_a_key_signs_for_no_tenant_but_its_own(tmp_path: Path, tenant: Any) -> None:
    async with trusting(tmp_path, own_tenants) as who:
        assert await who(token(NORTH, tenant=tenant)) is None


async def test_the_key_address_says_whose_key_counts(tmp_path: Path) -> None:
    async with trusting(tmp_path, own_address) as who:
        for name, key in KEYS.items():
            assert await who(token(key, header={"jku": ADDRESS[name]})) == name


@pytest.mark.attack("A token that names the key address of another EHR of its issuer", "401")
@pytest.mark.parametrize(
    "jku",
    [ADDRESS["south"], ADDRESS["north"] + "#", ADDRESS["north"] + "/", "https://evil.example/keys", ...],
)
async def test_a_key_signs_for_no_address_but_its_own(tmp_path: Path, jku: Any) -> None:
    async with trusting(tmp_path, own_address) as who:
        assert await who(token(NORTH, header={"jku": jku})) is None


async def test_one_address_may_hold_the_keys_of_all_tenants_and_is_asked_once(tmp_path: Path) -> None:
    async with trusting(tmp_path, own_tenants_at_one_address) as who:
        for name in KEYS:
            assert await who(token(NORTH, tenant=name)) == name
            assert await who(token(NORTH, tenant=name, header={"jku": ADDRESS["north"]})) == name
            assert await who(token(NORTH, tenant=name, header={"jku": ADDRESS["south"]})) is None
        assert await who(token(NORTH, tenant="west")) is None
        assert len(respx.calls) == 0
        assert await who(token(RSA_KEY, tenant="north")) is None


async def test_a_claim_that_stands_twice_lets_nobody_sign_for_another(tmp_path: Path) -> None:
    async with trusting(tmp_path, own_tenants) as who:
        for first, second in (("north", "south"), ("south", "north")):
            said = json.dumps(claims(tenant=second))
            twice = f'{{"tenant": "{first}", {said[1:]}'
            for name, key in KEYS.items():
                head = {"alg": "ES384", "kid": key.kid}
                signed = jws.serialize_compact(head, twice.encode(), key, algorithms=["ES384"])
                assert await who(signed) in (None, name)


async def test_an_id_that_one_tenant_used_up_is_still_good_for_another(tmp_path: Path) -> None:
    async with trusting(tmp_path, own_tenants) as who:
        for name, key in KEYS.items():
            assert await who(token(key, tenant=name, jti="1")) == name
            assert await who(token(key, tenant=name, jti="1")) is None


CLIENT = '[[client]]\nname = "{}"\nissuer = "https://one.example"\n{}\n'


def pair(one: str, other: str) -> str:
    return CLIENT.format("a", one) + CLIENT.format("b", other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('jku = "https://a.example"', 'jku = "https://a.example"'),
        ('jku = "https://a.example"\ntenants = ["a"]', 'jku = "https://a.example"'),
        ('jku = "https://a.example"\ntenants = ["a", "b"]', 'jku = "https://a.example"\ntenants = ["b", "c"]'),
        ('jku = "https://a.example"', 'jwks = "north.json"'),
        ('jwks = "north.json"', 'jwks = "south.json"'),
        ('jwks = "north.json"\ntenants = ["a"]', 'jwks = "south.json"'),
        ('jwks = "north.json"\ntenants = ["a"]', 'jku = "https://a.example"'),
    ],
)
def test_two_of_one_issuer_that_no_token_tells_apart_are_a_fault(tmp_path: Path, one: str, other: str) -> None:
    path = written(tmp_path, own_tenants)
    path.write_text(pair(one, other))
    with pytest.raises(SettingsError, match=r"a, b: issuer: .*one.* stands twice, and no token would say"):
        read_clients(path)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('jku = "https://a.example"', 'jku = "https://b.example"'),
        ('jku = "https://a.example"\ntenants = ["a"]', 'jku = "https://b.example"\ntenants = ["a"]'),
        ('jku = "https://a.example"\ntenants = ["a"]', 'jku = "https://a.example"\ntenants = ["b"]'),
        ('jwks = "north.json"\ntenants = ["a"]', 'jwks = "north.json"\ntenants = ["b"]'),
    ],
)
def test_what_tokens_tell_apart_is_taken(tmp_path: Path, one: str, other: str) -> None:
    path = written(tmp_path, own_tenants)
    path.write_text(pair(one, other))
    assert list(read_clients(path).by_name) == ["a", "b"]


def spaces(says: Says, folder: Path) -> list[str]:
    clients: Clients = read_clients(written(folder, says))
    return [clients.namespace(client) for client in clients.by_name.values()]


def test_patients_of_two_ehrs_are_told_apart_by_tenant_or_by_key_address(tmp_path: Path) -> None:
    assert spaces(own_tenants, tmp_path) == [ISSUER, ISSUER]
    assert spaces(own_address, tmp_path) == [f"{ISSUER} {ADDRESS[name]}" for name in KEYS]
