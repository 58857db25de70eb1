"""Creatinine clearance by Cockcroft and Gault, else eGFR, and the label's limits (clinical specification MYO-03)."""

from math import inf

import pytest

from cds_service.facts.knowledge import ABSENT, Known, Unavailable
from cds_service.phenotypes.kidney import Clearance, clearance, gabapentinoid, levetiracetam
from tests.charts import LOINC, coded, facts, observation, patient

CREATININE, WEIGHT, EGFR = coded(LOINC, "2160-0"), coded(LOINC, "29463-7"), coded(LOINC, "98979-8")
WOMAN, MAN = patient("1948-01-01"), patient("1948-01-01", gender="male")
PER_MINUTE = "mL/min/{1.73_m2}"


def seen(*chart, **how):
    return clearance(facts(*chart, **how))


def creatinine(value=1.2, unit="mg/dL", day="2026-06-01", **members):
    return observation(CREATININE, day, value, unit, **members)


def weight(value=60, unit="kg", day="2026-06-01"):
    return observation(WEIGHT, day, value, unit)


def egfr(value=40, unit=PER_MINUTE, day="2026-06-01", **members):
    return observation(EGFR, day, value, unit, **members)


def test_cockcroft_and_gault():
    # (140 - 78) x 60 / (72 x 1.2) = 43.06, for a woman x 0.85
    assert seen(MAN, creatinine(), weight()).value.value == pytest.approx(43.06, abs=0.01)
    assert seen(WOMAN, creatinine(), weight()).value.value == pytest.approx(36.6, abs=0.01)


def test_units_are_converted():
    assert seen(MAN, creatinine(106.08, "umol/L"), weight(132.277, "lb")).value.value == pytest.approx(43.1, abs=0.05)
    assert seen(MAN, creatinine(), weight(60000, "g")).value.value == pytest.approx(43.06, abs=0.01)


def test_a_clearance_is_computed_before_an_egfr_is_used():
    assert not seen(MAN, creatinine(), weight(), egfr()).value.estimated


@pytest.mark.parametrize(
    "chart",
    [
        (MAN, creatinine()),
        (MAN, weight()),
        (patient(None), creatinine(), weight()),
        (patient("1948-01-01", gender="unknown"), creatinine(), weight()),
        (MAN, creatinine(0), weight()),
        (MAN, creatinine(day="2025-06-14"), weight()),
        (MAN, creatinine(), weight(day="2025-06-14")),
        (MAN, creatinine(None, valueQuantity={"value": 0.5, "unit": "mg/dL", "comparator": "<"}), weight()),
    ],
)
def test_where_it_cannot_be_computed_the_egfr_is_used_and_said_to_be(chart):
    found = seen(*chart, egfr()).value
    assert (found.value, found.estimated) == (40, True)


@pytest.mark.parametrize(("day", "counts"), [("2025-06-15", True), ("2025-06-14", False)])
def test_results_count_for_12_months(day, counts):
    assert isinstance(seen(MAN, creatinine(day=day), weight(day=day)), Known) is counts
    assert isinstance(seen(MAN, egfr(day=day)), Known) is counts


def test_the_newest_results_count():
    found = seen(MAN, creatinine(4, day="2026-01-01"), creatinine(), weight(90, day="2026-01-01"), weight())
    assert found.value.value == pytest.approx(43.06, abs=0.01)


@pytest.mark.parametrize("unit", ["%", "mmol", "kg"])
def test_a_creatinine_in_an_unlike_unit_is_not_used(unit):
    assert not isinstance(seen(MAN, creatinine(unit=unit), weight()), Known)


@pytest.mark.parametrize("unit", ["cm", "%", "mL"])
def test_a_weight_in_an_unlike_unit_is_not_used(unit):
    assert not isinstance(seen(MAN, creatinine(), weight(unit=unit)), Known)


def test_an_egfr_in_an_unlike_unit_is_not_used():
    assert not isinstance(seen(MAN, egfr(unit="mg/dL")), Known)


@pytest.mark.parametrize("unit", [PER_MINUTE, "mL/min", "mL/min/1.73m2", None])
def test_an_egfr_is_read_in_its_spellings(unit):
    assert seen(MAN, egfr(unit=unit)).value.value == 40


def test_nothing_recorded_is_no_clearance():
    assert seen(MAN) == ABSENT
    assert isinstance(seen(MAN, gaps={"observations": "not sent"}), Unavailable)


@pytest.mark.parametrize(
    ("rate", "limit"),
    [(120, 3000), (80.1, 3000), (80, 2000), (50, 2000), (49.9, 1500), (30, 1500), (29.9, 1000), (5, 1000)],
)
def test_the_limits_of_the_label(rate, limit):
    assert levetiracetam(facts())(rate) == limit


@pytest.mark.parametrize(
    ("rate", "gabapentin", "pregabalin"),
    [(60, inf, inf), (59.9, 1400, 300), (30, 1400, 300), (29.9, 700, 150), (15, 700, 150), (14.9, 300, 75)],
)
def test_the_limits_of_the_labels_of_gabapentinoids(rate, gabapentin, pregabalin):
    assert gabapentinoid("gabapentin", facts())(rate) == gabapentin
    assert gabapentinoid("pregabalin", facts())(rate) == pregabalin


@pytest.mark.parametrize(
    ("rate", "shown"), [(49.96, "49"), (50.0, "50"), (50.2, "50"), (22.7, "23"), (29.5, "29"), (80.4, "81"), (80, "80")]
)
def test_the_clearance_shown_is_whole_and_lies_in_the_band_that_decided(rate, shown):
    assert Clearance(rate, False, None, "").shown(levetiracetam(facts())) == shown


def test_an_egfr_beyond_its_range_gives_the_best_it_may_stand_for():
    found = seen(MAN, egfr(None, valueQuantity={"value": 60, "unit": PER_MINUTE, "comparator": ">"})).value
    assert levetiracetam(facts())(found.highest) == 3000
