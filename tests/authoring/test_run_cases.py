"""Cases are judged on their rule, whatever a site shows of it."""

import re
import shutil
from pathlib import Path

import msgspec
import pytest

from cds_service.authoring.run_cases import CaseRunner, switched_off
from cds_service.content.load import load
from cds_service.decisions.ruleset import assemble
from tests.case_runs import PARTS, cases, ruleset

RULES = ruleset().content.rules
FAMILIES = {text.family: name for name, text in reversed(RULES.items())}
"""The first rule of each family: its card is shared with others, so they notice when it is gone."""


def without(folder: Path, rule: str, how: str) -> list[str]:
    """The faults of all cases once a site has switched one rule off."""
    shutil.copytree(ruleset().content.files.folder, folder)
    if how == "unlisted":
        path = folder / "services.toml"
        changed = re.sub(rf'^ *"{rule}",?\n|"{rule}",? ?', "", path.read_text(), flags=re.MULTILINE)
    else:
        path = folder / rule / "card.toml"
        changed = path.read_text().replace('status = "active"', f'status = "{how}"')
    assert changed != path.read_text()
    path.write_text(changed)
    rules = assemble(load(folder))
    assert switched_off(rules.content) == (rule,)
    runner = CaseRunner(rules, PARTS)
    return [
        f"{name}/{case.name}: {fault}"
        for name in cases()
        for case in cases()[name]
        for fault in runner.faults(name, case)
    ]


@pytest.mark.parametrize("how", ["draft", "retired", "unlisted"])
def test_a_rule_that_a_site_switched_off_is_no_fault_of_its_cases(tmp_path, how):
    assert without(tmp_path / "cards", "clonazepam-dementia", how) == []


@pytest.mark.parametrize("rule", sorted(set(FAMILIES.values()) - {"clonazepam-dementia"}))
def test_no_other_rule_s_cases_break_without_it(tmp_path, rule):
    assert without(tmp_path / "cards", rule, "retired") == []


def test_a_case_that_a_site_s_own_words_broke_is_told_though_another_rule_is_off(tmp_path):
    folder = tmp_path / "cards"
    shutil.copytree(ruleset().content.files.folder, folder)
    for rule, old, new in (
        ("head-jerks", 'status = "active"', 'status = "retired"'),
        ("clonazepam-dementia", "risk of confusion", "danger of confusion"),
    ):
        path = folder / rule / "card.toml"
        path.write_text(path.read_text().replace(old, new))
    runner = CaseRunner(assemble(load(folder)), PARTS)
    faults = [fault for case in cases()["clonazepam-dementia"] for fault in runner.faults("clonazepam-dementia", case)]
    assert any("risk of confusion" in fault for fault in faults)


def offered(services, *, only: str = "", but: str = "", split: str = ""):
    """Services as a site may offer them: of one hook alone, without a rule at it, or with a rule in a second one."""
    for service in services:
        if service.hook == only and but + split:
            rest = tuple(name for name in service.rules if name not in (but, split))
            yield msgspec.structs.replace(service, rules=rest)
            if split:
                yield msgspec.structs.replace(service, id="second", rules=(split,))
        elif but + split or service.hook == only:
            yield service


@pytest.mark.parametrize(
    "site",
    [
        {"only": "patient-view"},
        {"only": "order-sign"},
        {"only": "patient-view", "but": "clonazepam-falls"},
        {"only": "patient-view", "split": "rbd-prognosis"},
    ],
    ids=str,
)
def test_cases_hold_whatever_services_a_site_offers(site):
    content = ruleset().content
    services = msgspec.structs.replace(content.services, service=tuple(offered(content.services.service, **site)))
    cap = {service.hook: content.families.cap[service.hook] for service in services.service}
    families = msgspec.structs.replace(content.families, cap=cap)
    of_site = msgspec.structs.replace(content, services=services, families=families)
    runner = CaseRunner(msgspec.structs.replace(ruleset(), content=of_site), PARTS)
    assert [(rule, case.name) for rule in cases() for case in cases()[rule] if runner.faults(rule, case)] == []
