"""No password and no token is printed, however it is spelt, and what a reader needs still is."""

import pytest

from cds_service.hiding import hidden
from cds_service.settings import Settings


@pytest.mark.attack("Reading what `cds-service check` prints for passwords and tokens", "none there")
@pytest.mark.parametrize(
    ("address", "printed"),
    [
        ("postgresql://u:MARK@h/db", "postgresql://u:...@h/db"),
        ("postgresql+asyncpg://u:MARK@h", "postgresql+asyncpg://u:...@h"),
        ("POSTGRESQL://u:MARK@h/db", "POSTGRESQL://u:...@h/db"),
        ("postgresql://:MARK@h", "postgresql://:...@h"),
        ("postgresql://u%3AMARK@h/db", "postgresql://u:...@h/db"),
        ("postgresql://u:%4DARK%40MARK@h/db", "postgresql://u:...@h/db"),
        ("postgresql://u:MARK/MARK@MARK@h/db", "postgresql://u:...@h/db"),
        ("postgresql://u:MARK?x=MARK@h/db", "postgresql://u:...@h/db"),
        ("postgresql://u:1234?x=MARK@h/db", "postgresql://u:...@h/db"),
        ("postgresql://u:MARK/x?y=MARK@h/db", "postgresql://u:...@h/db"),
        ("postgresql://u:MARK#MARK@h/db", "postgresql://u:...@h/db"),
        ("postgresql://u:MARK MARK@h/db", "postgresql://u:...@h/db"),
        ("postgresql://u:MARK", "postgresql://..."),
        ("postgresql://h?password=MARK", "postgresql://h?..."),
        ("postgresql://h/db?password=MARK&sslmode=require", "postgresql://h/db?...&sslmode=require"),
        ("postgresql://u@h/db?password=x@MARK", "postgresql://u@h/db?..."),
        ("postgresql://u:MARK@h/db?password=x@MARK", "postgresql://u:...@h/db?..."),
        ("postgresql://h/db?PGPASSWORD=MARK", "postgresql://h/db?..."),
        ("postgresql://h/db?pass%77ord=MARK&host=a", "postgresql://h/db?...&host=a"),
        ("postgresql://h/db?sslpassword=MARK&sslcert=/c", "postgresql://h/db?...&sslcert=/c"),
        ("postgresql://h/db?options=-c%20x%3DMARK", "postgresql://h/db?..."),
        ("postgresql://h/db?MARK", "postgresql://h/db?..."),
        ("postgresql:host=h password=MARK", "..."),
        ("https://ehr.example/keys?token=MARK", "https://ehr.example/keys?..."),
        ("Bearer MARK", "..."),
        ("eyJhbGciOiJub25lIn0.eyJNQVJLIjoxfQ.MARK", "..."),
    ],
)
def test_a_secret_is_not_printed(address, printed):
    assert hidden(address) == printed
    assert "MARK" not in str(Settings(database_url=address, host=address).told())


@pytest.mark.parametrize(
    "harmless",
    [
        "postgresql://cds@db/cds?sslmode=verify-full&sslrootcert=/etc/pki/db.crt",
        "postgresql://h1:5432,h2:5433/db?target_session_attrs=read-write",
        "postgresql://[::1]:5432/db",
        "postgresql:///db?host=/run/postgresql",
        "sqlite:////srv/cds/var/cds-service.sqlite",
        "https://fhir.example.org/r4, 10.20.0.0/16, http://127.0.0.1:8180",
        "/srv/a=b",
        "Europe/Berlin",
        "set, and not shown",
    ],
)
def test_what_is_no_secret_is(harmless):
    assert hidden(harmless) == harmless


def test_every_setting_is_printed_without_secrets():
    given = Settings(
        database_url="postgresql://u:MARK@h/db",
        public_url="https://u:MARK@h",
        fhir_servers=("https://a.example", "https://u:MARK@h", "https://h?token=MARK"),
        host="bearer MARK",
    )
    told = given.told()
    assert "MARK" not in str(told)
    assert told["CDS_FHIR_SERVERS"] == "https://a.example, https://u:...@h, https://h?..."
