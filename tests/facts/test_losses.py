"""What is there and cannot be read is never absent, and costs no more than what cannot be told without it."""

import importlib

import msgspec
import pytest

from cds_service.facts.knowledge import ABSENT, Known, Unavailable
from cds_service.facts.losses import CONCEPTS, Losses
from cds_service.fhir import elements as fhir
from cds_service.fhir.codes import CODES
from cds_service.fhir.sources import Unreadable
from tests.charts import ALZHEIMER, FALL, condition, facts, patient, request, resource

NOTHING = {"a": 1}


def told(found):
    return [(one.key, one.member) for one in found.unreadable]


@pytest.mark.parametrize(
    "members",
    [
        {"recordedDate": NOTHING},
        {"onsetDateTime": NOTHING},
        {"id": NOTHING},
        {"subject": 7},
        {"category": 7},
    ],
)
def test_a_diagnosis_is_known_without_what_does_not_decide_it(members):
    found = facts(condition(ALZHEIMER, **members))
    assert found.conditions("dementia").known
    assert [member.split(".")[1] for _, member in told(found)] == list(members)


@pytest.mark.parametrize(
    "members",
    [
        {"verificationStatus": 7},
        {"clinicalStatus": [{"text": "active"}, {"text": "resolved"}]},
        {"abatementDateTime": NOTHING},
        {"abatementDateTime": "when she moved"},
        {"abatementBoolean": "perhaps"},
    ],
)
def test_a_diagnosis_that_may_be_none_is_untold_in_its_own_value_sets(members):
    found = facts(condition(ALZHEIMER, **members))
    assert found.conditions("dementia") == Unavailable(f"conditions: Condition.{next(iter(members))} cannot be read")
    assert found.conditions("rbd") == ABSENT
    assert len(told(found)) == 1


def test_a_diagnosis_without_code_or_words_could_be_any():
    found = facts(condition({"coding": [{"code": NOTHING}]}))
    assert isinstance(found.conditions("dementia"), Unavailable)
    assert found.held["conditions"].may_hold({"rbd"})


def test_words_tell_what_an_unreadable_code_does_not():
    found = facts(condition({"coding": [{"code": NOTHING, "display": "Alzheimer's disease"}]}))
    assert found.conditions("dementia").known


def test_a_fall_whose_day_cannot_be_read_may_lie_in_the_window():
    long_ago = condition(FALL, onsetDateTime="2001-01-01")
    for unreadable in (NOTHING, "last week"):
        fallen = facts(long_ago, condition(FALL, onsetDateTime=unreadable)).events("fall-event")
        recent = fallen.where(lambda event: event.onset is not None and event.onset.first.year == 2026)
        assert recent == Unavailable("conditions: Condition.onsetDateTime cannot be read")


def test_what_is_known_stays_known_beside_what_cannot_be_read():
    found = facts(condition(ALZHEIMER), condition(ALZHEIMER, verificationStatus=7)).conditions("dementia")
    assert isinstance(found, Known)
    assert found.where(lambda one: one.possible) == Unavailable(
        "conditions: Condition.verificationStatus cannot be read"
    )


@pytest.mark.parametrize("name", ["status", "intent"])
def test_a_code_that_fhir_does_not_have_is_named_and_one_in_capitals_is_read(name):
    sound = {"status": "Active ", "intent": "ORDER"}
    assert facts(request(**sound)).current_drugs("clonazepam").known
    found = facts(request(**(sound | {name: "unheard"})))
    assert found.current_drugs("clonazepam") == Unavailable(
        f"medicationRequests: MedicationRequest.{name} cannot be read"
    )
    assert told(found) == [("medicationRequests", f"MedicationRequest.{name}")]


def test_a_current_drug_whose_name_cannot_be_read_could_be_any():
    found = facts(request({"coding": [{"code": NOTHING}]}))
    assert isinstance(found.current_drugs("opioid"), Unavailable)


@pytest.mark.parametrize(("member", "fact"), [("birthDate", "age"), ("gender", "sex")])
@pytest.mark.parametrize("unreadable", [NOTHING, "unheard"])
def test_age_and_sex_that_cannot_be_read_are_not_absent(member, fact, unreadable):
    found = facts(patient() | {member: unreadable})
    assert getattr(found, fact) == Unavailable(f"patient: Patient.{member} cannot be read")
    assert told(found) == [("patient", f"Patient.{member}")]


def test_a_death_that_cannot_be_read_is_left_out_and_named():
    found = facts(patient() | {"deceasedBoolean": "perhaps"})
    assert not found.dead
    assert found.age.known
    assert told(found) == [("patient", "Patient.deceasedBoolean")]


def test_an_unreadable_form_leaves_its_answers_open():
    form = resource("QuestionnaireResponse", status="completed", authored="2026-06-01", item=7)
    assert isinstance(facts(form).answer("dream-enactment"), Unavailable)


def test_the_codes_are_those_of_fhir():
    for kind, members in CODES.items():
        module = importlib.import_module(f"fhir.resources.R4B.{kind.__name__.lower()}")
        for name, codes in members.items():
            declared = getattr(module, kind.__name__).model_fields[name].json_schema_extra["enum_values"]
            assert codes.issuperset(set(declared) - {"+"}), (kind, name)


FACTS_THAT_SAY_SO = {
    fhir.Patient: {"birthDate", "gender"},
    fhir.Observation: {"issued"},
    fhir.MedicationRequest: {"authoredOn", "dosageInstruction", "reasonCode", "reasonReference"},
    fhir.MedicationStatement: {"effectiveDateTime", "effectivePeriod", "dosage", "reasonCode", "reasonReference"},
    fhir.MedicationDispense: {"dosageInstruction"},
    fhir.ServiceRequest: {"reasonCode", "reasonReference"},
}
"""Members whose loss is known of the fact itself: an age, a day, a dose, a reason."""
DRUG = {"medicationCodeableConcept", "medicationReference", "medication", "contained"}
"""Where they leave open which drug it is, it could be any."""
NOTHING_DEPENDS_ON = {
    fhir.Patient: {"deceasedBoolean", "deceasedDateTime"},
    fhir.Condition: {"category", "patient", "extension", "note"},
    fhir.Observation: {"hasMember", "referenceRange"},
    fhir.Medication: {"contained", "form"},
    fhir.MedicationRequest: DRUG
    | {"statusReason", "reportedBoolean", "reportedReference", "dispenseRequest", "requester"},
    fhir.MedicationStatement: DRUG | {"statusReason", "taken", "dateAsserted"},
    fhir.MedicationDispense: DRUG | {"daysSupply"},
    fhir.ServiceRequest: {"contained", "requester"},
    fhir.CarePlan: {"intent"},
    fhir.Task: {"intent", "focus"},
    fhir.QuestionnaireResponse: {"questionnaire"},
    fhir.Encounter: {"type", "serviceType"},
    fhir.AllergyIntolerance: {"patient", "reaction"},
}
"""What is named and changes nothing else; a drug without its end, for one, is still taken."""
OF_EVERY_RESOURCE = {"id", "meta", "fullUrl", "subject", "for"}


@pytest.mark.parametrize("kind", [fhir.Patient, *CONCEPTS], ids=lambda kind: kind.__name__)
def test_of_every_member_that_is_read_it_is_settled_what_its_loss_leaves_open(kind):
    silent = set()
    for field in msgspec.structs.fields(kind):
        losses, resource = Losses(), kind()
        losses.lose("key", resource, [Unreadable(f"{kind.__name__}.{field.encode_name}", "odd")])
        losses.settle("key", kind, [resource])
        silent |= set() if losses.unsure else {field.encode_name}
    assert silent - OF_EVERY_RESOURCE == FACTS_THAT_SAY_SO.get(kind, set()) | NOTHING_DEPENDS_ON.get(kind, set())
