"""Who may use the test bench: whoever sits at this machine in open mode, else only named networks.

Judged by the address that the connection comes from, which nobody can put on. What came through a proxy is refused: the
connection is the proxy's then, and what a proxy writes of its client could be written by the client as well.
"""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request

from cds_service.errors import NotFound
from cds_service.settings import BENCH_OFF, Settings, is_loopback
from cds_service.web.middleware import came_through_proxy


def is_on(settings: Settings) -> bool:
    """Whether there is a bench at all: in open mode unless it is off, with trusted clients only for named networks."""
    return settings.bench != BENCH_OFF and (settings.open or bool(settings.bench))


def admit(request: Request, settings: Settings) -> None:
    """NotFound for anyone else, so that not even its being there is told; and for a page of another site."""
    # What cannot be read as an address, in Host or Origin, is none of ours.
    with suppress(ValueError):
        if _comes_from_within(request, settings) and _names_this_service(request, settings) and _is_ours(request):
            return
    raise NotFound


def _comes_from_within(request: Request, settings: Settings) -> bool:
    if came_through_proxy(request.scope) or request.client is None:
        return False
    peer = ip_address(request.client.host)
    if isinstance(peer, IPv6Address) and peer.ipv4_mapped:
        peer = peer.ipv4_mapped
    if not settings.bench:
        return peer.is_loopback
    return any(peer in ip_network(network) for network in settings.bench)


def _names_this_service(request: Request, settings: Settings) -> bool:
    """Whether the name that was asked for is an address or our own: a rebound name of another site is neither."""
    name = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    return is_loopback(name) or name == urlsplit(settings.public_url).hostname or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        return bool(ip_address(name))
    except ValueError:
        return False


def _is_ours(request: Request) -> bool:
    """Whether it comes from a page of our own, or from a program that is no browser.

    Another site may lead a person here, but neither press nor read: in open mode its pages may call the services.
    """
    headers: Headers = request.headers
    is_led = request.method != "POST" and headers.get("sec-fetch-mode") == "navigate"
    if not is_led and headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")
