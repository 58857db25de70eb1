"""What several rules ask alike about one order or drug is worked out once, and told in the steps of each."""

import json

import pytest

from cds_service.authoring.cases import DAY
from cds_service.decisions.decide import evaluations_of
from cds_service.decisions.gather import gather_sent
from cds_service.decisions.service import DecisionService
from cds_service.hooks.requests import parse_request
from cds_service.rules import clonazepam_alternative
from tests.calling import requests
from tests.case_runs import ruleset

RISKS = ("clonazepam-dementia", "clonazepam-falls", "clonazepam-sleep-apnea")
CONSIDERED = {"melatonin-allergy", "fluvoxamine", "liver-failure"}


def evaluated(*names, drafts=1):
    """These rules on so many drafts of clonazepam for a patient with many risks."""
    body = requests()["order-sign-clonazepam-many-risks"]
    (entry,) = body["context"]["draftOrders"]["entry"]
    named = [entry["resource"] | {"id": f"draft-{number}"} for number in range(drafts)]
    bundle = body["context"]["draftOrders"] | {"entry": [{"resource": one} for one in named]}
    body = body | {"context": body["context"] | {"draftOrders": bundle}}
    rules = ruleset()
    text = rules.content.service("rbd-order-sign")
    service = DecisionService(rules, lambda: DAY).services[text.id]
    facts = gather_sent(parse_request(json.dumps(body).encode(), service), service.prefetch, rules.content, DAY)
    return list(evaluations_of(rules, text, facts, names))


@pytest.mark.parametrize("drafts", [1, 2])
def test_what_to_offer_instead_is_worked_out_once_for_each_draft(monkeypatch, drafts):
    asked = []
    indication = clonazepam_alternative.indication
    monkeypatch.setattr(clonazepam_alternative, "indication", lambda *given: asked.append(given) or indication(*given))
    found = [one for one in evaluated(*RISKS, drafts=drafts) if one.finding]
    assert (len(found), len(asked)) == (drafts * len(RISKS), drafts)


@pytest.mark.parametrize("rule", RISKS)
def test_each_rule_leaves_the_same_steps_as_if_it_were_asked_alone(rule):
    (alone,) = evaluated(rule)
    (beside,) = (one for one in evaluated(*RISKS) if one.rule == rule)
    assert beside == alone
    assert {step.criterion for step in beside.steps} >= CONSIDERED
