"""A mute never hides what is new, worse, or something else than what was answered (4.3)."""

import datetime as dt

import pytest
from sqlalchemy import text, update

from cds_service.record.tables import CARDS
from tests.charts import (
    ALZHEIMER,
    CLONAZEPAM,
    FALL,
    ICD10,
    RBD,
    SERTRALINE,
    coded,
    condition,
    dosage,
    draft,
    named,
    patient,
    request,
)
from tests.record.site import SELECT, SIGN, VIEW, site

pytestmark = pytest.mark.anyio

HALF = draft(CLONAZEPAM, id="d1", dosageInstruction=[dosage(0.5)])
SERTRALINE_DRAFT = draft(SERTRALINE, id="d1", dosageInstruction=[dosage(50)])
DEMENTIA = condition(ALZHEIMER, id="dementia")
FELL = condition(FALL, id="fall", onsetDateTime="2026-05-01")
EPILEPSY = condition(coded(ICD10, "G40.909"), id="epilepsy")


def phenelzine(status, day, name="m", end=None):
    until = {"dispenseRequest": {"validityPeriod": {"end": end}}} if end else {}
    return request(named("phenelzine 15 mg tablet"), id=name, status=status, authoredOn=day, **until)


STOPPED = phenelzine("stopped", "2026-05-20", end="2026-06-10")


async def answered(place, reason, hook, *chart, drafts):
    (card,) = await place.ask(hook, patient(), *chart, drafts=drafts)
    await (place.accepts(card) if reason == "accepted" else place.overrides(card, reason))
    place.passes(days=3)


async def asked(place, hook, *chart, drafts):
    """The rules that speak in another encounter about another draft."""
    other = tuple(order | {"id": f"{order['id']}-later"} for order in drafts)
    return await place.rules(hook, patient(), *chart, drafts=other, encounterId="later")


@pytest.mark.parametrize(
    "again",
    [
        phenelzine("active", "2026-06-16", "m2"),
        phenelzine("active", "2026-05-20"),
        phenelzine("stopped", "2026-06-11", "m2", end="2026-06-17"),
    ],
    ids=["restarted", "the entry is active again", "a second course"],
)
async def test_a_complete_wash_out_says_nothing_of_a_new_course(tmp_path, again):
    async with site(tmp_path) as place:
        await answered(place, "washout-complete", SIGN, STOPPED, drafts=(SERTRALINE_DRAFT,))
        assert await asked(place, SIGN, STOPPED, drafts=(SERTRALINE_DRAFT,)) == []
        before = () if again["id"] == STOPPED["id"] else (STOPPED,)
        assert await asked(place, SIGN, *before, again, drafts=(SERTRALINE_DRAFT,)) == ["maoi-combination"]


async def test_a_complete_wash_out_says_nothing_of_epilepsy_on_the_same_card(tmp_path):
    bupropion = draft(named("bupropion 150 mg"), id="d1", dosageInstruction=[dosage(150)])
    chart = (EPILEPSY, condition(RBD, id="rbd"))
    async with site(tmp_path) as place:
        (card,) = await place.ask(SIGN, patient(), STOPPED, *chart, drafts=(bupropion,))
        await place.overrides(card, "washout-complete")
        place.passes(days=30)
        assert await asked(place, SIGN, *chart, drafts=(bupropion,)) == ["bupropion-seizure"]


async def test_of_two_findings_one_of_which_was_wrong_the_other_comes_back_when_that_is_corrected(tmp_path):
    async with site(tmp_path) as place:
        await answered(place, "data-wrong", SELECT, DEMENTIA, FELL, drafts=(HALF,))
        assert await asked(place, SELECT, DEMENTIA, FELL, drafts=(HALF,)) == []
        assert await asked(place, SELECT, DEMENTIA, drafts=(HALF,)) == ["clonazepam-dementia"]


@pytest.mark.parametrize(
    ("hook", "chart", "order", "second", "rule"),
    [
        (SELECT, DEMENTIA, HALF, condition(coded(ICD10, "F01.50"), id="vascular"), "clonazepam-dementia"),
        (SELECT, FELL, HALF, condition(FALL, id="f2", onsetDateTime="2026-03-01"), "clonazepam-falls"),
        (SIGN, STOPPED, SERTRALINE_DRAFT, phenelzine("active", None, "m2"), "maoi-combination"),
    ],
)
async def test_a_second_record_was_not_called_wrong(tmp_path, hook, chart, order, second, rule):
    async with site(tmp_path) as place:
        await answered(place, "data-wrong", hook, chart, drafts=(order,))
        assert await asked(place, hook, chart, drafts=(order,)) == []
        assert await asked(place, hook, chart, second, drafts=(order,)) == [rule]


async def test_a_wrong_record_stays_wrong_as_time_goes_by(tmp_path):
    taken = phenelzine("active", "2024-07-01")
    async with site(tmp_path) as place:
        (card,) = await place.ask(SIGN, patient(), taken, drafts=(SERTRALINE_DRAFT,))
        await place.overrides(card, "data-wrong")
        for days in (3, 30, 60):
            place.passes(days=days)
            assert await asked(place, SIGN, taken, drafts=(SERTRALINE_DRAFT,)) == []


async def test_a_diagnosis_that_returns_under_another_entry_is_new(tmp_path):
    async with site(tmp_path) as place:
        await answered(place, "risk-benefit-ratio", SELECT, DEMENTIA, drafts=(HALF,))
        again = condition(ALZHEIMER, id="dementia-2")
        assert await asked(place, SELECT, DEMENTIA, again, drafts=(HALF,)) == []
        assert await asked(place, SELECT, again, drafts=(HALF,)) == ["clonazepam-dementia"]


async def test_a_finding_that_weighs_more_than_it_did_is_shown(tmp_path):
    """Mild impairment informs below 65 and warns from then on."""
    mild = condition(coded(ICD10, "G31.84"), id="mci")
    async with site(tmp_path) as place:
        (card,) = await place.ask(SELECT, patient(born="1961-07-01"), mild, drafts=(HALF,))
        assert card.indicator == "info"
        await place.overrides(card, "risk-benefit-ratio")
        for days, shown in ((10, 0), (20, 1)):
            place.passes(days=days)
            assert len(await place.ask(SELECT, patient(born="1961-07-01"), mild, drafts=(HALF,))) == shown


async def test_a_higher_dose_of_a_drug_that_the_finding_rests_on_is_shown(tmp_path):
    def taking(mg):
        return request(SERTRALINE, id="s", authoredOn="2025-12-01", dosageInstruction=[dosage(mg)])

    rbd = condition(RBD, id="rbd", onsetDateTime="2026-01-10")
    async with site(tmp_path) as place:
        await answered(place, "accepted", VIEW, rbd, taking(50), drafts=())
        assert await asked(place, VIEW, rbd, taking(50), drafts=()) == []
        assert await asked(place, VIEW, rbd, taking(25), drafts=()) == []
        assert "rbd-drug-current" in await asked(place, VIEW, rbd, taking(200), drafts=())


async def test_a_correction_counts_whatever_the_clock_of_the_first_answer_said(tmp_path):
    async with site(tmp_path) as place:
        (card,) = await place.ask(SELECT, patient(), DEMENTIA, drafts=(HALF,))
        await place.overrides(card, "risk-benefit-ratio", at=place.now + dt.timedelta(days=400))
        place.passes(hours=1)
        await place.overrides(card, "limited-time")
        place.passes(days=15)
        assert await asked(place, SELECT, DEMENTIA, drafts=(HALF,)) == ["clonazepam-dementia"]


async def test_of_very_many_answers_to_a_card_the_last_one_counts(tmp_path, database_url):
    async with site(tmp_path, database_url=database_url) as place:
        (card,) = await place.ask(SELECT, patient(), DEMENTIA, drafts=(HALF,))
        for number in range(150):
            await place.overrides(card, "risk-benefit-ratio", at=place.now + dt.timedelta(seconds=number))
        place.passes(hours=1)
        await place.overrides(card, "limited-time")
        place.passes(days=15)
        assert await asked(place, SELECT, DEMENTIA, drafts=(HALF,)) == ["clonazepam-dementia"]


async def test_another_client_cannot_end_the_silence_of_what_nobody_answered(tmp_path):
    mild = condition(coded(ICD10, "G31.84"), id="mci")
    young = patient(born="1966-07-01")
    async with site(tmp_path) as place:
        (card,) = await place.ask(SELECT, young, mild, drafts=(HALF,))
        await place.settled()
        await place.feedback(place.entry(card), client="another")
        await place.settled()
        assert await place.ask(SIGN, young, mild, drafts=(HALF,)) == ()


UNREADABLE = ["{", "[]x", '[{"rule": 3}]', "null", '[{"rule":"r","version":"1","indicator":"grave"}]']


@pytest.mark.parametrize("written", UNREADABLE)
async def test_a_card_that_cannot_be_read_costs_no_other(tmp_path, database_url, written):
    async with site(tmp_path, database_url=database_url) as place:
        await answered(place, "risk-benefit-ratio", SELECT, DEMENTIA, drafts=(HALF,))
        async with place.recorder.store.engine.begin() as connection:
            await connection.execute(update(CARDS).values(findings=written))
        assert await asked(place, SELECT, DEMENTIA, drafts=(HALF,)) == ["clonazepam-dementia"]
        await place.ask(SELECT, patient(), drafts=(HALF,))
        await place.settled()
        await answered(place, "risk-benefit-ratio", SELECT, DEMENTIA, drafts=(HALF,))
        assert await asked(place, SELECT, DEMENTIA, drafts=(HALF,)) == []


async def test_a_time_that_is_none_shows_the_card(tmp_path):
    async with site(tmp_path) as place:
        await answered(place, "risk-benefit-ratio", SELECT, DEMENTIA, drafts=(HALF,))
        async with place.recorder.store.engine.begin() as connection:
            await connection.execute(text("UPDATE answers SET received = 'never', at = 'never'"))
        assert await asked(place, SELECT, DEMENTIA, drafts=(HALF,)) == ["clonazepam-dementia"]


async def test_between_hooks_a_higher_dose_of_the_other_drug_is_shown(tmp_path):
    def opioid(mg):
        return draft(named("oxycodone 5 mg"), id="d2", dosageInstruction=[dosage(mg)])

    taken = (
        request(CLONAZEPAM, id="c", dosageInstruction=[dosage(0.5)]),
        request(named("oxycodone 5 mg"), id="o", dosageInstruction=[dosage(5)]),
    )
    async with site(tmp_path) as place:
        for card in await place.ask(SELECT, patient(), *taken, drafts=(opioid(5), HALF)):
            assert card.indicator == "warning"
            await place.overrides(card, "risk-benefit-ratio")
        assert await place.rules(SIGN, patient(), *taken, drafts=(opioid(5), HALF)) == []
        assert await place.rules(SIGN, patient(), *taken, drafts=(opioid(60), HALF)) == ["clonazepam-opioid"]


async def test_between_hooks_another_record_than_the_wrong_one_is_shown(tmp_path):
    vascular = condition(coded(ICD10, "F01.50"), id="vascular")
    async with site(tmp_path) as place:
        (card,) = await place.ask(SELECT, patient(), DEMENTIA, drafts=(HALF,))
        await place.overrides(card, "data-wrong")
        assert await place.rules(SIGN, patient(), DEMENTIA, drafts=(HALF,)) == []
        assert await place.rules(SIGN, patient(), vascular, drafts=(HALF,)) == ["clonazepam-dementia"]
        assert await place.rules(SIGN, patient(), DEMENTIA, vascular, drafts=(HALF,)) == ["clonazepam-dementia"]


async def test_a_new_fall_is_shown_when_the_other_finding_of_the_card_has_gone(tmp_path):
    async with site(tmp_path) as place:
        await answered(place, "risk-benefit-ratio", SELECT, DEMENTIA, FELL, drafts=(HALF,))
        new = condition(FALL, id="new-fall", onsetDateTime="2026-06-16")
        assert await asked(place, SELECT, new, drafts=(HALF,)) == ["clonazepam-falls"]


async def test_between_hooks_words_of_a_dose_that_change_are_a_changed_dose(tmp_path):
    def told(words):
        return HALF | {"dosageInstruction": [{"text": words}]}

    async with site(tmp_path) as place:
        (card,) = await place.ask(SELECT, patient(), DEMENTIA, drafts=(told("half a tablet at night"),))
        await place.overrides(card, "limited-time")
        assert await place.ask(SIGN, patient(), DEMENTIA, drafts=(told("half a tablet at night"),)) == ()
        assert await place.ask(SIGN, patient(), DEMENTIA, drafts=(told("six tablets as directed"),))
