"""What clients.toml may say, and that every fault in it is told."""

import json
from pathlib import Path

import pytest

from cds_service.errors import SettingsError, TooManyCalls
from cds_service.trust.clients import read_clients
from cds_service.trust.limits import Allowance
from tests.trust.ehr import CLIENTS, EC_KEY


def test_a_good_file_is_read(clients_file: Path) -> None:
    found = read_clients(clients_file)
    assert found.by_name["test-ehr"].name == "test-ehr"
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
        ("", "no client is named"),
        ("client = 3", "no client is named"),
        ("[[clients]]\nname = 'x'", "clients: unknown"),
        (CLIENTS.replace('name = "test-ehr"\n', ""), "client 1: name: missing"),
        (CLIENTS.replace('name = "test-ehr"', 'name = ""'), "client 1: name: empty"),
        (CLIENTS.replace('name = "test-ehr"', 'name = "demonstration-x"'), "demonstration-x: name: demonstration-"),
        (CLIENTS + "calls-per-minute = 'many'", "calls-per-minute: Expected `int`"),
        (CLIENTS + "calls-per-minute = 0", "calls-per-minute: must be at least 1"),
        (CLIENTS.replace('"test-ehr"', '"anyone"'), "name: 'anyone' cannot be used"),
        (CLIENTS.replace("alias.test.example", "alias.test.example/cds-services"), "before /cds-services"),
        (CLIENTS.replace('https://ehr.test.example"]', 'https://ehr.test.example:443"]'), "origins: .* as browsers do"),
        (CLIENTS.replace('https://ehr.test.example"]', 'https://EHR.test.example"]'), "origins: .* as browsers do"),
        (CLIENTS + 'algorithms = ["EdDSA"]', "jwks: no key of the file fits EdDSA"),
        (CLIENTS + "algorithms = []", "algorithms: name at least one"),
        (
            CLIENTS.replace("https://alias.test.example", "https://alias.test.example/"),
            "audiences: .* end with a slash",
        ),
        (CLIENTS + 'fhir-servers = ["https://["]', "fhir-servers: 'https://\\[' must be"),
        (CLIENTS + 'fhir-servers = ["https://2130706433/r4"]', "fhir-servers: .* is no address that is called"),
        (CLIENTS + 'fhir-servers = ["https://127.1/r4"]', "fhir-servers: .* is no address that is called"),
        (CLIENTS.replace('jwks = "keys.json"', 'jku = "https://u:p@x.example/keys"'), "jku: must have no user"),
        (CLIENTS + 'prefetch = "lean"', "clients.toml: test-ehr: prefetch: 'lean' needs fhir-servers"),
        (CLIENTS + 'prefetch = "lean"\nfhir-servers = []', "prefetch: 'lean' needs fhir-servers"),
        (CLIENTS + 'prefetch = "some"', "prefetch: Invalid enum value 'some'"),
        (CLIENTS.replace("rbd-patient-view", "rbd-no-such"), "services: there is no service 'rbd-no-such'"),
    ],
)
def test_a_fault_is_told_in_words(clients_file: Path, written: str, said: str) -> None:
    clients_file.write_text(written)
    with pytest.raises(SettingsError, match=said):
        read_clients(clients_file, {"rbd-patient-view"})


def test_every_fault_of_every_client_is_told_at_once(clients_file: Path) -> None:
    clients_file.write_text(
        CLIENTS.replace('profile = "default"', "profile = 3\ncolour = 1").replace("issuer", "isuer")
        + '[[client]]\nname = "other"\nissuer = "https://other.example"\nalgorithms = ["HS256"]'
    )
    with pytest.raises(SettingsError) as refusal:
        read_clients(clients_file)
    told = "\n".join(refusal.value.faults)
    for part in (
        "test-ehr: colour: unknown field",
        "test-ehr: isuer: unknown field",
        "test-ehr: issuer: missing",
        "test-ehr: profile: Expected",
        "other: give jwks",
        "other: algorithms: 'HS256'",
    ):
        assert part in told


def test_a_file_with_a_private_key_is_refused(clients_file: Path) -> None:
    (clients_file.parent / "keys.json").write_text(json.dumps({"keys": [EC_KEY.as_dict(private=True)]}))
    with pytest.raises(SettingsError, match="the file holds a private key"):
        read_clients(clients_file)


def test_keys_of_this_machine_may_be_fetched_without_tls(clients_file: Path) -> None:
    clients_file.write_text(CLIENTS.replace('jwks = "keys.json"', 'jku = "http://127.0.0.1:9/keys"'))
    assert read_clients(clients_file).by_name["test-ehr"].jku


@pytest.mark.attack("More calls of one EHR than agreed", "429, and nobody else is kept waiting")
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
