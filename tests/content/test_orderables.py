"""A site's own codes for what is suggested: added behind the shipped ones, or a fault with file and key."""

from pathlib import Path

import pytest

from cds_service.content.load import load
from cds_service.decisions.cards import Visit
from cds_service.decisions.decide import decide
from cds_service.decisions.ruleset import assemble
from cds_service.errors import ContentError
from cds_service.fhir.validity import faults_in
from tests.case_runs import case_results, ruleset

OURS = "https://hospital.example/orderables"
STUDY = {"system": OURS, "code": "SLEEP-VPSG", "display": "Video polysomnography, attended"}


def entry(code, told="VALUE", **members):
    written = "\n".join(f'{name} = "{value}"' for name, value in {"system": OURS, "code": told, **members}.items())
    return f"[[{code}]]\n{written}\n"


@pytest.fixture
def site(tmp_path: Path):
    def laid(text):
        (tmp_path / "orderables.toml").write_text(text)
        return load(tmp_path)

    return laid


def test_the_shipped_file_maps_nothing(site):
    assert site("").resources == ruleset().content.resources


def test_a_study_that_is_suggested_carries_the_site_s_code_behind_the_shipped_one(site):
    own = assemble(site(entry("SG-1", "SLEEP-VPSG", display="Video polysomnography, attended")))
    case = next(r for r in case_results("rbd-red-flags") if r.card and "red-flags" in r.card.source.topic.code)
    service = own.content.service("rbd-patient-view")
    cards = decide(own, service, case.facts, Visit("Practitioner/p1", "example")).cards
    orders = [a.resource for c in cards for s in c.suggestions for a in s.actions if a.type == "create"]
    study = next(r for r in orders if r["resourceType"] == "ServiceRequest" and STUDY in r["code"].get("coding", ()))
    shipped = ruleset().content.resources["video-polysomnography.json"]["code"]
    assert study["code"] == {**shipped, "coding": [*shipped.get("coding", ()), STUDY]}


@pytest.mark.parametrize(
    ("code", "resource", "member"),
    [
        ("SG-2", "melatonin", "medicationCodeableConcept"),
        ("SG-5", "bedroom-safety", "category"),
        ("SG-7", "clonazepam-review", "code"),
        ("SG-11", "tsh", "code"),
    ],
)
def test_each_kind_of_resource_has_its_place_for_a_code(site, code, resource, member):
    made = site(entry(code, "OURS", resource=resource)).resources[f"{resource}.json"]
    concept = made[member][0] if isinstance(made[member], list) else made[member]
    assert concept["coding"][-1] == {"system": OURS, "code": "OURS"}
    whole = {**made, "subject": {"reference": "Patient/1"}} if made["resourceType"] != "Task" else made
    if resource != "melatonin":
        assert faults_in(whole) == []


def test_several_codes_for_one_order_all_stand_there(site):
    made = site(entry("SG-1", "A") + entry("SG-1", "B")).resources["video-polysomnography.json"]
    assert [one["code"] for one in made["code"]["coding"]][-2:] == ["A", "B"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (entry("SG"), "orderables.toml: SG: no suggestion with this code"),
        (entry("order-eeg"), "orderables.toml: order-eeg: no suggestion with this code"),
        (entry("SG-13"), "orderables.toml: SG-13: no suggestion with this code creates anything"),
        (entry("SG-11"), "orderables.toml: SG-11: resource: say of which it is, of eeg, magnesium"),
        (entry("SG-1", resource="mri-brain"), "orderables.toml: SG-1: resource: 'mri-brain' is none of video"),
        (entry("SG-1", ""), "orderables.toml: "),
        (entry("SG-1", "{patient}"), "orderables.toml: "),
        (entry("SG-1", system="codes"), "orderables.toml: "),
        (entry("SG-1", price="9"), "orderables.toml: "),
        ("[[SG-1]]\nsystem =", "orderables.toml: not TOML"),
    ],
)
def test_what_maps_nothing_is_a_fault_with_file_and_key(site, text, fault):
    with pytest.raises(ContentError) as found:
        site(text)
    assert any(told.startswith(fault) for told in found.value.faults), found.value.faults


def test_a_signature_holds_whatever_codes_a_site_has(site):
    assert site(entry("SG-1")).said == ruleset().content.said
