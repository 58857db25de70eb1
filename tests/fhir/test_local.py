"""Every member that holds an instant is brought to the site's zone."""

from zoneinfo import ZoneInfo

import msgspec
import pytest

from cds_service.fhir import elements as fhir
from cds_service.fhir.local import localize
from tests.charts import typed

LOS_ANGELES = ZoneInfo("America/Los_Angeles")
EVENING = "2026-06-16T02:10:00Z"
PERIOD = {"start": EVENING, "end": EVENING}


@pytest.mark.parametrize(
    "written",
    [
        {"resourceType": "Condition", "recordedDate": EVENING, "onsetPeriod": PERIOD, "abatementString": EVENING},
        {"resourceType": "Condition", "extension": {"url": "urn:x", "valueDateTime": EVENING}},
        {"resourceType": "Observation", "effectiveDateTime": EVENING, "issued": EVENING, "effectivePeriod": PERIOD},
        {"resourceType": "QuestionnaireResponse", "authored": EVENING, "item": [{"linkId": "a", "item": []}]},
        {"resourceType": "MedicationRequest", "dispenseRequest": {"validityPeriod": PERIOD}, "authoredOn": EVENING},
        {
            "resourceType": "MedicationRequest",
            "dosageInstruction": [{"timing": {"repeat": {"boundsPeriod": PERIOD}}}, {}],
        },
        {"resourceType": "MedicationDispense", "whenHandedOver": EVENING},
        {"resourceType": "Encounter", "period": PERIOD},
        {"resourceType": "Patient", "deceasedDateTime": EVENING},
    ],
)
def test_an_instant_in_any_member_becomes_that_of_the_site(written):
    resource = typed(written)
    localize(resource, LOS_ANGELES)
    assert msgspec.json.encode(resource).decode().count("2026-06-15T19:10:00-07:00") == str(written).count(EVENING)


def test_a_birth_date_and_a_value_are_left_as_they_are():
    patient, result = (
        typed({"resourceType": "Patient", "birthDate": EVENING}),
        typed({"resourceType": "Observation", "valueString": EVENING}),
    )
    for one in (patient, result):
        localize(one, LOS_ANGELES)
    assert isinstance(patient, fhir.Patient)
    assert isinstance(result, fhir.Observation)
    assert (patient.birth_date, result.value_string) == (EVENING, EVENING)
