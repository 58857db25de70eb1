"""Pseudonyms: keyed hashes that nobody without the site's secret can compute or reverse."""

from __future__ import annotations

import os
import secrets
from hashlib import blake2b
from pathlib import Path

import msgspec

from cds_service.errors import SettingsError
from cds_service.settings import Settings

SECRET_FILE = "secret"  # noqa: S105 - the name of a file
_LONG, _SHORT = 16, 8
_LEAST = 32
_ENCODER = msgspec.json.Encoder(order="deterministic")


class Pseudonymizer:
    """Makes the marks of one patient: keyed hashes under a key that is the patient's own."""

    def __init__(self, key: bytes) -> None:
        self._keyed = blake2b(key=key, digest_size=_SHORT)

    def mark(self, *parts: object) -> str:
        hashed = self._keyed.copy()
        hashed.update(_ENCODER.encode(parts))
        return hashed.hexdigest()


class Keys:
    """Makes the pseudonyms of one site."""

    def __init__(self, secret: str) -> None:
        self._key = blake2b(secret.encode()).digest()

    @property
    def mark(self) -> str:
        """What tells this secret from others, and tells nothing else."""
        return self._hash("secret")

    def patient(self, issuer: str, within: str, patient_id: str) -> str:
        """A patient of one organization; the same id at another one, or at another EHR, is another patient."""
        return self._hash("patient", issuer, within, patient_id)

    def user(self, issuer: str, within: str, user_id: str) -> str:
        return self._hash("user", issuer, within, user_id)

    def marker(self, patient: str) -> Pseudonymizer:
        """For anything else about a patient: to be compared with the same about this patient, and with nothing else."""
        return Pseudonymizer(blake2b(_ENCODER.encode(("marks", patient)), key=self._key).digest())

    def name(self, text: str) -> str:
        """A text that a client sent and that may hold anything."""
        return self._hash("name", text)

    def _hash(self, *parts: str) -> str:
        return blake2b(_ENCODER.encode(parts), key=self._key, digest_size=_LONG).hexdigest()


def keys_of(settings: Settings) -> Keys:
    """The keys of a site, from the setting or else from a file that is made once."""
    if settings.secret:
        return Keys(settings.secret.text)
    try:
        return Keys(_kept(settings.var / SECRET_FILE))
    except OSError as fault:
        raise SettingsError([f"CDS_VAR: the secret cannot be kept in {settings.var} ({fault.strerror})."]) from None


def keys_before(settings: Settings) -> Keys | None:
    """Those under which is still read what was stored before the secret was changed."""
    return Keys(settings.secret_old.text) if settings.secret_old else None


def known_marks(settings: Settings) -> list[str]:
    """What tells the secrets under which is read; a secret that is not there is not made for it."""
    made = settings.secret is not None or (settings.var / SECRET_FILE).exists()
    return [keys.mark for keys in (keys_of(settings) if made else None, keys_before(settings)) if keys]


def is_readable(settings: Settings) -> bool:
    """Whether others than its owner may read the file of the secret."""
    path = settings.var / SECRET_FILE
    return settings.secret is None and path.exists() and bool(path.stat().st_mode & 0o077)


def _kept(path: Path) -> str:
    if not path.exists():
        _make(path)
    secret = path.read_text(encoding="ascii", errors="replace").strip()
    if len(secret) < _LEAST:
        raise SettingsError([f"{path} is no secret: it has fewer than {_LEAST} characters."])
    return secret


def _make(path: Path) -> None:
    """Written elsewhere and then linked: of several processes that start at once, all get the secret of the first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{SECRET_FILE}-{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secrets.token_hex(32).encode())
        os.fsync(descriptor)
        if not path.exists():
            os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        os.close(descriptor)
        draft.unlink()
