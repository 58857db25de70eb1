"""What becomes one card, what is taken in, and what is silenced (clinical specification 2.7)."""

import msgspec

from cds_service.content.families import Fold
from cds_service.decisions.group import CardGroup, WordedFinding, fold, group
from cds_service.facts.patient import Order
from cds_service.rules.review import Evaluation, Finding, Outcome
from tests.case_runs import ruleset

CONTENT = ruleset().content


def found(rule, indicator, card=None):
    text = CONTENT.rules[rule]
    finding = Finding(card or next(iter(text.card)), indicator)
    return Evaluation(rule, Outcome.FOUND, (), finding)


SAFETY = found("bedroom-safety", "injury", "confirmed-injury")
ADVICE = found("bedroom-safety", "no-injury", "confirmed")
TREATMENT = found("rbd-untreated", "option", "injury")
PROGNOSIS = found("rbd-prognosis", "follow-up")
RED_FLAGS = found("rbd-red-flags", "no-injury")
EARLY = found("rbd-early-onset", "no-injury", "suspected")
JERKS = found("head-jerks", "reassure", "head-jerks")


def about(order, rule, indicator, card=None):
    return msgspec.structs.replace(found(rule, indicator, card), subject=order)


def cards(*findings):
    joined = fold(group(findings, CONTENT), CONTENT.families)
    return [(one.rules, one.indicator) for one in joined]


def test_findings_about_the_patient_are_cards_of_their_own():
    assert cards(PROGNOSIS, found("sleep-referral", "other", "still-active")) == [
        (("rbd-prognosis",), "info"),
        (("sleep-referral",), "info"),
    ]


def test_what_is_taken_in_is_named():
    assert cards(PROGNOSIS, ADVICE) == [(("rbd-prognosis", "bedroom-safety"), "info")]


def test_nothing_is_folded_under_a_finding_of_a_lower_indicator():
    assert cards(PROGNOSIS, SAFETY) == [(("bedroom-safety", "rbd-prognosis"), "warning")]
    drug = found("rbd-drug-current", "uncertain", "unknown")
    assert cards(drug, SAFETY, TREATMENT, PROGNOSIS) == [
        (("bedroom-safety", "rbd-drug-current", "rbd-untreated", "rbd-prognosis"), "warning")
    ]


def test_treatment_and_safety_stand_before_prognosis():
    assert cards(PROGNOSIS, TREATMENT, SAFETY) == [(("bedroom-safety", "rbd-untreated", "rbd-prognosis"), "warning")]
    assert cards(PROGNOSIS, TREATMENT, ADVICE) == [(("bedroom-safety", "rbd-untreated", "rbd-prognosis"), "info")]
    assert cards(PROGNOSIS, TREATMENT) == [(("rbd-untreated", "rbd-prognosis"), "info")]


def test_findings_about_one_order_are_one_card_whatever_their_families():
    order = Order("MedicationRequest", "MedicationRequest/1")
    melatonin = about(order, "melatonin-fluvoxamine", "together")
    drug = about(order, "rbd-drug-new", "likely")
    assert cards(melatonin, drug) == [(("rbd-drug-new", "melatonin-fluvoxamine"), "warning")]


def test_a_finding_about_another_order_is_not_taken_in():
    one, other = (Order("MedicationRequest", f"MedicationRequest/{n}") for n in (1, 2))
    drug, jerks = about(one, "rbd-drug-new", "likely"), about(other, "myoclonus-serotonergic", "new")
    assert [rules for rules, _ in cards(drug, jerks)] == [("rbd-drug-new",), ("myoclonus-serotonergic",)]


def test_some_variants_only_are_taken_in():
    uncertain, again = (
        found("sleep-referral", "other", "uncertain"),
        found("sleep-referral", "injury", "repeated-injury"),
    )
    assert cards(RED_FLAGS, uncertain) == [(("rbd-red-flags", "sleep-referral"), "info")]
    assert cards(RED_FLAGS, again) == [(("rbd-red-flags",), "info"), (("sleep-referral",), "warning")]


def test_head_jerks_stand_beside_no_card_on_rbd():
    assert cards(RED_FLAGS, JERKS) == [(("rbd-red-flags",), "info")]


def test_early_onset_alone_replaces_the_detail_of_what_takes_it_in():
    (one,) = fold(group((RED_FLAGS, EARLY, ADVICE), CONTENT), CONTENT.families)
    assert one.rules == ("rbd-red-flags", "rbd-early-onset", "bedroom-safety")
    assert [joined.evaluation.rule for joined in one.replacing] == ["rbd-early-onset"]


def test_what_a_finding_had_taken_in_moves_on_with_it():
    families = CONTENT.families.__class__(
        weight=CONTENT.families.weight,
        family=CONTENT.families.family,
        stale=CONTENT.families.stale,
        cap=CONTENT.families.cap,
        fold=(
            Fold(by="rbd-prognosis", takes=("bedroom-safety",)),
            Fold(by="rbd-drug-current", takes=("rbd-prognosis",)),
        ),
    )
    drug = found("rbd-drug-current", "uncertain", "unknown")
    (one,) = fold(group((drug, PROGNOSIS, ADVICE), CONTENT), families)
    assert set(one.rules) == {"rbd-drug-current", "rbd-prognosis", "bedroom-safety"}


def test_a_group_says_whose_card_it_is():
    (one,) = group((SAFETY,), CONTENT)
    assert isinstance(one, CardGroup)
    assert isinstance(one.leader, WordedFinding)
    assert (one.leader.evaluation.rule, one.family) == ("bedroom-safety", "rbd")
