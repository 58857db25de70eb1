"""A client's own half: its key pair and the tokens that it signs; of such clients we have one, the probe."""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, Key

from cds_service.errors import SettingsError
from cds_service.trust.clients import KEY_OF, Client

_SECONDS = 60
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}


class Signer:
    """Signs as a client of ``clients.toml`` with a private key; SettingsError where the two do not fit."""

    def __init__(self, client: Client, key: Path) -> None:
        self._client = client
        self._key = _private_key(key)
        self._algorithm = _fitting(client, self._key, key)

    def token(self, audience: str) -> str:
        """A new token for one address."""
        client, now = self._client, int(time.time())
        head = {"alg": self._algorithm, "kid": self._key.kid, "typ": "JWT"}
        claims: dict[str, Any] = {"iss": client.issuer, "aud": audience, "iat": now, "exp": now + _SECONDS}
        claims["jti"] = str(uuid.uuid4())
        if client.tenants:
            claims["tenant"] = client.tenants[0]
        if client.subject:
            claims["sub"] = client.subject
        return jwt.encode(head, claims, self._key, algorithms=[self._algorithm])


def new_key(path: Path) -> dict[str, Any]:
    """Writes a new private key that only its owner can read; its public half, as a key set for ``clients.toml``."""
    key = ECKey.generate_key("P-384", {"kid": str(uuid.uuid4()), "use": "sig"})
    try:
        path.touch(mode=0o600, exist_ok=False)
        path.write_text(json.dumps(key.as_dict(private=True)) + "\n", encoding="ascii")
    except OSError as fault:
        raise SettingsError([f"{path}: {fault.strerror}"]) from None
    return {"keys": [key.as_dict(private=False)]}


def _private_key(path: Path) -> Key:
    try:
        key = JWKRegistry.import_key(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError, KeyError, JoseError) as fault:
        raise SettingsError([f"{path}: {type(fault).__name__}, the file is no JWK"]) from None
    if not key.is_private or not key.kid:
        raise SettingsError([f"{path}: the key is not private, or has no kid"])
    return key


def _fitting(client: Client, key: Key, path: Path) -> str:
    for name in client.algorithms:
        if KEY_OF[name[:2]] == key.key_type and _CURVES.get(name) in (None, key.as_dict().get("crv")):
            return name
    raise SettingsError([f"{path}: the key fits none of {', '.join(client.algorithms)} of {client.name}"])
