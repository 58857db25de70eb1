"""The daily dose of an order: computed from structured dosage or not at all (clinical specification 2.1)."""

from datetime import date

import pytest

from cds_service.facts.doses import dose
from cds_service.fhir.elements import many
from tests.charts import (
    CLONAZEPAM,
    RXNORM,
    TODAY,
    coded,
    dosage,
    draft,
    facts,
    named,
    only,
    repeat,
    request,
    resource,
    typed,
)

TABLETS = [
    ("tablet", 1),
    ("tablets", 1),
    ("{tbl}", 1),
    ("TAB", 1),
    ("tablet(s)", 1),
    ("Tablet", 1),
    ("1", 1),
    ("{tablet}", 1),
]


def daily(*dosages, strength=None):
    return read(*dosages, strength=strength).daily_mg


def read(*dosages, strength=None):
    return dose(many(typed(request(dosageInstruction=list(dosages))).dosage_instruction), strength)


def times(**members):
    return dosage(0.5, timing=repeat(**members))


# Dose times frequency


def test_dose_times_frequency():
    assert daily(dosage(0.5, timing=repeat(frequency=2, period=1, periodUnit="d"))) == 1


def test_several_instructions_are_added():
    assert daily(dosage(0.5), dosage(1)) == 1.5


def test_steps_in_sequence_are_not_added():
    assert daily(dosage(0.5, sequence=1), dosage(1, sequence=2)) == 1
    assert daily(dosage(0.5, sequence=1), dosage(1, sequence=1)) == 1.5


@pytest.mark.parametrize(
    ("timing", "total"),
    [
        ({"frequency": 1, "period": 1, "periodUnit": "d"}, 0.5),
        ({"frequency": 3, "period": 1, "periodUnit": "d"}, 1.5),
        ({"frequency": 1, "period": 12, "periodUnit": "h"}, 1),
        ({"frequency": 1, "period": 2, "periodUnit": "d"}, 0.25),
        ({"frequency": 7, "period": 1, "periodUnit": "wk"}, 0.5),
        ({"frequency": 14, "period": 1, "periodUnit": "wk"}, 1),
        ({"period": 1, "periodUnit": "d"}, 0.5),
        ({"frequency": 1, "period": 1, "periodUnit": "d", "when": ["HS"]}, 0.5),
        ({"when": ["HS"]}, 0.5),
        ({"when": ["MORN", "HS"]}, 1),
        ({"timeOfDay": ["08:00:00", "22:00:00"]}, 1),
        ({"frequency": 2, "period": 1, "periodUnit": "d", "when": ["HS"]}, 1),
        ({"frequency": "2", "period": "1", "periodUnit": "d"}, 1),
    ],
)
def test_a_frequency_is_read_however_it_is_written(timing, total):
    assert daily(times(**timing)) == total


@pytest.mark.parametrize(
    "timing",
    [
        {"frequency": 1, "period": 1, "periodUnit": "wk"},
        {"frequency": 1, "period": 7, "periodUnit": "d"},
        {"frequency": 1, "period": 1, "periodUnit": "d", "dayOfWeek": ["mon"]},
        {"dayOfWeek": ["mon"]},
    ],
)
def test_once_a_week_is_a_seventh_a_day(timing):
    assert daily(times(**timing)) == pytest.approx(0.5 / 7, abs=1e-3)


@pytest.mark.parametrize(
    ("code", "total"), [("BID", 1), ("TID", 1.5), ("QD", 0.5), ("QOD", 0.25), ("Q12H", 1), ("HS", 0.5)]
)
def test_a_timing_code_is_read(code, total):
    assert daily(dosage(0.5, timing={"code": {"coding": [{"code": code}]}})) == total


# Ranges and as needed


def test_the_upper_end_of_a_dose_range_counts():
    span = {"low": {"value": 0.25, "unit": "mg"}, "high": {"value": 1, "unit": "mg"}}
    assert daily(dosage(doseAndRate=[{"doseRange": span}])) == 1


def test_a_range_without_upper_end_counts_with_its_lower():
    assert daily(dosage(doseAndRate=[{"doseRange": {"low": {"value": 0.25, "unit": "mg"}}}])) == 0.25


def test_the_upper_end_of_a_frequency_counts():
    assert daily(times(frequency=1, frequencyMax=3, period=1, periodUnit="d")) == 1.5


def test_as_needed_counts_as_if_taken():
    assert daily(dosage(0.5, asNeededBoolean=True)) == 0.5
    assert daily(dosage(0.5, asNeededCodeableConcept={"text": "for sleep"})) == 0.5


# Tablets


@pytest.mark.parametrize(("unit", "total"), TABLETS)
def test_tablets_count_with_the_strength_of_the_product(unit, total):
    assert daily(dosage(2, unit), strength=0.5) == total


def test_tablets_are_known_by_code_or_by_unit():
    as_code = {"value": 2, "unit": "Tablet", "code": "428673006", "system": "http://snomed.info/sct"}
    assert daily(dosage(doseAndRate=[{"doseQuantity": as_code}]), strength=0.5) == 1


def test_half_a_tablet_is_half_the_strength():
    assert daily(dosage(0.5, "tablet"), strength=1) == 0.5


def test_the_strength_is_that_of_the_coded_product():
    order = draft(CLONAZEPAM, dosageInstruction=[dosage(2, "tablet")])
    assert facts(drafts=(order,)).orders[0].dose.daily_mg == 1


def test_the_strength_of_a_medication_resource_is_read():
    part = {
        "itemCodeableConcept": coded(RXNORM, "2598", "clonazepam"),
        "strength": {"numerator": {"value": 0.5, "unit": "mg"}, "denominator": {"value": 1, "unit": "tablet"}},
    }
    sent = resource("Medication", id="m1", ingredient=[part])
    order = draft(None, medicationReference={"reference": "Medication/m1"}, dosageInstruction=[dosage(2, "tablet")])
    assert facts(drafts=(order, sent)).orders[0].dose.daily_mg == 1


def test_the_strength_is_not_guessed_from_a_text():
    order = draft(named("clonazepam 0.5 mg tablet"), dosageInstruction=[dosage(2, "tablet")])
    assert facts(drafts=(order,)).orders[0].dose.daily_mg is None


# Units


@pytest.mark.parametrize(
    ("amount", "unit", "total"), [(500, "ug", 0.5), (500, "mcg", 0.5), (0.0005, "g", 0.5), (0.5, "MG", 0.5)]
)
def test_masses_are_converted(amount, unit, total):
    assert daily(dosage(amount, unit)) == total


@pytest.mark.parametrize("unit", ["mL", "drop", "puff", "[iU]", "mg/kg", "mg/mL", None, ""])
def test_an_unlike_unit_cannot_be_computed(unit):
    assert daily(dosage(0.5, unit), strength=0.5) is None


# Not computable


def test_a_text_alone_is_never_guessed_at():
    assert daily({"text": "take 2 mg at bedtime"}) is None


def test_without_a_dose_there_is_no_daily_dose():
    assert daily(dosage(None)) is None


def test_without_a_frequency_there_is_a_single_dose_only():
    found = read(dosage(0.5, timing=None))
    assert (found.daily_mg, found.single_mg) == (None, 0.5)


def test_one_instruction_without_a_dose_leaves_the_sum_unknown():
    assert daily(dosage(0.5), dosage(None)) is None


@pytest.mark.parametrize(
    "timing",
    [{"frequency": 1, "period": 0, "periodUnit": "d"}, {"frequency": 1, "period": 1, "periodUnit": "fortnight"}, {}],
)
def test_a_timing_that_makes_no_sense_cannot_be_computed(timing):
    assert daily(times(**timing)) is None


@pytest.mark.parametrize("amount", [0, -1])
def test_no_dose_is_not_a_dose(amount):
    assert daily(dosage(amount)) is None


@pytest.mark.parametrize(
    "instruction",
    [
        dosage(1e308, timing=repeat(frequency=10, period=1, periodUnit="d")),
        dosage(1e308, unit="kg"),
        dosage(1e308, unit="{tablet}"),
        times(frequency=1, period=5e-324, periodUnit="d"),
    ],
)
def test_a_dose_beyond_any_number_is_no_daily_dose(instruction):
    found = read(instruction, strength=2)
    assert found.daily_mg is None
    assert found.why_not
    assert found.single_mg != float("inf")


def test_no_instruction_is_no_dose():
    assert read().why_not == "no dosage instruction"


def test_the_dose_of_a_statement_and_of_a_dispense_is_read():
    said = resource("MedicationStatement", status="active", medicationCodeableConcept=CLONAZEPAM, dosage=[dosage(1)])
    given = resource(
        "MedicationDispense",
        status="completed",
        medicationCodeableConcept=CLONAZEPAM,
        whenHandedOver="2026-06-01",
        dosageInstruction=[dosage(1)],
    )
    for one in (said, given):
        assert only(facts(one).current_drugs("clonazepam")).dose.daily_mg == 1


@pytest.mark.parametrize(
    "step",
    [
        dosage("half a tablet"),
        dosage(1, timing=repeat(frequency="often", period=1, periodUnit="d")),
        dosage(1, timing=repeat(frequency=1, period=1, periodUnit="night")),
    ],
)
def test_what_is_no_number_or_no_unit_of_time_leaves_the_dose_open(step):
    found = read(step)
    assert (found.daily_mg, found.unreadable) == (None, True)


# Steps that follow each other


def on(day, *dosages):
    return dose(many(typed(request(dosageInstruction=list(dosages))).dosage_instruction), None, day)


def step(mg, start, end):
    return dosage(mg, timing=repeat(frequency=1, period=1, periodUnit="d", boundsPeriod={"start": start, "end": end}))


RISING = [
    step(0.25, "2026-06-01", "2026-06-14"),
    step(0.5, "2026-06-15", "2026-06-28"),
    step(1, "2026-06-29", "2026-07-12"),
]


def test_periods_that_follow_each_other_are_steps_and_are_not_added():
    found = on(TODAY, *RISING)
    assert (found.daily_mg, found.today_mg, found.steps) == (1, 0.5, (0.25, 0.5, 1))
    assert on(date(2026, 7, 1), *RISING).today_mg == 1


def test_when_no_step_holds_today_the_highest_counts():
    assert on(date(2026, 8, 1), *RISING).today_mg == 1
    assert on(TODAY, dosage(0.5, sequence=1), dosage(0.25, sequence=2)).today_mg == 0.5


def test_periods_that_overlap_add_up():
    found = on(TODAY, step(0.5, "2026-06-01", "2026-06-30"), step(0.25, "2026-06-10", "2026-06-20"))
    assert (found.today_mg, found.daily_mg) == (0.75, 0.75)


def test_an_instruction_without_period_adds_to_every_step():
    assert on(TODAY, dosage(0.5), step(0.25, "2026-06-10", "2026-06-20")).today_mg == 0.75


@pytest.mark.parametrize(
    ("doses", "falls"), [((1, 0.5, 0.25), True), ((1, 0.5, 0.5), False), ((0.5, 1), False), ((1,), False)]
)
def test_steps_fall_if_each_is_lower_than_the_one_before(doses, falls):
    assert on(TODAY, *[dosage(mg, sequence=n) for n, mg in enumerate(doses, 1)]).falls is falls


def test_a_count_of_one_is_once_only():
    assert on(TODAY, dosage(2, timing=repeat(count=1, frequency=1, period=1, periodUnit="d"))).once is True
    assert on(TODAY, dosage(2)).once is False


def test_a_count_of_one_within_a_year_is_more_than_once():
    bounds = {"start": "2026-06-15", "end": "2027-06-15"}
    assert on(TODAY, dosage(2, timing=repeat(count=1, frequency=2, period=1, boundsPeriod=bounds))).once is False


# Doxepin made as a hypnotic


@pytest.mark.parametrize(
    ("members", "total"),
    [
        ({}, 3),
        ({"dosageInstruction": [dosage(None, timing=None)]}, 3),
        ({"dosageInstruction": [dosage(2, "tablet")]}, 6),
        ({"dosageInstruction": [dosage(None, timing=repeat(frequency=2, period=1, periodUnit="d"))]}, 6),
    ],
)
def test_doxepin_tablets_of_3_mg_have_a_known_dose(members, total):
    found = only(facts(request(named("doxepin 3 mg tablet"), **members)).current_drugs("tca"))
    assert found.dose.daily_mg == total


@pytest.mark.parametrize(
    "text", ["doxepin 10 mg capsule", "doxepin 10 mg tablet", "doxepin 3 mg", "clonazepam 0.5 mg tablet"]
)
def test_no_other_dose_is_guessed(text):
    assert only(facts(request(named(text))).current_drugs("tca", "clonazepam")).dose.daily_mg is None
