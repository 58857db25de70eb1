"""An MAO inhibitor and an antidepressant that meet (clinical specification MED-03)."""

import pytest

from cds_service.facts.knowledge import ABSENT, Known, Unavailable
from cds_service.phenotypes import mao_inhibitors as mao
from cds_service.phenotypes.mao_inhibitors import Grade
from cds_service.phenotypes.pairs import Side
from tests.charts import SERTRALINE, dosage, draft, facts, named, request, statement

SETS = (*mao.INHIBITORS, *mao.PARTNERS)
PHENELZINE = named("phenelzine 15 mg tablet")


def ended(drug, day):
    return statement(named(drug), status="stopped", effectivePeriod={"end": day})


def met(drug, *chart, gaps=None):
    seen = facts(*chart, drafts=(draft(drug),), gaps=gaps)
    order = seen.orders[0]
    side = Side(order.drug.ingredient(*SETS), order)
    return mao.meetings(side, seen, lambda _: True)


def graded(drug, *chart):
    found = met(drug, *chart)
    return [mao.grade(m, facts(), viewing=False) for m in found.value] if isinstance(found, Known) else found


def of(mg):
    return {"dosageInstruction": [dosage(mg)]}


@pytest.mark.parametrize(
    ("ingredient", "days"),
    [("phenelzine", 14), ("sertraline", 14), ("vortioxetine", 21), ("fluoxetine", 35), ("rasagiline", 14)],
)
def test_wash_outs_are_those_of_the_labels(ingredient, days):
    assert mao.wash_out(ingredient, facts()) == days


@pytest.mark.parametrize(
    ("drug", "last_day", "first_day_over"),
    [
        ("fluoxetine 20 mg", "2026-05-12", "2026-05-11"),
        ("vortioxetine 10 mg", "2026-05-26", "2026-05-25"),
        ("sertraline 50 mg", "2026-06-02", "2026-06-01"),
        ("fluoxetine 20 mg", "2026-05", "2026-04"),
    ],
)
def test_an_antidepressant_of_late_is_met_until_its_wash_out_is_over(drug, last_day, first_day_over):
    assert graded(PHENELZINE, ended(drug, last_day)) == [Grade.CONTRAINDICATED]
    assert met(PHENELZINE, ended(drug, first_day_over)) is ABSENT


def test_an_end_that_nobody_recorded_is_a_grade_of_its_own():
    assert graded(SERTRALINE, request(PHENELZINE, status="stopped", authoredOn="2026-05-01")) == [Grade.END_UNKNOWN]


def test_an_ended_entry_without_any_date_is_passed_over():
    assert met(SERTRALINE, request(PHENELZINE, status="stopped")) is ABSENT


@pytest.mark.parametrize(
    ("inhibitor", "antidepressant", "grade"),
    [
        (request(PHENELZINE), "trazodone", Grade.CONTRAINDICATED),
        (request(named("Emsam 6 mg/24 hr")), "sertraline", Grade.CONTRAINDICATED),
        (request(named("selegiline"), **of(10)), "sertraline", Grade.CAUTION),
        (request(named("selegiline"), **of(10.5)), "sertraline", Grade.OVER_DOSE),
        (request(named("selegiline")), "sertraline", Grade.CAUTION),
        (request(named("rasagiline"), **of(1)), "mirtazapine", Grade.CAUTION),
        (request(named("rasagiline"), **of(1.5)), "mirtazapine", Grade.OVER_DOSE),
        (request(named("safinamide"), **of(100)), "sertraline", Grade.CAUTION),
        (request(named("safinamide"), **of(100)), "mirtazapine", Grade.CONTRAINDICATED),
        (request(named("safinamide"), **of(100)), "duloxetine", Grade.CONTRAINDICATED),
        (request(named("safinamide"), **of(100)), "nortriptyline", Grade.CONTRAINDICATED),
        (request(named("safinamide"), **of(100)), "trazodone", Grade.CONTRAINDICATED),
        (request(named("safinamide"), **of(100)), "bupropion", Grade.CAUTION),
        (request(named("safinamide"), **of(150)), "sertraline", Grade.OVER_DOSE),
    ],
)
def test_a_new_combination_is_graded_by_inhibitor_dose_and_antidepressant(inhibitor, antidepressant, grade):
    assert graded(named(antidepressant), inhibitor) == [grade]


@pytest.mark.parametrize(
    ("inhibitor", "antidepressant", "grade"),
    [
        (request(PHENELZINE), "sertraline", Grade.CONTRAINDICATED),
        (request(named("rasagiline"), **of(1)), "sertraline", None),
        (request(named("rasagiline"), **of(2)), "sertraline", Grade.OVER_DOSE),
        (request(named("safinamide")), "sertraline", None),
        (request(named("safinamide")), "venlafaxine", Grade.LISTED_CURRENT),
    ],
)
def test_what_is_taken_already_is_graded_more_softly_for_mao_b_inhibitors(inhibitor, antidepressant, grade):
    assert graded(named(antidepressant), inhibitor, request(named(antidepressant))) == [grade]


def test_a_hypnotic_dose_of_doxepin_meets_nothing():
    taken = request(named("doxepin"), dosageInstruction=[dosage(6)])
    assert met(PHENELZINE, taken) is ABSENT


def test_without_the_current_drugs_nothing_is_called_absent():
    missing = dict.fromkeys(("medicationRequests", "medicationStatements", "medicationDispenses"), "not sent")
    assert isinstance(met(SERTRALINE, gaps=missing), Unavailable)
