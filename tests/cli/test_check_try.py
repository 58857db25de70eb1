"""`check --try` reaches for what the settings name, as the service would, and says of each what it found."""

import json
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner

from cds_service.cli import reach
from cds_service.cli.main import main
from cds_service.cli.start import trusted_clients
from cds_service.record.postgresql_tls import risk_of
from cds_service.settings import Settings
from tests.trust.ehr import EC_KEY, RSA_KEY

KEYS = json.dumps({"keys": [key.as_dict(private=False) for key in (EC_KEY, RSA_KEY)]})
R4 = json.dumps({"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"})
ANSWERS = {
    "/keys?token=MARK": (200, KEYS),
    "/none": (200, '{"keys": []}'),
    "/r4/metadata": (200, R4),
    "/r5/metadata": (200, R4.replace("4.0.1", "5.0.0")),
    "/closed/metadata": (401, ""),
    "/list/metadata": (200, "[]"),
    "/elsewhere/metadata": (302, ""),
}


class Ehr(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = ANSWERS.get(self.path, (404, ""))
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def ehr() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Ehr)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def written(tmp_path: Path, said: str) -> dict[str, str]:
    """The settings of a site with one EHR."""
    (tmp_path / "clients.toml").write_text(f'[[client]]\nname = "ehr"\nissuer = "https://ehr.example"\n{said}')
    return {"CDS_CLIENTS": str(tmp_path / "clients.toml"), "CDS_VAR": str(tmp_path), "CDS_TODAY": ""}


def checked(tmp_path: Path, cards: Path, code: int, said: str, **more: str) -> str:
    """What the whole command prints."""
    given = written(tmp_path, said) | {"CDS_CARDS": str(cards)} | more
    result = CliRunner().invoke(main, ["check", "--try"], env=given, catch_exceptions=False)
    assert result.exit_code == code, result.output
    assert "MARK" not in result.output
    return result.output


def tried(tmp_path: Path, said: str, **more: str) -> list[str]:
    """The lines of what was tried."""
    settings = Settings.read(written(tmp_path, said) | {"CDS_PUBLIC_URL": "http://127.0.0.1:8000"} | more)
    lines = [str(one) for one in reach.tried(settings, trusted_clients(settings, None))]
    assert "MARK" not in str(lines)
    return lines


def test_what_is_reached_is_told_in_a_line_each(tmp_path: Path, ehr: str, few_cases: Path) -> None:
    said = checked(
        tmp_path, few_cases, 0, f'jku = "{ehr}/keys?token=MARK"\nfhir-servers = ["{ehr}/r4", "{ehr}/closed"]'
    )
    (lines,) = [part.splitlines()[:4] for part in said.split("Tried\n")[1:]]
    assert lines[0].startswith("  Database: SQLite 3.")
    assert lines[1] == f"  Keys of ehr: {ehr}/keys?... holds k1 (EC), k2 (RSA)"
    assert lines[2] == f"  FHIR server {ehr}/closed: is reached, and tells nothing without a token (status 401)"
    assert lines[3] == f"  FHIR server {ehr}/r4: FHIR 4.0.1"
    assert "No fault found." in said


@pytest.mark.parametrize(
    ("client", "fault"),
    [
        ('jku = "{0}/gone"', "Keys of ehr: FAULT: {0}/gone could not be fetched (status 404)"),
        ('jku = "{0}/none"', "Keys of ehr: FAULT: {0}/none holds no usable key"),
        (
            'jku = "http://127.0.0.1:9/keys"',
            "Keys of ehr: FAULT: http://127.0.0.1:9/keys could not be fetched (ConnectError",
        ),
        (
            'jku = "{0}/keys?token=MARK"\nalgorithms = ["EdDSA"]',
            "Keys of ehr: FAULT: {0}/keys?... holds no key for EdDSA",
        ),
        (
            'jku = "{0}/keys?token=MARK"\nfhir-servers = ["{0}/r5"]',
            "FHIR server {0}/r5: FAULT: it speaks FHIR 5.0.0, not R4",
        ),
        (
            'jku = "{0}/keys?token=MARK"\nfhir-servers = ["{0}/list"]',
            "FHIR server {0}/list: FAULT: what it has under /metadata is no CapabilityStatement",
        ),
        (
            'jku = "{0}/keys?token=MARK"\nfhir-servers = ["{0}/elsewhere"]',
            "FHIR server {0}/elsewhere: FAULT: status 302 for /metadata",
        ),
        (
            'jku = "{0}/keys?token=MARK"\nfhir-servers = ["http://127.0.0.1:9/r4"]',
            "FHIR server http://127.0.0.1:9/r4: FAULT: no connection",
        ),
    ],
)
def test_what_is_not_is_a_fault(tmp_path: Path, ehr: str, client: str, fault: str) -> None:
    assert any(line.startswith(f"  {fault.format(ehr)}") for line in tried(tmp_path, client.format(ehr)))


def test_a_database_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    address = "postgresql://cds:MARK@127.0.0.1:9/cds?sslmode=disable"
    database, *_ = tried(tmp_path, 'jku = "http://127.0.0.1:9/keys"', CDS_DATABASE_URL=address)
    assert database.startswith("  Database: FAULT: cannot be used (ConnectionRefusedError")


@pytest.mark.parametrize(
    "address",
    ["postgresql://u:MARK@h:MARK/db", "postgresql://u:MARK", "postgresql:MARK", "postgresql://h/db?MARK=1"],
)
def test_an_address_that_is_none_is_a_fault_and_nothing_of_it_is_told(tmp_path: Path, address: str) -> None:
    assert risk_of(address) is None or "?" in address
    database, keys = tried(tmp_path, 'jku = "http://127.0.0.1:9/keys"', CDS_DATABASE_URL=address)
    assert database.startswith("  Database: FAULT: CDS_DATABASE_URL: the database cannot be used")
    assert keys.startswith("  Keys of ehr: FAULT")


def test_nobody_is_waited_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        client = f'jku = "http://{address}/keys"\nfhir-servers = ["http://{address}/r4"]'
        database = f"postgresql://cds@{address}/cds?sslmode=disable"
        lines = tried(tmp_path, client, CDS_DATABASE_URL=database)
    assert lines[:2] == [f"  {what}: FAULT: no answer within 0.2 seconds" for what in ("Database", "Keys of ehr")]
    assert lines[2].startswith(f"  FHIR server http://{address}/r4: FAULT: no")


def test_a_database_elsewhere_that_is_not_verified_is_warned_of_and_its_password_is_not_told(
    tmp_path: Path, few_cases: Path
) -> None:
    address = "postgresql://cds:MARK@db.invalid/cds?sslmode=require"
    said = checked(tmp_path, few_cases, 1, 'jku = "http://127.0.0.1:9/keys"', CDS_DATABASE_URL=address)
    assert "WARNING: the database is not verified: what goes there is encrypted, for whoever answers" in said
    assert "postgresql://cds:...@db.invalid/cds?sslmode=require" in said
    assert "  - Database: cannot be used" in said
