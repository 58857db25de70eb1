"""What the database of a site turns out to be, for whoever sets it up."""

from __future__ import annotations

from sqlalchemy import text

from cds_service.record.postgresql_tls import is_verified
from cds_service.record.store import Store

_TLS = text("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")


async def found_at(store: Store) -> str:
    """Its version, and whether the way to it is encrypted and its server known; raises one of ``store.lost``."""
    url = store.url
    async with store.engine.connect() as connection:
        if url.get_backend_name() == "sqlite":
            return f"SQLite {await connection.scalar(text('SELECT sqlite_version()'))}, a file"
        version = await connection.scalar(text("SHOW server_version"))
        encrypted, protocol = (await connection.execute(_TLS)).one()
    if not encrypted:
        return f"PostgreSQL {version}, without TLS"
    return f"PostgreSQL {version}, {protocol}, its certificate {'' if is_verified(url) else 'not '}verified"
