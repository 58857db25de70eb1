"""How sure the record is about RBD (clinical specification 2.3)."""

import pytest

from cds_service.facts.knowledge import ABSENT, Known, Unavailable
from cds_service.phenotypes.rbd import Level, flags, suspicion
from tests.charts import (
    OURS,
    RBD,
    SNOMED,
    all_no,
    answers,
    coded,
    condition,
    facts,
    named,
    observation,
    patient,
)

OLD, YOUNG = patient("1951-03-02"), patient("1988-03-02")
PARKINSON = condition(coded(SNOMED, "49049000", "Parkinson's disease"))
MSA = condition(coded(SNOMED, "230297002", "Multiple system atrophy"))
MOVEMENTS = condition(named("Periodic limb movements in sleep"))


def rbdsq(total, day="2026-06-01", **members):
    return observation(coded(OURS, "rbdsq-total"), day, total, **members)


def seen(*chart, **how):
    return suspicion(facts(*chart, **how))


def level(*chart, **how):
    found = seen(*chart, **how)
    return found.value.level if isinstance(found, Known) else found


# Level 0 and 0h


def test_an_active_diagnosis_is_level_0():
    assert level(OLD, condition(RBD)) is Level.CONFIRMED


def test_a_possible_diagnosis_is_level_0_and_possible():
    found = seen(OLD, condition(RBD, verification="unconfirmed")).value
    assert (found.level, found.diagnosis.possible) == (Level.CONFIRMED, True)


@pytest.mark.parametrize("clinical", ["inactive", "resolved", "remission"])
def test_a_past_diagnosis_is_level_0h(clinical):
    assert level(OLD, condition(RBD, clinical=clinical)) is Level.HISTORY


def test_an_active_diagnosis_outweighs_a_past_one():
    assert level(OLD, condition(RBD, clinical="resolved"), condition(RBD)) is Level.CONFIRMED


def test_a_confirmed_diagnosis_outweighs_a_possible_one():
    both = condition(RBD, verification="provisional"), condition(named("RBD"), verification="confirmed")
    assert seen(OLD, *both).value.diagnosis.confirmed


@pytest.mark.parametrize("verification", ["refuted", "differential", "entered-in-error"])
def test_a_refuted_diagnosis_is_none(verification):
    assert level(OLD, condition(RBD, verification=verification)) == ABSENT


@pytest.mark.parametrize(
    "code",
    [
        RBD,
        coded("http://hl7.org/fhir/sid/icd-10-cm", "G47.52"),
        coded("http://hl7.org/fhir/sid/icd-9-cm", "327.42"),
        named("REM behavior disorder"),
        named("REM sleep behaviour disorder"),
        named("RBD"),
    ],
)
def test_the_diagnosis_is_known_by_code_and_words(code):
    assert level(OLD, condition(code)) is Level.CONFIRMED


@pytest.mark.parametrize(
    "code",
    [
        coded(SNOMED, "69020003", "Abnormal REM sleep"),
        coded("http://hl7.org/fhir/sid/icd-10-cm", "F51.5", "Nightmare disorder"),
        coded("http://hl7.org/fhir/sid/icd-10-cm", "F51.3", "Sleepwalking"),
        coded("http://hl7.org/fhir/sid/icd-10-cm", "F51.4", "Sleep terrors"),
        coded("http://hl7.org/fhir/sid/icd-10-cm", "G47.50", "Parasomnia, unspecified"),
        named("Mother: REM sleep behavior disorder"),
        named("Rule out RBD"),
    ],
)
def test_a_neighbour_is_not_the_diagnosis(code):
    assert level(OLD, condition(code)) == ABSENT


# Level A


def test_complex_movements_are_level_a_at_any_age():
    for age in (OLD, YOUNG, patient(None)):
        assert level(age, answers(complex_movements=True)) is Level.SUSPECTED


@pytest.mark.parametrize("sign", ["complex_movements", "dream_enactment", "brief_jerks", "sustained_contractions"])
def test_injury_with_a_movement_in_sleep_is_level_a(sign):
    assert level(YOUNG, answers(injury=True, **{sign: True})) is Level.SUSPECTED


def test_injury_with_a_movement_disorder_of_sleep_is_level_a():
    recent = MOVEMENTS | {"recordedDate": "2026-03-17"}
    assert level(YOUNG, answers(injury=True), recent) is Level.SUSPECTED
    assert level(YOUNG, answers(injury=True), recent | {"recordedDate": "2026-03-16"}) is Level.WEAK


def test_injury_without_a_movement_is_level_c():
    assert level(OLD, answers(injury=True)) is Level.WEAK
    assert level(OLD, answers(injury=True, vocalizations=True)) is Level.WEAK


@pytest.mark.parametrize(
    ("born", "found"),
    [
        ("1975-06-15", Level.SUSPECTED),
        ("1975-06-16", Level.POSSIBLE),
        ("1976-06-15", Level.POSSIBLE),
        ("1974", Level.SUSPECTED),
        ("1975", Level.POSSIBLE),
        ("1988", Level.POSSIBLE),
        (None, Level.POSSIBLE),
    ],
)
def test_acting_out_dreams_is_level_a_over_50_and_level_b_otherwise(born, found):
    assert level(patient(born), answers(dream_enactment=True)) is found


def test_the_single_question_screen_is_acting_out_dreams():
    assert level(OLD, observation(named("RBD1Q"), value=True)) is Level.SUSPECTED
    assert level(YOUNG, observation(named("RBD1Q"), value=True)) is Level.POSSIBLE


@pytest.mark.parametrize(("total", "found"), [(5, Level.SUSPECTED), (4, ABSENT), (13, Level.SUSPECTED)])
def test_an_rbdsq_of_5_is_level_a(total, found):
    assert level(YOUNG, rbdsq(total)) == found


@pytest.mark.parametrize(("total", "found"), [(6, Level.POSSIBLE), (5, ABSENT)])
def test_with_parkinsons_an_rbdsq_of_6_alone_is_level_b(total, found):
    assert level(OLD, PARKINSON, rbdsq(total)) == found


@pytest.mark.parametrize(("total", "found"), [(5, Level.POSSIBLE), (4, ABSENT)])
def test_with_another_synuclein_disease_an_rbdsq_of_5_alone_is_level_b(total, found):
    assert level(OLD, MSA, rbdsq(total)) == found


def test_with_parkinsons_red_flags_are_level_a_all_the_same():
    assert level(OLD, PARKINSON, rbdsq(8), answers(complex_movements=True)) is Level.SUSPECTED


def test_the_newest_rbdsq_counts():
    assert level(YOUNG, rbdsq(9, "2025-01-01"), rbdsq(2, "2026-01-01")) == ABSENT


def test_an_rbdsq_below_a_limit_is_none():
    assert level(YOUNG, rbdsq(None, valueQuantity={"value": 5, "comparator": "<"})) == ABSENT


def test_an_rbdsq_in_another_unit_or_in_words_leaves_the_level_open():
    assert isinstance(level(YOUNG, rbdsq(None, valueQuantity={"value": 5, "unit": "%"})), Unavailable)
    assert isinstance(level(YOUNG, rbdsq(None, valueString="positive")), Unavailable)
    assert level(YOUNG, rbdsq(None, valueString="5/13")) is Level.SUSPECTED


# Level B, C and N


def test_red_flags_outweigh_acting_out_dreams():
    assert level(YOUNG, answers(dream_enactment=True, complex_movements=True)) is Level.SUSPECTED


@pytest.mark.parametrize("sign", ["vocalizations", "sustained_contractions", "dream_recall"])
def test_voices_contractions_or_recall_alone_are_level_c(sign):
    assert level(OLD, answers(**{sign: True})) is Level.WEAK


def test_brief_jerks_with_every_red_flag_denied_are_level_n():
    assert level(OLD, all_no()) is Level.BENIGN


@pytest.mark.parametrize("missing", ["complex_movements", "vocalizations", "dream_enactment", "injury"])
def test_one_question_that_was_not_answered_is_not_level_n(missing):
    assert level(OLD, all_no(**{missing: "not sure"})) == ABSENT


@pytest.mark.parametrize(("day", "found"), [("2025-06-15", Level.BENIGN), ("2025-06-14", ABSENT)])
def test_a_no_is_valid_for_12_months(day, found):
    assert level(OLD, all_no(day), answers("2026-06-01", brief_jerks=True)) == found


def test_without_brief_jerks_recorded_there_is_no_level_n():
    assert level(OLD, all_no(brief_jerks=False)) == ABSENT


def test_a_positive_rbdsq_is_not_level_n():
    assert level(OLD, all_no(), rbdsq(5)) is Level.SUSPECTED


@pytest.mark.parametrize("sign", ["sustained_contractions", "dream_recall"])
def test_another_sign_beside_brief_jerks_is_not_level_n(sign):
    assert level(OLD, all_no(**{sign: True})) is Level.WEAK


def test_nothing_recorded_is_silence():
    assert level(OLD) == ABSENT


# How long answers hold


@pytest.mark.parametrize(
    ("day", "found"), [("2024-06-15", Level.SUSPECTED), ("2024-06-14", ABSENT), ("2024", Level.SUSPECTED)]
)
def test_a_yes_is_valid_for_24_months(day, found):
    assert level(OLD, answers(day, complex_movements=True)) == found


def test_an_answer_without_date_holds_for_no_time():
    assert isinstance(level(OLD, answers(None, complex_movements=True)), Unavailable)


def test_a_later_no_takes_a_yes_back():
    assert (
        level(OLD, answers("2025-01-01", complex_movements=True), answers("2026-01-01", complex_movements=False))
        == ABSENT
    )


def test_a_later_yes_takes_a_no_back():
    assert level(OLD, all_no("2026-01-01"), answers("2026-02-01", complex_movements=True)) is Level.SUSPECTED


# The problem list's words


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("Acts out dreams", "dream-enactment"),
        ("Dream enactment behavior", "dream-enactment"),
        ("Punching in sleep", "complex-movements"),
        ("Shouting in sleep", "vocalizations"),
    ],
)
def test_a_sign_on_the_problem_list_is_a_flag(text, flag):
    assert flags(facts(OLD, condition(named(text))))[flag].yes


def test_the_words_of_the_mother_are_no_flag():
    assert level(OLD, condition(named("Mother acts out dreams"))) == ABSENT


# Signs that never raise the level


@pytest.mark.parametrize(
    "code",
    [coded(SNOMED, "44169009"), coded(SNOMED, "28651003"), coded(SNOMED, "14760008")],
)
def test_smell_blood_pressure_and_bowels_never_raise_the_level(code):
    assert level(OLD, condition(code)) == ABSENT
    assert level(YOUNG, condition(code), answers(dream_enactment=True)) is Level.POSSIBLE


def test_age_alone_is_silence():
    assert level(patient("1940-01-01")) == ABSENT


# What could not be looked up


def test_without_the_problem_list_nothing_is_called_absent():
    assert level(OLD, gaps={"conditions": "not sent"}) == Unavailable("conditions: not sent")


def test_without_the_answers_nothing_is_called_absent():
    assert isinstance(level(OLD, gaps={"questionnaireResponses": "not sent"}), Unavailable)


def test_what_was_answered_stands_without_the_problem_list():
    assert level(OLD, answers(complex_movements=True), gaps={"conditions": "not sent"}) is Level.SUSPECTED


@pytest.mark.parametrize("key", ["conditions", "observations"])
def test_nothing_is_called_benign_that_could_not_be_checked(key):
    assert isinstance(level(OLD, all_no(), gaps={key: "not sent"}), Unavailable)
