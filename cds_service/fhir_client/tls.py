"""Whose certificates are believed when this service calls another."""

from __future__ import annotations

import ssl
from functools import cache

import certifi


@cache
def trusted() -> ssl.SSLContext:
    """The authorities of Mozilla and those of this machine, where a hospital installs its own; read once."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    return context
