"""Whatever is sent as feedback, no mark of it is kept, the next call is answered and the report can be made."""

import asyncio
import datetime as dt
import itertools
import json

from hypothesis import given, strategies as st

from cds_service.record.recorder import opened
from cds_service.record.report import feedback_report, table
from cds_service.settings import Settings
from tests.calling import TODAY, as_bytes
from tests.marks import BORN, MARK, marked
from tests.web.spoiling import TIMES, so_many, spoilt
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


@st.composite
def reports(draw):
    entries = draw(st.lists(st.sampled_from(ENTRIES), min_size=1, max_size=4))
    times = draw(st.lists(st.none() | st.sampled_from(TIMES), min_size=4, max_size=4))
    entries = [entry | ({"outcomeTimestamp": at} if at else {}) for entry, at in zip(entries, times, strict=False)]
    return draw(spoilt({"feedback": entries}, most=3, least=0))


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
