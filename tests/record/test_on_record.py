"""One card as it stands on record."""

import datetime as dt

import pytest

from cds_service.record.on_record import recorded_card
from tests.charts import ALZHEIMER, CLONAZEPAM, condition, dosage, draft, patient
from tests.record.site import NOON, site

pytestmark = pytest.mark.anyio

DEMENTIA = (patient(), condition(ALZHEIMER, id="dementia"))
HALF = draft(CLONAZEPAM, id="d1", dosageInstruction=[dosage(0.5)])


async def test_a_card_is_told_with_its_rules_and_answers_in_their_order(tmp_path, database_url):
    async with site(tmp_path, database_url=database_url) as at:
        (card,) = await at.ask("order-select", *DEMENTIA, drafts=(HALF,))
        await at.overrides(card, "risk-benefit-ratio", at=NOON + dt.timedelta(minutes=1))
        at.passes(minutes=5)
        await at.accepts(card)
        await at.settled()
        found = await recorded_card(at.recorder.store, card.uuid, dt.UTC)
    assert (found.service, found.hook, found.client, found.shown) == ("rbd-order-select", "order-select", "ehr", True)
    assert found.at == NOON
    assert "clonazepam-dementia" in [one.rule for one in found.rules]
    assert [(one.outcome, one.reason) for one in found.answers] == [
        ("overridden", "risk-benefit-ratio"),
        ("accepted", ""),
    ]


async def test_what_another_client_says_of_the_card_is_not_told(tmp_path):
    async with site(tmp_path) as at:
        (card,) = await at.ask("order-select", *DEMENTIA, drafts=(HALF,))
        await at.feedback(at.entry(card), client="other")
        await at.settled()
        found = await recorded_card(at.recorder.store, card.uuid, dt.UTC)
    assert found.answers == ()


async def test_a_card_of_silent_mode_was_not_shown(tmp_path):
    async with site(tmp_path, mode="silent") as at:
        await at.ask("order-select", *DEMENTIA, drafts=(HALF,))
        await at.settled()
        (card,) = at.answered.decision.cards
        found = await recorded_card(at.recorder.store, card.uuid, dt.UTC)
    assert not found.shown


async def test_no_card_is_none(tmp_path):
    async with site(tmp_path) as at:
        await at.settled()
        assert await recorded_card(at.recorder.store, "nothing", dt.UTC) is None
