"""Drugs that can cause or worsen RBD, and their start against its onset (clinical specification 2.2 and MED-02)."""

import pytest

from cds_service.facts.knowledge import ABSENT, Unavailable
from cds_service.fhir.dates import interval
from cds_service.phenotypes.antidepressant_purpose import Purpose, purpose
from cds_service.phenotypes.antidepressants import (
    SETS,
    Timing,
    is_strong,
    taken,
    timing,
)
from tests.charts import RXNORM, coded, dosage, facts, named, request

ONSET = "2026-01-01"


def when(start, onset=ONSET, increased=None):
    return timing(interval(start), interval(increased), interval(onset), 180)


def drugs(*chart):
    return [m.ingredient for m in taken(facts(*chart), *SETS).value_or(())]


# Timing


@pytest.mark.parametrize(
    ("start", "found"),
    [
        ("2026-01-01", Timing.FITS),
        ("2025-12-31", Timing.FITS),
        ("2025-07-05", Timing.FITS),  # 180 days before
        ("2025-07-04", Timing.LONG_STANDING),  # 181 days before
        ("2019", Timing.LONG_STANDING),
        ("2026-01-02", Timing.AFTER),
        ("2026-02", Timing.AFTER),
    ],
)
def test_a_start_0_to_180_days_before_onset_fits(start, found):
    assert when(start) is found


@pytest.mark.parametrize(
    ("start", "onset", "found"),
    [
        ("2025-11", "2026-01-01", Timing.FITS),
        ("2025", "2026-01-01", Timing.UNKNOWN),
        ("2025-07", "2026-01-01", Timing.UNKNOWN),
        ("2026-01", "2026-01-15", Timing.UNKNOWN),
        ("2026", "2026", Timing.UNKNOWN),
        ("2024", "2026", Timing.LONG_STANDING),
        ("2025-12", "2026", Timing.UNKNOWN),
        ("2026", "2025", Timing.AFTER),
    ],
)
def test_with_partial_dates_the_category_must_hold_for_all_they_may_mean(start, onset, found):
    assert when(start, onset) is found


@pytest.mark.parametrize(("start", "onset"), [(None, ONSET), ("2025-12-01", None), (None, None)])
def test_without_a_date_the_timing_is_unknown(start, onset):
    assert when(start, onset) is Timing.UNKNOWN


@pytest.mark.parametrize(
    ("increased", "found"),
    [("2025-12-01", Timing.FITS), ("2026-02-01", Timing.LONG_STANDING), ("2024-01-01", Timing.LONG_STANDING)],
)
def test_a_dose_increase_before_onset_fits_too(increased, found):
    assert when("2019-01-01", increased=increased) is found


# Which drugs


@pytest.mark.parametrize(
    ("drug", "strong"),
    [
        ("fluoxetine", True),
        ("sertraline", True),
        ("paroxetine", True),
        ("citalopram", True),
        ("escitalopram", True),
        ("fluvoxamine", True),
        ("venlafaxine", True),
        ("desvenlafaxine", True),
        ("duloxetine", True),
        ("milnacipran", True),
        ("levomilnacipran", True),
        ("amitriptyline", True),
        ("nortriptyline", True),
        ("imipramine", True),
        ("clomipramine", True),
        ("desipramine", True),
        ("doxepin", True),
        ("protriptyline", True),
        ("trimipramine", True),
        ("amoxapine", True),
        ("phenelzine", True),
        ("tranylcypromine", True),
        ("isocarboxazid", True),
        ("moclobemide", True),
        ("rasagiline", False),
        ("safinamide", False),
        ("mirtazapine", False),
        ("vortioxetine", False),
        ("vilazodone", False),
    ],
)
def test_the_associated_drugs_by_how_sure_that_is(drug, strong):
    found = facts(request(named(f"{drug} oral tablet"))).current_drugs(*SETS)
    (one,) = found.value
    assert (one.ingredient, is_strong(one.sets)) == (drug, strong)


@pytest.mark.parametrize(
    "drug",
    ["bupropion", "trazodone", "nefazodone", "metoprolol", "donepezil", "cyclobenzaprine", "sibutramine", "lithium"],
)
def test_other_drugs_are_not_associated(drug):
    assert drugs(request(named(f"{drug} oral tablet"))) == []


@pytest.mark.parametrize(("mg", "counts"), [(3, False), (6, False), (6.5, True), (25, True)])
def test_doxepin_is_a_hypnotic_up_to_6_mg_a_day(mg, counts):
    assert drugs(request(named("doxepin"), dosageInstruction=[dosage(mg)])) == (["doxepin"] if counts else [])


def test_doxepin_of_unknown_dose_counts():
    assert drugs(request(named("doxepin"))) == ["doxepin"]


def test_whether_doxepin_counts_is_open_where_its_dose_cannot_be_read():
    odd = request(named("doxepin"), dosageInstruction=[{"timing": 17}])
    assert isinstance(taken(facts(odd), *SETS), Unavailable)


def test_a_reason_that_was_not_sent_is_another_use_and_not_none():
    known = facts(request(named("sertraline"), reasonReference=[{"reference": "Condition/gone"}]))
    (drug,) = taken(known, *SETS).value
    assert purpose(drug, known) is Purpose.OTHER


def test_a_small_dose_of_another_tricyclic_counts():
    assert drugs(request(named("amitriptyline"), dosageInstruction=[dosage(5)])) == ["amitriptyline"]


def test_a_transdermal_selegiline_is_strong_and_an_oral_one_is_not():
    patch = facts(request(named("selegiline 6 mg/24 hr transdermal patch"))).current_drugs(*SETS).value[0]
    oral = facts(request(coded(RXNORM, "9639", "selegiline"))).current_drugs(*SETS).value[0]
    assert (is_strong(patch.sets), is_strong(oral.sets)) == (True, False)
    assert facts(request(named("aspirin"))).current_drugs(*SETS) == ABSENT
