"""Who is let in, and that everyone else gets the same answer."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import httpx
import pytest

from tests.trust.ehr import BASE, CALL, EC_KEY, RSA_KEY, STRANGER, call, claims, token

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


NOW = int(time.time())
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
    "jku steered elsewhere": token(header={"jku": "https://evil.example/keys"}),
    "expired": token(iat=NOW - 900, exp=NOW - 600),
    "issued in the future": token(iat=NOW + 600, exp=NOW + 900),
    "not before the future": token(nbf=NOW + 600),
    "lives a day": token(exp=NOW + 86_400),
    "expiry missing": token(exp=...),
    "expiry in words": token(exp="soon"),
    "expiry true": token(exp=True),
    "issued before all time": token(iat=-(10**400), exp=NOW + 300.5),
    "issue time missing": token(iat=...),
    "token id missing": token(jti=...),
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
    ],
    ids=["string", "array", "array with another", "configured alias", "claims of Epic"],
)
async def test_a_valid_token_is_let_in(changed: dict[str, Any], guarded: httpx.AsyncClient) -> None:
    assert (await call(guarded, token(**changed))).status_code == 200


async def test_an_rsa_signature_is_let_in(guarded: httpx.AsyncClient) -> None:
    assert (await call(guarded, token(RSA_KEY))).status_code == 200


async def test_a_token_is_good_for_one_call(guarded: httpx.AsyncClient) -> None:
    bearer = token()
    assert [(await call(guarded, bearer)).status_code for _ in range(3)] == [200, 401, 401]


async def test_two_authorization_headers_are_refused(guarded: httpx.AsyncClient) -> None:
    headers = [("Authorization", f"Bearer {token()}"), ("Authorization", f"Bearer {token()}")]
    answer = await guarded.post(CALL, content="{}", headers=[*headers, ("Content-Type", "application/json")])
    assert answer.status_code == 401


async def test_a_token_in_the_address_counts_for_nothing(guarded: httpx.AsyncClient) -> None:
    assert (await call(guarded, None, f"{CALL}?access_token={token()}")).status_code == 401


async def test_the_host_header_does_not_make_an_audience(guarded: httpx.AsyncClient) -> None:
    bearer = token(aud=f"https://evil.example{CALL}")
    assert (await call(guarded, bearer, headers={"Host": "evil.example"})).status_code == 401


async def test_a_service_outside_the_client_s_list_is_forbidden(guarded: httpx.AsyncClient) -> None:
    path = "/cds-services/rbd-order-sign"
    assert (await call(guarded, token(aud=BASE + path), path)).status_code == 403


async def test_discovery_is_open_and_ignores_a_bad_token(guarded: httpx.AsyncClient) -> None:
    assert (await guarded.get("/cds-services", headers={"Authorization": "Bearer rubbish"})).status_code == 200


async def test_only_configured_origins_may_call_from_a_browser(guarded: httpx.AsyncClient) -> None:
    for origin, allowed in (("https://ehr.test.example", True), ("https://evil.example", False)):
        answer = await call(guarded, token(), headers={"Origin": origin})
        assert ("access-control-allow-origin" in answer.headers) is allowed
