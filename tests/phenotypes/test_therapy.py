"""What an order changes, and what a drug is given for (clinical specification 2.1 and 2.4)."""

import pytest

from cds_service.facts.knowledge import ABSENT, Known, Unavailable
from cds_service.facts.patient import Change
from cds_service.phenotypes.therapy import (
    Indication,
    change,
    indication,
    is_falling_series,
    is_for_rbd,
    perhaps_taper,
    taper,
)
from tests.charts import (
    CLONAZEPAM,
    RBD,
    RXNORM,
    SERTRALINE,
    SNOMED,
    coded,
    condition,
    dosage,
    draft,
    facts,
    named,
    request,
)

EPILEPSY = coded(SNOMED, "84757009", "Epilepsy")
PANIC = coded(SNOMED, "371631005", "Panic disorder")
MYOCLONUS = coded(SNOMED, "17450006", "Myoclonus")
ANXIETY = named("Generalized anxiety disorder")
ONE_MG = coded(RXNORM, "197528", "clonazepam 1 MG Oral Tablet")


def ordered(order, *chart, **how):
    found = facts(*chart, drafts=(order,), **how)
    return found.orders[0], found


def of(mg):
    return {"dosageInstruction": [dosage(mg)]}


# Change against current therapy


def changed(order, *chart, **how):
    return change(*ordered(order, *chart, **how))


def test_a_drug_that_is_not_current_is_new():
    assert changed(draft(**of(0.5))) is Change.NEW
    assert changed(draft(**of(0.5)), request(status="stopped", **of(0.5))) is Change.NEW
    assert changed(draft(**of(0.5)), request(SERTRALINE, **of(50))) is Change.NEW


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [(0.5, 1, Change.INCREASE), (1, 0.5, Change.DECREASE), (0.5, 0.5, Change.SAME)],
)
def test_a_drug_that_is_current_is_increased_decreased_or_the_same(before, after, found):
    assert changed(draft(**of(after)), request(**of(before))) is found


def test_an_unknown_dose_is_the_same():
    assert changed(draft(), request(**of(1))) is Change.SAME
    assert changed(draft(**of(1)), request()) is Change.SAME


def test_another_tablet_of_the_same_ingredient_is_the_same_drug():
    one = {"dosageInstruction": [dosage(1, "tablet")]}
    assert changed(draft(CLONAZEPAM, **one), request(ONE_MG, **one)) is Change.DECREASE


def test_another_drug_of_the_same_class_is_new():
    assert changed(draft(coded(RXNORM, "310384", "fluoxetine 10 MG Oral Capsule")), request(SERTRALINE)) is Change.NEW


def test_without_the_list_of_drugs_the_change_is_unknown():
    assert changed(draft(), gaps={"medicationRequests": "not sent"}) is Change.UNKNOWN


def test_a_lower_dose_than_the_current_one_is_a_taper():
    assert isinstance(taper(*ordered(draft(**of(0.25)), request(authoredOn="2026-03-01", **of(0.5)))), Known)


@pytest.mark.parametrize("after", [0.5, 1])
def test_the_same_or_a_higher_dose_is_no_taper(after):
    assert taper(*ordered(draft(**of(after)), request(**of(0.5)))) == ABSENT


def test_a_new_drug_is_no_taper():
    assert taper(*ordered(draft(**of(0.25)))) == ABSENT


def test_a_dose_that_cannot_be_computed_is_no_taper():
    assert taper(*ordered(draft(dosageInstruction=[{"text": "half of before"}]), request(**of(1)))) == ABSENT


def test_whether_it_is_a_taper_is_unknown_without_the_list_of_drugs():
    assert isinstance(taper(*ordered(draft(**of(0.25)), gaps={"medicationRequests": "failed"})), Unavailable)


# Indication


def purpose(order, *problems):
    return indication(*ordered(order, *map(condition, problems)))


@pytest.mark.parametrize(
    ("code", "found"),
    [
        (RBD, Indication.RBD),
        (named("Dream enactment"), Indication.RBD),
        (EPILEPSY, Indication.EPILEPSY),
        (PANIC, Indication.PANIC),
        (ANXIETY, Indication.ANXIETY),
        (MYOCLONUS, Indication.MYOCLONUS),
        (named("Restless legs"), Indication.OTHER),
    ],
)
def test_the_stated_reason_is_the_indication(code, found):
    assert purpose(draft(reasonCode=[code])) is found


def test_a_stated_reason_outweighs_the_problem_list():
    assert purpose(draft(reasonCode=[RBD]), EPILEPSY, MYOCLONUS) is Indication.RBD
    assert purpose(draft(reasonCode=[EPILEPSY]), RBD) is Indication.EPILEPSY


def test_two_stated_reasons_are_several():
    assert purpose(draft(reasonCode=[RBD, PANIC])) is Indication.SEVERAL


def test_a_reason_is_read_from_the_condition_it_names():
    known = condition(RBD, id="c1")
    order = draft(reasonReference=[{"reference": "Condition/c1"}])
    assert indication(*ordered(order, known)) is Indication.RBD


@pytest.mark.parametrize(
    ("problems", "found"),
    [
        ([RBD], Indication.RBD),
        ([RBD, ANXIETY], Indication.RBD),
        ([MYOCLONUS], Indication.MYOCLONUS),
        ([EPILEPSY], Indication.EPILEPSY),
        ([PANIC], Indication.PANIC),
        ([ANXIETY], Indication.ANXIETY),
        ([PANIC, ANXIETY], Indication.PANIC),
        ([RBD, EPILEPSY], Indication.SEVERAL),
        ([RBD, PANIC], Indication.SEVERAL),
        ([RBD, MYOCLONUS], Indication.SEVERAL),
        ([], Indication.NOT_STATED),
        ([named("Hypertension")], Indication.NOT_STATED),
    ],
)
def test_without_a_reason_the_single_treated_diagnosis_is_the_indication(problems, found):
    assert purpose(draft(), *problems) is found


def test_a_reason_that_cannot_be_read_is_not_inferred_from_the_problem_list():
    odd = {"reasonReference": [17]}
    found = facts(condition(RBD), request(**odd), drafts=(draft(**odd),))
    for therapy in (found.orders[0], found.current_drugs("clonazepam").value[0]):
        assert indication(therapy, found) is Indication.OTHER
        assert isinstance(is_for_rbd(therapy, found), Unavailable)


def test_a_past_or_refuted_diagnosis_is_no_indication():
    order = draft()
    assert indication(*ordered(order, condition(RBD, clinical="resolved"))) is Indication.NOT_STATED
    assert indication(*ordered(order, condition(RBD, verification="refuted"))) is Indication.NOT_STATED
    assert indication(*ordered(order, condition(RBD), condition(EPILEPSY, clinical="resolved"))) is Indication.RBD


@pytest.mark.parametrize("members", [{"authoredOn": "2024-06-14"}, {"authoredOn": None}])
def test_a_higher_dose_that_is_old_or_undated_is_no_evidence_of_a_taper(members):
    before = request(ONE_MG, dosageInstruction=[dosage(1)], **members)
    found = facts(before, drafts=(draft(dosageInstruction=[dosage(0.5)]),))
    (order,) = found.orders
    assert taper(order, found) == ABSENT
    assert perhaps_taper(order, found)


def test_the_last_day_of_24_months_is_evidence_of_a_taper():
    before = request(ONE_MG, dosageInstruction=[dosage(1)], authoredOn="2024-06-15")
    found = facts(before, drafts=(draft(dosageInstruction=[dosage(0.5)]),))
    assert taper(found.orders[0], found).known


@pytest.mark.parametrize(("steps", "known"), [((1, 0.5), True), ((1.5, 0.5), False), ((0.5, 1), False)])
def test_steps_that_fall_from_the_current_dose_are_a_taper(steps, known):
    before = request(ONE_MG, dosageInstruction=[dosage(1)], authoredOn=None)
    after = draft(dosageInstruction=[dosage(mg, sequence=n) for n, mg in enumerate(steps)])
    found = facts(before, drafts=(after,))
    assert taper(found.orders[0], found).known is known


@pytest.mark.parametrize(
    ("series", "falls"),
    [
        ([("2025-09-01", 1), ("2026-01-01", 0.75), ("2026-04-01", 0.5)], True),
        ([("2025-09-01", 1), ("2026-04-01", 1)], False),
        ([("2025-09-01", 0.5), ("2026-01-01", 0.25), ("2026-04-01", 0.5)], False),
        ([("2025-05-14", 1), ("2026-04-01", 0.5)], False),
    ],
)
def test_a_falling_series_is_of_the_last_12_months_and_ends_with_what_is_taken(series, falls):
    entries = [request(status="completed", authoredOn=day, dosageInstruction=[dosage(mg)]) for day, mg in series]
    entries[-1]["status"] = "active"
    found = facts(*entries)
    assert is_falling_series(found.current_drugs("clonazepam").value[0], found) is falls
