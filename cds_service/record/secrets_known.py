"""Which secrets the record was written under, so that one that is lost or changed does not go unseen.

A secret is told by a keyed hash of a constant; it stays known as long as the retention lasts after it was in force.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, delete, insert, select, update

from cds_service.record.tables import SECRETS, take_turns

CHANGED = (
    "The secret is not the one that this record was written under: findings that were answered come back. Put the old "
    "one back, or set it as CDS_SECRET_OLD; or, if it is lost, run `cds-service record accept-secret`."
)
READABLE = "Others than its owner can read the file of the secret: chmod 600, and change the secret if they may have."


def foreign(connection: Connection, known: Collection[str]) -> bool:
    """Whether the record was also written under a secret that is not among these."""
    return any(mark not in known for mark in connection.scalars(select(SECRETS.c.mark)))


def last_in_force(connection: Connection, mark: str) -> int | None:
    """When a secret was last seen in force, in milliseconds."""
    return connection.scalar(select(SECRETS.c.seen).where(SECRETS.c.mark == mark))


def see(connection: Connection, mark: str, now: int) -> None:
    """Notes that a secret is in force."""
    take_turns(connection)
    if not connection.execute(update(SECRETS).where(SECRETS.c.mark == mark).values(seen=now)).rowcount:
        connection.execute(insert(SECRETS).values(mark=mark, seen=now))


def accept(connection: Connection, known: Collection[str]) -> int:
    """Forgets all other secrets; how many there were."""
    return connection.execute(delete(SECRETS).where(SECRETS.c.mark.not_in(known))).rowcount
