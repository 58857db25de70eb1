"""What the drafts of one event take away (CLZ-08, MED-04)."""

from cds_service.facts.knowledge import ABSENT, Known, Unavailable
from cds_service.phenotypes.stopping import BENZODIAZEPINES, abruptly, goes_on, in_steps
from tests.charts import SERTRALINE, coded, dosage, draft, facts, named, request

STOP = draft(status="stopped")
LORAZEPAM = named("lorazepam 1 mg tablet")


def of(mg):
    return {"dosageInstruction": [dosage(mg)]}


def after(*drafts, chart=()):
    seen = facts(*chart, drafts=drafts)
    return abruptly(seen, *BENZODIAZEPINES), in_steps(seen, *BENZODIAZEPINES)


def known(fact):
    return isinstance(fact, Known)


def test_a_stop_alone_is_abrupt():
    abrupt, steps = after(STOP)
    assert known(abrupt)
    assert known(steps)


def test_a_stop_with_the_same_drug_drafted_beside_it_is_not_abrupt():
    abrupt, steps = after(STOP, draft(**of(0.25)))
    assert abrupt is ABSENT
    assert known(steps)


def test_a_stop_with_another_drug_beside_it_is_abrupt():
    assert known(after(STOP, draft(LORAZEPAM))[0])
    assert known(after(draft(LORAZEPAM, status="cancelled"), draft())[0])


def test_a_lower_dose_is_a_step():
    abrupt, steps = after(draft(**of(0.25)), chart=[request(authoredOn="2026-03-01", **of(0.5))])
    assert abrupt is ABSENT
    assert known(steps)


def test_a_new_or_equal_dose_is_no_step():
    assert after(draft(**of(0.5)), chart=[request(**of(0.5))]) == (ABSENT, ABSENT)
    assert after(draft(**of(0.5))) == (ABSENT, ABSENT)


def test_a_stop_of_another_kind_of_drug_is_neither():
    assert after(draft(SERTRALINE, status="stopped")) == (ABSENT, ABSENT)


def test_a_draft_beside_it_whose_drug_cannot_be_told_leaves_it_open():
    odd = coded("http://www.nlm.nih.gov/research/umls/rxnorm", "197527", text="clonidine 0.1 mg")
    seen = facts(drafts=(STOP, draft(odd)))
    assert isinstance(goes_on(seen.orders[0], seen), Unavailable)
