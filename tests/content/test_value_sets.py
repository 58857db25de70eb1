"""The value sets on disk: well formed, free of contradiction, and free of codes known to be dangerous."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.valueset import ValueSet  # noqa: TID251

FOLDER = Path(__file__).parents[2] / "cards" / "value-sets"
FILES = sorted(FOLDER.glob("*.json"))
SETS: dict[str, dict[str, Any]] = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FILES}

CPT = "http://www.ama-assn.org/go/cpt"
ICD_9 = "http://hl7.org/fhir/sid/icd-9-cm"
ICD_10 = "http://hl7.org/fhir/sid/icd-10"
ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SNOMED = "http://snomed.info/sct"

REJECTED = {
    (SNOMED, "192004002"),
    (SNOMED, "401174001"),
    (SNOMED, "54640009"),
    (SNOMED, "29209006"),
    (SNOMED, "236436003"),
    (ICD_10_CM, "G23.3"),
    (ICD_10_CM, "G20.C"),
    (ICD_10_CM, "W18.4"),
    (ICD_10, "G47.8"),
    (LOINC, "90562-0"),
    (LOINC, "73830-2"),
    (RXNORM, "866514"),
    (RXNORM, "108460"),
}
# Parkinsonism is what G20.C means; it was rejected as a code of Parkinson's disease.
RIGHT_PLACE = {("parkinsonism", (ICD_10_CM, "G20.C"))}

# Foreign or rare drugs of a class for which no code was found.
KNOWN_BY_NAME_ONLY = {
    "brotizolam",
    "butriptyline",
    "clomethiazole",
    "etizolam",
    "loprazolam",
    "medazepam",
    "melitracen",
    "mirogabalin",
    "oxcarbazepine",
}

every_set = pytest.mark.parametrize("name", sorted(SETS))


def entries(name: str, side: str) -> list[dict[str, Any]]:
    """What one set takes in ("include") or leaves out ("exclude")."""
    listed: list[dict[str, Any]] = SETS[name].get("compose", {}).get(side, [])
    return listed


def concepts(name: str, side: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Listed codes with their system."""
    return ((entry["system"], concept) for entry in entries(name, side) for concept in entry.get("concept", []))


def codes(name: str, side: str) -> set[tuple[str, str]]:
    """(system, code) of the listed codes."""
    return {(system, concept["code"]) for system, concept in concepts(name, side)}


def prefixes(name: str, side: str) -> set[tuple[str, str]]:
    """(system, prefix) of the filters."""
    return {(entry["system"], rule["value"]) for entry in entries(name, side) for rule in entry.get("filter", [])}


def extensions(name: str, kind: str) -> list[dict[str, Any]]:
    """Extensions of one kind: kind, short-label, word, not-word, ambiguous-word."""
    return [ext for ext in SETS[name]["extension"] if ext["url"] == f"urn:org.rbd-cds:{kind}"]


def text_of(extension: dict[str, Any]) -> str:
    """The word itself, whether it names its ingredient or not."""
    parts = {part["url"]: part["valueString"] for part in extension.get("extension", [])}
    return str(extension.get("valueString") or parts["word"])


def tokens(text: str) -> tuple[str, ...]:
    """Words as the matching sees them, accents aside."""
    return tuple(part for part in re.split(r"\W+", text.lower()) if part)


def has_empty(value: object) -> bool:
    """Whether a null or an empty list, object or text hides anywhere inside."""
    if isinstance(value, dict):
        return not value or any(has_empty(inner) for inner in value.values())
    if isinstance(value, list):
        return not value or any(has_empty(inner) for inner in value)
    return value is None or value == ""


def luhn_holds(digits: str) -> bool:
    """The check digit of a LOINC term (last digit); answers have another one."""
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def verhoeff_holds(digits: str) -> bool:
    """The check digit of SNOMED CT identifiers (last digit), by the dihedral group of order ten."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = dihedral(check, permuted(int(digit), place))
    return check == 0


def dihedral(left: int, right: int) -> int:
    """Product of two elements of the dihedral group of order ten."""
    if left < 5:
        return (left + right) % 5 + (0 if right < 5 else 5)
    return (left - right) % 5 + (5 if right < 5 else 0)


def permuted(digit: int, place: int) -> int:
    """Verhoeff's permutation, applied once for every place to the left."""
    for _ in range(place % 8):
        digit = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)[digit]
    return digit


def test_there_are_value_sets() -> None:
    assert len(SETS) > 100


@every_set
def test_every_file_is_a_fhir_r4_value_set(name: str) -> None:
    assert ValueSet.model_validate(SETS[name]).id == name


@every_set
def test_a_set_is_named_after_its_file(name: str) -> None:
    value_set = SETS[name]
    assert value_set["url"] == f"urn:org.rbd-cds:ValueSet:{name}"
    assert value_set["name"] == "".join(part.capitalize() for part in name.split("-"))


@every_set
def test_nothing_is_empty(name: str) -> None:
    assert not has_empty(SETS[name])


@every_set
def test_a_set_has_one_kind_and_one_label_that_fits_a_summary(name: str) -> None:
    (kind,) = extensions(name, "kind")
    (label,) = extensions(name, "short-label")
    assert kind["valueCode"] in {"drug", "condition", "observation", "order"}
    assert len(label["valueString"]) <= 28


@every_set
def test_a_set_matches_something(name: str) -> None:
    assert entries(name, "include") or extensions(name, "word")


def test_a_code_has_one_display_everywhere() -> None:
    displays = defaultdict(set)
    for name in SETS:
        for side in ("include", "exclude"):
            for system, concept in concepts(name, side):
                displays[system, concept["code"]].add(concept["display"])
    assert {key: found for key, found in displays.items() if len(found) > 1} == {}


@every_set
def test_a_code_is_listed_once(name: str) -> None:
    counts = Counter((system, concept["code"]) for system, concept in concepts(name, "include"))
    assert [key for key, count in counts.items() if count > 1] == []


@every_set
def test_no_code_is_both_taken_in_and_left_out(name: str) -> None:
    assert codes(name, "include").isdisjoint(codes(name, "exclude"))
    assert prefixes(name, "include").isdisjoint(prefixes(name, "exclude"))


@every_set
def test_no_prefix_that_is_left_out_swallows_one_that_is_taken_in(name: str) -> None:
    swallowed = [
        inside
        for system, inside in prefixes(name, "include")
        for other, outside in prefixes(name, "exclude")
        if system == other and inside.startswith(outside)
    ]
    assert swallowed == []


@every_set
def test_no_rejected_code_is_a_member(name: str) -> None:
    members = codes(name, "include") | prefixes(name, "include")
    assert {key for key in members & REJECTED if (name, key) not in RIGHT_PLACE} == set()


@every_set
def test_no_rejected_code_slips_in_under_a_prefix(name: str) -> None:
    caught = {
        (system, code)
        for system, code in REJECTED
        for including, prefix in prefixes(name, "include")
        if system == including and code.startswith(prefix)
    }
    left_out = prefixes(name, "exclude")
    assert {key for key in caught - left_out if (name, key) not in RIGHT_PLACE} == set()


@every_set
def test_icd_filters_look_like_icd_categories(name: str) -> None:
    shape = {
        ICD_9: r"[0-9VE]\d{2}(\.\d{1,2})?",
        ICD_10: r"[A-Z]\d[0-9A-Z](\.[0-9A-Z]{1,4})?",
        ICD_10_CM: r"[A-Z]\d[0-9A-Z](\.[0-9A-Z]{1,4})?",
    }
    for side in ("include", "exclude"):
        for system, prefix in prefixes(name, side):
            assert re.fullmatch(shape[system], prefix), prefix


@every_set
def test_icd_members_are_prefixes_not_single_codes(name: str) -> None:
    assert [key for key in codes(name, "include") if key[0] in {ICD_9, ICD_10, ICD_10_CM}] == []


@every_set
def test_snomed_check_digits_hold(name: str) -> None:
    found = codes(name, "include") | codes(name, "exclude")
    assert [code for system, code in found if system == SNOMED and not verhoeff_holds(code)] == []


@every_set
def test_loinc_check_digits_hold(name: str) -> None:
    found = codes(name, "include") | codes(name, "exclude")
    terms = [code for system, code in found if system == LOINC and not code.startswith("LA")]
    assert [code for code in terms if not luhn_holds(code.replace("-", ""))] == []


@every_set
def test_cpt_codes_carry_short_words_of_our_own(name: str) -> None:
    for side in ("include", "exclude"):
        for system, concept in concepts(name, side):
            if system == CPT:
                assert len(concept["display"]) <= 50
                assert not re.search(r";|years|parameters|technologist", concept["display"])


@every_set
def test_a_word_never_stands_beside_itself_as_not_word(name: str) -> None:
    words = {tokens(text_of(ext)) for ext in extensions(name, "word")}
    assert words.isdisjoint(tokens(text_of(ext)) for ext in extensions(name, "not-word"))
    assert words.isdisjoint(tokens(text_of(ext)) for ext in extensions(name, "ambiguous-word"))


@every_set
def test_no_word_is_silenced_by_a_not_word_of_its_own_set(name: str) -> None:
    silenced = [
        (word, guard)
        for word in map(text_of, extensions(name, "word"))
        for guard in map(text_of, extensions(name, "not-word"))
        if f" {' '.join(tokens(guard))} " in f" {' '.join(tokens(word))} "
    ]
    assert silenced == []


@every_set
def test_codes_and_words_of_drugs_name_their_ingredient(name: str) -> None:
    if extensions(name, "kind")[0]["valueCode"] != "drug":
        return
    for _, concept in concepts(name, "include"):
        assert [use["use"]["code"] for use in concept["designation"]] == ["ingredient"] * len(concept["designation"])
    for word in extensions(name, "word"):
        assert [part["url"] for part in word["extension"]] == ["word", "ingredient"]


@every_set
def test_words_of_drugs_name_ingredients_the_codes_know(name: str) -> None:
    if extensions(name, "kind")[0]["valueCode"] != "drug" or not entries(name, "include"):
        return
    by_code = {use["value"] for _, concept in concepts(name, "include") for use in concept["designation"]}
    by_word = {word["extension"][1]["valueString"] for word in extensions(name, "word")}
    assert by_word - by_code <= KNOWN_BY_NAME_ONLY


def test_selegiline_by_mouth_and_through_the_skin_are_kept_apart() -> None:
    assert codes("maoi", "include").isdisjoint(codes("maob", "include"))
    assert (RXNORM, "9639") in codes("maob", "include")


def test_clonazepam_is_no_other_benzodiazepine() -> None:
    assert codes("clonazepam", "include").isdisjoint(codes("benzodiazepine-other", "include"))


def test_rbd_is_the_disorder_not_its_signs() -> None:
    assert (SNOMED, "415238003") in codes("rbd", "include")
    assert (SNOMED, "69020003") in codes("rbd", "exclude")


def test_the_codes_of_parkinsonism_are_not_parkinsons_disease() -> None:
    assert (ICD_10_CM, "G20") in prefixes("parkinson-disease", "include")
    assert (ICD_10_CM, "G20.C") in prefixes("parkinson-disease", "exclude")


def test_every_fall_category_is_in_but_tripping_without_a_fall() -> None:
    assert {(ICD_10_CM, f"W{number:02}") for number in range(20)} <= prefixes("fall-event", "include")
    assert (ICD_10_CM, "W18.4") in prefixes("fall-event", "exclude")


def test_alzheimers_and_lewy_body_disease_are_dementia() -> None:
    for part in ("alzheimer-disease", "dementia-with-lewy-bodies", "creutzfeldt-jakob-disease"):
        assert codes(part, "include") <= codes("dementia", "include")


def test_absence_and_progressive_myoclonus_epilepsy_are_epilepsy() -> None:
    for part in ("absence-epilepsy", "progressive-myoclonus-epilepsy"):
        assert codes(part, "include") <= codes("epilepsy", "include")


def test_epilepsy_is_not_myoclonus() -> None:
    assert codes("myoclonus", "include").isdisjoint(codes("epilepsy", "include"))
