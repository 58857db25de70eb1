"""What may be printed of a setting or an address: no password, no token, however it is spelt."""

from __future__ import annotations

import re

HIDDEN = "..."
_TOKEN = re.compile(r"\beyJ[\w-]{8,}\.[\w.-]*|\b(?i:bearer|basic)\s+\S+")
_ADDRESS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)(?P<rest>.*)", re.DOTALL | re.IGNORECASE)
_USER = re.compile(r"(?P<name>[^/?#@:%\s]*)(?P<more>.*)@", re.DOTALL)
_PAIR = re.compile(r"(?<![^\s:;])[\w.+%-]+=")
_HOSTS = re.compile(r"(,?(\[[0-9A-Fa-f:.]*\]?|[\w.-]*)(:[0-9]+)?)*")
_PRINTED = frozenset(
    (
        *("host", "port", "target_session_attrs", "connect_timeout", "application_name"),
        *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl"),
        *("ssl_min_protocol_version", "ssl_max_protocol_version"),
    )
)
"""All that is printed of a query: whoever has another word for a secret need not be known here."""


def hidden(text: str) -> str:
    """The text of a setting; of an address with its user's name, hosts and path, and of its query what is harmless."""
    text = _TOKEN.sub(HIDDEN, text)
    found = _ADDRESS.search(text)
    if found is None:
        return HIDDEN if _PAIR.search(text) else text
    return text[: found.start()] + found["scheme"] + _without_secrets(found["rest"])


def _without_secrets(rest: str) -> str:
    """What follows ``//``: a password may hold any of ``/?#``, so a query is one only behind a plain list of hosts."""
    before, _, query = rest.partition("?")
    user, _, hosts = before.partition("/")[0].rpartition("@")
    if query and _HOSTS.fullmatch(hosts) and (user or "/" in before or "@" not in query):
        return f"{_without_secrets(before)}?{_parameters(query)}"
    found = _USER.match(rest)
    if found is not None:
        secret = f":{HIDDEN}" if found["more"] else ""
        return f"{found['name']}{secret}@{_without_secrets(rest[found.end() :])}"
    authority, slash, path = rest.partition("/")
    return (authority if _HOSTS.fullmatch(authority) else HIDDEN) + slash + path


def _parameters(query: str) -> str:
    return "&".join(one if one.partition("=")[0] in _PRINTED else HIDDEN for one in query.split("&"))
