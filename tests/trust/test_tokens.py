"""Who is let in, and that everyone else gets the same answer."""

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from joserfc import jws
from joserfc.jwk import ECKey, KeySet, RSAKey

from cds_service.errors import NotAuthenticated
from cds_service.record.used_tokens_file import UsedTokensFile
from cds_service.trust import tokens
from cds_service.trust.clients import Client, Clients, public_keys
from cds_service.trust.fetching import fetch_key_set
from cds_service.trust.jwks import KeyRing
from cds_service.trust.tokens import PUBLISHED_KEYS, Verifier
from cds_service.web import assembly
from tests.trust.ehr import (
    BASE,
    CALL,
    CLIENTS,
    EC_KEY,
    ISSUER,
    RSA_KEY,
    STRANGER,
    call,
    claims,
    guarding,
    token,
)

pytestmark = pytest.mark.anyio


def _unsigned() -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none', 'kid': 'k1', 'typ': 'JWT'})}.{part(claims())}."


def _confused(algorithm: str, digest: str) -> str:
    """Signed with the public key as if it were a shared secret."""

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    head = part(json.dumps({"alg": algorithm, "kid": "k1", "typ": "JWT"}).encode())
    signed = f"{head}.{part(json.dumps(claims()).encode())}"
    pem = EC_KEY.as_pem(private=False)
    return f"{signed}.{part(hmac.new(pem, signed.encode(), getattr(hashlib, digest)).digest())}"


def _of_bytes(payload: bytes) -> str:
    """Signed by the right key, whatever it says."""
    return jws.serialize_compact({"alg": "ES384", "kid": "k1", "typ": "JWT"}, payload, EC_KEY, algorithms=["ES384"])


NOW = int(time.time())
ELSEWHERE = "https://evil.example/keys"
REFUSED = {
    "no token": None,
    "unsigned": _unsigned(),
    "HMAC with the public key, 256": _confused("HS256", "sha256"),
    "HMAC with the public key, 384": _confused("HS384", "sha384"),
    "signed by a stranger under our kid": token(STRANGER),
    "unknown kid": token(header={"kid": "k9"}),
    "no kid": token(header={"kid": ...}),
    "issuer unknown": token(iss="https://other.example"),
    "issuer missing": token(iss=...),
    "expired": token(iat=NOW - 900, exp=NOW - 600),
    "issued in the future": token(iat=NOW + 86_400, exp=NOW + 86_700),
    "not before the future": token(nbf=NOW + 86_400),
    "lives a day": token(exp=NOW + 86_400),
    "expiry missing": token(exp=...),
    "expiry in words": token(exp="soon"),
    "expiry true": token(exp=True),
    "issued before all time": token(iat=-(10**400), exp=NOW + 300.5),
    "issue time missing": token(iat=...),
    "token id missing": token(jti=...),
    "token id half a character": _of_bytes(json.dumps(claims(jti="\ud800")).encode()),
    "expiry no number at all": _of_bytes(json.dumps(claims(exp=float("nan"))).encode()),
    "expiry endless": _of_bytes(json.dumps(claims(exp=float("inf"), iat=float("inf"))).encode()),
    "claims that are no object": _of_bytes(b"[]"),
    "claims nested beyond reason": _of_bytes(b"[" * 1500),
    "token id empty": token(jti=""),
    "audience missing": token(aud=...),
    "audience another service": token(aud=f"{BASE}/cds-services/rbd-order-sign"),
    "audience the base only": token(aud=BASE),
    "audience another host": token(aud=f"https://evil.example{CALL}"),
    "audience with a slash more": token(aud=f"{BASE}{CALL}/"),
    "tenant not listed": token(tenant="south"),
    "tenant missing": token(tenant=...),
    "typ other": token(header={"typ": "at+jwt"}),
    "header with a key of its own": token(header={"jwk": EC_KEY.as_dict(private=False)}),
    "RSA key id with an EC algorithm": token(EC_KEY, header={"kid": "k2"}),
    "oversized": "a" * 9_000 + ".b.c",
    "two parts": "a.b",
    "not base64": "!!.!!.!!",
    "header is a list": base64.urlsafe_b64encode(b"[]").decode() + ".e30.x",
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.attack(
    "A forged token: unsigned, signed by a stranger or with the public key as a secret, run out, "
    "for another address, issuer or tenant, oversized, garbled",
    "the same 401, whatever is wrong",
)
async def test_is_refused_with_the_one_answer(case: str, guarded: httpx.AsyncClient) -> None:
    answer = await call(guarded, REFUSED[case])
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    said = answer.json()["issue"][0]
    assert said["code"] == "login"
    assert said["details"]["text"] == "The call is not authenticated."


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"aud": [BASE + CALL]},
        {"aud": ["https://else.example", BASE + CALL]},
        {"aud": f"https://alias.test.example{CALL}"},
        {"sub": "our-id", "nbf": NOW - 300},
        {"header": {"foo": 1, "x5t": "abc"}},
    ],
    ids=["string", "array", "array with another", "configured alias", "claims of Epic", "a header with more"],
)
async def test_a_valid_token_is_let_in(changed: dict[str, Any], guarded: httpx.AsyncClient) -> None:
    assert (await call(guarded, token(**changed))).status_code == 200


async def test_an_rsa_signature_is_let_in(guarded: httpx.AsyncClient) -> None:
    assert (await call(guarded, token(RSA_KEY))).status_code == 200


@pytest.mark.attack("A token that is sent again", "401")
async def test_a_token_is_good_for_one_call(guarded: httpx.AsyncClient) -> None:
    bearer = token()
    assert [(await call(guarded, bearer)).status_code for _ in range(3)] == [200, 401, 401]


@pytest.mark.parametrize(("chosen", "status"), [("refuse", 503), ("admit", 200)])
async def test_a_token_of_which_other_hosts_may_know_is_refused_unless_the_site_chose_otherwise(
    clients_file: Path, chosen: str, status: int
) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:9/none"
    async with guarding(clients_file, database_url=nowhere, unchecked_tokens=chosen) as guarded:
        bearer = token()
        answer = await call(guarded, bearer)
        assert (answer.status_code, answer.headers.get("retry-after")) == (status, "1" if status == 503 else None)
        assert (await call(guarded, bearer)).status_code == 401
        assert f'rbd_cds_tokens_not_shared_total{{outcome="{chosen}' in (await guarded.get("/metrics")).text


@pytest.mark.attack("Two tokens in one call", "401")
async def test_two_authorization_headers_are_refused(guarded: httpx.AsyncClient) -> None:
    headers = [("Authorization", f"Bearer {token()}"), ("Authorization", f"Bearer {token()}")]
    answer = await guarded.post(CALL, content="{}", headers=[*headers, ("Content-Type", "application/json")])
    assert answer.status_code == 401


@pytest.mark.attack("A token in the address", "401")
async def test_a_token_in_the_address_counts_for_nothing(guarded: httpx.AsyncClient) -> None:
    assert (await call(guarded, None, f"{CALL}?access_token={token()}")).status_code == 401


@pytest.mark.attack("A Host header that fits the audience of a token for elsewhere", "401")
async def test_the_host_header_does_not_make_an_audience(guarded: httpx.AsyncClient) -> None:
    bearer = token(aud=f"https://evil.example{CALL}")
    assert (await call(guarded, bearer, headers={"Host": "evil.example"})).status_code == 401


@pytest.mark.attack("A known EHR at a service that it may not call", "403")
async def test_a_service_outside_the_client_s_list_is_forbidden(guarded: httpx.AsyncClient) -> None:
    path = "/cds-services/rbd-order-sign"
    assert (await call(guarded, token(aud=BASE + path), path)).status_code == 403


async def test_discovery_is_open_and_ignores_a_bad_token(guarded: httpx.AsyncClient) -> None:
    assert (await guarded.get("/cds-services", headers={"Authorization": "Bearer rubbish"})).status_code == 200


async def test_discovery_asks_for_a_token_where_the_site_wants_it(clients_file: Path) -> None:
    async with guarding(clients_file, discovery="token") as guarded:
        assert (await guarded.get("/cds-services")).status_code == 401
        for audience, status in ((f"{BASE}/cds-services", 200), (BASE + CALL, 401)):
            held = {"Authorization": f"Bearer {token(aud=audience)}"}
            answer = await guarded.get("/cds-services", headers=held)
            assert (answer.status_code, answer.headers["cache-control"]) == (status, "no-store")


async def test_feedback_takes_a_token_for_its_own_address_or_for_its_service(guarded: httpx.AsyncClient) -> None:
    path = f"{CALL}/feedback"
    for audience, status in ((path, 422), (CALL, 422), ("/cds-services", 401), (f"{path}/feedback", 401)):
        assert (await call(guarded, token(aud=BASE + audience), path)).status_code == status


@pytest.mark.attack("A page in a browser, of an origin that is not listed", "no leave to read the answer")
async def test_only_configured_origins_may_call_from_a_browser(guarded: httpx.AsyncClient) -> None:
    for origin, allowed in (("https://ehr.test.example", True), ("https://evil.example", False)):
        answer = await call(guarded, token(), headers={"Origin": origin})
        assert ("access-control-allow-origin" in answer.headers) is allowed


# Nobody steers the service to an address


@pytest.mark.attack("A token that names an address for its keys", "no call but to the address that is configured")
async def test_no_refused_token_makes_a_call_but_to_the_configured_address(clients_file: Path) -> None:
    keys = "https://ehr.test.example/keys"
    clients_file.write_text(CLIENTS.replace('jwks = "keys.json"', f'jku = "{keys}"'))
    with respx.mock(assert_all_called=False) as outside:
        outside.get(keys).respond(json={"keys": [EC_KEY.as_dict(private=False), RSA_KEY.as_dict(private=False)]})
        async with guarding(clients_file) as guarded:
            for bearer in (*REFUSED.values(), token(header={"jku": ELSEWHERE})):
                assert (await call(guarded, bearer)).status_code == 401
            assert (await call(guarded, token(header={"jku": keys}))).status_code == 200
            assert [str(made.request.url) for made in outside.calls] == [keys]


async def test_where_the_keys_are_a_file_an_address_in_the_token_is_passed_over(guarded: httpx.AsyncClient) -> None:
    with respx.mock(assert_all_called=False) as outside:
        assert (await call(guarded, token(header={"jku": ELSEWHERE}))).status_code == 200
        assert (await call(guarded, token(STRANGER, header={"jku": ELSEWHERE}))).status_code == 401
    assert not outside.calls


# The token that the standard prints, whose private key is printed beside it

PRINTED = (
    "eyJhbGciOiJFUzM4NCIsInR5cCI6IkpXVCIsImtpZCI6ImV4YW1wbGUta2lkIiwiamt1IjoiaHR0cHM6Ly9maGlyLWVoci5leGFtcGxlLmNvbS9q"
    "d2tfdXJpIn0.eyJpc3MiOiJodHRwczovL2ZoaXItZWhyLmV4YW1wbGUuY29tLyIsImF1ZCI6Imh0dHBzOi8vY2RzLmV4YW1wbGUub3JnL2Nkcy1"
    "zZXJ2aWNlcy9zb21lLXNlcnZpY2UiLCJleHAiOjE0MjI1Njg4NjAsImlhdCI6MTMxMTI4MDk3MCwianRpIjoiZWUyMmIwMjEtZTFiNy00NjExLWJ"
    "hNWItOGVlYzZhMzNhYzFlIiwidGVuYW50IjoiMmRkZDZjM2EtOGU5YS00NGM2LWEzMDUtNTIxMTFhZDMwMmEyIn0.d1WfLjGRKlcWB94l9do4cM"
    "8REXeYJLL6SGUBO8VHZhfM8mwKYP70EMxJ67War4TQblEpaQrp11wx5p7oPFm2ETYgCicS84vXWEIYTdjooZdooCSDf2L8-i4awdoUwiEb"
)
PRINTED_KEY = {
    "kty": "EC",
    "use": "sig",
    "crv": "P-384",
    "kid": "example-kid",
    "x": "46SDH7Znh821wblCBglA61sNE9ZrHYKKt3qRtRTmSXyOI_FIGBLWrWa0GPUkDCEk",
    "y": "XMcRuuoGW7CXjQdy-F5i3FeBE0x9hPLdeFdSoDd3ELmx404tLX0VRRcqzAsPhXcI",
    "alg": "ES384",
}
WHEN_PRINTED = 1311281000


async def printed_is_let_in(tmp_path: Path, at: float, *, on_trial: bool) -> bool:
    ehr = Client(name="ehr", issuer="https://fhir-ehr.example.com/", jku="https://fhir-ehr.example.com/jwk_uri")
    clients = Clients({ehr.name: ehr}, {ehr.name: public_keys({"keys": [PRINTED_KEY]})})
    replays = UsedTokensFile(tmp_path / "used.sqlite")
    ring = KeyRing(clients, fetch_key_set)
    verifier = Verifier(clients, ring, replays, ("https://cds.example.org",), lambda: at, on_trial=on_trial)
    try:
        admitted, _ = await verifier.verify([f"Bearer {PRINTED}"], "/cds-services/some-service", None)
        return admitted == ehr
    except NotAuthenticated:
        return False
    finally:
        replays.close()


async def test_the_printed_token_is_signed_by_the_printed_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "LONGEST_LIFE", 10 * 365 * 86_400)
    assert await printed_is_let_in(tmp_path, WHEN_PRINTED, on_trial=True)


@pytest.mark.parametrize(
    ("at", "on_trial"),
    [(WHEN_PRINTED, True), (time.time(), True), (WHEN_PRINTED, False)],
    ids=["when printed", "now", "when printed, not on trial"],
)
async def test_the_printed_token_is_refused(tmp_path: Path, at: float, on_trial: bool) -> None:
    """It lives three years, has expired, and anyone can sign with its key."""
    assert not await printed_is_let_in(tmp_path, at, on_trial=on_trial)


@pytest.mark.parametrize("kid", sorted(PUBLISHED_KEYS))
@pytest.mark.attack("A token signed with a private key that is published", "401, but on a loopback address")
async def test_a_published_key_counts_on_a_developer_s_machine_only(
    tmp_path: Path, kid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = ECKey.generate_key("P-384", {"kid": kid})
    clients = Clients({"ehr": Client(name="ehr", issuer=ISSUER)}, {"ehr": KeySet([known])})
    for base, status in ((BASE, 401), ("http://127.0.0.1:8000", 200)):
        monkeypatch.setattr(assembly, "read_clients", lambda *_: clients)
        async with guarding(tmp_path / "clients.toml", base) as guarded:
            assert (await call(guarded, token(known, aud=base + CALL))).status_code == status


async def test_keys_of_two_kinds_may_share_an_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = [RSAKey.generate_key(2048, {"kid": "k"}), ECKey.generate_key("P-384", {"kid": "k"})]
    clients = Clients({"ehr": Client(name="ehr", issuer=ISSUER)}, {"ehr": KeySet(both)})
    monkeypatch.setattr(assembly, "read_clients", lambda *_: clients)
    async with guarding(tmp_path / "clients.toml") as guarded:
        for key in both:
            assert (await call(guarded, token(key))).status_code == 200


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.attack("An RSA key that is too short", "it counts for no key")
def test_a_short_rsa_key_is_no_key() -> None:
    short = RSAKey.generate_key(1024, {"kid": "k"}).as_dict(private=False)
    with pytest.raises(ValueError, match="no usable key"):
        public_keys({"keys": [short]})
