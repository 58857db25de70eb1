"""What is publicly known of vendors' servers, and how a client takes it or says otherwise."""

import datetime as dt
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cds_service.errors import SettingsError
from cds_service.facts.queries import MAY_BE_UNSERVED
from cds_service.trust.clients import Client, read_clients
from cds_service.trust.vendors import code_form, vendors
from tests.trust.ehr import CLIENTS, ISSUER

STATEMENTS = [
    pytest.param(one, id=f"{name}-{getattr(one, 'key', 'codes')}")
    for name, vendor in vendors().items()
    for one in (*vendor.not_served, *filter(None, [vendor.observation_codes]))
]


def client(clients_file: Path, said: str) -> Client:
    clients_file.write_text(CLIENTS + said)
    return read_clients(clients_file).by_issuer[ISSUER]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_statement_has_its_words_its_public_document_and_the_day_it_was_read(statement) -> None:
    assert statement.says.endswith(".")
    assert urlsplit(statement.source).scheme == "https"
    assert statement.read >= dt.date(2026, 11, 1)


@pytest.mark.parametrize("name", vendors())
def test_what_a_vendor_does_not_serve_are_keys_each_said_once(name: str) -> None:
    keys = [one.key for one in vendors()[name].not_served]
    assert set(keys) <= MAY_BE_UNSERVED
    assert len(keys) == len(set(keys))


def test_a_client_of_a_vendor_takes_what_is_known_of_it(clients_file: Path) -> None:
    found = client(clients_file, 'vendor = "oracle-health"')
    assert found.keys_not_served == {"medicationStatements", "tasks", "adverseEvents", "carePlans"}
    assert found.code_form == "with-system"


def test_what_a_client_says_of_itself_goes_before_its_vendor(clients_file: Path) -> None:
    said = 'vendor = "oracle-health"\nnot-served = ["tasks"]\nobservation-codes = "bare"'
    found = client(clients_file, said)
    assert (found.keys_not_served, found.code_form) == ({"tasks"}, "bare")
    assert client(clients_file, 'vendor = "epic"\nnot-served = []').keys_not_served == frozenset()


def test_of_a_client_of_no_vendor_nothing_is_taken_for_known(clients_file: Path) -> None:
    found = client(clients_file, "")
    assert (found.keys_not_served, found.code_form) == (frozenset(), "bare")


def test_the_form_of_codes_follows_the_dialect_where_no_vendor_is_named() -> None:
    assert code_form(None, "oracle-health") == code_form("oracle-health", "default") == "with-system"
    assert code_form(None, "default") == "bare"


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ('vendor = "acme"', "vendor: 'acme' is none of epic"),
        ('not-served = ["statements"]', "not-served: 'statements' is none of adverseEvents"),
        ('not-served = ["patient"]', "not-served: 'patient' is none of"),
        ('observation-codes = "short"', "observation-codes: Invalid enum value 'short'"),
    ],
)
def test_a_fault_is_told_in_words(clients_file: Path, said: str, fault: str) -> None:
    with pytest.raises(SettingsError, match=fault):
        client(clients_file, said)
