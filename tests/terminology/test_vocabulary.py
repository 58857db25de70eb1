"""Value sets as they are read, and look-ups by code and by words."""

import json
import unicodedata
from pathlib import Path
from time import thread_time
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from cds_service.fhir.elements import CodeableConcept, Coding
from cds_service.terminology import phrases, vocabulary
from cds_service.terminology.phrases import gaps, words
from cds_service.terminology.vocabulary import Match, ValueSet, Vocabulary, read_value_sets

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
ICD_9 = "http://hl7.org/fhir/sid/icd-9-cm"
ICD_10 = "http://hl7.org/fhir/sid/icd-10"
ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
ATC = "http://www.whocc.no/atc"
OWN = "urn:org.rbd-cds:"


def ext(name: str, value: str, ingredient: str = "") -> dict[str, Any]:
    if not ingredient:
        return {"url": OWN + name, "valueCode" if name == "kind" else "valueString": value}
    parts = [{"url": "word", "valueString": value}, {"url": "ingredient", "valueString": ingredient}]
    return {"url": OWN + name, "extension": parts}


def codes(system: str, *listed: tuple[str, str] | tuple[str, str, str]) -> dict[str, Any]:
    """Codes with their displays and, for drugs, the ingredient."""
    concepts: list[dict[str, Any]] = []
    for code, display, *ingredient in listed:
        named = [{"use": {"system": f"{OWN}codes", "code": "ingredient"}, "value": name} for name in ingredient]
        concepts.append({"code": code, "display": display} | ({"designation": named} if named else {}))
    return {"system": system, "concept": concepts}


def category(system: str, prefix: str) -> dict[str, Any]:
    return {"system": system, "filter": [{"property": "concept", "op": "is-a", "value": prefix}]}


def raw(name: str, kind: str, *more: dict[str, Any], **compose: list[dict[str, Any]]) -> dict[str, Any]:
    extension = [ext("kind", kind), ext("short-label", name.replace("-", " ")), *more]
    return {"resourceType": "ValueSet", "id": name, "extension": extension, "compose": compose}


RAW = (
    raw(
        "rbd",
        "condition",
        *(ext("word", w) for w in ("RBD", "REM sleep behavior disorder")),
        *(ext("not-word", w) for w in ("antigen", "spike protein")),
        include=[
            codes(SNOMED, ("415238003", "REM sleep behavior disorder (disorder)")),
            category(ICD_10_CM, "G47.52"),
            category(ICD_9, "327.42"),
        ],
        exclude=[codes(SNOMED, ("69020003", "Abnormal REM sleep")), codes(ICD_10, ("G47.8", "Other sleep disorders"))],
    ),
    raw(
        "dementia",
        "condition",
        *(ext("word", w) for w in ("dementia", "Alzheimer")),
        include=[category(ICD_10_CM, "F03"), category(ICD_10, "G30"), category(ICD_10_CM, "G30")],
    ),
    raw("alzheimer", "condition", ext("word", "Alzheimer"), include=[category(ICD_10_CM, "G30")]),
    raw(
        "fall",
        "condition",
        ext("word", "fall"),
        ext("word", "falling"),
        ext("not-word", "falling asleep"),
        include=[category(ICD_10_CM, "W18")],
        exclude=[category(ICD_10_CM, "W18.4")],
    ),
    raw(
        "fall-tendency",
        "condition",
        ext("word", "at risk for falls"),
        include=[codes(SNOMED, ("129839007", "At risk for falls (finding)"))],
    ),
    raw(
        "depression",
        "condition",
        include=[codes(SNOMED, ("10811161000119107", "Major depressive disorder in mother complicating pregnancy"))],
    ),
    raw(
        "ahi",
        "observation",
        ext("word", "AHI"),
        include=[codes(LOINC, ("69990-0", "Apnea hypopnea index 24 hour"))],
        exclude=[codes(LOINC, ("90562-0", "Apnea index"))],
    ),
    raw("sleep-study", "order", ext("word", "polysomnography"), ext("not-word", "home")),
    raw(
        "clonazepam",
        "drug",
        ext("word", "clonazepam", "clonazepam"),
        ext("word", "Klonopin", "clonazepam"),
        ext("word", "Clonex", "clonazepam"),
        ext("not-word", "clonidine"),
        include=[
            codes(
                RXNORM,
                ("2598", "clonazepam", "clonazepam"),
                ("197527", "clonazepam 0.5 MG Oral Tablet", "clonazepam"),
                ("197528", "clonazepam 1 MG Oral Tablet", "clonazepam"),
            ),
            codes(ATC, ("N03AE01", "clonazepam", "clonazepam")),
        ],
        exclude=[codes(RXNORM, ("2599", "clonidine"), ("108460", "some other tablet"))],
    ),
    raw(
        "benzodiazepine-other",
        "drug",
        ext("word", "lorazepam", "lorazepam"),
        ext("word", "chlordiazepoxide", "chlordiazepoxide"),
        include=[
            codes(
                RXNORM,
                ("6470", "lorazepam", "lorazepam"),
                ("856769", "chlordiazepoxide / amitriptyline Oral Tablet", "chlordiazepoxide"),
            )
        ],
    ),
    raw(
        "tca",
        "drug",
        ext("word", "doxepin", "doxepin"),
        ext("word", "amitriptyline", "amitriptyline"),
        ext("not-word", "cream"),
        include=[
            codes(
                RXNORM,
                ("3638", "doxepin", "doxepin"),
                ("1000048", "doxepin 10 MG Oral Capsule", "doxepin"),
                ("856769", "chlordiazepoxide / amitriptyline Oral Tablet", "amitriptyline"),
            )
        ],
    ),
    raw(
        "maob",
        "drug",
        ext("word", "selegiline", "selegiline"),
        ext("not-word", "Emsam"),
        ext("not-word", "patch"),
        include=[
            codes(RXNORM, ("9639", "selegiline", "selegiline"), ("312", "selegiline 5 MG Oral Tablet", "selegiline"))
        ],
    ),
    raw(
        "maoi",
        "drug",
        ext("word", "Emsam", "selegiline transdermal"),
        ext("word", "selegiline patch", "selegiline transdermal"),
        include=[codes(RXNORM, ("646456", "24 HR selegiline 0.25 MG/HR Transdermal System", "selegiline transdermal"))],
        exclude=[codes(RXNORM, ("9639", "selegiline"))],
    ),
    raw(
        "benzodiazepine-class",
        "drug",
        ext("word", "benzodiazepine", "benzodiazepine"),
        include=[codes(ATC, ("N03AE", "Benzodiazepine derivatives", "benzodiazepine"))],
    ),
)
VOCABULARY = Vocabulary(ValueSet.from_json(found) for found in RAW)


def concept(text: str | None = None, *listed: tuple[str | None, str] | tuple[str | None, str, str]) -> CodeableConcept:
    return CodeableConcept(coding=[Coding(*coding) for coding in listed], text=text)


def diagnosis(text: str | None = None, *listed: tuple[str | None, str] | tuple[str | None, str, str]) -> set[str]:
    match = VOCABULARY.diagnosis(concept(text, *listed))
    return set(match.sets) if match else set()


def drug(text: str | None = None, *listed: tuple[str | None, str] | tuple[str | None, str, str]) -> Match:
    match = VOCABULARY.drug(concept(text, *listed))
    assert match is not None
    return match


# Reading


def test_a_value_set_is_read_with_its_codes_and_words() -> None:
    found = ValueSet.from_json(RAW[0])
    assert (found.name, found.kind, found.label) == ("rbd", "condition", "rbd")
    assert [code.code for code in found.codes] == ["415238003", "G47.52", "327.42"]
    assert [word.text for word in found.words] == ["RBD", "REM sleep behavior disorder"]
    assert found.not_words == ("antigen", "spike protein")


def test_a_drug_without_named_ingredient_is_the_one_its_set_is_named_after() -> None:
    found = ValueSet.from_json(
        raw("melatonin", "drug", ext("word", "Circadin"), include=[codes(RXNORM, ("6711", "m"))])
    )
    assert found.words[0].ingredient == "melatonin"
    assert found.codes[0].ingredients == {"melatonin"}


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"id": "x"},
        raw("x", "potion"),
        raw("x", "drug", ext("kind", "drug")),
        raw("x", "condition", include=[category(SNOMED, "52448006")]),
        raw("x", "condition", include=[{"system": SNOMED}]),
        raw("x", "condition", include=[{"system": SNOMED, "valueSet": ["urn:other"]}]),
        raw("x", "condition", include=[{"concept": []}]),
    ],
)
def test_a_value_set_that_says_what_is_not_read_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        ValueSet.from_json(broken)


def test_a_folder_is_read_in_order_of_names(tmp_path: Path) -> None:
    for found in RAW:
        (tmp_path / f"{found['id']}.json").write_text(json.dumps(found))
    assert [found.name for found in read_value_sets(tmp_path)] == sorted(found["id"] for found in RAW)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ValueError, match=r"broken\.json"):
        read_value_sets(tmp_path)


# Codes


def test_a_code_belongs_to_its_sets() -> None:
    assert VOCABULARY.code_sets(SNOMED, "415238003") == {"rbd"}
    assert VOCABULARY.code_sets(RXNORM, "856769") == {"benzodiazepine-other", "tca"}


@pytest.mark.parametrize("system", [None, "", "urn:oid:1.2.3", "http://example.org", LOINC])
def test_a_code_of_a_missing_or_another_system_belongs_nowhere(system: str | None) -> None:
    assert VOCABULARY.code_sets(system, "415238003") == frozenset()


@pytest.mark.parametrize("code", [None, "", " ", "12345678"])
def test_a_missing_or_unknown_code_belongs_nowhere(code: str | None) -> None:
    assert VOCABULARY.code_sets(SNOMED, code) == frozenset()


@pytest.mark.parametrize(
    "system",
    [
        "urn:oid:2.16.840.1.113883.6.96",
        "2.16.840.1.113883.6.96",
        "http://snomed.info/sct/731000124108",
        "http://snomed.info/sct/900000000000207008/version/20240101",
        "https://snomed.info/sct",
        "http://snomed.info/sct/",
    ],
)
def test_a_system_is_known_by_its_other_addresses(system: str) -> None:
    assert VOCABULARY.code_sets(system, "415238003") == {"rbd"}


@pytest.mark.parametrize("code", ["G47.52", "G4752", "g47.52", " G47.52", "G47.52 ", "G47.521"])
def test_an_icd_code_is_found_by_its_category_whatever_its_spelling(code: str) -> None:
    assert VOCABULARY.code_sets(ICD_10_CM, code) == {"rbd"}


@pytest.mark.parametrize("code", ["G47", "G47.5", "G47.51", "G48.52", "47.52"])
def test_an_icd_code_beside_the_category_is_not_found(code: str) -> None:
    assert VOCABULARY.code_sets(ICD_10_CM, code) == frozenset()


@pytest.mark.parametrize("code", ["W18.40XA", "W1840XA", "w18.4"])
def test_an_icd_category_can_leave_a_part_out(code: str) -> None:
    assert VOCABULARY.code_sets(ICD_10_CM, code) == frozenset()
    assert VOCABULARY.code_sets(ICD_10_CM, "W18.30XA") == {"fall"}


def test_several_sets_may_hold_one_icd_code() -> None:
    assert VOCABULARY.code_sets(ICD_10_CM, "G30.9") == {"dementia", "alzheimer"}


def test_icd_10_and_icd_10_cm_are_kept_apart() -> None:
    assert VOCABULARY.code_sets(ICD_10, "G30.9") == {"dementia"}
    assert VOCABULARY.code_sets(ICD_10, "G47.52") == frozenset()


@pytest.mark.parametrize("system", [ICD_9, ICD_10_CM, "urn:oid:2.16.840.1.113883.6.103"])
def test_an_icd_9_code_is_found_under_the_address_of_icd_10_cm_too(system: str) -> None:
    assert VOCABULARY.code_sets(system, "327.42") == {"rbd"}
    assert VOCABULARY.code_sets(system, "32742") == {"rbd"}


def test_the_codes_of_a_set_are_listed_without_categories() -> None:
    assert VOCABULARY.codes_of("rbd") == ((SNOMED, "415238003"),)


def test_a_label_is_the_short_one() -> None:
    assert VOCABULARY.label("fall-tendency") == "fall tendency"


# Diagnoses


def test_a_coding_decides_for_its_own_sets_and_the_words_for_all_others() -> None:
    assert diagnosis("Dementia", ("urn:local", "55"), (ICD_10_CM, "G47.52")) == {"rbd", "dementia"}
    assert diagnosis("Alzheimer", (ICD_10_CM, "F03")) == {"dementia", "alzheimer"}


def test_of_a_member_and_a_neighbour_the_member_decides() -> None:
    assert diagnosis(None, (SNOMED, "69020003"), (SNOMED, "415238003")) == {"rbd"}


@pytest.mark.parametrize("code", ["415238003 |REM sleep behavior disorder|", "415238003|RBD|", " 415238003 "])
def test_a_name_behind_a_code_is_left_aside(code: str) -> None:
    assert diagnosis(None, (SNOMED, code)) == {"rbd"}
    assert diagnosis(None, (ICD_10_CM, "G47.52 |RBD|")) == {"rbd"}


def test_what_an_injury_left_behind_is_no_event_whatever_its_words() -> None:
    assert diagnosis("Falling", (ICD_10_CM, "W18.30XD")) == {"fall"}
    assert diagnosis("Falling", (ICD_10_CM, "W18.30XS")) == set()
    assert diagnosis("Falling", (ICD_10_CM, "w1830xs")) == set()
    assert diagnosis("RBD", (ICD_10_CM, "W18.30XS")) == {"rbd"}


def test_without_known_code_the_words_of_text_and_displays_decide() -> None:
    assert diagnosis("RBD") == {"rbd"}
    assert diagnosis(None, ("urn:local", "55", "REM Sleep Behavior Disorder")) == {"rbd"}


def test_a_match_says_how_it_was_found() -> None:
    by_code = VOCABULARY.diagnosis(concept(None, (SNOMED, "415238003")))
    by_words = VOCABULARY.diagnosis(concept("RBD"))
    assert by_code == Match(frozenset({"rbd"}), by="code", display="REM sleep behavior disorder (disorder)")
    assert by_words == Match(frozenset({"rbd"}), by="words")


def test_nothing_is_nothing() -> None:
    assert VOCABULARY.diagnosis(None) is None
    assert VOCABULARY.codes(None) is None
    assert VOCABULARY.drug(None) is None
    assert VOCABULARY.diagnosis(CodeableConcept()) is None


def test_a_not_word_anywhere_takes_the_words_back() -> None:
    assert diagnosis("RBD antigen") == set()
    assert diagnosis("RBD", ("urn:local", "55", "spike protein")) == set()


def test_a_not_word_does_not_take_a_code_back() -> None:
    assert diagnosis("RBD antigen", (ICD_10_CM, "G47.52")) == {"rbd"}


def test_a_neighbour_by_code_is_out_whatever_its_words() -> None:
    assert diagnosis("REM sleep behavior disorder", (SNOMED, "69020003")) == set()
    assert diagnosis("REM sleep behavior disorder and dementia", (SNOMED, "69020003")) == {"dementia"}


def test_a_not_word_that_lengthens_a_word_takes_back_only_that_word() -> None:
    assert diagnosis("Trouble falling asleep, falling at night") == {"fall"}
    assert diagnosis("Trouble falling asleep") == set()


def possible(text: str | None = None, *listed: tuple[str | None, str] | tuple[str | None, str, str]) -> set[str]:
    match = VOCABULARY.diagnosis(concept(text, *listed))
    return set(match.possible) if match else set()


def test_words_of_doubt_make_a_set_possible_and_no_other() -> None:
    assert possible("Suspected RBD; dementia") == {"rbd"}
    assert diagnosis("Suspected RBD; dementia") == {"dementia"}


def test_a_text_that_doubts_what_is_coded_is_believed() -> None:
    assert possible("Suspected RBD", (ICD_10_CM, "G47.52")) == {"rbd"}
    assert possible("RBD", (ICD_10_CM, "G47.52")) == set()


def test_a_situation_that_is_coded_as_suspected_is_possible() -> None:
    assert possible(None, (SNOMED, "415238003", "Suspected RBD (situation)")) == {"rbd"}
    assert possible(None, (ICD_10_CM, "G47.52", "Suspected RBD (situation)")) == set()


def test_of_several_texts_the_least_sure_counts() -> None:
    assert possible("Dementia", ("urn:local", "5", "Suspected dementia (situation)")) == {"dementia"}


@pytest.mark.parametrize("text", ["Mother Alzheimer's", "FH: dementia", "r/o RBD", "no evidence of dementia"])
def test_text_about_someone_else_or_in_doubt_does_not_count(text: str) -> None:
    assert diagnosis(text) == set()


def test_text_in_doubt_takes_the_code_back_too() -> None:
    assert diagnosis("rule out RBD", (ICD_10_CM, "G47.52")) == set()


def test_doubt_in_one_display_takes_the_words_of_the_others_back() -> None:
    assert diagnosis("Dementia", (SNOMED, "160336009", "Family history of dementia")) == set()


@pytest.mark.parametrize("code", ["Z80.9", "Z81.8", "Z82", "Z83", " z84.89", "Z03.89", "Z04", "Z13.858", "Z63.6"])
def test_what_is_looked_for_or_is_somebody_elses_by_code_is_never_the_patients(code: str) -> None:
    assert diagnosis("Dementia", (ICD_10_CM, code)) == set()
    assert diagnosis("Dementia", (ICD_10, code)) == set()
    assert diagnosis("Dementia", (SNOMED, code)) == {"dementia"}


@pytest.mark.parametrize("code", ["Z63.7", "Z12.11", "Z79.899", "Z91.81"])
def test_other_codes_of_factors_leave_the_words_alone(code: str) -> None:
    assert diagnosis("Dementia", (ICD_10_CM, code)) == {"dementia"}


def test_a_risk_that_is_the_finding_itself_counts() -> None:
    assert diagnosis("At risk for falls") == {"fall-tendency"}
    assert diagnosis("At risk for falls", (SNOMED, "129839007")) == {"fall-tendency"}


def test_a_risk_of_one_thing_takes_no_other_back() -> None:
    assert diagnosis("At risk for dementia") == set()
    assert diagnosis("Dementia, at risk for falls") == {"fall-tendency", "dementia"}


def test_a_text_that_repeats_the_name_of_the_code_is_no_doubt() -> None:
    text = "Major depressive disorder in mother complicating pregnancy"
    assert diagnosis(text, (SNOMED, "10811161000119107")) == {"depression"}


def test_what_stands_before_without_counts_and_what_stands_after_does_not() -> None:
    assert diagnosis("Dementia without behavioral disturbance") == {"dementia"}
    assert diagnosis("Stumbling w/o falling") == set()
    assert diagnosis("Dementia without falling") == {"dementia"}


def test_without_does_not_take_a_code_back() -> None:
    assert diagnosis("Without behavioral disturbance: dementia", (ICD_10_CM, "F03.90")) == {"dementia"}


def test_words_of_orders_are_looked_for_in_a_diagnosis_but_not_those_of_results_and_drugs() -> None:
    assert diagnosis("polysomnography") == {"sleep-study"}
    assert diagnosis("AHI") == set()
    assert diagnosis("clonazepam") == set()


def test_a_drug_code_is_no_diagnosis() -> None:
    assert diagnosis(None, (RXNORM, "2598")) == set()


# Results, procedures and orders


def test_a_result_is_known_by_code_or_by_words() -> None:
    for found in (concept(None, (LOINC, "69990-0")), concept("AHI")):
        match = VOCABULARY.codes(found)
        assert match is not None
        assert match.sets == {"ahi"}


def test_a_neighbour_by_code_is_not_let_in_by_its_label() -> None:
    assert VOCABULARY.codes(concept("AHI", (LOINC, "90562-0", "AHI"))) is None


def test_an_order_with_a_not_word_is_not_matched() -> None:
    assert VOCABULARY.codes(concept("Polysomnography")) is not None
    assert VOCABULARY.codes(concept("Home polysomnography")) is None


# Drugs


def test_a_drug_is_known_by_code_with_its_ingredient_and_product() -> None:
    found = drug(None, (RXNORM, "197527"))
    assert found == Match(frozenset({"clonazepam"}), frozenset({"clonazepam"}), "code", "clonazepam 0.5 MG Oral Tablet")


def test_a_drug_is_known_by_words() -> None:
    for text in ("clonazePAM 0.5 mg", "KLONOPIN", "klonopin tablets"):
        assert drug(text) == Match(frozenset({"clonazepam"}), frozenset({"clonazepam"}), "words")


def test_a_drug_is_known_by_further_text() -> None:
    assert VOCABULARY.drug(None, "Klonopin") == drug("Klonopin")


@pytest.mark.parametrize("text", ["Taclonex", "cloNIDine", "clonazep", "Klonopin (clonidine)", "desclonazepam"])
def test_look_alikes_are_other_drugs(text: str) -> None:
    assert VOCABULARY.drug(concept(text)) is None


def test_a_combination_belongs_to_the_sets_of_both() -> None:
    found = drug(None, (RXNORM, "856769"))
    assert found.sets == {"benzodiazepine-other", "tca"}
    assert found.ingredients == {"chlordiazepoxide", "amitriptyline"}
    assert found.uncertain is None


def test_one_text_may_name_two_drugs() -> None:
    found = drug("chlordiazepoxide/amitriptyline")
    assert found.sets == {"benzodiazepine-other", "tca"}
    assert found.uncertain is None


def test_codings_of_one_drug_at_several_levels_agree_and_the_one_with_a_strength_is_named() -> None:
    found = drug("Klonopin", ("urn:local", "1"), (RXNORM, "2598"), (RXNORM, "197527"), (ATC, "N03AE01"))
    assert found.uncertain is None
    assert found.display == "clonazepam 0.5 MG Oral Tablet"


def test_codings_of_different_strengths_name_no_product() -> None:
    found = drug(None, (RXNORM, "197527"), (RXNORM, "197528"))
    assert found.uncertain is None
    assert found.display is None


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        (None, [(RXNORM, "2598"), (RXNORM, "6470")]),
        ("lorazepam 1 mg", [(RXNORM, "2598")]),
        (None, [(RXNORM, "2598", "lorazepam")]),
        ("clonazepam", [(RXNORM, "2598", "lorazepam")]),
        ("clonazepam", [("urn:local", "5", "lorazepam")]),
    ],
)
def test_two_drugs_for_one_are_uncertain_and_both_are_told(text: str | None, listed: list[tuple[str, ...]]) -> None:
    found = drug(text, *listed)  # type: ignore[arg-type]  # pairs and triples
    assert found.uncertain == "code and text name different drugs"
    assert found.sets == {"clonazepam", "benzodiazepine-other"}
    assert found.ingredients == {"clonazepam", "lorazepam"}


def test_a_code_whose_text_speaks_against_it_is_uncertain() -> None:
    assert drug("clonidine 0.1 mg", (RXNORM, "2598")).uncertain
    assert drug("clonidine 0.1 mg", (RXNORM, "2598", "clonazepam")).uncertain


def test_a_not_word_beside_the_drugs_own_word_is_no_doubt() -> None:
    assert drug("clonazepam (formerly clonidine)", (RXNORM, "2598")).uncertain is None


def test_an_unknown_code_that_is_displayed_as_something_else_is_uncertain() -> None:
    assert drug("clonazepam", (RXNORM, "999", "aspirin 81 MG Oral Tablet")).uncertain
    assert drug("clonazepam", (RXNORM, "999", "Klonopin")).uncertain is None
    assert drug("clonazepam", (RXNORM, "999")).uncertain is None
    assert drug("clonazepam", ("urn:local", "999", "benzo tabs")).uncertain is None


def test_a_code_that_is_known_to_be_wrong_is_uncertain() -> None:
    assert drug(None, (RXNORM, "108460", "clonazepam 0.5 MG Oral Tablet")).uncertain


def test_a_known_code_with_a_text_that_names_no_known_drug_stands() -> None:
    assert drug("one at bedtime", (RXNORM, "2598")).uncertain is None


def test_a_form_for_the_skin_is_not_the_drug() -> None:
    assert VOCABULARY.drug(concept("doxepin 5% cream")) is None
    assert VOCABULARY.drug(concept("doxepin cream", (RXNORM, "3638"))) is None
    assert drug("doxepin", (RXNORM, "1000048")).sets == {"tca"}


def test_a_code_that_tells_its_form_stands_against_a_text_of_another() -> None:
    assert drug("doxepin cream", (RXNORM, "1000048")).sets == {"tca"}


@pytest.mark.parametrize("text", ["Emsam", "Emsam patch", "selegiline patch"])
def test_a_text_may_tell_what_an_ingredient_code_leaves_open(text: str) -> None:
    found = drug(text, (RXNORM, "9639", "selegiline"))
    assert (found.sets, found.ingredients) == ({"maoi"}, {"selegiline transdermal"})
    assert found.uncertain is None


def test_an_ingredient_code_alone_is_the_drug_by_mouth() -> None:
    assert drug("selegiline 5 mg", (RXNORM, "9639")).sets == {"maob"}


def test_a_product_code_and_another_route_in_the_text_are_uncertain() -> None:
    assert drug("Emsam", (RXNORM, "312")).uncertain


def test_a_text_less_exact_than_the_code_agrees_with_it() -> None:
    found = drug("selegiline", (RXNORM, "646456"))
    assert (found.sets, found.uncertain) == ({"maoi"}, None)


def test_the_name_of_a_class_beside_a_drug_does_not_matter() -> None:
    for found in (
        drug("clonazepam", (ATC, "N03AE")),
        drug("clonazepam", ("urn:local", "5", "Benzodiazepine")),
        drug("Benzodiazepine", (RXNORM, "2598")),
    ):
        assert (found.sets, found.uncertain) == ({"clonazepam"}, None)


def test_a_class_alone_is_the_class() -> None:
    assert drug("Benzodiazepine").sets == {"benzodiazepine-class"}
    assert drug(None, (ATC, "N03AE")).ingredients == {"benzodiazepine"}


def test_the_sets_of_an_ingredient_are_known() -> None:
    assert VOCABULARY.sets_of_ingredient("selegiline transdermal") == {"maoi"}
    assert VOCABULARY.sets_of_ingredient("aspirin") == frozenset()


# Holding


def test_a_set_holds_what_is_in_it_without_doubt() -> None:
    assert VOCABULARY.holds("rbd", concept("RBD"))
    assert VOCABULARY.holds("ahi", concept("AHI"))
    assert VOCABULARY.holds("clonazepam", concept("Klonopin"))
    assert not VOCABULARY.holds("rbd", concept("dementia"))
    assert not VOCABULARY.holds("rbd", None)
    assert not VOCABULARY.holds("clonazepam", concept("lorazepam", (RXNORM, "2598")))


@given(st.text(max_size=40), st.text(max_size=12), st.sampled_from([None, SNOMED, ICD_10_CM, RXNORM, "urn:x"]))
def test_no_concept_raises(text: str, code: str, system: str | None) -> None:
    found = concept(text, (system, code, text))
    VOCABULARY.diagnosis(found)
    VOCABULARY.codes(found)
    VOCABULARY.drug(found, text)


@pytest.mark.parametrize(
    "concept",
    [
        {"coding": [{"system": RXNORM, "code": "2598", "display": "clonazepam"}] * 40_000},
        {"coding": [{"system": RXNORM, "code": "2598", "display": f"clonazepam {n}"} for n in range(40_000)]},
        {"text": "clonazepam " * 100_000},
        {"text": "clonazepam, possible risk of " * 30_000},
    ],
    ids=["one coding over and over", "displays", "a text", "a text in doubt"],
)
def test_an_endless_concept_takes_no_longer_than_a_long_one(concept: dict[str, object]) -> None:
    read = msgspec.convert(concept, CodeableConcept)
    started = thread_time()
    found = VOCABULARY.drug(read)
    VOCABULARY.diagnosis(read)
    assert thread_time() - started < 0.5
    assert found is not None
    assert "clonazepam" in found.ingredients


LONGEST = 1_000
WIDE = "\ufdfa"
"""One letter that stands for eighteen after folding."""


def test_no_letter_makes_a_text_longer_than_a_plain_one() -> None:
    assert len(words(WIDE * LONGEST)) <= len(words("a " * LONGEST))
    assert sum(map(len, words(WIDE * LONGEST))) <= LONGEST
    assert sum(map(len, gaps(f"{WIDE} " * LONGEST))) <= LONGEST


def test_folding_reads_no_more_letters_than_count(monkeypatch: pytest.MonkeyPatch) -> None:
    folded = 0

    def normalize(form: str, text: str) -> str:
        nonlocal folded
        made = unicodedata.normalize(form, text)
        folded += len(made)
        return made

    monkeypatch.setattr(phrases, "unicodedata", SimpleNamespace(normalize=normalize, combining=unicodedata.combining))
    words(WIDE * 10 * LONGEST)
    assert folded < 3 * LONGEST


@pytest.mark.parametrize("text", ["RBD, dementia", "nothing that is known", WIDE * LONGEST])
def test_equal_texts_of_a_request_are_read_once(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(vocabulary, "words", lambda said: read.append(said) or words(said))
    of_a_request = VOCABULARY.of_a_request()
    for _ in range(50):
        of_a_request.diagnosis(concept(None, ("urn:local", "5", text)))
    assert len(read) == 1
    VOCABULARY.of_a_request().diagnosis(concept(None, ("urn:local", "5", text)))
    assert len(read) == 2


@pytest.mark.parametrize(
    "part",
    ["mother dementia ", "no, dementia or ", "pending RBD, ", "? RBD ", "RBD s ", f"RBD{WIDE} ", "RBD ; "],
)
def test_a_chart_full_of_names_and_doubts_costs_no_more_than_a_plain_one(part: str) -> None:
    def seconds(text: str) -> float:
        read = VOCABULARY.of_a_request()
        concepts = [concept(f"{n} {text}") for n in range(400)]
        started = thread_time()
        for one in concepts:
            read.diagnosis(one)
        return thread_time() - started

    plain = seconds("Essentiälle hypertension " * LONGEST)
    assert seconds(part * LONGEST) < 5 * plain + 0.2


def test_beyond_what_is_read_with_care_a_name_is_possible() -> None:
    read = VOCABULARY.of_a_request()
    for n in range(200):
        read.diagnosis(concept(f"{n} no RBD " * 100))
    late = read.diagnosis(concept("no RBD"))
    assert late is not None
    assert (late.sets, late.possible) == (frozenset(), {"rbd"})
    plain = read.diagnosis(concept("RBD"))
    assert plain is not None
    assert plain.sets == {"rbd"}
