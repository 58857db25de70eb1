"""What a site may set, read once from the environment; nothing else in the package reads the environment."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec

from cds_service.errors import SettingsError
from cds_service.hiding import hidden

T = TypeVar("T")
PrefetchSet: TypeAlias = Literal["full", "lean"]
"""Whether discovery asks for all that the rules read, or for what most answers need."""
_OF_CLIENTS = {"CDS_PROFILE": "profile", "CDS_NOT_SERVED": "not-served", "CDS_PREFETCH": "prefetch"}
"""What is set in open mode, and by which key each client says it of itself otherwise."""
_EACH_CLIENT = "is for open mode and would be ignored: with CDS_CLIENTS each client says it of itself, as `{}`."
_SHORTEST_SECRET = 32
BENCH_OFF = ("off",)
"""``CDS_BENCH`` where there is to be no test bench at all."""


class Secret(msgspec.Struct, frozen=True):
    """A text that is never printed."""

    text: str

    def __repr__(self) -> str:
        return "set, and not shown"

    __str__ = __repr__


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings in force; a field's variable is its name in capitals after ``CDS_``."""

    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = "http://127.0.0.1:8000"
    """Base of ``aud``, links and launch addresses, without a slash at its end."""
    clients: Path | None = None
    cards: Path | None = None
    var: Path = Path("var")
    """The folder of what the service writes: database, journal, and the secret if none is set."""
    database_url: str = "sqlite:///var/cds-service.sqlite"
    """In the folder ``CDS_VAR`` unless it is set."""
    audit: Path | None = None
    """A folder for hash-chained audit files, one a process; none are written without it."""
    record: Literal["on", "off"] = "on"
    """Whether what was shown and what became of it is kept; off, nothing is written anywhere."""
    memory: Literal["on", "off"] = "on"
    """Whether answered findings are muted; off, only from order-select to order-sign within one session."""
    secret: Secret | None = None
    """What patients' pseudonyms are made with; the same for all processes and hosts of a site."""
    secret_old: Secret | None = None
    """The secret of before, while what was stored under it is still to be found; nothing more is written under it."""
    retention_days: int = 400
    mode: Literal["show", "silent"] = "show"
    show: Literal["all", "signed"] = "all"
    """Whether every active rule is shown, or only those that a clinician has signed as they stand."""
    profile: str = "default"
    """The dialect spoken in open mode; otherwise each client's own."""
    discovery: Literal["open", "token"] = "open"
    """Whether discovery asks for a token like every other call."""
    unchecked_tokens: Literal["refuse", "admit"] = "refuse"
    """What becomes of a call while PostgreSQL cannot be asked whether another host saw its token."""
    time_zone: str = "UTC"
    fixed_day: dt.date | None = None
    """``CDS_TODAY``: for tests and demonstrations only."""
    deadline_ms: int = 2000
    """For all that one request fetches; an answer that needs less leaves sooner."""
    fhir_servers: tuple[str, ...] = ()
    """Where missing data may be fetched, separated by commas or blanks. Trusted EHRs name their own servers instead.

    | entry | lets the service |
    | --- | --- |
    | ``https://launch.smarthealthit.org/v/r4/fhir`` | call this server and what lies below this path, in open mode |
    | ``10.20.0.0/16`` | connect a server at an address of this network, in any mode; else only at public ones |
    """
    not_served: tuple[str, ...] = ()
    """In open mode, the prefetch keys whose data do not exist at the EHR, separated by commas or blanks."""
    prefetch: PrefetchSet = "full"
    """What discovery asks for in open mode; otherwise each client's own."""
    bench: tuple[str, ...] = ()
    """Networks that may use the test bench and see outcomes, or ``off``; with none, this machine in open mode."""
    max_body_mb: float = 5
    max_concurrent: int = 100
    """Calls that one worker answers at a time, from the first byte of the body on."""
    max_connections: int = 500
    """Connections that one worker holds open; the one longest without a call makes place for the next."""
    idle_seconds: float = 75
    """How long a connection may last between two calls: longer than proxies keep theirs."""
    drain_seconds: float = 5
    """After SIGTERM, how long calls are still taken while readiness is red; none after SIGINT."""
    tracing: Literal["on", "off"] = "off"
    spec_version: str = "3.0.0-ballot"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def open(self) -> bool:
        """Whether anyone is served, because no trusted clients are configured."""
        return self.clients is None

    @property
    def on_trial(self) -> bool:
        """Whether nobody but this very machine knows the service by its address."""
        return is_loopback(urlsplit(self.public_url).hostname or "")

    @property
    def max_body_bytes(self) -> int:
        return int(self.max_body_mb * 1_048_576)

    @property
    def database_file(self) -> Path | None:
        """The SQLite file; None for PostgreSQL."""
        _, _, path = self.database_url.partition(":///")
        return Path(path.partition("?")[0]) if self.database_url.startswith("sqlite:") else None

    @property
    def zone(self) -> dt.tzinfo:
        """The time zone of the site."""
        return zone_of(self.time_zone)

    def today(self) -> dt.date:
        """The calendar day at the site."""
        return self.fixed_day or dt.datetime.now(self.zone).date()

    def now(self) -> dt.datetime:
        """The time at the site; on a fixed day, its time of day goes on."""
        now = dt.datetime.now(self.zone)
        return dt.datetime.combine(self.fixed_day, now.timetz()) if self.fixed_day else now

    def told(self) -> dict[str, str]:
        """What each variable stands at, fit to be printed."""
        return {variable: _spelled(getattr(self, field)) for variable, (field, _) in _READERS.items()}

    @classmethod
    def in_force(cls, **given: str) -> Settings:
        """The settings of this process and of the workers it starts; what is given goes before the environment."""
        os.environ.update({f"CDS_{field.upper()}": value for field, value in given.items()})
        return cls.read(os.environ)

    @staticmethod
    def unknown_variables() -> list[str]:
        """What is set in the environment and looks like a setting, but is none."""
        return sorted(name for name in os.environ if name.startswith("CDS_") and name not in _READERS)

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """The settings in an environment; every fault is reported at once. An empty variable counts as unset."""
        given: dict[str, Any] = {}
        faults: list[str] = []
        for variable, (field, read) in _READERS.items():
            text = environ.get(variable, "").strip()
            if text:
                try:
                    given[field] = read(text)
                except ValueError as refusal:
                    faults.append(f"{variable} {refusal}.")
        if "port" in given:
            given.setdefault("public_url", f"http://127.0.0.1:{given['port']}")
        if "var" in given:
            given.setdefault("database_url", f"sqlite:///{given['var'] / 'cds-service.sqlite'}")
        settings = cls(**given)
        faults += _exposure_faults(settings)
        if settings.clients:
            faults += [
                f"{name} {_EACH_CLIENT.format(key)}"
                for name, key in _OF_CLIENTS.items()
                if environ.get(name, "").strip()
            ]
        if settings.secret_old and settings.secret_old == settings.secret:
            faults.append("CDS_SECRET_OLD must be another than CDS_SECRET: it is the one of before.")
        if faults:
            raise SettingsError(faults)
        return settings


def _spelled(value: object) -> str:
    if value is None or value == ():
        return "not set"
    return ", ".join(hidden(str(one)) for one in (value if isinstance(value, (tuple, frozenset)) else (value,)))


def hand_down(variable: str, value: str) -> None:
    """Sets a variable for the processes that this one starts."""
    os.environ[variable] = value


def is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _exposure_faults(settings: Settings) -> list[str]:
    faults = []
    trusted_elsewhere = not settings.open and not settings.on_trial
    if trusted_elsewhere and not settings.public_url.startswith("https://"):
        faults.append("CDS_PUBLIC_URL must begin with https:// where CDS_CLIENTS names trusted EHRs.")
    if trusted_elsewhere and settings.fixed_day:
        faults.append("CDS_TODAY is for tests and demonstrations only: with CDS_CLIENTS every age would be wrong.")
    if settings.open and not settings.on_trial:
        faults.append("CDS_PUBLIC_URL must be a loopback address while CDS_CLIENTS is not set: nobody else is served.")
    if is_loopback(settings.host) or faults:
        return faults
    if settings.open:
        return [
            "CDS_CLIENTS is not set, so anyone would be served: that is allowed only while CDS_HOST is a loopback "
            "address such as 127.0.0.1. Name the trusted EHRs in a clients.toml, or listen on loopback."
        ]
    if not settings.public_url.startswith("https://"):
        return ["CDS_PUBLIC_URL must begin with https:// when CDS_HOST is not a loopback address."]
    return []


def zone_of(name: str) -> dt.tzinfo:
    # UTC must work on hosts without a time zone database.
    return dt.UTC if name == "UTC" else ZoneInfo(name)


def _text(text: str) -> str:
    return text


def _number_from(least: float, most: float, kind: Callable[[str], T]) -> Callable[[str], T]:
    def read(text: str) -> T:
        try:
            value = kind(text)
            fits = least <= float(text) <= most
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(f"must be a number from {least:g} to {most:g}")
        return value

    return read


def _one_of(*allowed: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.lower() not in allowed:
            raise ValueError(f"must be one of: {', '.join(allowed)}")
        return text.lower()

    return read


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise ValueError("must name a file that exists")
    return path


def _folder(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise ValueError("must name a folder that exists")
    return path


def _secret(text: str) -> Secret:
    if len(text) < _SHORTEST_SECRET:
        raise ValueError(f"must have at least {_SHORTEST_SECRET} characters")
    return Secret(text)


def _base(text: str) -> str:
    found = _address(text)
    if found.endswith("/cds-services") or " " in found:
        raise ValueError("must be the address before /cds-services")
    return found


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        plain = parts.port != 0 and not (parts.query or parts.fragment or parts.username)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and plain
    except ValueError:
        fits = False
    if not fits:
        raise ValueError("must be an http or https address without user, query or fragment")
    return text.rstrip("/")


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _addresses(text: str) -> tuple[str, ...]:
    entries = _names(text)
    try:
        return tuple(entry if _is_network(entry) else _address(entry) for entry in entries)
    except OverflowError:
        raise ValueError("must not list a network that is the whole internet") from None
    except ValueError:
        raise ValueError("must list http or https addresses, or networks such as 10.20.0.0/16") from None


def _bench(text: str) -> tuple[str, ...]:
    if text.lower() == "off":
        return BENCH_OFF
    entries = _names(text)
    try:
        if all(map(_is_network, entries)):
            return entries
    except OverflowError:
        raise ValueError("must not list a network that is the whole internet") from None
    raise ValueError("must be off, or list networks such as 10.20.0.0/16")


def _is_network(text: str) -> bool:
    try:
        network = ip_network(text)
    except ValueError:
        return False
    if not network.prefixlen:
        raise OverflowError
    return True


def _database(text: str) -> str:
    if not text.startswith(("sqlite:", "postgresql:")):
        raise ValueError("must begin with sqlite: or postgresql:")
    return text


def _time_zone(text: str) -> str:
    try:
        zone_of(text)
    except (KeyError, ValueError, OSError):
        raise ValueError("must be the name of a time zone, such as Europe/Berlin") from None
    return text


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ValueError("must be a day written as 2026-11-20") from None


def _version(text: str) -> str:
    numbers = text.split("+")[0].split("-")[0].split(".")
    if len(numbers) != 3 or not all(part.isascii() and part.isdigit() for part in numbers):
        raise ValueError("must be a semantic version such as 2.0.1")
    return text


_READERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "CDS_HOST": ("host", _text),
    "CDS_PORT": ("port", _number_from(1, 65535, int)),
    "CDS_PUBLIC_URL": ("public_url", _base),
    "CDS_CLIENTS": ("clients", _file),
    "CDS_CARDS": ("cards", _folder),
    "CDS_VAR": ("var", Path),
    "CDS_DATABASE_URL": ("database_url", _database),
    "CDS_AUDIT": ("audit", Path),
    "CDS_RECORD": ("record", _one_of("on", "off")),
    "CDS_MEMORY": ("memory", _one_of("on", "off")),
    "CDS_SECRET": ("secret", _secret),
    "CDS_SECRET_OLD": ("secret_old", _secret),
    "CDS_RETENTION_DAYS": ("retention_days", _number_from(1, 3650, int)),
    "CDS_MODE": ("mode", _one_of("show", "silent")),
    "CDS_SHOW": ("show", _one_of("all", "signed")),
    "CDS_PROFILE": ("profile", _one_of("default", "epic", "sandbox", "v1")),
    "CDS_DISCOVERY": ("discovery", _one_of("open", "token")),
    "CDS_UNCHECKED_TOKENS": ("unchecked_tokens", _one_of("refuse", "admit")),
    "CDS_TIME_ZONE": ("time_zone", _time_zone),
    "CDS_TODAY": ("fixed_day", _day),
    "CDS_DEADLINE_MS": ("deadline_ms", _number_from(1, 9_000, int)),
    "CDS_FHIR_SERVERS": ("fhir_servers", _addresses),
    "CDS_NOT_SERVED": ("not_served", _names),
    "CDS_PREFETCH": ("prefetch", _one_of("full", "lean")),
    "CDS_BENCH": ("bench", _bench),
    "CDS_MAX_BODY_MB": ("max_body_mb", _number_from(0.001, 1000, float)),
    "CDS_MAX_CONCURRENT": ("max_concurrent", _number_from(1, 10_000, int)),
    "CDS_MAX_CONNECTIONS": ("max_connections", _number_from(1, 100_000, int)),
    "CDS_IDLE_SECONDS": ("idle_seconds", _number_from(0.1, 3_600, float)),
    "CDS_DRAIN_SECONDS": ("drain_seconds", _number_from(0, 3_600, float)),
    "CDS_SPEC_VERSION": ("spec_version", _version),
    "CDS_TRACING": ("tracing", _one_of("on", "off")),
    "CDS_LOG_LEVEL": ("log_level", _one_of("debug", "info", "warning", "error")),
}
