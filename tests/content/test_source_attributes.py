"""Every rule states the thirteen source attributes; what is not known is said to be unknown."""

import msgspec
import pytest

from cds_service.content.load import load
from cds_service.content.source_attributes import NAMES, source_attributes
from cds_service.errors import ContentError
from tests.case_runs import ruleset

CONTENT = ruleset().content
UNUSED = ("Not used.",)


def of(content, rule: str) -> dict[str, tuple[str, ...]]:
    return {one.name: one.says for one in source_attributes(content, content.rules[rule]).attributes}


@pytest.mark.parametrize("rule", sorted(CONTENT.rules))
def test_all_thirteen_are_stated_of_each_rule(rule):
    found = source_attributes(CONTENT, CONTENT.rules[rule])
    assert [one.number for one in found.attributes] == list(range(1, 14))
    unknown = {one.name for one in found.attributes if not one.known}
    assert unknown == {"funding"}
    said = of(CONTENT, rule)
    assert len(said["citation"]) >= 1
    for name in ("race", "ethnicity", "language", "sexual-orientation", "gender-identity", "social-determinants"):
        assert said[name] == UNUSED


def test_personal_data_and_assessments_that_a_rule_uses_are_told():
    said = of(CONTENT, "clonazepam-dementia")
    assert said["date-of-birth"] == ("Used, as the age in completed years.",)
    assert said["sex"] != UNUSED
    assert "Montreal Cognitive Assessment" in said["health-status-assessments"][0]
    assert of(CONTENT, "bupropion-seizure")["date-of-birth"] == UNUSED


def test_what_a_card_file_does_not_say_is_unknown_and_not_unused(small):
    content = load(small.folder)
    unknown = {name for name, says in of(content, "tremor").items() if not says}
    assert unknown == {"funding", *NAMES[4:12]}


def test_a_site_states_its_own_developer_and_funding(tmp_path):
    (tmp_path / "source-attributes.toml").write_text('developer = "Our hospital."\nfunding = "Our trust."\n')
    said = of(load(tmp_path), "head-jerks")
    assert (said["developer"], said["funding"]) == (("Our hospital.",), ("Our trust.",))
    assert said["dates"] == of(CONTENT, "head-jerks")["dates"]


def test_a_date_of_release_that_is_not_known_is_said_to_be_unknown():
    first, *others = of(CONTENT, "head-jerks")["dates"]
    assert first == "Date of release: Not stated."
    assert any(CONTENT.rules["head-jerks"].version in one for one in others)


def test_an_attribute_too_few_is_a_fault(small):
    shared = msgspec.structs.asdict(CONTENT.source_attributes)
    shared["attribute"] = {name: one for name, one in shared["attribute"].items() if name != "race"}
    text = "\n".join(f'{key} = ""' for key in ("developer", "funding", "released", "revised", "not-stated", "not-used"))
    tables = "\n".join(f'[attribute.{name}]\ntitle = "x"' for name in shared["attribute"])
    (small.folder / "source-attributes.toml").write_text(f"{text}\n[assessment]\n{tables}\n")
    with pytest.raises(ContentError) as found:
        load(small.folder)
    assert found.value.faults == ("source-attributes.toml: attribute.race: is missing",)
