"""Two drugs that matter together: who meets whom, and which order takes the card."""

import pytest

from cds_service.facts.knowledge import ABSENT, Known, Unavailable
from cds_service.phenotypes.pairs import Side, continued, partners
from tests.case_runs import ruleset
from tests.charts import CLONAZEPAM, SERTRALINE, coded, draft, facts, named, request, statement

WORDING = ruleset().content.wording
OXYCODONE = named("oxycodone 5 mg tablet")
DRUGS = ("medicationRequests", "medicationStatements", "medicationDispenses")


def found(place, *drafts, chart=(), gaps=None, takes=lambda _: True):
    """The partners of the draft at this place, for opioids."""
    seen = facts(*chart, drafts=drafts, gaps=gaps)
    return partners(seen.orders[place], seen, ("opioid",), takes)


def met(*given, **how):
    fact = found(*given, **how)
    return [(side.ingredient, WORDING.show(side.state)) for side in fact.value] if isinstance(fact, Known) else fact


def test_a_current_drug_is_met():
    assert met(0, draft(), chart=[request(OXYCODONE)]) == [("oxycodone", "current, start not recorded")]


def test_a_draft_beside_it_is_met_before_or_after():
    assert met(1, draft(OXYCODONE), draft()) == [("oxycodone", "drafted")]
    assert met(0, draft(), draft(OXYCODONE), takes=lambda _: False) == [("oxycodone", "drafted")]


def test_a_later_draft_that_is_reviewed_takes_the_card():
    assert met(0, draft(), draft(OXYCODONE)) is ABSENT


def test_a_later_draft_takes_the_card_for_the_current_entry_too():
    assert met(0, draft(), draft(OXYCODONE), chart=[request(OXYCODONE)]) is ABSENT


def test_a_drug_that_is_drafted_and_current_is_one():
    assert met(1, draft(OXYCODONE), draft(), chart=[request(OXYCODONE)]) == [("oxycodone", "drafted")]


def test_a_stop_is_no_partner():
    assert met(1, draft(OXYCODONE, status="stopped"), draft()) is ABSENT
    assert met(0, draft(), draft(OXYCODONE, status="cancelled")) is ABSENT


def test_another_drug_is_no_partner():
    assert met(0, draft(), draft(SERTRALINE), chart=[request(SERTRALINE)]) is ABSENT


def test_without_the_current_drugs_only_the_drafts_are_known():
    assert isinstance(found(0, draft(), gaps=dict.fromkeys(DRUGS, "not sent")), Unavailable)
    assert met(1, draft(OXYCODONE), draft(), gaps=dict.fromkeys(DRUGS, "not sent")) == [("oxycodone", "drafted")]


@pytest.mark.parametrize(
    "other",
    [
        draft(None, medicationReference={"reference": "Medication/gone"}),
        draft(coded("http://www.nlm.nih.gov/research/umls/rxnorm", "7804", "oxycodone", text="sertraline 50 mg")),
    ],
)
def test_a_draft_whose_drug_cannot_be_told_may_be_a_partner(other):
    assert isinstance(found(0, draft(), other), Unavailable)


def both(*chart, gaps=None):
    seen = facts(*chart, drafts=(draft(CLONAZEPAM), draft(OXYCODONE)), gaps=gaps)
    clonazepam, oxycodone = (Side(o.drug.ingredient(*o.drug.sets), o) for o in seen.orders)
    return continued(clonazepam, oxycodone, seen)


def test_a_combination_goes_on_only_if_both_are_taken():
    assert isinstance(both(request(CLONAZEPAM), request(OXYCODONE)), Known)
    assert both(request(CLONAZEPAM)) is ABSENT
    assert both() is ABSENT
    assert isinstance(both(request(CLONAZEPAM), gaps={"medicationStatements": "failed"}), Unavailable)


@pytest.mark.parametrize(
    ("entry", "state"),
    [
        (request(OXYCODONE, authoredOn="2026-04-27"), "current since 27 Apr 2026"),
        (statement(OXYCODONE, status="stopped", effectivePeriod={"end": "2026-06"}), "ended Jun 2026"),
        (request(OXYCODONE, status="stopped"), "ended, day not recorded"),
    ],
)
def test_a_side_says_how_it_stands(entry, state):
    seen = facts(entry)
    listed = [*seen.held["medications"].items]
    assert WORDING.show(Side("oxycodone", listed[0]).state) == state
