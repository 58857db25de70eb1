"""Settings are read once, and every fault is told at once."""

import datetime as dt

import pytest

from cds_service.content import places
from cds_service.errors import SettingsError
from cds_service.settings import Settings


def faults(**environ):
    with pytest.raises(SettingsError) as found:
        Settings.read({f"CDS_{name}": value for name, value in environ.items()})
    return found.value.faults


def test_nothing_set_gives_the_defaults_and_open_mode_on_loopback():
    settings = Settings.read({})
    assert (settings.host, settings.port, settings.mode, settings.deadline_ms) == ("127.0.0.1", 8000, "show", 2000)
    assert settings.spec_version == "3.0.0-ballot"
    assert settings.max_body_bytes == 5 * 1024 * 1024
    assert settings.open


OF_OPEN_MODE = {"CDS_PROFILE": "epic", "CDS_NOT_SERVED": "medicationStatements, tasks", "CDS_PREFETCH": "lean"}


def test_everything_can_be_set(tmp_path):
    clients = tmp_path / "clients.toml"
    clients.touch()
    given = {
        "CDS_HOST": "127.0.0.2",
        "CDS_PORT": "8443",
        "CDS_PUBLIC_URL": "http://127.0.0.2:8443/rbd/",
        "CDS_CLIENTS": str(clients),
        "CDS_CARDS": str(tmp_path),
        "CDS_VAR": str(tmp_path),
        "CDS_DATABASE_URL": "postgresql://db/cds",
        "CDS_RECORD": "OFF",
        "CDS_MEMORY": "off",
        "CDS_SECRET": "a secret that is long enough to use",
        "CDS_SECRET_OLD": "a secret that was used before this one",
        "CDS_RETENTION_DAYS": "90",
        "CDS_MODE": "Silent",
        "CDS_SHOW": "signed",
        "CDS_TIME_ZONE": "Europe/Berlin",
        "CDS_TODAY": "2026-11-20",
        "CDS_DEADLINE_MS": "250",
        "CDS_FHIR_SERVERS": "10.20.0.0/16",
        "CDS_DISCOVERY": "token",
        "CDS_UNCHECKED_TOKENS": "admit",
        "CDS_AUDIT": str(tmp_path),
        "CDS_BENCH": "10.21.0.0/16",
        "CDS_MAX_BODY_MB": "0.5",
        "CDS_MAX_CONCURRENT": "7",
        "CDS_MAX_CONNECTIONS": "70",
        "CDS_IDLE_SECONDS": "5.5",
        "CDS_DRAIN_SECONDS": "0",
        "CDS_SPEC_VERSION": "2.0.1",
        "CDS_TRACING": "on",
        "CDS_LOG_LEVEL": "DEBUG",
    }
    settings, default = Settings.read(given), Settings().told()
    left = {name for name, told in settings.told().items() if told == default[name]}
    assert (left, given.keys() | left) == (OF_OPEN_MODE.keys(), default.keys())
    in_open_mode = Settings.read(OF_OPEN_MODE).told()
    assert [name for name in OF_OPEN_MODE if in_open_mode[name] == default[name]] == []
    assert settings.public_url == "http://127.0.0.2:8443/rbd"
    assert (settings.mode, settings.log_level, settings.spec_version) == ("silent", "debug", "2.0.1")
    assert settings.today() == dt.date(2026, 11, 20)
    assert (settings.max_body_bytes, settings.max_concurrent) == (524_288, 7)
    assert (settings.record, settings.memory, settings.retention_days) == ("off", "off", 90)
    assert settings.database_url == "postgresql://db/cds"
    assert not settings.open


@pytest.mark.parametrize(
    ("name", "key"), [("PROFILE", "profile"), ("NOT_SERVED", "not-served"), ("PREFETCH", "prefetch")]
)
def test_what_each_client_says_of_itself_is_not_ignored_in_silence(tmp_path, name, key):
    clients = tmp_path / "clients.toml"
    clients.touch()
    (fault,) = faults(CLIENTS=str(clients), **{name: OF_OPEN_MODE[f"CDS_{name}"]})
    assert fault == (
        f"CDS_{name} is for open mode and would be ignored: with CDS_CLIENTS each client says it of itself, as `{key}`."
    )


def test_the_database_lies_in_the_folder_of_what_is_written(tmp_path):
    assert Settings.read({"CDS_VAR": str(tmp_path)}).database_url == f"sqlite:///{tmp_path}/cds-service.sqlite"


def test_the_secret_is_never_printed():
    settings = Settings.read({"CDS_SECRET": "x" * 32})
    assert "xxx" not in f"{settings} {settings!r} {settings.told()}"
    assert settings.secret.text == "x" * 32


def test_an_empty_variable_counts_as_unset():
    assert Settings.read({"CDS_PORT": " "}) == Settings()


def test_every_fault_is_told_at_once():
    found = faults(PORT="eighty", MODE="loud", TIME_ZONE="Mars/North", TODAY="tomorrow", CARDS="/nowhere/at/all")
    assert [fault.split()[0] for fault in found] == ["CDS_PORT", "CDS_CARDS", "CDS_MODE", "CDS_TIME_ZONE", "CDS_TODAY"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "70000"),
        ("PUBLIC_URL", "cds.example.org"),
        ("PUBLIC_URL", "https://me@cds.example.org"),
        ("PUBLIC_URL", "http://[::1"),
        ("CLIENTS", "/nowhere/clients.toml"),
        ("DATABASE_URL", "mysql://db"),
        ("SECRET", "too short"),
        ("RETENTION_DAYS", "0"),
        ("DEADLINE_MS", "0"),
        ("DEADLINE_MS", "1e2"),
        ("DEADLINE_MS", "9001"),
        ("MAX_BODY_MB", "nan"),
        ("SPEC_VERSION", "STU2"),
        ("LOG_LEVEL", "chatty"),
        ("TIME_ZONE", "../etc"),
        ("PREFETCH", "some"),
        ("UNCHECKED_TOKENS", "perhaps"),
    ],
)
def test_a_value_that_cannot_be_used_is_told_by_name(name, value):
    (fault,) = faults(**{name: value})
    assert fault.startswith(f"CDS_{name} must ")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "cds.example.org"])
def test_open_mode_starts_on_loopback_only(host):
    (fault,) = faults(HOST=host, PUBLIC_URL="https://cds.example.org")
    assert "CDS_CLIENTS" in fault


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.5", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_open_mode_starts_on_any_loopback_address(host):
    assert Settings.read({"CDS_HOST": host}).open


def test_a_service_others_can_reach_needs_an_https_address(tmp_path):
    clients = tmp_path / "clients.toml"
    clients.touch()
    (fault,) = faults(HOST="0.0.0.0", CLIENTS=str(clients))
    assert "CDS_PUBLIC_URL" in fault


def test_fhir_servers_are_addresses_and_networks():
    servers = "https://fhir.example.org/r4/, http://hapi.lan:8080/fhir 10.20.0.0/16"
    read = Settings.read({"CDS_FHIR_SERVERS": servers}).fhir_servers
    assert read == ("https://fhir.example.org/r4", "http://hapi.lan:8080/fhir", "10.20.0.0/16")
    assert Settings.read({}).fhir_servers == ()


@pytest.mark.parametrize(
    "servers", ["fhir.example.org", "https://user@fhir.example.org", "10.20.0.1/16", "file:///etc"]
)
def test_a_fhir_server_is_an_address_without_user_or_query(servers):
    (fault,) = faults(FHIR_SERVERS=f"https://fhir.example.org {servers}")
    assert fault.startswith("CDS_FHIR_SERVERS must list")


def test_the_message_lists_the_faults():
    with pytest.raises(SettingsError, match=r"(?s)settings cannot be used:.*CDS_PORT.*CDS_MODE"):
        Settings.read({"CDS_PORT": "x", "CDS_MODE": "x"})


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati"])
def test_today_is_the_calendar_day_at_the_site(zone):
    now = dt.datetime.now(dt.UTC).date()
    assert now <= Settings(time_zone=zone).today() <= now + dt.timedelta(days=1)


def test_on_a_fixed_day_the_time_of_day_goes_on():
    now = Settings(fixed_day=dt.date(2026, 6, 15)).now()
    assert now.date() == dt.date(2026, 6, 15)
    assert now.utcoffset() == dt.timedelta(0)


def test_cards_are_in_the_folder_set_or_beside_the_package(tmp_path):
    assert places.cards(Settings(cards=tmp_path)) == tmp_path
    assert places.cards(Settings()).name == "cards"
    assert places.fhir_examples().parent == places.cards(Settings()).parent


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"CDS_PUBLIC_URL": "http://cds.example.org"}, "CDS_PUBLIC_URL must begin with https://"),
        ({"CDS_PUBLIC_URL": "https://cds.example.org", "CDS_TODAY": "2026-06-15"}, "CDS_TODAY is for tests"),
        ({"CDS_PUBLIC_URL": "https://cds.example.org/cds-services"}, "must be the address before /cds-services"),
        ({"CDS_FHIR_SERVERS": "0.0.0.0/0"}, "whole internet"),
    ],
)
def test_what_would_be_wrong_where_others_call_is_told(tmp_path, given, said):
    clients = tmp_path / "clients.toml"
    clients.touch()
    with pytest.raises(SettingsError, match=said):
        Settings.read({"CDS_CLIENTS": str(clients), **given})
