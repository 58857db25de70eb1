"""The tables of the store, and how an older store becomes this one.

The steps are plain SQLAlchemy Core, applied in order at the start under a lock, each store noting how far it has come.
A tool with an environment and templates of its own would have to travel in the wheel for a handful of steps that run
unattended.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    delete,
    insert,
    inspect,
    select,
    text,
)

from cds_service.errors import SettingsError

METADATA = MetaData()

SILENT, SHOWN, ANSWERED = 0, 1, 2
"""``cards.state``: made but not shown, shown, and answered at least once."""

CARDS = Table(
    "cards",
    METADATA,
    Column("card", Text, primary_key=True),
    Column("state", SmallInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("service", Text, nullable=False),
    Column("hook", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("indicator", Text, nullable=False),
    Column("patient", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("encounter", Text, nullable=False),
    Column("findings", Text, nullable=False),
    Index("cards_of_patient", "patient", "state", "at"),
    Index("cards_at", "at"),
)
"""``findings`` is the JSON of their fingerprints: they are written and read together."""

WITHDRAWALS = Table(
    "withdrawals",
    METADATA,
    Column("patient", Text),
    Column("rule", Text),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("patient", "rule"),
    sqlite_with_rowid=False,
)
"""Since when what was answered of a rule counts no longer."""

ANSWERS = Table(
    "answers",
    METADATA,
    Column("card", Text),
    Column("at", BigInteger),
    Column("outcome", Text),
    Column("reason", Text),
    Column("client", Text),
    Column("received", BigInteger, nullable=False),
    Column("service", Text, nullable=False),
    Column("accepted", Text, nullable=False, server_default=""),
    PrimaryKeyConstraint("card", "at", "outcome", "reason", "client"),
    Index("answers_received", "received"),
    sqlite_with_rowid=False,
)

TALLIES = Table(
    "tallies",
    METADATA,
    Column("day", Text),
    Column("service", Text),
    Column("client", Text),
    Column("rule", Text),
    Column("version", Text),
    Column("outcome", Text),
    Column("count", BigInteger, nullable=False),
    PrimaryKeyConstraint("day", "service", "client", "rule", "version", "outcome"),
    sqlite_with_rowid=False,
)

JOURNALS = Table(
    "journals",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("applied", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""How far each journal has been stored: what is read again after a crash is not counted again."""

TOKENS = Table(
    "tokens",
    METADATA,
    Column("mark", Text, primary_key=True),
    Column("until", BigInteger, nullable=False),
    Index("tokens_until", "until"),
    sqlite_with_rowid=False,
)
"""Tokens of callers that were used, until they would no longer count; in seconds since 1970."""

SECRETS = Table(
    "secrets",
    METADATA,
    Column("mark", Text, primary_key=True),
    Column("seen", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""What tells which secrets pseudonyms were made with, and when each was last in force."""

CLOCK = Table("clock", METADATA, Column("believed", BigInteger, nullable=False))
"""One row: how late it was when the record was last pruned."""

_VERSION = Table("schema_version", METADATA, Column("version", Integer, nullable=False))
LOCK = 0x5242445F  # any number that is ours: PostgreSQL's advisory locks have no names


def _first(connection: Connection) -> None:
    METADATA.create_all(connection)


def _used_tokens(connection: Connection) -> None:
    TOKENS.create(connection, checkfirst=True)


def _accepted(connection: Connection) -> None:
    """A store that is made anew has the column."""
    if "accepted" not in {column["name"] for column in inspect(connection).get_columns(ANSWERS.name)}:
        connection.execute(text("ALTER TABLE answers ADD COLUMN accepted TEXT NOT NULL DEFAULT ''"))


def _clock_and_secrets(connection: Connection) -> None:
    for table in (CLOCK, SECRETS):
        table.create(connection, checkfirst=True)


STEPS: tuple[Callable[[Connection], None], ...] = (_first, _used_tokens, _accepted, _clock_and_secrets)
"""Step n leads from version n to n + 1."""


def version_needed() -> int:
    return len(STEPS)


def version_of(connection: Connection) -> int:
    """How far a store has come; 0 for an empty one."""
    if not inspect(connection).has_table(_VERSION.name):
        return 0
    return connection.execute(select(_VERSION.c.version)).scalar() or 0


def require(connection: Connection) -> None:
    """Brings a store up to date where its role may; SettingsError where it may not, or a newer program has been here.

    A store that is up to date is left alone: it may be that of a role without any right to change tables.
    """
    version = version_of(connection)
    if version > len(STEPS):
        raise SettingsError([too_new(version)])
    if version < len(STEPS):
        if not _may_change_tables(connection):
            raise SettingsError([too_old(version)])
        migrate(connection)


def too_new(version: int) -> str:
    return (
        f"CDS_DATABASE_URL: the database has schema {version}, of a newer program, and this one knows none above "
        f"{len(STEPS)}. Start the newer program, or restore what was backed up before it."
    )


def too_old(version: int) -> str:
    return (
        f"CDS_DATABASE_URL: the database has schema {version} and this program needs {len(STEPS)}, which this role may "
        "not make of it. Run `cds-service record migrate` under one that may."
    )


def _may_change_tables(connection: Connection) -> bool:
    """A role of PostgreSQL that may create tables, and owns those that are there."""
    if connection.dialect.name != "postgresql":
        return True
    told = "SELECT has_schema_privilege(current_schema()::text, 'CREATE')"
    owner = "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('schema_version')"
    return bool(connection.scalar(text(told))) and connection.scalar(text(owner)) is not False


def take_turns(connection: Connection) -> None:
    """Of several processes that ask, one goes on at a time, until its transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})


def migrate(connection: Connection) -> None:
    """Brings a store up to date, once, however many processes start together."""
    take_turns(connection)
    _VERSION.create(connection, checkfirst=True)
    version = version_of(connection)
    for step in STEPS[version:]:
        step(connection)
    if version < len(STEPS):
        connection.execute(delete(_VERSION))
        connection.execute(insert(_VERSION).values(version=len(STEPS)))
