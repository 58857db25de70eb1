"""What a process keeps of calls and feedback."""

import datetime as dt
import json
from collections import Counter

import pytest
import structlog
from sqlalchemy import select

from cds_service.errors import NotJson, NotReady
from cds_service.hooks.feedback import parse_feedback
from cds_service.record import recorder as recording
from cds_service.record.tables import ANSWERS, CARDS, TALLIES
from tests.charts import ALZHEIMER, CLONAZEPAM, coded, condition, dosage, draft, named, patient
from tests.record.site import site, with_status

pytestmark = pytest.mark.anyio

DEMENTIA = (patient(), condition(ALZHEIMER, id="dementia"))
HALF = draft(CLONAZEPAM, id="d1", dosageInstruction=[dosage(0.5)])
UNKNOWN = "0f1f5f6c-6a0e-4f57-9a55-3f3f7a0a3b11"

GIVEN = {"outcome": "overridden", "outcomeTimestamp": "2026-06-15T12:00:00Z"}


async def rows(place, table):
    await place.settled()
    async with place.recorder.store.engine.connect() as connection:
        return (await connection.execute(select(table))).mappings().all()


async def tallied(place):
    found = Counter()
    for row in await rows(place, TALLIES):
        found[row["rule"], row["outcome"]] += row["count"]
    return found


async def test_a_shown_card_is_kept_with_rule_version_service_client_and_time(tmp_path):
    async with site(tmp_path) as place:
        (card,) = await place.ask("order-select", *DEMENTIA, drafts=(HALF,))
        (row,) = await rows(place, CARDS)
        (finding,) = json.loads(row["findings"])
        assert (row["card"], row["service"], row["client"]) == (card.uuid, "rbd-order-select", "ehr")
        assert (row["hook"], row["indicator"]) == ("order-select", "warning")
        assert dt.datetime.fromtimestamp(row["at"] / 1000, dt.UTC) == place.now
        assert (finding["rule"], finding["version"]) == (
            "clonazepam-dementia",
            card.extension["org.rbd-cds.versions"]["clonazepam-dementia"],
        )


async def test_every_call_and_what_each_rule_came_to_are_counted(tmp_path):
    async with site(tmp_path) as place:
        await place.ask("order-select", *DEMENTIA, drafts=(HALF,))
        await place.ask("order-select", patient(), drafts=(HALF,))
        await place.ask("order-select", patient(), userId="Patient/example")
        found = await tallied(place)
        assert found["", "call"] == 3
        assert found["clonazepam-dementia", "found"] == found["clonazepam-dementia", "shown"] == 1
        assert found["clonazepam-dementia", "not met"] == 1


async def test_for_want_of_what_a_rule_could_not_tell_is_counted_without_why(tmp_path):
    async with site(tmp_path) as place:
        del place.decisions.services["rbd-order-select"].prefetch["conditions"]
        await place.ask("order-select", patient(), drafts=(HALF,))
        found = await tallied(place)
        assert found["clonazepam-dementia", "undetermined"] == 1
        assert found["clonazepam-dementia", "lacks conditions"] == 1


async def test_a_call_with_codes_in_a_system_that_is_not_read_is_counted_once_and_no_code_named(tmp_path):
    async with site(tmp_path) as place:
        local = [condition(coded("https://ehr.example/problems", code), id=code) for code in ("4711", "4712")]
        await place.ask("order-select", patient(), *local, drafts=(HALF,))
        found = await tallied(place)
        assert [(key, n) for key, n in found.items() if key[1].startswith("unread ")] == [
            (("", "unread conditions other"), 1)
        ]


async def test_a_muted_finding_is_counted_as_muted(tmp_path):
    async with site(tmp_path) as place:
        (card,) = await place.ask("order-select", *DEMENTIA, drafts=(HALF,))
        await place.overrides(card)
        await place.ask("order-select", *DEMENTIA, drafts=(HALF | {"id": "d2"},))
        found = await tallied(place)
        assert found["clonazepam-dementia", "muted"] == 1
        assert place.answered.response.extension["org.rbd-cds.outcomes"]["muted"] == {
            "clonazepam-dementia": "overridden"
        }


async def test_in_silent_mode_a_card_is_kept_as_not_shown_and_mutes_nothing(tmp_path):
    async with site(tmp_path, mode="silent") as place:
        for _ in range(2):
            assert await place.ask("order-select", *DEMENTIA, drafts=(HALF,)) == ()
        assert [row["state"] for row in await rows(place, CARDS)] == [0, 0]
        assert (await tallied(place))["clonazepam-dementia", "silent"] == 2


async def test_a_draft_rule_is_evaluated_and_counted_and_not_shown(tmp_path):
    async with site(tmp_path, with_status("clonazepam-dementia", "draft")) as place:
        assert await place.ask("order-select", *DEMENTIA, drafts=(HALF,)) == ()
        found = await tallied(place)
        assert found["clonazepam-dementia", "found"] == found["clonazepam-dementia", "draft"] == 1
        assert await rows(place, CARDS) == []


async def test_a_card_that_is_not_on_record_is_kept_all_the_same(tmp_path):
    async with site(tmp_path) as place:
        await place.feedback({"card": UNKNOWN} | GIVEN)
        (row,) = await rows(place, ANSWERS)
        assert row["card"] == UNKNOWN


@pytest.mark.attack("Names and comments in what a client writes freely", "not kept")
async def test_nothing_that_a_client_writes_freely_is_kept(tmp_path):
    reason = {
        "reason": {"code": "MARK-code", "system": "MARK-system", "display": "MARK"},
        "userComment": "MARK-comment",
    }
    async with site(tmp_path) as place:
        entry = GIVEN | {"overrideReason": reason}
        await place.feedback({"card": "MARK-card"} | entry, {"card": UNKNOWN.upper()} | entry)
        kept = await rows(place, ANSWERS)
        assert [row["reason"] for row in kept] == ["other", "other"]
        assert UNKNOWN in {row["card"] for row in kept}
        assert "MARK" not in str(kept)


async def test_marked_values_reach_neither_store_nor_journal_nor_log(tmp_path):
    marked = {"id": "MARK-dementia", "recorder": {"display": "MARK-recorder"}, "note": [{"text": "MARK-note"}]}
    chart = (patient(id="MARK-p", name=[{"family": "MARK-name"}]), condition(ALZHEIMER, **marked))
    order = draft(CLONAZEPAM, id="MARK-draft", reasonCode=[named("MARK-reason")], dosageInstruction=[dosage(0.5)])
    who = {"patientId": "MARK-p", "userId": "Practitioner/MARK-user", "encounterId": "MARK-encounter"}
    with structlog.testing.capture_logs() as lines:
        async with site(tmp_path) as place:
            (card,) = await place.ask("order-select", *chart, drafts=(order,), **who)
            await place.overrides(card, "MARK-reason")
            await place.ask("order-sign", *chart, drafts=(order,), **who)
            await place.settled()
            assert len(await rows(place, CARDS)) == 1
            during = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    after = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"MARK" not in during
    assert b"MARK" not in after
    assert "MARK" not in str(lines)


async def test_feedback_that_nothing_can_keep_is_refused_so_that_it_is_sent_again(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "_UNKEPT_SECONDS", 0.1)
    async with site(tmp_path) as place:

        async def gone(*_):
            raise OSError("no database")

        def full(*_, **__):
            raise OSError("no disk")

        with monkeypatch.context() as lost:
            lost.setattr(place.recorder.store, "apply", gone)
            lost.setattr(place.recorder.writer._journal, "append", full)
            with pytest.raises(NotReady):
                await place.feedback({"card": UNKNOWN} | GIVEN)
            assert await place.ask("order-select", *DEMENTIA, drafts=(HALF,))


async def test_what_is_older_than_the_retention_goes_while_the_service_is_used(tmp_path):
    async with site(tmp_path) as place:
        await place.ask("order-select", *DEMENTIA, drafts=(HALF,))
        with structlog.testing.capture_logs() as lines:
            for _ in range(22):
                await place.settled()
                place.passes(days=20)
                await place.recorder.prune()
                await place.ask("order-select", patient(), drafts=(HALF,))
                await place.recorder.take(
                    parse_feedback(json.dumps({"feedback": [{"card": UNKNOWN} | GIVEN]}).encode()), "s", "ehr"
                )
        assert await rows(place, CARDS) == []
        assert {row["day"] for row in await rows(place, TALLIES)} & {"2026-06-15"} == set()
    assert [(line["cards"], line["oldest"][:10]) for line in lines if line["event"] == "record pruned"][:1] == [
        (1, "2026-07-05")
    ]


async def test_no_record_means_no_file(tmp_path):
    from cds_service.settings import Settings
    from cds_service.web.assembly import Application

    house = Application(Settings(record="off", var=tmp_path / "var"))
    async with house.running():
        pass
    assert list(tmp_path.iterdir()) == []


async def test_a_lost_postgresql_costs_no_answer_and_loses_nothing(postgresql, tmp_path):
    import asyncpg

    async def tell(statement):
        connection = await asyncpg.connect(postgresql % "postgres")
        await connection.execute(statement)
        await connection.close()

    await tell("CREATE DATABASE lost")
    async with site(tmp_path, database_url=postgresql % "lost") as place:
        (card,) = await place.ask("order-select", *DEMENTIA, drafts=(HALF,))
        await tell("ALTER DATABASE lost ALLOW_CONNECTIONS false")
        await tell("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'lost'")
        assert await place.ask("order-select", *DEMENTIA, drafts=(HALF,))
        await place.overrides(card)
        assert await place.ask("order-select", *DEMENTIA, drafts=(HALF,))
        assert place.recorder.writer.depth > 0
        await tell("ALTER DATABASE lost ALLOW_CONNECTIONS true")
        await place.settled()
        assert await place.ask("order-select", *DEMENTIA, drafts=(HALF,)) == ()
        assert len(await rows(place, ANSWERS)) == 1


@pytest.mark.parametrize("name", ["\x00", "😀", "é" * 100_000, " ", "null", "'; DROP TABLE cards; --", UNKNOWN + "\n"])
async def test_a_card_may_be_called_anything(tmp_path, database_url, name):
    async with site(tmp_path, database_url=database_url) as place:
        await place.feedback({"card": name} | GIVEN, {"card": name} | GIVEN)
        (row,) = await rows(place, ANSWERS)
        assert len(row["card"]) == 32


def test_half_a_character_is_no_name():
    body = b'{"feedback":[{"card":"\\ud83d","outcome":"overridden","outcomeTimestamp":"2026-06-15T12:00:00Z"}]}'
    with pytest.raises(NotJson):
        parse_feedback(body)
