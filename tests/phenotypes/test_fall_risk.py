"""Fall risk: an event, a tendency, or a score (clinical specification 2.2 FALL and CLZ-02)."""

import pytest

from cds_service.facts.knowledge import ABSENT, Known, Unavailable
from cds_service.phenotypes.fall_risk import fall_risk
from tests.case_runs import ruleset
from tests.charts import FALL, ICD10, LOINC, SNOMED, coded, condition, facts, named, observation, resource

WORDING = ruleset().content.wording
TENDENCY = coded(ICD10, "R29.6", "Repeated falls")
ASKED = coded(LOINC, "52552-7")
MORSE, LEVEL, UP_AND_GO = coded(LOINC, "59460-6"), coded(LOINC, "59461-4"), coded(LOINC, "89423-8")
HIGH, MODERATE = coded(LOINC, "LA13040-3", "High risk"), coded(LOINC, "LA11454-8", "Moderate risk")


def seen(*chart, **how):
    return fall_risk(facts(*chart, **how))


def label(*chart, **how):
    found = seen(*chart, **how)
    return WORDING.show(found.value.label) if isinstance(found, Known) else found


def fell(day=None, **members):
    return condition(FALL, onsetDateTime=day, **members)


# Events


@pytest.mark.parametrize(
    ("day", "counts"), [("2025-06-15", True), ("2025-06-14", False), ("2026-06-15", True), ("2025", True)]
)
def test_a_fall_counts_for_12_months(day, counts):
    assert isinstance(seen(fell(day)), Known) is counts


def test_the_newest_fall_is_named():
    assert label(fell("2025-09-01"), fell("2026-01-12")) == "fall 12 Jan 2026"


def test_a_fall_without_date_counts():
    assert label(fell()) == "fall, date unknown"


def test_a_fall_that_was_recorded_long_ago_did_not_happen_lately():
    assert label(fell(recordedDate="2026-02-01")) == "fall recorded 1 Feb 2026"
    assert seen(fell(recordedDate="2025-06-14")) == ABSENT


def test_a_dated_fall_is_named_before_an_undated_one():
    assert label(fell(), fell("2026-01-12")) == "fall 12 Jan 2026"


@pytest.mark.parametrize(
    "event",
    [
        resource("AdverseEvent", actuality="actual", event=FALL, date="2026-01-12"),
        resource("Encounter", status="finished", reasonCode=[FALL], period={"start": "2026-01-12"}),
        condition(coded(ICD10, "W01.0XXA"), onsetDateTime="2026-01-12"),
    ],
)
def test_a_fall_is_found_where_charts_record_it(event):
    assert label(event) == "fall 12 Jan 2026"


def test_a_fracture_is_no_fall():
    assert seen(condition(coded(SNOMED, "71620000", "Fracture of femur"), onsetDateTime="2026-01-12")) == ABSENT


@pytest.mark.parametrize("verification", ["refuted", "entered-in-error", "differential"])
def test_a_fall_that_is_not_meant_is_none(verification):
    assert seen(fell("2026-01-12", verification=verification)) == ABSENT


# Falls in the past year: yes or no


@pytest.mark.parametrize(("day", "counts"), [("2025-06-15", True), ("2025-06-14", False), (None, False)])
def test_a_yes_to_falls_in_the_past_year_counts_for_12_months(day, counts):
    assert isinstance(seen(observation(ASKED, day, True)), Known) is counts


@pytest.mark.parametrize("answer", [True, coded(SNOMED, "373066001"), coded(LOINC, "LA33-6")])
def test_a_yes_is_a_yes_in_every_form(answer):
    assert label(observation(ASKED, "2026-06-01", answer)) == "fall reported 1 Jun 2026"


def test_a_newer_no_takes_back_an_older_yes():
    assert seen(observation(ASKED, "2026-01-01", True), observation(ASKED, "2026-06-01", False)) == ABSENT


def test_a_no_cancels_nothing_dated_in_the_same_12_months():
    assert label(fell("2026-01-12"), observation(ASKED, "2026-06-01", False)) == "fall 12 Jan 2026"


def test_a_no_cancels_an_undated_fall_that_was_recorded_before_it():
    fall, no = fell(recordedDate="2026-02-01"), observation(ASKED, "2026-06-01", False)
    assert seen(fall, no) == ABSENT


def test_a_no_does_not_cancel_an_undated_fall_recorded_after_it():
    fall, no = fell(recordedDate="2026-06-02"), observation(ASKED, "2026-06-01", False)
    assert label(fall, no) == "fall recorded 2 Jun 2026"


# Tendency


@pytest.mark.parametrize(("day", "counts"), [("2024-06-15", True), ("2024-06-14", False), (None, True), ("2024", True)])
def test_a_tendency_counts_for_24_months_or_undated(day, counts):
    assert isinstance(seen(condition(TENDENCY, recordedDate=day)), Known) is counts


@pytest.mark.parametrize(
    "code",
    [TENDENCY, coded(ICD10, "Z91.81"), coded(SNOMED, "129839007"), named("At risk for falls"), named("Frequent falls")],
)
def test_a_tendency_is_known_by_code_and_words(code):
    assert label(condition(code)) == "tendency to fall"


def test_what_is_only_possible_is_told_as_such():
    assert label(fell("2026-01-12", verification="unconfirmed")) == "possible fall 12 Jan 2026"
    assert label(fell(verification="unconfirmed", recordedDate="2026-02-01")) == "possible fall 1 Feb 2026"
    assert label(condition(TENDENCY, verification="unconfirmed")) == "possible tendency to fall"


def test_a_resolved_tendency_is_past():
    assert seen(condition(TENDENCY, clinical="resolved")) == ABSENT


def test_a_fall_is_named_before_a_tendency():
    assert label(condition(TENDENCY), fell("2026-01-12")) == "fall 12 Jan 2026"


# Scores


@pytest.mark.parametrize(("total", "high"), [(45, True), (44, False), (125, True), (0, False)])
def test_a_morse_total_counts_from_45(total, high):
    assert isinstance(seen(observation(MORSE, value=total)), Known) is high


@pytest.mark.parametrize(("seconds", "high"), [(12, True), (11.9, False)])
def test_a_timed_up_and_go_counts_from_12_seconds(seconds, high):
    assert isinstance(seen(observation(UP_AND_GO, value=seconds, unit="s")), Known) is high


@pytest.mark.parametrize(
    ("test", "value", "told"), [(MORSE, 55, "Morse Fall Scale 55"), (UP_AND_GO, 15.5, "Timed Up and Go 15.5 s")]
)
def test_a_score_is_told_with_its_scale(test, value, told):
    found = seen(observation(test, value=value)).value
    assert (WORDING.show(found.label), WORDING.show(found.words)) == (told, told)


@pytest.mark.parametrize(
    ("day", "counts"), [("2025-06-15", True), ("2025-06-14", False), ("2021-03-01", False), (None, False)]
)
@pytest.mark.parametrize(("test", "value"), [(MORSE, 55), (UP_AND_GO, 15)])
def test_a_score_counts_for_12_months(test, value, day, counts):
    assert isinstance(seen(observation(test, day, value)), Known) is counts


def test_the_newest_score_counts():
    assert seen(observation(MORSE, "2026-01-01", 55), observation(MORSE, "2026-06-01", 20)) == ABSENT


def test_the_recorded_level_comes_before_the_total():
    assert label(observation(LEVEL, value=HIGH), observation(MORSE, value=30)) == "high fall-risk level"
    assert seen(observation(LEVEL, value=MODERATE), observation(MORSE, value=50)) == ABSENT


def test_a_level_that_cannot_be_read_is_told_unless_the_total_is_high():
    unread = observation(LEVEL, valueString="see chart")
    assert isinstance(seen(unread), Unavailable)
    assert isinstance(seen(unread, observation(MORSE, value=30)), Unavailable)
    assert isinstance(seen(unread, observation(MORSE, value=50)), Known)


def test_an_old_level_does_not_silence_a_new_total():
    assert isinstance(seen(observation(LEVEL, "2024-01-01", MODERATE), observation(MORSE, "2026-06-01", 50)), Known)
    assert isinstance(seen(observation(LEVEL, "2025-09-01", MODERATE), observation(MORSE, "2026-06-01", 50)), Known)


@pytest.mark.parametrize(("value", "unit", "high"), [(0.25, "min", True), (0.15, "min", False), (15, None, True)])
def test_a_timed_up_and_go_in_minutes_is_converted(value, unit, high):
    assert isinstance(seen(observation(UP_AND_GO, value=value, unit=unit)), Known) is high


@pytest.mark.parametrize(("test", "unit"), [(UP_AND_GO, "m"), (UP_AND_GO, "%"), (MORSE, "%"), (MORSE, "s")])
def test_a_score_in_an_unlike_unit_is_not_compared(test, unit):
    assert not isinstance(seen(observation(test, value=90, unit=unit)), Known)


@pytest.mark.parametrize(("comparator", "high"), [("<", False), ("<=", False), (">", True), (">=", True)])
def test_a_score_beyond_a_limit_counts_only_if_it_is_surely_high(comparator, high):
    assert (
        isinstance(seen(observation(UP_AND_GO, valueQuantity={"value": 15, "comparator": comparator})), Known) is high
    )


# Neither


@pytest.mark.parametrize(
    "one",
    [
        condition(named("Trouble falling asleep")),
        condition(named("Fallen arches")),
        observation(coded(LOINC, "44259-0", "Trouble falling or staying asleep"), value=True),
        resource("Procedure", status="completed", code=named("Assessment using Morse Fall Scale")),
        condition(named("Mother fell")),
    ],
)
def test_what_sounds_like_a_fall_is_none(one):
    assert seen(one) == ABSENT


@pytest.mark.parametrize("key", ["conditions", "encounters", "adverseEvents", "observations"])
def test_nothing_found_is_no_all_clear_if_something_could_not_be_read(key):
    assert isinstance(seen(gaps={key: "not sent"}), Unavailable)
