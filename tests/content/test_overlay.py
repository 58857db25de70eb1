"""A site's folder that holds only what it changes is laid over the shipped cards; what does not fit is named."""

from pathlib import Path

import msgspec
import pytest

from cds_service.authoring.cases import read_cases
from cds_service.content.leaflets import text_of
from cds_service.content.load import digest, load
from cds_service.content.model import Signature
from cds_service.content.places import shipped_cards
from cds_service.content.reviews import FILE as REVIEWS, state, written
from cds_service.decisions.ruleset import assemble
from cds_service.errors import ContentError
from cds_service.fhir.code_systems import ICD_10_CM, SNOMED_CT
from cds_service.fhir.elements import CodeableConcept, Coding
from tests.case_runs import PARTS, ruleset

SHIPPED = ruleset().content
CARD = "clonazepam-dementia/card.toml"
SENTENCE = '[note.age-unknown]\ntext = "No birth date is on record."\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "ours"
    made.mkdir()
    return made


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def laid(folder: Path, name: str, text: str):
    """The content with one file of the site's own."""
    write(folder, name, text)
    return load(folder)


def faults(folder: Path, name: str, text: str) -> tuple[str, ...]:
    with pytest.raises(ContentError) as found:
        laid(folder, name, text)
    return found.value.faults


def test_a_sentence_is_the_site_s_and_all_else_is_as_shipped(folder):
    rule = laid(folder, CARD, SENTENCE).rules["clonazepam-dementia"]
    shipped = SHIPPED.rules["clonazepam-dementia"]
    assert rule.note["age-unknown"].text == "No birth date is on record."
    assert rule.note["age-unknown"].when == shipped.note["age-unknown"].when
    others = {**rule.note, "age-unknown": shipped.note["age-unknown"]}
    assert msgspec.structs.replace(rule, note=others) == shipped
    assert list(rule.note) == list(shipped.note)


def test_a_number_changes_wherever_it_is_said(folder):
    content = laid(folder, "phenotypes/fall-risk.toml", "[parameter.morse-total-high]\nvalue = 51\n")
    assert content.numbers.value("fall-risk", "morse-total-high") == 51
    assert content.numbers.value("fall-risk", "event-months") == 12
    assert any("51" in criterion.text for criterion in content.rules["clonazepam-falls"].criteria)


def coded(content, system: str, code: str, text: str | None = None) -> bool:
    concept = CodeableConcept(coding=[Coding(system=system, code=code)], text=text)
    return content.vocabulary.holds("dementia", concept)


def test_a_code_is_added_to_a_value_set_and_another_is_taken_whatever_its_words(folder):
    local = "urn:oid:1.2.3"
    assert coded(SHIPPED, ICD_10_CM, "G30.9", "Alzheimer's disease")
    content = laid(
        folder,
        "value-sets/dementia.toml",
        f"""
        add = [{{ system = "{local}", code = "DEM", display = "Dementia, local" }}]
        take = [{{ system = "{ICD_10_CM}", code = "G30" }}]
        add-words = ["forgetful old age"]
        take-words = ["SDAT"]
        """,
    )
    assert coded(content, local, "DEM")
    assert not coded(SHIPPED, local, "DEM")
    assert not coded(content, ICD_10_CM, "G30.9", "Alzheimer's disease")
    assert coded(content, ICD_10_CM, "F03.90")
    assert content.vocabulary.holds("dementia", CodeableConcept(text="Forgetful old age"))
    assert not content.vocabulary.holds("dementia", CodeableConcept(text="SDAT"))
    assert content.value_sets != SHIPPED.value_sets


def test_a_drug_s_code_that_is_added_names_its_ingredient(folder):
    added = 'add = [{ system = "urn:oid:1.2.3", code = "C05", display = "Clonazepam 0.5 mg" }]'
    content = laid(folder, "value-sets/clonazepam.toml", added)
    (code,) = (code for found in content.value_sets for code in found.codes if code.code == "C05")
    assert code.ingredients == {"clonazepam"}
    assert ("urn:oid:1.2.3", "C05") in content.vocabulary.codes_of("clonazepam")


@pytest.mark.parametrize("status", ["draft", "retired"])
def test_a_rule_is_switched_off_by_its_status_alone(folder, status):
    rules = assemble(laid(folder, CARD, f'status = "{status}"'))
    assert rules.content.rules["clonazepam-dementia"].status == status
    assert {rule.status for name, rule in rules.content.rules.items() if name != "clonazepam-dementia"} == {"active"}


def test_a_reason_to_override_is_reworded_and_one_is_added(folder):
    content = laid(
        folder,
        "override-reasons.toml",
        """
        [data-wrong]
        display = "The chart is wrong"
        [pharmacy]
        system = "urn:example:reasons"
        display = "Agreed with the pharmacy"
        mutes-months = 6
        """,
    )
    assert content.overrides["data-wrong"].display == "The chart is wrong"
    assert content.overrides["data-wrong"].system == SHIPPED.overrides["data-wrong"].system
    assert content.overrides["pharmacy"].mutes_months == 6
    assert content.overrides.keys() - SHIPPED.overrides.keys() == {"pharmacy"}


def test_another_language_is_the_words_that_it_needs(folder):
    content = laid(folder, "wording.toml", '[lists]\nand = " und "\n[phrase.not-recorded]\ntext = "nicht erfasst"\n')
    assert content.wording.listed(["a", "b"]) == "a und b"
    assert content.wording.phrase["not-recorded"].text == "nicht erfasst"
    assert content.wording.months == SHIPPED.wording.months


def test_a_service_keeps_what_is_not_said_of_it(folder):
    content = laid(folder, "services.toml", '[[service]]\nid = "rbd-order-sign"\nrules = ["clonazepam-opioid"]\n')
    assert content.service("rbd-order-sign").rules == ("clonazepam-opioid",)
    assert content.service("rbd-order-sign").title == SHIPPED.service("rbd-order-sign").title
    assert content.service("rbd-order-select") == SHIPPED.service("rbd-order-select")
    assert content.services.prefetch_lean == SHIPPED.services.prefetch_lean


def test_a_criterion_is_found_by_its_id(folder):
    text = '[[criteria]]\nid = "fluvoxamine"\nnot-checked = "fluvoxamine"\n'
    rule = laid(folder, CARD, text).rules["clonazepam-dementia"]
    said = {criterion.id: criterion.not_checked for criterion in rule.criteria}
    assert said["fluvoxamine"] == "fluvoxamine"
    assert list(said) == [criterion.id for criterion in SHIPPED.rules["clonazepam-dementia"].criteria]


def test_a_leaflet_and_a_suggestion_are_replaced_whole(folder):
    write(folder, "leaflets/safe-bedroom.md", "# Our bedroom\n")
    content = laid(folder, "suggestions/melatonin.json", '{"resourceType": "MedicationRequest"}')
    assert text_of(content.files, "safe-bedroom").read_text() == "# Our bedroom\n"
    assert text_of(content.files, "harmless-jerks").is_relative_to(shipped_cards())
    assert content.resources["melatonin.json"] == {"resourceType": "MedicationRequest"}


def test_a_case_is_changed_by_its_name_and_others_are_added(folder):
    content = laid(
        folder,
        "clonazepam-falls/cases.toml",
        '[[case]]\nname = "morse-45"\nexpect = "silent"\n'
        '[[case]]\nname = "ours"\nsays = "Ours"\nhook = "order-sign"\nchart = ["patient-66m"]\nexpect = "silent"\n',
    )
    changed = {case.name: case for case in read_cases(content, PARTS)["clonazepam-falls"]}
    shipped = {case.name: case for case in read_cases(SHIPPED, PARTS)["clonazepam-falls"]}
    assert (changed["morse-45"].expect, changed["morse-45"].card) == ("silent", None)
    assert changed["morse-45"].chart == shipped["morse-45"].chart
    assert changed.keys() - shipped.keys() == {"ours"}


def test_the_version_of_a_changed_card_and_of_no_other_differs(folder):
    content = laid(folder, CARD, SENTENCE)
    changed = {name for name, text in content.digests.items() if text != SHIPPED.digests[name]}
    assert changed == {"clonazepam-dementia"}
    assert content.digests["clonazepam-dementia"] == digest(shipped_cards() / CARD, folder / CARD)


def test_a_signature_stands_in_the_site_s_folder_and_holds_for_the_site_s_words(folder):
    signed = Signature(by="Ada", role="neurologist", on="2026-12-01", digest=SHIPPED.said["clonazepam-dementia"])
    content = laid(folder, REVIEWS, written("clonazepam-dementia", signed))
    assert state(content, "clonazepam-dementia") == "signed"
    assert state(laid(folder, CARD, SENTENCE), "clonazepam-dementia") == "lapsed"
    assert state(SHIPPED, "clonazepam-dementia") == "unsigned"


NOT_THERE = "the shipped cards have nothing of this name"


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("clonazepam-demntia/card.toml", SENTENCE, f"clonazepam-demntia/card.toml: {NOT_THERE}"),
        ("wordings.toml", "", f"wordings.toml: {NOT_THERE}"),
        (CARD, '[card.draft-pain]\nsummary = "x"', f"{CARD}: card.draft-pain: {NOT_THERE}"),
        (CARD, '[card.draft-plain]\nsumary = "x"', f"{CARD}: card.draft-plain.sumary: {NOT_THERE}"),
        (CARD, '[note.age-64]\ntext = "x"', f"{CARD}: note.age-64: {NOT_THERE}"),
        (CARD, '[[criteria]]\nid = "gone"\ntext = "x"', f"{CARD}: criteria.gone: {NOT_THERE}"),
        (CARD, 'sattus = "draft"', f"{CARD}: sattus: {NOT_THERE}"),
        ("wording.toml", '[phrase.gone]\ntext = "x"', f"wording.toml: phrase.gone: {NOT_THERE}"),
        ("suggestions.toml", '[gone]\nlabel = "x"', f"suggestions.toml: gone: {NOT_THERE}"),
        ("gates.toml", '[gone]\ntext = "x"', f"gates.toml: gone: {NOT_THERE}"),
        ("families.toml", '[family.gone]\ntitle = "x"', f"families.toml: family.gone: {NOT_THERE}"),
        (
            "phenotypes/fall-risk.toml",
            "[parameter.gone]\nvalue = 1",
            f"phenotypes/fall-risk.toml: parameter.gone: {NOT_THERE}",
        ),
        ("phenotypes/gone.toml", 'id = "gone"', f"phenotypes/gone.toml: {NOT_THERE}"),
        ("value-sets/gone.toml", "", f"value-sets/gone.toml: {NOT_THERE}"),
        ("value-sets/gone.json", "{}", f"value-sets/gone.json: {NOT_THERE}"),
        (
            "value-sets/dementia.toml",
            f'take = [{{ system = "{SNOMED_CT}", code = "1" }}]',
            f"value-sets/dementia.toml: take: {SNOMED_CT}|1: the shipped value set does not hold it",
        ),
        (
            "value-sets/dementia.toml",
            'take-words = ["gone"]',
            "value-sets/dementia.toml: take-words: 'gone': the shipped value set does not hold it",
        ),
        ("suggestions/gone.json", "{}", "suggestions/gone.json: no suggestion creates it"),
        ("leaflets/gone.md", "# Gone\n", "leaflets/gone.md: leaflets.toml has no 'gone'"),
        (REVIEWS, '[[gone]]\nby = "A"\nrole = "B"\non = 2026-12-01\ndigest = "0"', f"{REVIEWS}: 'gone' is no rule"),
        ("memory.toml", "[once-months]\ngone = 3", "memory.toml: 'gone' is no rule of families.toml"),
    ],
)
def test_what_the_shipped_cards_do_not_know_is_refused_with_file_and_key(folder, name, text, fault):
    assert fault in faults(folder, name, text)


def test_all_that_does_not_fit_is_told_at_once(folder):
    write(folder, "wording.toml", '[phrase.gone]\ntext = "x"\n[lists]\nnor = "x"\n')
    found = faults(folder, CARD, '[note.age-64]\ntext = "x"')
    assert {f"wording.toml: phrase.gone: {NOT_THERE}", f"wording.toml: lists.nor: {NOT_THERE}"} < {*found}
    assert f"{CARD}: note.age-64: {NOT_THERE}" in found


def test_a_folder_without_a_file_of_cards_is_refused_as_the_site_s_own_are_lost(folder):
    with pytest.raises(ContentError) as found:
        load(folder)
    assert found.value.faults == (f"{folder}: no file of cards is in it",)


def test_what_is_no_toml_is_named(folder):
    assert faults(folder, CARD, "not toml")[0].startswith(f"{CARD}: not TOML")
