"""Whatever address, method, headers or token a call comes with, it is answered below 500 and without repeating it."""

import base64
import json
from contextlib import contextmanager

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384
from hypothesis import given, strategies as st

from tests.calling import GONE, as_bytes
from tests.marks import MARK, TOKEN, marked
from tests.trust.ehr import BASE, CALL, CLIENTS, EC_KEY, REQUEST, RSA_KEY, claims, token
from tests.web.spoiling import so_many, spoilt
from tests.web.watching import as_promised, watched

SERVICES = [f"/cds-services/rbd-{hook}" for hook in ("patient-view", "order-select", "order-sign")]
PAGES = [
    "/",
    "/cds-services",
    "/Questionnaire/rbd-screen",
    "/metrics",
    "/health/live",
    "/health/ready",
    "/static/house.css",
]
PAGES += ["/catalogue", "/catalogue/statements", "/catalogue/clonazepam-falls"]
PAGES += ["/catalogue/value-sets", "/ValueSet/ssri"]
ADDRESSES = [*SERVICES, *(f"{path}/feedback" for path in SERVICES), *PAGES]
ODD_PATHS = [
    "",
    "*",
    "//",
    "/..",
    "/%2e%2e/",
    "/\u0000",
    f"/{MARK}",
    f"/<script>{MARK}",
    "/é\ud83d\ude00",
    f"/{MARK * 5_000}",
    "http://x/",
]
METHODS = [
    "POST",
    "POST",
    "POST",
    "GET",
    "HEAD",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "",
    "get",
    MARK,
]

addresses = st.sampled_from([*ADDRESSES, *ODD_PATHS])
paths = addresses | st.builds(
    "{}{}{}".format, st.sampled_from(["", "/", "/x/.."]), addresses, addresses | st.text(max_size=9)
)

HEADERS = {
    "authorization": [
        f"Bearer {TOKEN}", f"Basic {MARK}", "Bearer", "bearer  a.b.c", "Bearer e30.e30.e30", "Bearer " + "a" * 9_000,
    ],
    "content-type": [
        "application/json", "application/fhir+json; charset=utf-16", f"text/{MARK}", "", ";", "application/+json",
    ],
    "content-encoding": ["identity", "gzip", MARK, "", "IDENTITY"],
    "content-length": ["0", "1", "-1", "+5", "1_0", " 7", "²", "9" * 5_000, "5242880", "5242881", MARK],
    "transfer-encoding": ["chunked", MARK],
    "origin": ["null", f"https://{MARK}", "https://ehr.test.example", "*", ""],
    "if-none-match": ["*", "W/*", '"', f'"{MARK}"', "W/" * 999, ",,*", "\u00e9"],
    "host": [MARK, "", "a b", "[::1", "x:99999999", "\u0000", "127.0.0.1:notaport"],
    "access-control-request-method": ["POST", MARK],
    "access-control-request-headers": [MARK, "*"],
    "access-control-request-private-network": ["true", MARK],
    "x-forwarded-for": [MARK],
    "x-request-id": [MARK],
    "expect": ["100-continue"],
    "range": ["bytes=0-1", f"bytes={MARK}"],
    "accept": [MARK, ""],
    MARK.lower(): [MARK],
}  # fmt: skip
_known_headers = st.sampled_from([(n.encode(), v.encode("utf-8")) for n, found in HEADERS.items() for v in found])
_any_headers = st.tuples(st.sampled_from([name.encode() for name in HEADERS]), st.binary(max_size=20))
headers = st.lists(_known_headers | _known_headers | _any_headers, max_size=5)
BODIES = [
    b"",
    b"{",
    MARK.encode(),
    as_bytes(marked("order-sign-rbd-dementia")),
    as_bytes({"feedback": []}),
    b" " * 6_000_000,
]
bodies = st.sampled_from(BODIES).flatmap(
    lambda body: st.integers(1, 4).map(
        lambda n: [body[at * len(body) // n : (at + 1) * len(body) // n] for at in range(n)]
    )
)


@contextmanager
def trusting(folder, **environment):
    """The watched service with one trusted EHR, which may call as often as it likes."""
    (folder / "keys.json").write_text(json.dumps({"keys": [key.as_dict(private=False) for key in (EC_KEY, RSA_KEY)]}))
    (folder / "clients.toml").write_text(f"{CLIENTS}calls-per-minute = 1000000000\n")
    clients = {"CDS_CLIENTS": str(folder / "clients.toml"), "CDS_PUBLIC_URL": BASE, "CDS_TODAY": ""}
    with watched(folder, **clients, **environment) as call:
        yield call


@contextmanager
def open_to_all(folder, **environment):
    with watched(folder, **environment) as call:
        yield call


@pytest.mark.parametrize("mode", [open_to_all, trusting])
@pytest.mark.attack("Any method, path, headers and body", "an answer, never a fault of ours")
def test_any_method_path_headers_and_body_are_answered(tmp_path, mode):
    refused = set()
    with mode(tmp_path) as call:

        @so_many(300)
        @given(st.sampled_from(METHODS), paths, headers, bodies, st.booleans())
        def any_call(method, path, sent, body, gone):
            answer = as_promised(call("", body, sent, method=method, path=path, gone=gone))
            assert answer.status != GONE or gone
            if answer.status == 401:
                refused.add(alike(answer))

        any_call()
    assert len(refused) == (mode is trusting)


def alike(answer):
    """What every 401 must have in common: all of it but the number of the request, and what is said of the origin."""
    own = ("x-request-id", "access-control-allow-origin")
    return answer.body, tuple((name, value) for name, value in answer.headers.items() if name not in own)


OF_ANOTHER_MACHINE = {b"host", b"x-forwarded-for"}
"""In open mode they are refused, whatever else is asked."""
here = headers.map(lambda sent: [(name, value) for name, value in sent if name not in OF_ANOTHER_MACHINE])


@given(st.sampled_from(PAGES), here, st.sampled_from(["GET", "HEAD"]))
@so_many(150)
def test_a_page_is_the_same_whatever_the_headers(pages, path, sent, method):
    answer = as_promised(pages("", b"", sent, method=method, path=path))
    if answer.status != 304 and path != "/metrics":
        assert (answer.status, answer.body) == (200, plain(pages, path))


def plain(call, path):
    return call("", b"", method="GET", path=path).body


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    with watched(tmp_path_factory.mktemp("pages")) as call:
        yield call


# Tokens

HEAD = {"alg": "ES384", "kid": "k1", "typ": "JWT"}
MORE_HEAD = HEAD | {
    "jku": f"https://{MARK}",
    "jwk": {"kty": "EC"},
    "crit": ["exp"],
    "b64": False,
    "x5c": [MARK],
    "zip": "DEF",
    "cty": "JWT",
}
ALGORITHMS = ["none", "HS384", "RS384", "ES256", "ES512", "PS384", "EdDSA", "es384", MARK]


def part(value):
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def signed(head, payload):
    """Signed by the trusted key, whatever it is."""
    text = f"{part(head)}.{part(payload)}"
    r, s = decode_dss_signature(EC_KEY.private_key.sign(text.encode(), ECDSA(SHA384())))
    return f"{text}.{part(r.to_bytes(48) + s.to_bytes(48))}"


@st.composite
def parts(draw):
    """Header and claims of a token that would be let in, with something else in some places."""
    told = claims(sub=MARK, nbf=0, email=MARK, fhirContext=[{"reference": MARK}])
    head = draw(st.sampled_from([HEAD, HEAD, HEAD, MORE_HEAD]))
    payload = draw(spoilt(told, most=3, least=0))
    return draw(spoilt(head, most=2, least=0)), payload


strings = st.text(max_size=40) | st.from_regex(r"[A-Za-z0-9_-]{0,20}(\.[A-Za-z0-9_-]{0,20}){0,4}", fullmatch=True)


def test_any_token_is_let_in_or_refused_with_the_one_answer(tmp_path):
    answers = {}
    with trusting(tmp_path) as call:

        def tried(bearer):
            sent = [(b"authorization", f"Bearer {bearer}".encode()), (b"content-type", b"application/json")]
            answer = as_promised(call("", REQUEST.encode(), sent, path=CALL))
            assert answer.status in (200, 401)
            answers.setdefault(answer.status, set()).add(alike(answer) if answer.status == 401 else None)

        @so_many(150)
        @given(parts())
        def any_signed(told):
            tried(signed(*(one.body for one in told)))

        @so_many(150)
        @given(strings)
        def any_string(text):
            tried(text)

        any_signed()
        any_string()
        tried(token())
    assert answers.keys() == {200, 401}
    assert len(answers[401]) == 1
