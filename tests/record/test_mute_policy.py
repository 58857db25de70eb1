"""Answered findings stay silent, for as long as their reasons say (clinical specification 4.3, 2.7.5)."""

import datetime as dt
import sqlite3

import pytest

from tests.charts import (
    ALZHEIMER,
    CLONAZEPAM,
    FALL,
    ICD10,
    RBD,
    SERTRALINE,
    SNOMED,
    all_no,
    answers,
    coded,
    condition,
    dosage,
    draft,
    named,
    patient,
    request,
    statement,
)
from tests.record.site import site

pytestmark = pytest.mark.anyio

WITHOUT_REASON = None
DEMENTIA = (patient("1966-03-02"), condition(ALZHEIMER, id="dementia"))
"""Under 65, where no first dose of these is too high."""
FELL = condition(FALL, id="fall", onsetDateTime="2026-05-01")
HALF = draft(CLONAZEPAM, id="d1", dosageInstruction=[dosage(0.5)])
DOUBLE = HALF | {"dosageInstruction": [dosage(1)]}
LITTLE_MORE = HALF | {"dosageInstruction": [dosage(0.75)]}


async def after(tmp_path, outcome, *days, chart=DEMENTIA, hook="order-select", drafts=(HALF,)):
    """Whether the leading finding is back on each of the days after its card was answered."""
    async with site(tmp_path) as place:
        (card,) = await place.ask(hook, *chart, drafts=drafts)
        await (place.accepts(card) if outcome == "accepted" else place.overrides(card, outcome))
        back = []
        start = place.now
        for day in days:
            place.now = start + dt.timedelta(days=day)
            # Another encounter, another draft: across sessions.
            other = tuple(d | {"id": f"d{day}"} for d in drafts)
            rules = await place.rules(hook, *chart, drafts=other, encounterId=f"e{day}")
            back.append(card.extension["org.rbd-cds.rules"][0] in rules)
        return back


@pytest.mark.parametrize(
    ("outcome", "days"),
    [
        ("risk-benefit-ratio", 365),
        ("action-performed-no-adverse-effect", 183),
        ("action-unsuccessful", 365),
        ("action-completed", 365),
        ("expert-contradicts", 365),
        ("patient-contraindication", 365),
        ("prefers-alternative", 365),
        ("patient-refuses", 365),
        ("mitigate-risk-negative-outcome", 183),
        ("need-more-info", 30),
        ("limited-time", 14),
        ("patient-ineligible", 365),
        ("seizure-indication", 365),
        ("palliative", 365),
        ("other-indication", 365),
        ("explained-by-other", 365),
        ("never-taken", 365),
        (WITHOUT_REASON, 14),
        ("a-reason-of-the-client", 14),
    ],
)
async def test_a_finding_stays_silent_for_its_time(tmp_path, outcome, days):
    assert await after(tmp_path, outcome, 0, days - 1, days) == [False, False, True]


SERTRALINE_TAKEN = (
    patient(),
    condition(RBD, onsetDateTime="2026-01-10"),
    request(SERTRALINE, id="s", authoredOn="2025-12-01"),
)


async def test_a_current_drug_is_asked_about_again_after_half_a_year(tmp_path):
    found = await after(tmp_path, "accepted", 182, 183, chart=SERTRALINE_TAKEN, hook="patient-view", drafts=())
    assert found == [False, True]


async def test_what_was_started_mutes_the_finding_for_a_year(tmp_path):
    chart = (*DEMENTIA, statement(CLONAZEPAM, id="taken", effectivePeriod={"start": "2026-03-01"}))
    assert await after(tmp_path, "accepted", 0, 364, 365, chart=chart, hook="patient-view", drafts=()) == [
        False,
        False,
        True,
    ]


async def test_the_time_counts_from_when_the_card_was_answered_not_from_when_that_was_told(tmp_path):
    async with site(tmp_path) as place:
        (card,) = await place.ask("order-select", *DEMENTIA, drafts=(HALF,))
        answered = place.now
        place.passes(days=10)
        await place.overrides(card, "limited-time", at=answered)
        assert await place.rules("order-select", *DEMENTIA, drafts=(HALF,)) == []
        place.passes(days=4)
        assert await place.rules("order-select", *DEMENTIA, drafts=(HALF,)) == ["clonazepam-dementia"]


async def test_a_clock_that_runs_ahead_mutes_no_longer(tmp_path):
    async with site(tmp_path) as place:
        (card,) = await place.ask("order-select", *DEMENTIA, drafts=(HALF,))
        await place.overrides(card, "limited-time", at=place.now + dt.timedelta(days=3000))
        place.passes(days=14)
        assert await place.rules("order-select", *DEMENTIA, drafts=(HALF,)) == ["clonazepam-dementia"]


async def test_an_answer_of_the_year_1_has_lost_its_force_west_of_greenwich_too(tmp_path):
    async with site(tmp_path) as place:
        place.now = place.now.astimezone(dt.timezone(dt.timedelta(hours=-5)))
        (card,) = await place.ask("order-select", *DEMENTIA, drafts=(HALF,))
        await place.overrides(card, at=dt.datetime(1, 1, 1, tzinfo=dt.UTC))
        place.passes(days=1)
        assert await place.rules("order-select", *DEMENTIA, drafts=(HALF,)) == ["clonazepam-dementia"]


@pytest.mark.parametrize("late_first", [False, True])
async def test_of_two_answers_the_later_one_counts_in_whatever_order_they_come(tmp_path, late_first):
    async with site(tmp_path) as place:
        (card,) = await place.ask("order-select", *DEMENTIA, drafts=(HALF,))
        early, late = place.now, place.now + dt.timedelta(minutes=1)
        place.passes(hours=1)
        accepted = place.accepts(card, at=early)
        overridden = place.overrides(card, "limited-time", late)
        for given in (overridden, accepted) if late_first else (accepted, overridden):
            await given
        place.passes(days=20)
        assert await place.rules("order-select", *DEMENTIA, drafts=(HALF,)) == ["clonazepam-dementia"]


async def answered(place, *chart, reason="risk-benefit-ratio", hook="order-select", drafts=(HALF,), **context):
    """One card, overridden; then a week passes."""
    (card,) = await place.ask(hook, *chart, drafts=drafts, **context)
    await place.overrides(card, reason)
    place.passes(days=7)


async def test_a_new_kind_of_finding_brings_the_card_back_whole(tmp_path):
    async with site(tmp_path) as place:
        await answered(place, *DEMENTIA)
        assert await place.rules("order-select", *DEMENTIA, drafts=(HALF,)) == []
        both = await place.rules("order-select", *DEMENTIA, FELL, drafts=(HALF,))
        assert both == ["clonazepam-dementia", "clonazepam-falls"]


async def test_a_kind_of_finding_that_went_away_brings_nothing_back(tmp_path):
    async with site(tmp_path) as place:
        await answered(place, *DEMENTIA, FELL)
        assert await place.rules("order-select", *DEMENTIA, drafts=(HALF,)) == []


async def test_a_diagnosis_that_became_certain_is_new(tmp_path):
    possible = (patient(), condition(ALZHEIMER, id="dementia", verification="provisional"))
    async with site(tmp_path) as place:
        await answered(place, *possible)
        assert await place.rules("order-select", *possible, drafts=(HALF,)) == []
        assert await place.rules("order-select", *DEMENTIA, drafts=(HALF,)) == ["clonazepam-dementia"]


@pytest.mark.parametrize(
    ("first", "then", "shown"),
    [
        (HALF, LITTLE_MORE, False),
        (HALF, DOUBLE, True),
        (DOUBLE, HALF, False),
        (HALF, HALF | {"dosageInstruction": None}, False),
        (HALF | {"dosageInstruction": None}, HALF, True),
    ],
    ids=["a little more", "twice", "half", "no longer readable", "readable only now"],
)
async def test_only_a_dose_of_a_higher_band_brings_the_card_back(tmp_path, first, then, shown):
    async with site(tmp_path) as place:
        await answered(place, *DEMENTIA, drafts=(first,))
        assert bool(await place.ask("order-select", *DEMENTIA, drafts=(then,))) is shown


async def test_another_drug_of_the_rule_is_another_finding(tmp_path):
    known = (patient(), condition(RBD))
    async with site(tmp_path) as place:
        await answered(place, *known, drafts=(draft(SERTRALINE, id="d1"),))
        assert await place.ask("order-select", *known, drafts=(draft(SERTRALINE, id="d1"),)) == ()
        venlafaxine = draft(named("venlafaxine 75 mg"), id="d1")
        assert await place.rules("order-select", *known, drafts=(venlafaxine,)) == ["rbd-drug-new"]


async def test_a_wrong_record_is_not_brought_up_until_it_changes(tmp_path):
    async with site(tmp_path) as place:
        await answered(place, *DEMENTIA, reason="data-wrong")
        place.passes(days=390)
        unrelated = condition(named("asthma"))
        assert await place.ask("order-select", *DEMENTIA, unrelated, drafts=(HALF,)) == ()
        changed = condition(ALZHEIMER, id="dementia", recordedDate="2027-06-01")
        assert await place.rules("order-select", patient(), changed, drafts=(HALF,)) == ["clonazepam-dementia"]


OPIOID = (patient(), request(named("oxycodone 5 mg"), id="o", authoredOn="2026-06-01"))
INHIBITOR_STOPPED = (
    patient(),
    request(named("phenelzine 15 mg tablet"), id="m", status="stopped", authoredOn="2026-05-20"),
)
SERTRALINE_DRAFT = draft(SERTRALINE, id="d1", dosageInstruction=[dosage(50)])


@pytest.mark.parametrize("outcome", ["accepted", "risk-benefit-ratio", "expert-contradicts"])
async def test_a_critical_finding_is_shown_however_it_was_answered(tmp_path, outcome):
    assert await after(tmp_path, outcome, 0, 7, chart=OPIOID, hook="order-sign") == [True, True]


LIVER = (patient(), condition(coded(ICD10, "K72.90"), id="liver"))
WASHING_OUT = (
    patient(),
    request(
        named("phenelzine 15 mg tablet"),
        id="m",
        status="stopped",
        authoredOn="2026-05-20",
        dispenseRequest={"validityPeriod": {"end": "2026-06-10"}},
    ),
)


@pytest.mark.parametrize(
    ("reason", "chart", "order", "days"),
    [
        ("washout-complete", WASHING_OUT, SERTRALINE_DRAFT, (1, 7)),
        ("data-wrong", WASHING_OUT, SERTRALINE_DRAFT, (1, 7)),
        ("data-wrong", LIVER, HALF, (7, 365)),
    ],
)
async def test_two_reasons_mute_even_a_critical_finding_of_a_rule_that_offers_them(
    tmp_path, reason, chart, order, days
):
    assert await after(tmp_path, "limited-time", *days, chart=chart, hook="order-sign", drafts=(order,)) == [True, True]
    fresh = tmp_path / "fresh"
    assert await after(fresh, reason, *days, chart=chart, hook="order-sign", drafts=(order,)) == [False, False]


@pytest.mark.parametrize(
    ("reason", "chart"), [("washout-complete", OPIOID), ("data-wrong", OPIOID), ("washout-complete", LIVER)]
)
async def test_a_reason_that_a_critical_card_does_not_offer_mutes_it_not(tmp_path, reason, chart):
    assert await after(tmp_path, reason, 1, 7, chart=chart, hook="order-sign") == [True, True]


async def test_doubt_about_the_evidence_is_one_clinicians_own(tmp_path):
    async with site(tmp_path) as place:
        await answered(place, *DEMENTIA, reason="does-not-align-latest-evidence")
        assert await place.ask("order-select", *DEMENTIA, drafts=(HALF,)) == ()
        other = await place.rules("order-select", *DEMENTIA, drafts=(HALF,), userId="Practitioner/p2")
        assert other == ["clonazepam-dementia"]


async def test_any_other_answer_counts_for_every_user(tmp_path):
    async with site(tmp_path) as place:
        await answered(place, *DEMENTIA)
        assert await place.ask("order-select", *DEMENTIA, drafts=(HALF,), userId="Practitioner/p2") == ()


async def test_an_answer_is_about_one_patient(tmp_path):
    async with site(tmp_path) as place:
        await answered(place, *DEMENTIA)
        other = (patient(id="other"), condition(ALZHEIMER))
        assert await place.rules("order-select", *other, drafts=(HALF,), patientId="other") == ["clonazepam-dementia"]


@pytest.mark.attack("One EHR that answers the cards of another", "the cards are shown all the same")
async def test_another_client_cannot_answer_a_card(tmp_path):
    async with site(tmp_path) as place:
        (card,) = await place.ask("order-select", *DEMENTIA, drafts=(HALF,))
        await place.feedback(place.entry(card), client="another")
        assert await place.rules("order-select", *DEMENTIA, drafts=(HALF,)) == ["clonazepam-dementia"]


async def test_a_diagnosis_that_was_withdrawn_and_returns_is_new(tmp_path):
    async with site(tmp_path) as place:
        await answered(place, *DEMENTIA)
        assert await place.ask("order-select", patient(), drafts=(HALF,)) == ()
        await place.settled()
        place.passes(days=1)
        assert await place.rules("order-select", *DEMENTIA, drafts=(HALF,)) == ["clonazepam-dementia"]


async def test_an_answer_outlasts_a_chart_that_could_not_be_read(tmp_path):
    async with site(tmp_path) as place:
        await answered(place, *DEMENTIA)
        failed = {"resourceType": "Condition", "id": "x", "subject": {"reference": "Patient/example"}, "code": 7}
        await place.ask("order-select", patient(), failed, drafts=(HALF,))
        await place.settled()
        place.passes(days=1)
        assert await place.ask("order-select", *DEMENTIA, drafts=(HALF,)) == ()


# On opening the chart

FLAGS = (patient(), answers(complex_movements=True, dream_enactment=True))
INJURED = (patient(), answers(complex_movements=True, injury=True))


def complaint(place):
    """Somebody complains of movements in sleep, each time anew."""
    yesterday = (place.now - dt.timedelta(days=1)).date().isoformat()
    return patient("1968-01-01"), condition(named("Neck twitching in sleep"), onsetDateTime=yesterday)


async def views(tmp_path, chart, *days):
    """The rules shown on each of these days, to another user in another encounter each."""
    async with site(tmp_path) as place:
        shown = []
        start = place.now
        for day in days:
            place.now = start + dt.timedelta(days=day)
            made = chart(place) if callable(chart) else chart
            shown.append(await place.rules("patient-view", *made, userId=f"Practitioner/p{day}", encounterId=f"e{day}"))
            await place.settled()
        return shown


async def test_information_that_nobody_answered_comes_back_after_a_month(tmp_path):
    card = ["rbd-red-flags", "bedroom-safety"]
    assert await views(tmp_path, FLAGS, 0, 1, 29, 30, 31) == [card, [], [], card, []]


async def test_a_warning_that_nobody_answered_comes_back_each_time(tmp_path):
    card = ["rbd-red-flags", "bedroom-safety"]
    assert await views(tmp_path, INJURED, 0, 1, 29) == [card, card, card]


async def test_whoever_opens_the_chart_again_in_the_same_session_still_sees_the_information(tmp_path):
    async with site(tmp_path) as place:
        for hours, user, shown in ((0, "p1", True), (7, "p1", True), (7, "p2", False), (9, "p1", False)):
            place.now = place.now.replace(hour=12) + dt.timedelta(hours=hours)
            cards = await place.ask("patient-view", *FLAGS, userId=f"Practitioner/{user}")
            await place.settled()
            assert bool(cards) is shown, (hours, user)


async def test_information_stands_apart_from_a_new_kind_of_it(tmp_path):
    async with site(tmp_path) as place:
        assert await place.ask("patient-view", *FLAGS)
        await place.settled()
        place.passes(days=1)
        assert await place.ask("patient-view", *INJURED)


async def test_some_rules_speak_once_a_year(tmp_path):
    assert await views(tmp_path, complaint, 0, 31, 364, 365) == [["rbd-screen"], [], [], ["rbd-screen"]]


async def test_a_muted_finding_still_silences_what_it_always_silences(tmp_path):
    """Harmless jerks are not offered as an explanation while clonazepam is taken by someone with dementia."""
    jerks = condition(named("Neck twitching in sleep"), onsetDateTime="2026-06-10")
    taken = request(CLONAZEPAM, id="taken", authoredOn="2026-06-01")
    chart = (*DEMENTIA, jerks, all_no(), taken)
    async with site(tmp_path) as place:
        await answered(place, *chart, hook="patient-view", drafts=())
        assert await place.rules("patient-view", *chart) == []
        assert "head-jerks" in place.answered.decision.found


# From order-select to order-sign

MILD = (patient("1980-01-01"), condition(coded(SNOMED, "386805003", "Mild cognitive impairment"), id="mild"))
CARD = ["clonazepam-dementia"]


@pytest.fixture(params=["on", "off"])
async def place(request, tmp_path):
    """With and without a memory: one session has its own."""
    async with site(tmp_path, memory=request.param) as opened:
        yield opened


async def selected(place, *chart, draft=HALF, **context):
    (card,) = await place.ask("order-select", *chart, drafts=(draft,), **context)
    await place.settled()
    place.passes(minutes=5)
    return card


@pytest.mark.parametrize("outcome", ["accepted", "overridden"])
async def test_what_was_answered_at_order_select_is_not_repeated_at_order_sign(place, outcome):
    card = await selected(place, *DEMENTIA)
    await (place.accepts(card) if outcome == "accepted" else place.overrides(card))
    assert await place.rules("order-sign", *DEMENTIA, drafts=(HALF,)) == []


@pytest.mark.parametrize("changed", [DOUBLE, LITTLE_MORE, HALF | {"dosageInstruction": None}])
async def test_a_changed_dose_repeats_it(place, changed):
    await place.overrides(await selected(place, *DEMENTIA))
    assert await place.rules("order-sign", *DEMENTIA, drafts=(changed,)) == CARD


async def test_a_new_finding_repeats_it(place):
    await place.overrides(await selected(place, *DEMENTIA))
    assert await place.rules("order-sign", *DEMENTIA, FELL, drafts=(HALF,)) == [*CARD, "clonazepam-falls"]


async def test_a_critical_finding_is_repeated(place):
    await place.overrides(await selected(place, *OPIOID))
    assert await place.rules("order-sign", *OPIOID, drafts=(HALF,)) == ["clonazepam-opioid"]


async def test_an_ignored_warning_is_repeated_at_each_signing(place):
    await selected(place, *DEMENTIA)
    for _ in range(2):
        assert await place.rules("order-sign", *DEMENTIA, drafts=(HALF,)) == CARD
        await place.settled()


async def test_ignored_information_does_not_return(place):
    await selected(place, *MILD)
    assert await place.rules("order-sign", *MILD, drafts=(HALF,)) == []


async def test_a_warning_that_was_only_shown_at_signing_is_shown_at_each_signing(place):
    for _ in range(3):
        assert await place.rules("order-sign", *DEMENTIA, drafts=(HALF,)) == CARD
        await place.settled()


async def test_selecting_again_shows_the_card_again_while_it_is_not_answered(place):
    for _ in range(3):
        await selected(place, *DEMENTIA)


@pytest.mark.parametrize(
    "other", [{"userId": "Practitioner/p2"}, {"encounterId": "e2"}, {"encounterId": None}, {"hours": 9}], ids=str
)
async def test_another_user_or_encounter_or_a_later_hour_is_another_session(place, other):
    await selected(place, *MILD)
    place.passes(hours=other.get("hours", 0))
    context = {name: value for name, value in other.items() if name != "hours"}
    assert await place.rules("order-sign", *MILD, drafts=(HALF,), **context) == CARD


async def test_another_draft_is_another_order(place):
    await selected(place, *MILD)
    assert await place.rules("order-sign", *MILD, drafts=(HALF | {"id": "d2"},)) == CARD


async def test_without_a_memory_nothing_outlasts_the_session(tmp_path):
    async with site(tmp_path, memory="off") as opened:
        await answered(opened, *DEMENTIA)
        assert await opened.rules("order-select", *DEMENTIA, drafts=(HALF,)) == CARD
        assert await opened.rules("order-sign", *DEMENTIA, drafts=(HALF,)) == CARD


# When it cannot be looked up


async def test_a_store_that_cannot_be_read_shows_the_card(tmp_path):
    async with site(tmp_path) as opened:
        await answered(opened, *DEMENTIA)
        await opened.settled()
        rename(tmp_path, "cards", "elsewhere")
        assert await opened.rules("order-select", *DEMENTIA, drafts=(HALF,)) == CARD
        rename(tmp_path, "elsewhere", "cards")
        assert await opened.rules("order-select", *DEMENTIA, drafts=(HALF,)) == []


def rename(folder, table, name):
    with sqlite3.connect(folder / "cds-service.sqlite") as database:
        database.execute(f"ALTER TABLE {table} RENAME TO {name}")
    database.close()
