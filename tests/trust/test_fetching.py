"""Whatever the address of a key set sends, the fetch ends in time and keeps nobody else waiting."""

import asyncio
import gzip
import ssl
import time

import pytest

from cds_service.trust import fetching
from tests.fhir_client import misbehaving
from tests.fhir_client.misbehaving import FAULTS, sends
from tests.fhir_client.test_faults import x509_for
from tests.lateness import measured, slowness

pytestmark = [pytest.mark.anyio, pytest.mark.timing]
SET = b'{"keys": []}'


@pytest.fixture
async def address(monkeypatch, tmp_path, anyio_backend):
    """A server of key sets, and the address of one."""
    authority = x509_for("localhost", tmp_path)
    believed = ssl.create_default_context(cafile=tmp_path / "certificate.pem")
    monkeypatch.setattr("cds_service.fhir_client.transport.trusted", lambda: believed)
    monkeypatch.setattr(fetching, "_SECONDS", 0.3 * slowness())
    async with misbehaving.running(tls=authority) as server:
        yield server, f"https://localhost:{server.port}/fhir/keys"


@pytest.mark.parametrize("packed", [sends(SET), sends(gzip.compress(SET), Content_Encoding="gzip")])
async def test_a_key_set_is_fetched_packed_or_not(address, packed, monkeypatch):
    monkeypatch.setattr(fetching, "_SECONDS", 20)
    server, keys = address
    server.answers = {"keys": packed}
    assert await fetching.fetch_key_set(keys) == SET


@pytest.mark.attack("An address of keys that floods or unpacks without end", "given up within three seconds")
@pytest.mark.parametrize(
    "fault",
    [name for name in FAULTS if not name.startswith(("sends invalid", "sends HTML", "sends an endless"))] + ["bomb"],
)
async def test_a_faulty_address_is_given_up_in_time_and_keeps_nobody_waiting(address, fault):
    server, keys = address
    server.answers = {"keys": misbehaving.bomb() if fault == "bomb" else FAULTS[fault]}
    with measured() as late:
        began = time.perf_counter()
        with pytest.raises(OSError):  # noqa: PT011  # TimeoutError is one too
            await asyncio.wait_for(fetching.fetch_key_set(keys), 60)
        seconds = time.perf_counter() - began
    assert seconds < 1.5 * fetching._SECONDS + 4 * late.worst + 0.2


@pytest.mark.parametrize("fault", [name for name in FAULTS if name.startswith("floods") and "single" not in name])
async def test_a_head_without_end_is_given_up_at_once(address, fault, monkeypatch):
    monkeypatch.setattr(fetching, "_SECONDS", 60)
    server, keys = address
    server.answers = {"keys": FAULTS[fault]}
    with pytest.raises(OSError, match="HeadTooLong"):
        await fetching.fetch_key_set(keys)
