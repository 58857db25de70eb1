"""Histories that were made up from a seed, and what rings of them."""

import datetime as dt
import math
import random
from collections.abc import Iterator
from functools import cache

import pytest

from cds_service.content.alarms import Alarms
from cds_service.content.load import load
from cds_service.content.places import shipped_cards
from cds_service.record.alarms import Look, look, told, watched
from cds_service.record.entries import Tally
from cds_service.record.history import History, read_history
from tests.charts import ALZHEIMER, CLONAZEPAM, condition, draft, patient
from tests.record.site import site

TODAY = dt.date(2026, 6, 15)
CALLS = 100
CEILINGS = {"s": {"info": 0.02, "warning": 0.005, "critical": 0.0}}


@cache
def limits() -> Alarms:
    return load(shipped_cards()).alarms


@cache
def day(ago: int) -> str:
    return (TODAY - dt.timedelta(days=ago)).isoformat()


def tally(ago: int, outcome: str, count: int, rule: str = "r", version: str = "1") -> Tally:
    version = version if rule else ""
    return Tally(day=day(ago), service="s", client="ehr", rule=rule, version=version, outcome=outcome, count=count)


def a_day(ago: int, found: int = 10, undetermined: int = 0, **lacks: int) -> Iterator[Tally]:
    """A hundred calls, half of which start the rule."""
    yield tally(ago, "call", CALLS, "")
    yield tally(ago, "found", found)
    yield tally(ago, "not met", 50 - found - undetermined)
    yield tally(ago, "undetermined", undetermined)
    yield from (tally(ago, f"lacks {datum}", count) for datum, count in lacks.items())


def quiet(first: int = 64, last: int = 0) -> Iterator[Tally]:
    for ago in range(first, last - 1, -1):
        yield from a_day(ago)


def looked(*tallies: Tally, today: dt.date = TODAY, since: dt.date | None = None) -> Look:
    history = History(tallies)
    return look(history, watched(history, today, CEILINGS), limits(), today, since)


def rung(*tallies: Tally, since: dt.date | None = None) -> list[str]:
    return [alarm.kind for alarm in looked(*tallies, since=since).alarms]


def test_nothing_rings_where_nothing_has_changed():
    assert rung(*quiet()) == []


def test_a_rule_that_is_asked_and_finds_nothing_any_more_has_fallen_silent():
    (alarm,) = looked(*quiet(64, 8), *(one for ago in range(8) for one in a_day(ago, found=0))).alarms
    assert told(alarm) == (
        "silent: r at s for ehr: found something in 0 of 800 calls since 2026-06-08; before, 560 of 5600"
    )


def test_a_rule_that_is_not_even_started_any_more_has_fallen_silent():
    """As where an EHR has changed the codes of its drugs."""
    assert rung(*quiet(64, 8), *(tally(ago, "call", CALLS, "") for ago in range(8))) == ["silent"]


def test_a_rule_that_finds_five_times_as_much_floods():
    (alarm,) = looked(*quiet(64, 2), *a_day(1, found=50), *a_day(0, found=50)).alarms
    assert told(alarm).startswith(
        "flood: r at s for ehr: found 100 times in 200 calls since 2026-06-14; before, 560 of"
    )


def test_a_rule_that_never_found_anything_can_flood():
    past = (one for ago in range(64, 1, -1) for one in a_day(ago, found=0))
    assert rung(*past, *a_day(1, found=40), *a_day(0, found=40)) == ["flood"]


def test_a_rule_that_can_no_longer_tell_names_the_datum():
    new = (one for ago in (1, 0) for one in a_day(ago, 10, 40, conditions=40, patient=2))
    (alarm,) = looked(*quiet(64, 2), *new).alarms
    assert told(alarm) == (
        "undetermined: r at s for ehr: could not tell in 80 of 100 evaluations since 2026-06-14; "
        "before, 0 of 2800; for want of conditions (80), patient (4)"
    )


def test_a_rule_that_could_never_tell_does_not_ring():
    assert rung(*(one for ago in range(65) for one in a_day(ago, 0, 50, conditions=50))) == []


def test_codes_of_a_system_that_is_not_read_ring_when_they_begin():
    (alarm,) = looked(*quiet(), *(tally(ago, "unread medications other", 60, "") for ago in range(6))).alarms
    assert told(alarm).startswith("unread-codes: medications other at s for ehr: codes that are not read in 360 of 800")


def test_a_client_that_stopped_to_call_rings():
    (alarm,) = looked(*quiet(64, 9)).alarms
    assert told(alarm).startswith("unasked: calls at s for ehr: 0 calls in 8 days")


def test_an_alarm_names_the_new_version_of_its_rule():
    new = [tally(ago, "found", 50, version="2") for ago in (1, 0)] + [tally(ago, "call", CALLS, "") for ago in (1, 0)]
    (alarm,) = looked(*quiet(64, 2), *new).alarms
    assert told(alarm).endswith("; new version 2")


def test_a_fresh_site_does_not_ring_whatever_it_does():
    for found in (0, 45):
        assert rung(*quiet(13, 2), *a_day(1, found=found), *a_day(0, found=found)) == []


def test_a_new_rule_does_not_ring_in_an_old_site():
    calls = (tally(ago, "call", CALLS, "") for ago in range(3, 65))
    assert rung(*calls, *(one for ago in (2, 1, 0) for one in a_day(ago, found=45))) == []


def test_small_numbers_do_not_ring():
    few = (one for ago in range(64, 7, -1) for one in (tally(ago, "call", 20, ""), tally(ago, "not met", 3)))
    seldom = (tally(ago, "found", 1) for ago in range(60, 7, -14))
    assert rung(*few, *seldom, *(tally(ago, "call", 20, "") for ago in range(8))) == []


def test_the_days_from_one_on_are_judged_if_that_is_asked():
    history = [*quiet(64, 3), *a_day(2, found=0), *a_day(1, found=0), *a_day(0, found=0)]
    assert rung(*history) == []
    assert rung(*history, since=TODAY - dt.timedelta(days=2)) == ["silent"]


def poisson(source: random.Random, mean: float) -> int:
    limit, product, count = math.exp(-mean), source.random(), 0
    while product > limit:
        product *= source.random()
        count += 1
    return count


def quiet_site(source: random.Random) -> Iterator[Tally]:
    """Rules of all rates, on few calls at weekends, some of charts that are opened several times."""
    rules = [(f"r{n}", source.choice((0.05, 0.3, 1.0, 4.0)), source.choice((1, 3, 8))) for n in range(4)]
    calls = [source.randint(60, 140) // (1 if ago % 7 > 1 else 5) for ago in range(65)]
    for ago, count in enumerate(calls):
        yield tally(ago, "call", count, "")
        for rule, mean, times in rules:
            found = times * poisson(source, mean * count / 100)
            yield tally(ago, "found", found, rule)


def test_of_a_thousand_quiet_sites_no_more_ring_than_the_stated_share():
    source = random.Random(20261130)
    ringing = sum(bool(rung(*quiet_site(source))) for _ in range(1000))
    assert ringing <= 1000 * limits().false_alarms


def test_most_of_a_hundred_rules_that_fall_silent_or_flood_ring():
    source = random.Random(7)
    for kind, mean, days in (("silent", 0, 8), ("flood", 30, 2)):
        heard = 0
        for _ in range(100):
            past = [one for ago in range(64, days - 1, -1) for one in a_day(ago, poisson(source, 5))]
            new = [one for ago in range(days) for one in a_day(ago, poisson(source, mean) if mean else 0)]
            heard += kind in rung(*past, *new)
        assert heard >= 95


def answers(ago: int, none: int = 98, **gravest: int) -> Iterator[Tally]:
    yield tally(ago, "call", none + sum(gravest.values()), "")
    yield tally(ago, "gravest none", none, "")
    yield from (tally(ago, f"gravest {indicator}", count, "") for indicator, count in gravest.items())


def over_budget(*tallies: Tally) -> list[str]:
    return [told(alarm) for alarm in looked(*tallies).alarms if alarm.kind == "over-budget"]


def month(none: int = 98, days: int = 29, **gravest: int) -> Iterator[Tally]:
    return (one for ago in range(days - 1, -1, -1) for one in answers(ago, none, **gravest))


def test_more_answers_with_a_card_than_the_budget_allows_ring_though_it_was_never_otherwise():
    assert over_budget(*month(94, info=6)) == [
        "over-budget: info at s for ehr: such a card or a graver one in 174 of 2900 answers since 2026-05-18; "
        "the budget allows 2%"
    ]


def test_as_many_answers_with_a_card_as_the_budget_allows_do_not_ring():
    assert over_budget(*month(98, info=2)) == []


def test_a_share_that_chance_alone_may_have_brought_above_its_ceiling_does_not_ring():
    assert over_budget(*month(98, info=2), *answers(0, 0, info=3)) == []


def test_one_critical_card_rings_where_none_may_come():
    (line,) = over_budget(*month(100), *answers(0, 0, critical=1))
    assert line.startswith("over-budget: critical at s for ehr: such a card or a graver one in 1 of 2901 answers")


def test_a_fresh_site_does_not_ring_however_loud_it_is():
    assert over_budget(*month(50, days=13, info=50)) == []
    assert over_budget(*month(5, days=29, info=1)) == []


def test_too_few_answers_for_a_ceiling_are_too_little_to_judge():
    found = looked(*month(12, days=17))
    assert (found.judged, found.too_little) == (2, 2)


def test_where_older_programs_counted_no_cards_nothing_is_held_against_the_budget():
    old = [tally(ago, "call", CALLS, "") for ago in range(29)]
    found = looked(*old, *answers(0))
    assert (found.judged, found.too_little) == (1, 3)


def test_what_is_over_budget_rings_on_the_days_that_are_asked_for():
    (alarm,) = looked(*month(90, days=40, info=10), since=TODAY - dt.timedelta(days=39)).alarms
    assert (alarm.since, alarm.recent.events) == (TODAY - dt.timedelta(days=39), 400)


def test_of_a_thousand_sites_right_at_their_ceiling_no_more_ring_than_the_stated_share():
    source, ringing = random.Random(20261201), 0
    for _ in range(1000):
        found = [(n, poisson(source, 2) * source.choice((1, 1, 1, 2))) for n in range(29)]
        days = (one for ago, count in found for one in answers(ago, 122 - count, info=count))
        ringing += bool(over_budget(*days))
    assert ringing <= 1000 * limits().false_alarms


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["active", "silent"])
async def test_each_answer_counts_by_its_gravest_card_shown_or_silent(tmp_path, mode):
    async with site(tmp_path, mode=mode) as place:
        dementia = patient(), condition(ALZHEIMER)
        await place.ask("order-select", *dementia, drafts=(draft(CLONAZEPAM),))
        await place.ask("order-select", *dementia, patientId="other")
        await place.ask("order-select", *dementia, drafts=(draft(CLONAZEPAM),), userId="Patient/other")
        await place.settled()
        history = await read_history(place.recorder.store, TODAY, TODAY)
    series = history.answers({"rbd-order-select": {"warning": 0.1, "critical": 0.1}})
    counts = {one.what: (day.events, day.exposure) for one in series for day in one.days.values()}
    assert counts == {"warning": (1, 2), "critical": (0, 2)}


@pytest.mark.anyio
async def test_what_a_store_holds_is_what_is_judged(tmp_path, database_url):
    async with site(tmp_path, database_url=database_url) as place:
        await place.ask("order-select", patient(), condition(ALZHEIMER), drafts=(draft(CLONAZEPAM),))
        await place.settled()
        history = await read_history(place.recorder.store, TODAY, TODAY)
    dementia = [
        one for kind, one in watched(history, TODAY, {}) if (kind, one.rule) == ("silent", "clonazepam-dementia")
    ]
    assert [
        (one.client, one.service, total.events, total.exposure) for one in dementia for total in one.days.values()
    ] == [("ehr", "rbd-order-select", 1, 1)]
