"""The value sets on disk against the traps that real charts hold."""

from pathlib import Path

import pytest

from cds_service.fhir.elements import CodeableConcept, Coding
from cds_service.terminology.vocabulary import Match, Vocabulary, read_value_sets

SETS = read_value_sets(Path(__file__).parents[2] / "cards" / "value-sets")
VOCABULARY = Vocabulary(SETS)

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
ICD_10 = "http://hl7.org/fhir/sid/icd-10"
ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"

Listed = tuple[str, str] | tuple[str, str, str]


def concept(text: str | None, *listed: Listed) -> CodeableConcept:
    return CodeableConcept(coding=[Coding(*coding) for coding in listed], text=text)


def drug(text: str | None, *listed: Listed) -> Match | None:
    return VOCABULARY.drug(concept(text, *listed))


def drug_sets(text: str | None, *listed: Listed) -> set[str]:
    match = drug(text, *listed)
    return set(match.sets) if match else set()


def diagnosis(text: str | None, *listed: Listed) -> set[str]:
    match = VOCABULARY.diagnosis(concept(text, *listed))
    return set(match.sets) if match else set()


@pytest.mark.parametrize(
    "name",
    ["clonazePAM 0.5 mg tablet", "KlonoPIN", "Rivotril 2 mg", "CLONAZEPAM", "Clonazepam [Klonopin]", "clonazépam"],
)
def test_clonazepam_is_known_by_every_name(name: str) -> None:
    found = drug(name)
    assert found is not None
    assert (found.sets, found.ingredients, found.uncertain) == ({"clonazepam"}, {"clonazepam"}, None)


@pytest.mark.parametrize("code", ["2598", "197527", "197528", "197529", "206157", "350560"])
def test_clonazepam_is_known_at_every_grain_of_rxnorm(code: str) -> None:
    assert drug_sets(None, (RXNORM, code)) == {"clonazepam"}


@pytest.mark.parametrize(
    "name",
    [
        "cloNIDine 0.1 mg",
        "cloZAPine 25 mg",
        "Taclonex ointment",
        "apomorphine 10 mg",
        "tiotropium inhaler",
        "ipratropium",
        "methyldopa",
        "Doralese",
        "busPIRone",
        "rimantadine",
        "prednisone",
        "Mirataz",
        "mirtazapine ointment",
        "doxepin 5 % cream",
        "timolol 0.5 % ophthalmic solution",
        "timolol eye drops",
        "betaxolol eye drops",
        "lithium heparin tube",
        "Kaopectate Stool Softener",
        "Pepto-Bismol Children's",
        "cyclobenzaprine",
        "sibutramine",
        "ZYPREXA Oral Tablet 10 MG",
        "lamotrigine starter kit, for patients taking valproate",
        "Subvenite Starter Kit for patients taking carbamazepine, phenytoin, phenobarbital or primidone",
        "pentobarbital / phenytoin",
    ],
)
def test_look_alikes_and_local_forms_name_no_drug_of_ours(name: str) -> None:
    assert drug_sets(name) <= {"myoclonus-cause-by-name"}
    assert "clonazepam" not in drug_sets(name)


@pytest.mark.parametrize(
    ("name", "ingredient"),
    [
        ("desvenlafaxine 50 mg", "desvenlafaxine"),
        ("venlafaxine 75 mg", "venlafaxine"),
        ("escitalopram", "escitalopram"),
        ("Lexapro 10mg", "escitalopram"),
        ("levomilnacipran", "levomilnacipran"),
        ("milnacipran", "milnacipran"),
        ("eszopiclone", "eszopiclone"),
        ("zopiclone", "zopiclone"),
        ("doxepin 3 mg tablet", "doxepin"),
        ("LORazepam 1 mg", "lorazepam"),
        ("clobazam 10 mg", "clobazam"),
        ("Mélatonine 3 mg", "melatonin"),
        ("Circadin", "melatonin"),
        ("Symbyax", "fluoxetine"),
        ("olanzapine / fluoxetine", "fluoxetine"),
        ("carbidopa / levodopa", "levodopa"),
        ("memantine", "memantine"),
        ("Xyrem", "oxybate"),
        ("acetaminophen / tramadol", "tramadol"),
    ],
)
def test_a_name_means_its_own_ingredient_and_no_other(name: str, ingredient: str) -> None:
    found = drug(name)
    assert found is not None
    assert found.ingredients == {ingredient}


def test_a_combination_of_two_known_drugs_is_in_both_sets() -> None:
    assert drug_sets("chlordiazepoxide / amitriptyline") == {"benzodiazepine-other", "tca"}
    assert drug_sets("Limbitrol") == {"benzodiazepine-other", "tca"}
    assert drug_sets("donepezil / memantine") == {"cholinesterase-inhibitor", "memantine"}


def test_selegiline_is_told_apart_by_its_route() -> None:
    assert drug_sets("selegiline 5 mg capsule") == {"maob"}
    assert drug_sets("selegiline 5 mg", (RXNORM, "9639")) == {"maob"}
    assert drug_sets("Emsam 6 mg/24hr patch") == {"maoi"}
    assert drug_sets("Emsam patch", (RXNORM, "9639", "selegiline")) == {"maoi"}
    assert drug_sets("selegiline 6 mg/24 hr transdermal patch", (RXNORM, "9639")) == {"maoi"}


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        ("lorazepam 1 mg", (RXNORM, "2598")),
        ("clonidine 0.1 mg", (RXNORM, "2598", "clonazepam")),
        ("clobazam 10 mg", (RXNORM, "197527")),
        ("clonazepam 0.5 mg", (RXNORM, "21241", "clobazam")),
        ("clonazepam 0.5 mg", (RXNORM, "2599", "clonidine")),
        (None, (RXNORM, "866514", "rasagiline 1 MG Oral Tablet")),
        (None, (RXNORM, "108460", "melatonin 3 MG Oral Tablet")),
        ("sertraline", (RXNORM, "9999999", "aspirin 81 MG Oral Tablet")),
    ],
)
def test_a_code_and_a_text_that_name_different_drugs_are_uncertain(text: str | None, listed: Listed) -> None:
    found = drug(text, listed)
    assert found is not None
    assert found.uncertain == "code and text name different drugs"


def test_every_drug_code_agrees_with_its_own_display() -> None:
    for value_set in SETS:
        for code in value_set.codes if value_set.kind == "drug" else ():
            found = drug(code.display, (code.system, code.code, code.display))
            assert found is not None, code
            assert found.uncertain is None, code
            assert found.sets == VOCABULARY.code_sets(code.system, code.code), code


def test_every_code_of_a_condition_survives_its_own_display() -> None:
    for value_set in SETS:
        for code in value_set.codes if value_set.kind == "condition" else ():
            if code.display:
                expected = VOCABULARY.code_sets(code.system, code.code)
                assert diagnosis(code.display, (code.system, code.code, code.display)) >= expected, code


@pytest.mark.parametrize(
    ("code", "sets"),
    [
        ("G47.52", {"rbd"}),
        ("327.42", {"rbd"}),
        ("G20", {"parkinson-disease"}),
        ("G20.A1", {"parkinson-disease"}),
        ("G20.C", {"parkinsonism"}),
        (" G300", {"alzheimer-disease", "dementia"}),
        ("G30.9", {"alzheimer-disease", "dementia"}),
        ("F03.90", {"dementia"}),
        ("W01.0XXA", {"fall-event"}),
        ("W18.40XA", set()),
        ("W18.30XA", {"fall-event"}),
        ("Z91.81", {"fall-tendency"}),
        ("G31.84", {"mild-cognitive-impairment"}),
        ("G23.3", set()),
        ("W16.011A", {"fall-event"}),
        ("W16.511A", set()),
        ("W19.XXXS", set()),
        ("S72.001A", {"hip-fracture"}),
        ("S72.001S", set()),
        ("S72.301A", set()),
        ("S32.2XXA", set()),
        ("M80.08XA", {"osteoporotic-fracture"}),
        ("I69.311", {"other-cognitive-impairment"}),
        ("I69.320", set()),
        ("R41.841", set()),
        ("R56.1", {"seizure"}),
        ("R56.01", set()),
        ("R06.83", {"snoring"}),
        ("R25.3", {"twitching"}),
        ("G47.14", {"hypersomnia"}),
        ("F51.12", set()),
        ("Z30.430", {"contraception-or-sterility", "contraception-encounter"}),
        ("Z30.012", set()),
        ("Z90.721", set()),
        ("F25.0", {"psychotic-disorder"}),
        ("F21", set()),
        ("J96.12", {"hypercapnic-respiratory-failure"}),
        ("J96.02", {"hypercapnic-respiratory-failure-acute"}),
        ("J96.11", {"respiratory-failure"}),
        ("J96.01", set()),
        ("G47.50", {"parasomnia-unspecified"}),
    ],
)
def test_icd_codes_mean_what_they_mean_in_icd_10_cm(code: str, sets: set[str]) -> None:
    assert diagnosis(None, (ICD_10_CM, code)) == sets


@pytest.mark.parametrize(
    "system", ["urn:oid:2.16.840.1.113883.6.90", "2.16.840.1.113883.6.90", "https://hl7.org/fhir/sid/icd-10-cm"]
)
def test_systems_are_known_by_their_object_identifiers(system: str) -> None:
    assert diagnosis(None, (system, "G47.52")) == {"rbd"}


@pytest.mark.parametrize("system", ["", "urn:oid:1.2.840.114350.1", "http://www.ama-assn.org/go/cpt"])
def test_a_code_under_an_unknown_or_wrong_system_means_nothing(system: str) -> None:
    assert diagnosis(None, (system, "G47.52")) == set()


@pytest.mark.parametrize(
    ("code", "sets"),
    [
        ("415238003", {"rbd"}),
        ("69020003", set()),
        ("192004002", set()),
        ("29209006", set()),
        ("386806002", {"cognitive-impairment"}),
        ("702956004", {"other-cognitive-impairment"}),
        ("14047009", {"fall-event"}),
        ("242403004", {"fall-event"}),
        ("279992002", {"fall-tendency"}),
        ("713281006", set()),
        ("426896000", {"hypercapnic-respiratory-failure"}),
        ("39871006", {"respiratory-failure"}),
        ("58214004", {"psychotic-disorder"}),
        ("31027006", set()),
    ],
)
def test_codes_of_snomed_ct_mean_their_set_and_neighbours_nothing(code: str, sets: set[str]) -> None:
    assert diagnosis(None, (SNOMED, code)) == sets


@pytest.mark.parametrize("text", ["RBD", "iRBD", "REM sleep behaviour disorder", "REM Sleep Behavior Disorder (RBD)"])
def test_rbd_is_known_by_its_names(text: str) -> None:
    assert diagnosis(text) == {"rbd"}
    assert diagnosis(text, (ICD_10, "G47.8", "Other sleep disorders")) == {"rbd"}


@pytest.mark.parametrize(
    "text",
    [
        "RBD antigen vaccine",
        "SARS-CoV-2 spike RBD antibody",
        "anti-RBD IgG",
        "Mother Alzheimer's",
        "FH: dementia",
        "Father had Parkinson's disease",
        "Family history of REM sleep behavior disorder",
        "rule out dementia",
        "negative for sleep apnea",
        "Father Alive 70y Low blood pressure @ 50",
        "fear of falling",
        "fallen arches",
        "Wolff-Parkinson-White syndrome",
        "PD",
        "MS",
        "pseudodementia",
        "no history of falls",
        "Slipping, tripping and stumbling without falling",
        "No current problems",
        "Full-time employment",
    ],
)
def test_traps_in_text_are_no_diagnosis(text: str) -> None:
    assert diagnosis(text) == set()


@pytest.mark.parametrize(
    ("text", "name"), [("r/o RBD", "rbd-in-question"), ("Rule out obstructive sleep apnea", "sleep-apnea-in-question")]
)
def test_what_is_to_be_ruled_out_is_only_a_question(text: str, name: str) -> None:
    assert diagnosis(text) == {name}


def test_niemann_pick_disease_is_not_picks() -> None:
    assert diagnosis("Niemann-Pick disease") == {"lipid-storage-disease"}


def test_falling_asleep_is_no_fall() -> None:
    assert diagnosis("Trouble falling asleep") == {"insomnia"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Alzheimer’s disease", "alzheimer-disease"),
        ("Dementia without behavioral disturbance", "dementia"),
        ("Unspecified dementia, unspecified severity, without behavioral disturbance", "dementia"),
        ("Fell out of bed", "fall-event"),
        ("At risk for falls", "fall-tendency"),
        ("Grand mal epilepsy", "epilepsy"),
        ("Narcolepsy without cataplexy", "narcolepsy"),
        ("OSA on CPAP", "sleep-apnea"),
        ("OSA on CPAP", "pap-therapy"),
        ("neck twitching in sleep", "sleep-twitching"),
    ],
)
def test_common_wordings_are_understood(text: str, name: str) -> None:
    assert name in diagnosis(text)


def test_an_apnea_index_is_no_ahi_whatever_its_label() -> None:
    assert VOCABULARY.codes(concept("AHI", (LOINC, "90562-0", "AHI"))) is None
    found = VOCABULARY.codes(concept(None, (LOINC, "69990-0")))
    assert found is not None
    assert found.sets == {"ahi"}


@pytest.mark.parametrize("text", ["Trouble falling asleep", "Assessment using Morse Fall Scale"])
def test_questions_and_assessments_are_no_falls(text: str) -> None:
    found = VOCABULARY.codes(concept(text))
    assert found is None or not found.sets & {"fall-event", "fall-tendency", "falls-past-year", "morse-total"}


def test_every_set_has_a_label_that_fits_a_summary() -> None:
    assert all(0 < len(VOCABULARY.label(value_set.name)) <= 28 for value_set in SETS)
