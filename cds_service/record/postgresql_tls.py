"""Whether the way to PostgreSQL is encrypted and its server known, by the parameters of libpq."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from cds_service.settings import is_loopback

_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
TLS_PARAMETERS = ("sslmode", *_FILES, "sslpassword", "ssl_min_protocol_version", "ssl_max_protocol_version")
_SYSTEM = "system"
"""As ``sslrootcert``: the authorities of this machine."""


def tls_arguments(url: URL) -> dict[str, Any]:
    """For the driver; ArgumentError for what it would stumble on only when it connects."""
    given = {name: _single(name, url.query[name]) for name in TLS_PARAMETERS if name in url.query}
    mode = given.get("sslmode")
    if mode is not None and mode not in _MODES:
        raise ArgumentError(f"sslmode must be one of: {', '.join(_MODES)}")
    if given.get("sslrootcert") == _SYSTEM:
        return {"ssl": _by_this_machine(given)}
    for name in _FILES:
        if name in given and not _is_readable(Path(given[name])):
            raise ArgumentError(f"{name} must name a file that can be read")
    _require_authorities(given)
    # The driver reads these parameters of an address only; what else it needs comes beside it.
    return {"dsn": f"postgresql://?{urlencode(given)}"} if given else {}


def unverified(url: URL) -> str | None:
    """What anyone on the way to the database could do, in words; None where its server is known or on this machine."""
    mode, hosts = url.query.get("sslmode", "prefer"), _hosts(url)
    if all(host.startswith("/") or is_loopback(host) for host in hosts):
        return None
    if is_verified(url):
        return None
    if mode == "verify-ca":
        return "any server with a certificate of the same authority is taken for it"
    if mode == "require":
        return "what goes there is encrypted, for whoever answers"
    return "what goes there need not be encrypted, and whoever answers is believed"


def risk_of(address: str) -> str | None:
    """What :func:`unverified` says of an address; nothing of one that is none, whose fault is told where it is used."""
    try:
        return unverified(make_url(address))
    except (ArgumentError, ValueError):
        return None


def is_verified(url: URL) -> bool:
    """Whether nobody but the host that is named is taken for the database."""
    return url.query.get("sslmode") == "verify-full" or url.query.get("sslrootcert") == _SYSTEM


def _hosts(url: URL) -> list[str]:
    """No host where the driver takes its own default, a socket of this machine."""
    named = url.query.get("host", ())
    listed = [named] if isinstance(named, str) else [*named]
    found = [one for text in (url.host or "", *listed) for one in text.split(",") if one]
    return [one if one.startswith("/") or one.count(":") > 1 else one.partition(":")[0] for one in found]


def _single(name: str, value: str | tuple[str, ...]) -> str:
    if not isinstance(value, str):
        raise ArgumentError(f"{name} must be given once")
    return value


def _by_this_machine(given: dict[str, str]) -> ssl.SSLContext:
    """As libpq, which takes no weaker mode beside them, as anyone has a certificate of one of theirs."""
    others = sorted(set(given) - {"sslmode", "sslrootcert"})
    if given.get("sslmode", "verify-full") != "verify-full":
        raise ArgumentError("sslrootcert=system needs sslmode=verify-full")
    if others:
        raise ArgumentError(f"{others[0]} cannot be used beside sslrootcert=system: name the file of authorities")
    return ssl.create_default_context()


def _require_authorities(given: dict[str, str]) -> None:
    usual = Path("~/.postgresql/root.crt").expanduser()
    if given.get("sslmode", "").startswith("verify") and "sslrootcert" not in given and not _is_readable(usual):
        raise ArgumentError(f"sslmode={given['sslmode']} needs sslrootcert, a file of authorities or 'system'")
    if "sslrootcert" in given:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(given["sslrootcert"])
        except OSError:
            raise ArgumentError("sslrootcert must name a file of certificates") from None


def _is_readable(path: Path) -> bool:
    try:
        path.open("rb").close()
    except OSError:
        return False
    return True
