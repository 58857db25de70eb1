"""What clients.toml may say, and that every fault in it is told."""

from pathlib import Path

import pytest

from cds_service.errors import SettingsError, TooManyCalls
from cds_service.trust.clients import read_clients
from cds_service.trust.limits import Allowance
from tests.trust.ehr import CLIENTS, ISSUER


def test_a_good_file_is_read(clients_file: Path) -> None:
    found = read_clients(clients_file)
    assert found.by_issuer[ISSUER].name == "test-ehr"
    assert found.origins == {"https://ehr.test.example"}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (CLIENTS.replace('jwks = "keys.json"\n', ""), "give jwks"),
        (CLIENTS.replace("keys.json", "missing.json"), "the file is no JWK Set"),
        (CLIENTS.replace('jwks = "keys.json"', 'jku = "http://x.example/keys"'), "must begin with https://"),
        (CLIENTS + 'algorithms = ["HS256"]', "'HS256' is none of"),
        (CLIENTS + 'algorithms = ["none"]', "'none' is none of"),
        (CLIENTS.replace('profile = "default"', 'profile = "cerner"'), "'cerner' is none of"),
        (CLIENTS + 'fhir-servers = ["ftp://x"]', "must be an https address"),
        (CLIENTS + CLIENTS, "stands twice"),
        (CLIENTS + "colour = 1", "unknown field"),
        ("not toml", "clients.toml"),
    ],
)
def test_a_fault_is_told_in_words(clients_file: Path, written: str, said: str) -> None:
    clients_file.write_text(written)
    with pytest.raises(SettingsError, match=said):
        read_clients(clients_file)


def test_a_client_over_its_rate_is_told_when_to_come_back() -> None:
    clock = [0.0]
    allowance = Allowance(lambda: clock[0])
    for _ in range(60):
        allowance.spend("ehr", 60)
    with pytest.raises(TooManyCalls) as refusal:
        allowance.spend("ehr", 60)
    assert refusal.value.headers == {"Retry-After": "1"}
    allowance.spend("other", 60)
    clock[0] = 1.0
    allowance.spend("ehr", 60)
