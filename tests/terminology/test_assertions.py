"""What a text says of a disease that it names: phrase, value set, and whether the patient has it."""

import pytest

from cds_service.fhir.elements import CodeableConcept
from tests.charts import vocabulary

YES, POSSIBLE, NO = "yes", "possible", "no"


def told(text: str, name: str) -> str:
    match = vocabulary().diagnosis(CodeableConcept(text=text))
    if match is None or name not in match.sets | match.possible:
        return NO
    return YES if name in match.sets else POSSIBLE


PERSONS = """
    family history|FH|familial history|mother|father|parent|grandmother|grandfather|grandson|MGM|MGF|PGM|PGF|sister
    brother|sibling|son|daughter|child of|uncle|aunt|cousin|husband|wife|spouse|partner|boyfriend|girlfriend|caregiver
    carer|roommate|relative
"""
PERSONS_ELSEWHERE = """
    Mutter|Vater|Ehemann|Ehefrau|Bruder|Schwester|Familienanamnese
    madre|padre|esposo|esposa|marido|hermano|hermana|antecedentes familiares
    mère|père|mari|épouse|frère|soeur|sœur|antécédents familiaux
    mãe|pai|irmão|irmã|história familiar
    moeder|vader|echtgenoot|echtgenote|familieanamnese
    marito|moglie|familiarità|anamnesi familiare
"""
BEFORE = """
    no|not|never|none:|negative for|without|absent|absence of|denies|free of|unlikely|excluded|ruled out|rule out|r/o
    no evidence of|no signs of|not currently|no recent|low risk of|trying for|fear of|fears|worried about
    concerned about|worry about|screening for|screen for|at risk of|prevention of|counseling on|education on
"""
BEHIND = "negative|unlikely|excluded|ruled out|r/o|absent|screen|screening|prevention|counseling|education"
BEFORE_ELSEWHERE = "Ausschluss|kein|nicht|sin|descartado|pas de|absence de|sem|geen|assenza|escluso"
DOUBTFUL = """
    suspected|suspicion of|possible|possibly|probable|probably|likely|presumed|presumptive|query|questionable|?
    delirium vs|delirium versus|concern for|evaluate for|evaluation for|work-up for
"""
DOUBTFUL_BEHIND = "suspected|possible|probable|likely|presumed|questionable"
DOUBTFUL_ELSEWHERE = "Verdacht auf|V.a.|V. a.|sospecha de|suspicion de|suspeita de|verdenking op|sospetto di"


def each(words: str) -> list[str]:
    return [word.strip() for line in words.split("\n") for word in line.split("|") if word.strip()]


@pytest.mark.parametrize("who", each(PERSONS))
def test_the_disease_of_somebody_else_is_not_the_patients(who: str) -> None:
    assert told(f"{who}: dementia", "dementia") == NO
    assert told(f"{who} with severe dementia", "dementia") == NO
    assert told(f"Dementia, lives with {who}", "dementia") == YES


@pytest.mark.parametrize("who", each(PERSONS_ELSEWHERE))
def test_somebody_else_in_another_language_takes_an_international_name_only(who: str) -> None:
    assert told(f"{who}: Alzheimer", "alzheimer-disease") == NO
    assert told(f"Alzheimer; {who}: hypertension", "alzheimer-disease") == YES
    assert told(f"{who}: dementia", "dementia") == YES


@pytest.mark.parametrize("denying", each(BEFORE))
def test_what_is_denied_before_the_disease_is_not_there(denying: str) -> None:
    without_colon = denying.removesuffix(":")
    assert told(f"{without_colon} dementia", "dementia") == NO
    assert told(f"{without_colon} clear or certain dementia", "dementia") == NO
    assert told(f"{denying} headache; dementia", "dementia") == YES


@pytest.mark.parametrize("denying", each(BEHIND))
def test_what_is_denied_directly_behind_is_not_there(denying: str) -> None:
    assert told(f"OSA {denying}", "sleep-apnea") == NO
    assert told(f"OSA, {denying}", "sleep-apnea") == NO
    assert told(f"OSA, headache {denying}", "sleep-apnea") == YES


@pytest.mark.parametrize("denying", each(BEFORE_ELSEWHERE))
def test_a_denial_in_another_language_takes_an_international_name_only(denying: str) -> None:
    assert told(f"{denying} Alzheimer", "alzheimer-disease") == NO
    assert told(f"{denying} dementia", "dementia") == YES


@pytest.mark.parametrize("doubt", each(DOUBTFUL))
def test_what_is_in_doubt_is_possible(doubt: str) -> None:
    assert told(f"{doubt} dementia", "dementia") == POSSIBLE
    assert told(f"{doubt} headache; dementia", "dementia") == YES


@pytest.mark.parametrize("doubt", each(DOUBTFUL_BEHIND))
def test_a_doubt_behind_the_disease_counts_where_the_clause_ends(doubt: str) -> None:
    assert told(f"Dementia, {doubt}", "dementia") == POSSIBLE
    assert told(f"Dementia ({doubt})", "dementia") == POSSIBLE
    assert told(f"Dementia, {doubt} headache", "dementia") == YES


@pytest.mark.parametrize("doubt", each(DOUBTFUL_ELSEWHERE))
def test_a_doubt_in_another_language_takes_an_international_name(doubt: str) -> None:
    assert told(f"{doubt} Alzheimer", "alzheimer-disease") == POSSIBLE
    assert told(f"{doubt} epilepsia; Alzheimer", "alzheimer-disease") == YES


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Morbus Parkinson", "parkinson-disease"),
        ("Maladie de Parkinson", "parkinson-disease"),
        ("Enfermedad de Parkinson", "parkinson-disease"),
        ("Doença de Parkinson", "parkinson-disease"),
        ("Ziekte van Parkinson", "parkinson-disease"),
        ("Malattia di Parkinson", "parkinson-disease"),
        ("Lewy-Körperchen-Demenz", "dementia-with-lewy-bodies"),
        ("Démence à corps de Lewy", "dementia-with-lewy-bodies"),
        ("Demencia con cuerpos de Lewy", "dementia-with-lewy-bodies"),
        ("Demência com corpos de Lewy", "dementia-with-lewy-bodies"),
        ("Demenza a corpi di Lewy", "dementia-with-lewy-bodies"),
        ("Alzheimer-Demenz", "alzheimer-disease"),
        ("Maladie d'Alzheimer", "alzheimer-disease"),
        ("Ziekte van Alzheimer", "alzheimer-disease"),
    ],
)
def test_an_international_name_is_known_in_its_languages(text: str, name: str) -> None:
    assert told(text, name) == YES
    assert told(f"Kein {text}", name) == NO
    assert told(f"Sospecha: {text}", name) == YES
    assert told(f"Sospecha de {text}", name) == POSSIBLE


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        # Who is spoken of
        ("Caregiver stress: husband has Alzheimer's disease", "alzheimer-disease", NO),
        ("lives with wife who has Alzheimer's", "alzheimer-disease", NO),
        ("Alzheimer's disease, lives with daughter", "alzheimer-disease", YES),
        ("dementia; husband is caregiver", "dementia", YES),
        ("Mother has Alzheimer's. Patient has dementia.", "dementia", YES),
        ("Mother has Alzheimer's. Patient has dementia.", "alzheimer-disease", NO),
        ("Alzheimer's in mother", "dementia", NO),
        ("Alzheimer's of the husband", "dementia", NO),
        ("dementia (father)", "dementia", NO),
        ("dementia: mother", "dementia", NO),
        ("dementia - brother", "dementia", NO),
        ("dementia, wife", "dementia", YES),
        ("Alzheimer's disease in her maternal grandmother", "alzheimer-disease", NO),
        ("Mutter: Alzheimer-Demenz", "dementia", NO),
        ("Antécédents familiaux de maladie d'Alzheimer", "alzheimer-disease", NO),
        ("Partner snores, has OSA", "sleep-apnea", NO),
        ("Maternal care for breech presentation, pregnancy", "pregnancy", YES),
        ("Grand mal epilepsy", "epilepsy", YES),
        # Informants
        ("RBD, reported by wife", "rbd", YES),
        ("Reported by his wife: RBD", "rbd", YES),
        ("According to husband and son RBD", "rbd", YES),
        ("Per wife, RBD", "rbd", YES),
        ("Witnessed by bed partner: acts out dreams", "dream-enactment", YES),
        ("Noted by daughter: dementia", "dementia", YES),
        ("wife reports that he acts out dreams", "dream-enactment", YES),
        ("daughter says he has dementia", "dementia", YES),
        ("son states dementia", "dementia", YES),
        ("wife notes RBD", "rbd", YES),
        ("husband describes RBD", "rbd", YES),
        ("partner witnessed RBD", "rbd", YES),
        ("wife reports her mother has dementia", "dementia", NO),
        ("wife has RBD", "rbd", NO),
        # Behavior in sleep is told of the patient, with the partner behind it
        ("acts out dreams, hits partner", "dream-enactment", YES),
        ("acts out dreams (partner)", "dream-enactment", YES),
        ("dementia (partner)", "dementia", NO),
        ("hits bed partner, acts out dreams", "dream-enactment", YES),
        ("hits bed partner, RBD", "rbd", YES),
        ("bed partner has RBD", "rbd", NO),
        ("Mother acts out dreams", "dream-enactment", NO),
        # Clauses, lists and reach
        ("no evidence of Alzheimer's, Lewy body or vascular dementia", "alzheimer-disease", NO),
        ("no evidence of Alzheimer's, Lewy body or vascular dementia", "dementia-with-lewy-bodies", NO),
        ("no evidence of Alzheimer's, Lewy body or vascular dementia", "dementia", NO),
        ("no epilepsy, dementia", "dementia", YES),
        ("no epilepsy, narcolepsy nor dementia", "dementia", NO),
        ("no epilepsy but dementia", "dementia", YES),
        ("no epilepsy. Dementia", "dementia", YES),
        ("no epilepsy (dementia)", "dementia", YES),
        ("no epilepsy\ndementia", "dementia", YES),
        ("no one two three four five dementia", "dementia", NO),
        ("no one two three four five six dementia", "dementia", YES),
        ("Dementia without behavioral disturbance", "dementia", YES),
        ("Dementia: no", "dementia", NO),
        ("Seizures: none since 2019", "seizure", NO),
        ("Dementia: ruled out by neurology", "dementia", NO),
        ("Dementia: education provided", "dementia", YES),
        ("Epilepsy, none since 2019", "epilepsy", YES),
        ("Epilepsy, not intractable", "epilepsy", YES),
        ("Dementia, no wandering", "dementia", YES),
        ("0 seizures", "seizure", NO),
        ("Creatinine 2.0 with seizures", "seizure", YES),
        ("No change in dementia", "dementia", YES),
        # The set's own words win
        ("cognitive impairment no dementia", "mild-cognitive-impairment", YES),
        ("cognitive impairment no dementia", "dementia", NO),
        ("At risk of falls", "fall-tendency", YES),
        ("Dementia, at risk for falls", "dementia", YES),
        ("dementia, likely Alzheimer's", "dementia", YES),
        ("dementia, likely Alzheimer's", "alzheimer-disease", POSSIBLE),
        ("No RBD in 2024; RBD since 2026", "rbd", YES),
        ("Rule out RBD", "rbd-in-question", YES),
        # Doubt
        ("?dementia", "dementia", POSSIBLE),
        ("Dementia (?)", "dementia", POSSIBLE),
        ("Dementia ?", "dementia", POSSIBLE),
        ("Falls? Dementia", "dementia", YES),
        ("Alzheimer's?", "alzheimer-disease", POSSIBLE),
        ("Probable Alzheimer's disease", "alzheimer-disease", POSSIBLE),
        ("dementia vs delirium", "dementia", POSSIBLE),
        ("dementia vs. delirium", "dementia", POSSIBLE),
        ("Suspected dementia (situation)", "dementia", POSSIBLE),
        ("Dementia cannot be excluded", "dementia", POSSIBLE),
        ("RBD, awaiting PSG", "rbd", POSSIBLE),
        ("RBD, sleep study pending", "rbd", POSSIBLE),
        ("Pending referral. RBD", "rbd", POSSIBLE),
        ("dementia, awaiting placement", "dementia", YES),
        ("dementia, awaiting placement; referral done", "dementia", YES),
        ("Not currently pregnant", "pregnancy", NO),
        ("Pregnant", "pregnancy", YES),
    ],
)
def test_a_text_says_of_a_disease(text: str, name: str, expected: str) -> None:
    assert told(text, name) == expected
