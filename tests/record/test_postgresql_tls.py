"""The way to PostgreSQL is encrypted and its server known as the parameters of libpq say."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from cds_service.record.postgresql_tls import unverified
from cds_service.record.reached import found_at
from cds_service.record.store import Store
from tests.processes import free_port
from tests.real_parts import left_out
from tests.record.conftest import server

pytestmark = pytest.mark.anyio


def certificate(folder: Path, name: str, names: str, by: str | None = None) -> None:
    openssl = shutil.which("openssl") or left_out("openssl is not installed (Debian: apt-get install openssl)")
    made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={name}"]
    signed = ["-CA", f"{folder}/{by}.crt", "-CAkey", f"{folder}/{by}.key"] if by else []
    files = ["-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.crt"]
    subprocess.run(
        [openssl, *made, *signed, *files, "-addext", f"subjectAltName={names}"], check=True, capture_output=True
    )


@pytest.fixture(scope="module")
def encrypted():
    """The folder with the certificates of a server that is called localhost, and its port on the network."""
    port = free_port()

    def prepare(folder: Path, user: str) -> str:
        certificate(folder, "authority", "DNS:authority")
        certificate(folder, "stranger", "DNS:stranger")
        certificate(folder, "server", "DNS:localhost", by="authority")
        for path in folder.glob("*.key"):
            shutil.chown(path, user)
        files = f"-c ssl_cert_file={folder}/server.crt -c ssl_key_file={folder}/server.key"
        return f"-c listen_addresses=127.0.0.1 -p {port} -c ssl=on {files}"

    with server(prepare) as folder:
        yield folder, port


async def reached(encrypted, host, query):
    folder, port = encrypted
    store = Store(f"postgresql://postgres@{host}:{port}/postgres?{query.format(folder)}")
    try:
        return await found_at(store)
    except store.lost as fault:
        inner = getattr(fault, "orig", None) or fault
        return type(inner.__cause__ or inner)
    finally:
        await store.close()


ROOT, STRANGER = "sslrootcert={}/authority.crt", "sslrootcert={}/stranger.crt"


@pytest.mark.parametrize(
    ("host", "query", "said"),
    [
        ("localhost", f"sslmode=verify-full&{ROOT}", "its certificate verified"),
        ("127.0.0.1", f"sslmode=verify-ca&{ROOT}", "its certificate not verified"),
        ("127.0.0.1", "sslmode=require", "its certificate not verified"),
        ("127.0.0.1", "sslmode=disable", "without TLS"),
    ],
)
async def test_a_server_is_reached_as_the_address_says(encrypted, host, query, said):
    found = await reached(encrypted, host, query)
    assert found.startswith("PostgreSQL ")
    assert said in found
    assert ("TLSv1" in found) is ("certificate" in said)


@pytest.mark.attack("A server that poses as the database", "not connected")
@pytest.mark.parametrize(
    ("host", "query"),
    [
        ("127.0.0.1", f"sslmode=verify-full&{ROOT}"),
        ("localhost", f"sslmode=verify-full&{STRANGER}"),
        ("localhost", f"sslmode=verify-ca&{STRANGER}"),
        ("localhost", f"sslmode=require&{STRANGER}"),
        ("localhost", "sslmode=verify-full&sslrootcert=system"),
        ("localhost", "sslrootcert=system"),
    ],
)
async def test_another_s_name_or_authority_is_no_database(encrypted, host, query):
    assert await reached(encrypted, host, query) is ssl.SSLCertVerificationError


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("sslmode=verify_full", "sslmode must be one of: disable"),
        ("sslmode=verify-full&sslrootcert=/nowhere", "sslrootcert must name a file that can be read"),
        ("sslmode=verify-full&sslrootcert=/etc/passwd", "sslrootcert must name a file of certificates"),
        ("sslmode=verify-full", "sslmode=verify-full needs sslrootcert"),
        ("sslmode=verify-ca", "sslmode=verify-ca needs sslrootcert"),
        ("sslmode=require&sslrootcert=system", "sslrootcert=system needs sslmode=verify-full"),
        ("sslrootcert=system&sslcrl=/etc/passwd", "sslcrl cannot be used beside sslrootcert=system"),
        ("sslmode=require&sslmode=disable", "sslmode must be given once"),
        ("ssl=true", "unknown parameter 'ssl'; known are application_name, connect_timeout"),
        ("sslrootcer=x", "unknown parameter 'sslrootcer'; known are"),
        ("pass@MARK=x", "unknown parameter in the address; known are"),
    ],
)
def test_what_the_driver_would_stumble_on_is_told_at_the_start(query, told, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ArgumentError) as fault:
        Store(f"postgresql://cds@db.example/cds?{query}")
    assert told in str(fault.value)
    assert "MARK" not in str(fault.value)


@pytest.mark.parametrize(
    ("address", "risk"),
    [
        ("db.example/cds", "need not be encrypted"),
        ("db.example/cds?sslmode=disable", "need not be encrypted"),
        ("db.example/cds?sslmode=prefer", "need not be encrypted"),
        ("db.example/cds?sslmode=require", "is encrypted, for whoever answers"),
        ("db.example/cds?sslmode=verify-ca", "any server with a certificate of the same authority"),
        ("/cds?host=db.example", "need not be encrypted"),
        ("/cds?host=127.0.0.1,db.example", "need not be encrypted"),
        ("/cds?host=127.0.0.1:5432&host=db.example:5432", "need not be encrypted"),
        ("db.example/cds?sslmode=verify-full", None),
        ("db.example/cds?sslrootcert=system", None),
        ("127.0.0.1/cds", None),
        ("localhost/cds?sslmode=require", None),
        ("[::1]:5432/cds", None),
        ("/cds?host=/run/postgresql", None),
        ("/cds", None),
    ],
)
def test_what_a_database_that_is_not_verified_risks_is_told(address, risk):
    told = unverified(make_url(f"postgresql://{address}"))
    assert told is None if risk is None else risk in told
