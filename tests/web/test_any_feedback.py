"""Whatever is sent as feedback, no mark of it is kept, the next call is answered and the report can be made."""

import asyncio
import copy
import datetime as dt
import itertools
import json
import os
from functools import reduce
from operator import getitem

import pytest
from hypothesis import given, strategies as st

from cds_service.record.recorder import opened
from cds_service.record.report import feedback_report, table
from cds_service.settings import Settings
from tests.calling import TODAY, as_bytes
from tests.marks import BORN, MARK, marked
from tests.web.spoiling import NOT_JSON, RARE, TIMES, bare, places, so_many, spoilt, written
from tests.web.watching import as_promised, watched

_patients = itertools.count()
CARD = f"{MARK}-card"
REASON = {"reason": {"code": "data-wrong", "system": MARK, "display": MARK}, "userComment": f"{MARK} {BORN}"}
ENTRIES = [
    {
        "card": CARD,
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": MARK}],
        "outcomeTimestamp": f"{TODAY}T09:30:00Z",
    },
    {"card": CARD, "outcome": "overridden", "outcomeTimestamp": f"{TODAY}T09:30:00-14:00", "overrideReason": REASON},
    {"card": CARD, "outcome": "overridden", "outcomeTimestamp": f"{TODAY}T09:30:00Z", "overrideReasons": REASON},
    {"card": CARD.upper(), "outcome": "overridden", "outcomeTimestamp": TIMES[0], "extension": {MARK: MARK}},
]


BOUNDS = (
    *map(bare, (*RARE, *NOT_JSON, "-" + "9" * 4_301, "-1e400", "[" * 100_000, '{"a":' * 100_000)),
    *TIMES,
    *(f"{day}T00:00:00Z" for day in ("0000-01-01", "0000-00-00", "10000-01-01", "-0001-01-01", "9999-12-31")),
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-06-15T09:30:00+99:99", "0000-01-01"),
    *("", " ", "\u0000", "/", "urn:uuid:", "URN:UUID:", "urn:uuid:" + "0" * 32, "x" * 5_000, "\u202e", "../..", "é"),
    *([], {}, [[]], [{}], [None], True, None),
)
"""What stands at the edge of what numbers, days, ids and depths there are, or past it."""


EVERY = 1 if os.environ.get("EVERY_NODE") else 7


@st.composite
def reports(draw):
    entries = draw(st.lists(st.sampled_from(ENTRIES), min_size=1, max_size=4))
    times = draw(st.lists(st.none() | st.sampled_from(TIMES), min_size=4, max_size=4))
    entries = [entry | ({"outcomeTimestamp": at} if at else {}) for entry, at in zip(entries, times, strict=False)]
    return draw(spoilt({"feedback": entries}, most=3, least=0))


@pytest.mark.attack("Any JSON as feedback", "the record can be used afterwards")
def test_whatever_is_sent_as_feedback_leaves_a_record_that_can_be_used(tmp_path):
    asked = as_bytes(marked("order-sign-clonazepam-many-risks"))
    with watched(tmp_path, CDS_TIME_ZONE="America/New_York") as call:

        @so_many(200)
        @given(reports())
        def any_report(report):
            body = asked.replace(f"{MARK}-pat".encode(), f"{MARK}-pat{next(_patients)}".encode())
            (card,) = as_promised(call("order-sign", body)).cards
            sent = report.body.replace(CARD.encode(), card["uuid"].encode())
            taken = as_promised(call("", sent, path="/cds-services/rbd-order-sign/feedback"))
            assert taken.status in (200, 400, 422)
            assert not any(MARK.encode() in path.read_bytes() for path in (tmp_path / "var/journal").iterdir())
            assert taken.status != 200 or taken.body == b"{}"
            assert as_promised(call("order-sign", body)).status == 200

        any_report()
    assert reported(tmp_path) > 0


def test_no_bound_of_feedback_is_too_far(tmp_path):
    """A seventh of them in each place; with EVERY_NODE=1 all."""
    sent = {"feedback": ENTRIES[:2]}
    with watched(tmp_path) as call:
        for (*way, last), bound in itertools.islice(itertools.product(places(sent), BOUNDS), 0, None, EVERY):
            spoiled = copy.deepcopy(sent)
            reduce(getitem, way, spoiled)[last] = bound
            taken = call("", written(spoiled), path="/cds-services/rbd-order-sign/feedback")
            assert taken.status in (200, 400, 422), (way, last, bound)
    reported(tmp_path)


def reported(folder):
    settings = Settings(var=folder / "var", database_url=f"sqlite:///{folder / 'var' / 'cds-service.sqlite'}")

    async def counted():
        day = dt.datetime.fromisoformat(f"{TODAY}T00:00:00+00:00")
        async with opened(settings) as store:
            return await feedback_report(store, day - dt.timedelta(days=2), day + dt.timedelta(days=2), ("client",))

    report = asyncio.run(counted())
    lines = list(table(report))
    assert MARK.lower() not in json.dumps(lines).lower()
    return sum(line.count("shown") for line in report.lines.values())
