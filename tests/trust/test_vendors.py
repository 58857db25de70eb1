"""What is publicly known of vendors' servers, and how a client takes it or says otherwise."""

import datetime as dt
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from cds_service.errors import SettingsError
from cds_service.facts.queries import MAY_BE_UNSERVED
from cds_service.trust.clients import Client, read_clients
from cds_service.trust.vendors import code_form, vendors
from tests.trust.ehr import CLIENTS

STATEMENTS = [
    pytest.param(one, id=f"{name}-{getattr(one, 'key', getattr(one, 'about', 'codes'))}")
    for name, vendor in vendors().items()
    for one in (*vendor.not_served, *vendor.search_parameters, *filter(None, [vendor.observation_codes]), *vendor.known)
]


def client(clients_file: Path, said: str) -> Client:
    clients_file.write_text(CLIENTS + said)
    return read_clients(clients_file).by_name["test-ehr"]


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


@pytest.mark.parametrize("name", vendors())
def test_what_a_vendor_says_for_the_clients_file_are_keys_of_it_and_what_is_not_known_is_said(name: str) -> None:
    assert vendors()[name].client.keys() <= {field.encode_name for field in msgspec.structs.fields(Client)}
    assert vendors()[name].unknown


def test_a_client_of_a_vendor_takes_what_is_known_of_it(clients_file: Path) -> None:
    found = client(clients_file, 'vendor = "oracle-health"')
    assert found.keys_not_served == {"medicationStatements", "tasks", "adverseEvents", "carePlans"}
    assert found.code_form == "with-system"


def test_what_a_client_says_of_itself_goes_before_its_vendor(clients_file: Path) -> None:
    said = 'vendor = "oracle-health"\nnot-served = ["tasks"]\nobservation-codes = "bare"'
    found = client(clients_file, said)
    assert (found.keys_not_served, found.code_form) == ({"tasks"}, "bare")
    assert client(clients_file, 'vendor = "epic"\nnot-served = []').keys_not_served == frozenset()


def test_what_a_vendor_demands_of_a_search_is_taken_from_it_or_from_the_client(clients_file: Path) -> None:
    assert client(clients_file, 'vendor = "athenahealth"').parameters == {"medicationRequests": "intent=order,plan"}
    said = 'vendor = "athenahealth"\nsearch-parameters = '
    assert client(clients_file, said + "{}").parameters == {}
    asked = {"conditions": "category=problem-list-item,encounter-diagnosis", "tasks": "status=requested&owner=x"}
    inline = ", ".join(f'{key} = "{value}"' for key, value in asked.items())
    assert client(clients_file, f"{said}{{ {inline} }}").parameters == asked


@pytest.mark.parametrize("name", vendors())
def test_what_a_vendor_demands_is_what_a_client_might_say(clients_file: Path, name: str) -> None:
    inline = ", ".join(f'{key} = "{value}"' for key, value in vendors()[name].parameters.items())
    said = client(clients_file, f"search-parameters = {{ {inline} }}")
    assert said.parameters == client(clients_file, f'vendor = "{name}"').parameters


def test_of_a_client_of_no_vendor_nothing_is_taken_for_known(clients_file: Path) -> None:
    found = client(clients_file, "")
    assert (found.keys_not_served, found.code_form, found.parameters) == (frozenset(), "bare", {})


def test_the_form_of_codes_follows_the_dialect_where_no_vendor_is_named() -> None:
    assert code_form(None, "oracle-health") == code_form("oracle-health", "default") == "with-system"
    assert code_form(None, "default") == "bare"


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ('vendor = "acme"', "vendor: 'acme' is none of epic"),
        ('not-served = ["statements"]', "not-served: 'statements' is none of adverseEvents"),
        ('not-served = ["patient"]', "not-served: 'patient' is none of"),
        ('search-parameters = { patient = "a=b" }', "search-parameters: 'patient' is none of"),
        ('search-parameters = { tasks = "intent" }', "tasks: 'intent' must be written as in an address"),
        ('search-parameters = { tasks = "a=b&" }', "tasks: 'a=b&' must be written as in an address"),
        ('search-parameters = { tasks = "a={{context.userId}}" }', "tasks: .* must be written as in an address"),
        ('search-parameters = { tasks = "patient=7" }', "tasks: 'patient' is a part of the query already"),
        ('search-parameters = { tasks = "_count=5" }', "tasks: '_count' is a part of the query already"),
        ('search-parameters = { observations = "a=b&code=7" }', "observations: 'code' is a part of the query already"),
        ('diagnostic-reports = "some"', "diagnostic-reports: Invalid enum value 'some'"),
        ('observation-codes = "short"', "observation-codes: Invalid enum value 'short'"),
    ],
)
def test_a_fault_is_told_in_words(clients_file: Path, said: str, fault: str) -> None:
    with pytest.raises(SettingsError, match=fault):
        client(clients_file, said)
