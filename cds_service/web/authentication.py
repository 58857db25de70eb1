"""Who is let in where trusted EHRs are configured."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import copy
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import Request

from cds_service.record.used_tokens_file import UsedTokensFile
from cds_service.settings import Settings, is_loopback
from cds_service.trust.clients import Clients
from cds_service.trust.fetching import fetch_key_set
from cds_service.trust.jwks import KeyRing
from cds_service.trust.limits import Allowance
from cds_service.trust.tokens import Verifier
from cds_service.web import metrics
from cds_service.web.callers import Caller
from cds_service.web.logs import random_or_none

if TYPE_CHECKING:
    from cds_service.record.used_tokens_shared import UsedTokensShared


class Authenticator:
    """Lets a client in whose token is good and new, as often as it may call."""

    def __init__(self, clients: Clients, settings: Settings) -> None:
        self._settings = settings
        beside = settings.database_file.parent if settings.database_file else settings.var
        self._here = UsedTokensFile(beside / "tokens.sqlite")
        self._shared = None if settings.database_file else _shared(self._here, settings)
        self._allowance = Allowance()
        self._trust(clients, KeyRing(clients, fetch_key_set, told=metrics.keys_fetched))

    def renewed(self, clients: Clients) -> Authenticator:
        """With other clients, but the same memory of used tokens and of calls."""
        other = copy(self)
        other._trust(clients, self._keys.renewed(clients))
        return other

    def _trust(self, clients: Clients, keys: KeyRing) -> None:
        self._keys = keys
        settings = self._settings
        audiences = (audience for client in clients.by_name.values() for audience in client.audiences)
        on_trial = settings.on_trial and all(is_loopback(urlsplit(one).hostname or "") for one in audiences)
        self._verifier = Verifier(clients, keys, self._shared or self._here, (settings.public_url,), on_trial=on_trial)

    def fetch_keys(self) -> None:
        """Ahead of the first call."""
        self._keys.prepare()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Shares used tokens with other hosts."""
        if self._shared is None:
            yield
            return
        async with self._shared.running():
            yield

    async def authenticate(self, request: Request) -> Caller:
        """The client of a call; raises NotAuthenticated, NotEntitled, TooManyCalls or NotReady."""
        tokens = request.headers.getlist("authorization")
        path = request.scope.get("known_path") or request.url.path
        client, claims = await self._verifier.verify(tokens, path, request.path_params.get("id"))
        self._allowance.spend(client.name, client.calls_per_minute)
        tenant = claims["tenant"] if client.tenants else None
        return Caller(client.name, client, tenant, random_or_none(claims["jti"]))


def _shared(here: UsedTokensFile, settings: Settings) -> UsedTokensShared:
    # The libraries of the store take long to load: only where they are used.
    from cds_service.record.recorder import store_of
    from cds_service.record.used_tokens_shared import UsedTokensShared

    admit = settings.unchecked_tokens == "admit"
    return UsedTokensShared(here, store_of(settings), admit=admit, told=metrics.token_not_shared)
