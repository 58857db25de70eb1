"""Which servers may be called at all, and which addresses on them.

A hook names the FHIR server, a server names further pages, a resource names others: all of that comes from outside.
Nothing is called but what the site has listed, and a name is connected only at an address that was checked.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeAlias
from urllib.parse import quote, unquote, urljoin, urlsplit

import msgspec

Network: TypeAlias = IPv4Network | IPv6Network
Lookup: TypeAlias = Callable[[str], Awaitable[list[str]]]

_PORTS = {"http": 80, "https": 443}
_PLAIN = re.compile(r"[!-~]+")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]")
_NUMBER = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")
"""A host that ends in a number is read as an IPv4 address by some, however it is spelt (the URL standard of WHATWG)."""
_HELD_SECONDS = 60.0


class Base(msgspec.Struct, frozen=True):
    """The address of a FHIR server, taken apart; ``path`` has no slash at its end."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> Base | None:
        """The server at an address; None for what cannot be one: a user, a query, a step upwards, another scheme."""
        parts = _parted(url)
        if parts is None or parts.query is not None:
            return None
        return cls(parts.scheme, parts.host, parts.port, parts.path.rstrip("/"))

    @property
    def origin(self) -> str:
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"

    @property
    def url(self) -> str:
        return self.origin + self.path

    def holds(self, other: Base) -> bool:
        """Whether another server lies at this address or below it."""
        same = (self.scheme, self.host, self.port) == (other.scheme, other.host, other.port)
        return same and f"{other.path}/".startswith(f"{self.path}/")

    def address(self, relative: str) -> str | None:
        """A read or search on this server, such as ``Condition?patient=1``, with everything escaped that must be.

        None for a path that would lead upwards.
        """
        path, mark, query = relative.partition("?")
        return None if _climbs(path) else f"{self.url}/{quote(path)}{mark}{quote(query, safe='=&,:/')}"

    def within(self, url: str) -> str | None:
        """An absolute or relative address that the server itself gave, if it stays on the server; else None."""
        parts = _parted(_joined(f"{self.url}/", url))
        if parts is None or not self.holds(Base(parts.scheme, parts.host, parts.port, parts.path.rstrip("/"))):
            return None
        # Rebuilt from what was checked, so that no other reading of the original can lead elsewhere.
        return self.origin + parts.path + ("" if parts.query is None else f"?{parts.query}")


class Servers(msgspec.Struct, frozen=True):
    """The FHIR servers that one client may name.

    ``open`` is for a service on loopback without configured clients: it adds the machine itself, takes ``http`` to
    other machines too, and calls servers that ask for no token.
    """

    bases: tuple[Base, ...] = ()
    open: bool = False

    @classmethod
    def listed(cls, entries: Iterable[str], *, open: bool = False) -> Servers:
        """From addresses as a site writes them; networks among them are for :func:`networks`."""
        return cls(tuple(base for base in map(Base.of, entries) if base), open)

    def base(self, url: str) -> Base | None:
        """The server at an address, if it may be called."""
        found = Base.of(url)
        if found is None:
            return None
        here = is_loopback(found.host)
        if self.open and here:
            return found
        if found.scheme != "https" and not (self.open or here):
            return None
        return found if any(allowed.holds(found) for allowed in self.bases) else None


class Resolver:
    """The addresses at which a listed host may be connected: checked, and kept for a minute.

    A public name may lead into a private network only where the site has listed that network.
    """

    def __init__(self, permitted: Iterable[Network] = (), lookup: Lookup | None = None) -> None:
        self._permitted = tuple(permitted)
        self._lookup = lookup or _system_lookup
        self._found: dict[str, tuple[float, asyncio.Task[tuple[str, ...]]]] = {}

    async def addresses(self, host: str) -> tuple[str, ...]:
        """IP addresses in the order of preference; none where the name may not be connected or does not exist."""
        literal = _literal(host)
        if literal is not None:
            return (str(literal),)
        now = asyncio.get_running_loop().time()
        held = self._found.get(host)
        if held is None or held[0] < now or (held[1].done() and not _outcome(held[1])):
            held = now + _HELD_SECONDS, asyncio.create_task(self._checked(host))
            self._found[host] = held
        # Shared by all who ask meanwhile: one of them giving up must not end it for the others.
        return await asyncio.shield(held[1])

    async def _checked(self, host: str) -> tuple[str, ...]:
        try:
            found = await self._lookup(host)
        except (OSError, ValueError):
            return ()
        return tuple(dict.fromkeys(address for address in found if self._may_be(address, host)))

    def _may_be(self, address: str, host: str) -> bool:
        literal = _literal(address)
        if literal is None:
            return False
        if host == "localhost":
            return literal.is_loopback
        if any(literal in network for network in _METADATA):
            return False
        return _is_public(literal) or any(literal in network for network in self._permitted)


def networks(entries: Iterable[str]) -> tuple[Network, ...]:
    """The networks in a list of addresses and networks."""
    return tuple(network for network in map(_network, entries) if network)


def is_loopback(host: str) -> bool:
    literal = _literal(host)
    return host == "localhost" if literal is None else literal.is_loopback


class _Parts(msgspec.Struct, frozen=True):
    scheme: str
    host: str
    port: int
    path: str
    query: str | None


def _parted(url: str) -> _Parts | None:
    """The parts of an address that is plain in every respect; None for one that two readers might read differently."""
    if not _PLAIN.fullmatch(url) or "\\" in url or "#" in url:
        return None
    try:
        parts = urlsplit(url)
        port, host = parts.port, (parts.hostname or "").lower()
    except ValueError:
        return None
    scheme, host = parts.scheme.lower(), f"[{host}]" if ":" in host else host
    if scheme not in _PORTS or "@" in parts.netloc or not _HOST.fullmatch(host) or port == 0:
        return None
    if _climbs(parts.path) or (_NUMBER.fullmatch(host) and _literal(host) is None):
        return None
    return _Parts(scheme, host, port or _PORTS[scheme], parts.path, parts.query if "?" in url else None)


def _climbs(path: str) -> bool:
    """Whether a step of the path leads upwards or hides another step, in plain or in escaped letters."""
    steps = [unquote(step) for step in path.split("/")]
    return any(step.partition(";")[0] in (".", "..") or "/" in step or "\\" in step for step in steps)


def _joined(base: str, url: str) -> str:
    try:
        return url if _climbs(url.partition("?")[0]) else urljoin(base, url)
    except ValueError:
        return ""


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address itself, out of what IPv6 wraps an IPv4 address in; None for a name, and for one bound to a zone."""
    try:
        found = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
    if isinstance(found, IPv4Address):
        return found
    if found.scope_id is not None:
        return None
    return IPv4Address(int(found) & 0xFFFF_FFFF) if any(found in network for network in _TRANSLATED) else found


def _network(entry: str) -> Network | None:
    try:
        return ipaddress.ip_network(entry)
    except ValueError:
        return None


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    """By the registries of IANA and not by ``ipaddress``, which takes some of their exceptions for public."""
    if isinstance(address, IPv6Address) and address not in _UNICAST:
        return False
    return not any(address in network for network in _SPECIAL)


_TRANSLATED = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
"""IPv6 spellings of an IPv4 address: a connection leads to that one (RFC 4291, RFC 6052)."""

_UNICAST = IPv6Network("2000::/3")
"""All that is public in IPv6: what lies outside is local, embeds another address or is not assigned."""

_SPECIAL = tuple(
    map(
        ipaddress.ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24"),
            *("192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
            *("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3ffe::/16", "3fff::/20"),
        ),
    )
)
"""IANA's special-purpose addresses of IPv4, and those of IPv6 within 2000::/3."""

_METADATA = tuple(
    map(
        ipaddress.ip_network,
        (
            *("169.254.0.0/16", "168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32"),
            *("fe80::/10", "fd00:ec2::/32", "fd20:ce::254/128", "fd00:42::42/128"),
        ),
    )
)
"""Where clouds hand out credentials: never a FHIR server, whatever network a site has listed around it."""


def _outcome(task: asyncio.Task[tuple[str, ...]]) -> tuple[str, ...]:
    return () if task.cancelled() or task.exception() else task.result()


async def _system_lookup(host: str) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(where[0]) for *_, where in found]
