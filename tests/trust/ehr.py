"""A trusted EHR of the tests: its keys, its clients.toml, and tokens of every kind."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

from cds_service.settings import Settings
from cds_service.web.app import create_app
from cds_service.web.assembly import Application

ISSUER = "https://ehr.test.example"
BASE = "https://cds.test.example"
EC_KEY = ECKey.generate_key("P-384", {"kid": "k1", "use": "sig"})
RSA_KEY = RSAKey.generate_key(2048, {"kid": "k2", "use": "sig"})
STRANGER = ECKey.generate_key("P-384", {"kid": "k1", "use": "sig"})
CALL = "/cds-services/rbd-patient-view"
REQUEST = json.dumps(
    {
        "hook": "patient-view",
        "hookInstance": "0d5b2a0e-8a53-4a3b-9d5e-6d1a4e0c1f01",
        "context": {"userId": "Practitioner/p1", "patientId": "pat-1"},
        "prefetch": {
            "patient": {"resourceType": "Patient", "id": "pat-1", "birthDate": "1951-03-02"},
            "conditions": None,
        },
    }
)
_ids = iter(range(1_000_000))


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    made = {
        "iss": ISSUER,
        "aud": BASE + CALL,
        "iat": now,
        "exp": now + 300,
        "jti": f"token-{next(_ids)}",
        "tenant": "north",
    }
    made.update(changed)
    return {name: value for name, value in made.items() if value is not ...}


def token(key: Any = EC_KEY, header: dict[str, Any] | None = None, **changed: Any) -> str:
    algorithm = "RS384" if key.key_type == "RSA" else "ES384"
    head = {"alg": algorithm, "kid": key.kid, "typ": "JWT", **(header or {})}
    head = {name: value for name, value in head.items() if value is not ...}
    registry = JWSRegistry(algorithms=[head["alg"]], strict_check_header=False)
    return jwt.encode(head, claims(**changed), key, registry=registry)


CLIENTS = f"""
[[client]]
name = "test-ehr"
issuer = "{ISSUER}"
jwks = "keys.json"
audiences = ["https://alias.test.example"]
tenants = ["north"]
origins = ["https://ehr.test.example"]
profile = "default"
services = ["rbd-patient-view"]
"""


@pytest.fixture
def clients_file(tmp_path: Path) -> Path:
    keys = {"keys": [EC_KEY.as_dict(private=False), RSA_KEY.as_dict(private=False)]}
    (tmp_path / "keys.json").write_text(json.dumps(keys))
    path = tmp_path / "clients.toml"
    path.write_text(CLIENTS)
    return path


@pytest.fixture
async def guarded(clients_file: Path, anyio_backend: str) -> AsyncIterator[httpx.AsyncClient]:
    async with guarding(clients_file) as client:
        yield client


@asynccontextmanager
async def guarding(clients_file: Path, base: str = BASE, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    """The real service with the trusted clients of a file."""
    folder = clients_file.parent
    written = {"record": "off", "var": folder, "database_url": f"sqlite:///{folder}/cds-service.sqlite"} | more
    app = create_app(Application(Settings(clients=clients_file, public_url=base, **written)))
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url=base) as client:
        yield client


async def call(client: httpx.AsyncClient, bearer: str | None, path: str = CALL, **more: Any) -> httpx.Response:
    headers = {"Content-Type": "application/json", **more.pop("headers", {})}
    if bearer is not None:
        headers["Authorization"] = f"Bearer {bearer}"
    return await client.post(path, content=REQUEST, headers=headers, **more)
