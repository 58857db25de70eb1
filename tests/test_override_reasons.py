"""A card offers only reasons that can be true of what was found, each in its place (clinical specification 2.6)."""

from collections import defaultdict
from functools import cache

import pytest

from cds_service.content.model import OVERRIDES_AT_MOST
from cds_service.phenotypes.palliative import palliative_care
from cds_service.phenotypes.therapy import Indication, indication
from tests.case_runs import case_results, cases, ruleset

CLONAZEPAM_AND_RISK = ("clonazepam-dementia", "clonazepam-falls", "clonazepam-sleep-apnea")
each_rule = pytest.mark.parametrize("rule", cases())


def shown(rule):
    """The cards of a rule's cases, whoever leads them, each with its group, its case's facts and its hook."""
    for result in case_results(rule):
        for card, group in zip(result.decision.cards, result.decision.groups, strict=True):
            yield result, card, group


def codes(card):
    return [reason.code for reason in card.override_reasons]


def offers(card, kind=None):
    """Whether the card would create anything, or a resource of a kind."""
    made = [a.resource["resourceType"] for s in card.suggestions for a in s.actions if a.type == "create"]
    return bool(made) if kind is None else kind in made


def said_wrongly(result, card, group):
    """The reasons that cannot be true of the card, each with what speaks against it."""
    given, leader = set(codes(card)), group.leader
    facts, view = result.facts, result.case.hook == "patient-view"
    holds = {
        "palliative": palliative_care(facts).known,
        "action-unsuccessful": offers(card, "MedicationRequest"),
        "patient-contraindication": offers(card, "MedicationRequest"),
        "action-completed": offers(card),
        "seizure-indication": group.subject and indication(group.subject, facts) is Indication.EPILEPSY,
        "washout-complete": leader.evaluation.rule == "maoi-combination",
        "stable-specialist": leader.evaluation.rule == "maoi-combination" and view,
        "toxicity-now": leader.evaluation.rule == "clonazepam-abrupt-stop",
        "never-taken": leader.evaluation.rule == "clonazepam-abrupt-stop",
        "taper-complete": leader.evaluation.rule == "clonazepam-abrupt-stop",
    }
    if leader.evaluation.rule in CLONAZEPAM_AND_RISK:
        taken = leader.finding.card == "current"
        holds["other-indication"] = not taken and indication(group.subject, facts) is Indication.NOT_STATED
        holds["action-performed-no-adverse-effect"] = taken
    return sorted(given & {code for code, held in holds.items() if not held})


@each_rule
def test_no_card_of_the_cases_offers_a_reason_that_cannot_be_true(rule):
    for result, card, group in shown(rule):
        assert said_wrongly(result, card, group) == [], (result.case.name, card.summary)


@each_rule
def test_each_card_of_the_cases_offers_from_one_to_five_reasons_each_once(rule):
    for result, card, _ in shown(rule):
        given = codes(card)
        assert 1 <= len(given) <= OVERRIDES_AT_MOST, result.case.name
        assert len(given) == len(set(given)), result.case.name
        displays = [reason.display for reason in card.override_reasons]
        assert len(displays) == len(set(displays)), result.case.name


@each_rule
def test_a_card_that_asks_whether_a_drug_is_still_taken_offers_that_it_is_not(rule):
    for result, card, group in shown(rule):
        asks = "Not taken any more" in [reason.display for reason in card.override_reasons]
        assert asks is (group.leader.finding.stale is not None), result.case.name
        assert not asks or codes(card) == ["data-wrong", "expert-contradicts", "limited-time"], result.case.name


@cache
def rows():
    """What a leading finding that rests on no old entry offers, by its words, palliative care, and a drug suggested."""
    found = defaultdict(set)
    for rule in cases():
        for result, card, group in shown(rule):
            if group.leader.finding.stale:
                continue
            place = palliative_care(result.facts).known, offers(card, "MedicationRequest")
            found[(group.leader.evaluation.rule, group.leader.finding.card, *place)].add(tuple(codes(card)))
    return found


ROWS = {
    (
        "draft-rbd",
        True,
    ): "risk-benefit-ratio action-unsuccessful patient-contraindication expert-contradicts data-wrong",
    ("draft-rbd", False): "risk-benefit-ratio expert-contradicts data-wrong patient-refuses",
    ("draft-rbd-no-melatonin", False): "risk-benefit-ratio expert-contradicts patient-refuses data-wrong",
    ("draft-myoclonus", True): "risk-benefit-ratio action-unsuccessful expert-contradicts data-wrong",
    ("draft-myoclonus", False): "risk-benefit-ratio expert-contradicts data-wrong",
    (
        "current",
        False,
    ): "risk-benefit-ratio action-performed-no-adverse-effect expert-contradicts patient-refuses data-wrong",
}


@pytest.mark.parametrize(("card", "replaced"), ROWS)
@pytest.mark.parametrize("rule", CLONAZEPAM_AND_RISK)
def test_clonazepam_and_a_risk_offer_the_reasons_of_their_row_in_its_order(rule, card, replaced):
    given = rows().get((rule, card, False, replaced), set())
    assert given <= {tuple(ROWS[card, replaced].split())}
    assert given or (rule, replaced) != ("clonazepam-dementia", True)


@pytest.mark.parametrize("rule", CLONAZEPAM_AND_RISK)
def test_an_order_for_seizures_says_so_and_one_for_panic_does_not(rule):
    plain = ("risk-benefit-ratio", "expert-contradicts", "data-wrong")
    given = rows()[rule, "draft-specialist", False, False]
    assert given <= {plain, ("seizure-indication", *plain)}


def test_the_words_of_a_case_tell_the_order_for_seizures_from_the_one_for_panic():
    assert len(rows()["clonazepam-dementia", "draft-specialist", False, False]) == 2


def test_palliative_care_comes_first_on_every_card_on_clonazepam_that_offers_it():
    found = {key: given for key, given in rows().items() if key[0].startswith("clonazepam-") and key[2]}
    leading = {key[0] for key, given in found.items() for codes in given if codes[0] == "palliative"}
    assert {*CLONAZEPAM_AND_RISK, "clonazepam-abrupt-stop"} <= leading
    assert all(codes[0] == "palliative" or "palliative" not in codes for given in found.values() for codes in given)


def test_each_reason_is_offered_in_some_case():
    """But for those that are known from clients alone."""
    offered = {code for given in rows().values() for codes in given for code in codes}
    only_heard = {"prefers-alternative", "limited-time", "does-not-align-latest-evidence"}
    assert set(ruleset().content.overrides) - offered <= only_heard
