"""A browser at the service in open mode, without a record."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from cds_service.settings import Settings
from cds_service.web.app import create_app
from cds_service.web.assembly import Application


@pytest.fixture
async def browser(anyio_backend: str) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(Application(Settings(record="off")))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client,
    ):
        yield client
