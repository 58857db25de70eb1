"""What every test may use: the service itself, on one day, with every answer held against its schema."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from cds_service.web.assembly import Application
from tests.calling import application_with
from tests.contract import read_validated, speaking_to

pytest_plugins = ("tests.quicker", "tests.real_parts", "tests.retrying")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def validated() -> Callable[..., dict[str, Any]]:
    return read_validated


@pytest.fixture(scope="session")
def application() -> Application:
    """The service with its own cards, open to all, on the day of the examples, keeping no record."""
    return application_with()


@pytest.fixture
async def client(application: Application, anyio_backend: str) -> AsyncIterator[httpx.AsyncClient]:
    async with speaking_to(application) as client:
        yield client
