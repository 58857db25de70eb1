"""A secret that is lost, changed or readable is told; one that is changed on purpose loses nothing."""

import pytest
import structlog

from cds_service.errors import SettingsError
from cds_service.record import secrets_known
from cds_service.record.tables import ANSWERS, CARDS, WITHDRAWALS
from cds_service.settings import Secret, Settings
from tests.charts import ALZHEIMER, CLONAZEPAM, condition, dosage, draft, patient
from tests.record.site import site
from tests.record.test_store import rows

pytestmark = pytest.mark.anyio

DEMENTIA = (patient(), condition(ALZHEIMER, id="dementia"))
HALF = draft(CLONAZEPAM, id="d1", dosageInstruction=[dosage(0.5)])
LATER = (HALF | {"id": "d2"},)
OLD, NEW = Secret("o" * 32), Secret("n" * 32)


async def known(place):
    """What is told of the secret at the start, as soon as it is known."""
    await place.recorder.know_secret()
    return place.recorder.faults["secret-changed"]


async def answered(folder, **settings):
    async with site(folder, **settings) as place:
        (card,) = await place.ask("order-select", *DEMENTIA, drafts=(HALF,))
        await place.overrides(card, "risk-benefit-ratio")
        assert not await known(place)
        assert await place.ask("order-select", *DEMENTIA, drafts=LATER) == ()


async def test_a_lost_secret_is_told_at_every_start_and_the_service_goes_on(tmp_path):
    await answered(tmp_path)
    (tmp_path / "secret").unlink()
    for _ in range(2):
        with structlog.testing.capture_logs() as lines:
            async with site(tmp_path) as place:
                assert await known(place)
                assert await place.ask("order-select", *DEMENTIA, drafts=LATER)
        told = [line["reason"] for line in lines if line["event"] == "secret changed"]
        assert "findings that were answered come back" in told[0]


async def test_a_changed_secret_is_told_until_it_is_accepted(tmp_path, database_url):
    await answered(tmp_path, database_url=database_url, secret=OLD)
    async with site(tmp_path, database_url=database_url, secret=NEW) as place:
        assert await known(place)
        assert await place.recorder.store.run(secrets_known.accept, [place.recorder.keys.mark]) == 1
        assert not await known(place)


async def test_a_secret_that_is_put_back_leaves_the_other_to_be_told(tmp_path):
    """What was written under it meanwhile is not found."""
    await answered(tmp_path, secret=OLD)
    async with site(tmp_path, secret=NEW) as place:
        await known(place)
    async with site(tmp_path, secret=OLD) as place:
        assert await known(place)
        assert await place.ask("order-select", *DEMENTIA, drafts=LATER) == ()


async def test_another_secret_is_forgotten_with_the_last_row_written_under_it(tmp_path):
    await answered(tmp_path, secret=OLD)
    async with site(tmp_path, secret=NEW) as place:
        place.passes(days=401)
        assert await known(place)
        await place.ask("order-select", *DEMENTIA, drafts=LATER)
        await place.settled()
        await place.recorder.store.prune(place.now, place.recorder._retention, said=True)
        assert not await known(place)


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o666])
async def test_a_secret_that_others_can_read_is_told(tmp_path, mode):
    await answered(tmp_path)
    (tmp_path / "secret").chmod(mode)
    with structlog.testing.capture_logs() as lines:
        async with site(tmp_path) as place:
            assert place.recorder.faults["secret-readable"]
            assert await place.ask("order-select", *DEMENTIA, drafts=LATER) == ()
    assert "chmod 600" in next(line["reason"] for line in lines if line["event"] == "secret readable")


async def test_what_tells_a_secret_does_not_tell_what_it_is(tmp_path):
    async with site(tmp_path, secret=OLD) as place:
        await known(place)
    assert OLD.text.encode() not in b"".join(path.read_bytes() for path in tmp_path.glob("*.sqlite*"))


# Changed on purpose


async def test_what_was_answered_under_the_old_secret_stays_muted_under_the_new_one(tmp_path, database_url):
    await answered(tmp_path, database_url=database_url, secret=OLD)
    async with site(tmp_path, database_url=database_url, secret=NEW, secret_old=OLD) as place:
        assert not await known(place)
        assert await place.ask("order-select", *DEMENTIA, drafts=LATER) == ()
        assert await place.ask("order-select", *DEMENTIA, drafts=LATER, patientId="other")


async def test_a_card_of_before_is_answered_after(tmp_path):
    async with site(tmp_path, secret=OLD) as place:
        (card,) = await place.ask("order-select", *DEMENTIA, drafts=(HALF,))
    async with site(tmp_path, secret=NEW, secret_old=OLD) as place:
        await place.overrides(card, "risk-benefit-ratio")
        assert await place.ask("order-sign", *DEMENTIA, drafts=(HALF,)) == ()


async def test_what_is_new_is_written_under_the_new_secret_alone(tmp_path):
    async with site(tmp_path, secret=NEW, secret_old=OLD) as place:
        (card,) = await place.ask("order-select", *DEMENTIA, drafts=(HALF,))
        await place.overrides(card, "risk-benefit-ratio")
        assert len(await rows(place.recorder.store, CARDS)) == len(await rows(place.recorder.store, ANSWERS)) == 1
    async with site(tmp_path, secret=NEW) as place:
        assert await place.ask("order-select", *DEMENTIA, drafts=LATER) == ()
    async with site(tmp_path, secret=OLD) as place:
        assert await place.ask("order-select", *DEMENTIA, drafts=LATER)


async def test_what_the_chart_no_longer_meets_is_withdrawn_under_both(tmp_path):
    await answered(tmp_path, secret=OLD)
    async with site(tmp_path, secret=NEW, secret_old=OLD) as place:
        place.passes(days=1)
        await place.ask("order-select", patient(), drafts=LATER)
        await place.settled()
        assert [row["rule"] for row in await rows(place.recorder.store, WITHDRAWALS)] == ["clonazepam-dementia"]
        place.passes(days=1)
        assert await place.ask("order-select", *DEMENTIA, drafts=LATER)


def test_an_old_secret_that_is_the_new_one_is_refused():
    with pytest.raises(SettingsError, match="CDS_SECRET_OLD must be another than CDS_SECRET"):
        Settings.read({"CDS_SECRET": "s" * 32, "CDS_SECRET_OLD": "s" * 32})
