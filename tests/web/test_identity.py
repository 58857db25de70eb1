"""Instants, identity and references on their whole way, from the body of a call to the card."""

import copy

from tests.calling import as_bytes, requests, serving

NAME = "order-sign-rbd-dementia"


def told(call, **environment):
    with serving(**environment) as post:
        answer = post("order-sign", as_bytes(call))
    assert answer.status == 200
    rules = [rule for card in answer.cards for rule in card["extension"]["org.rbd-cds.rules"]]
    return rules, answer.json.get("extension", {}).get("org.rbd-cds.outcomes", {})


def call():
    return copy.deepcopy(requests()[NAME])


def diagnoses(asked, sets):
    """The entries of the problem list whose diagnosis is coded as one of these."""
    held = asked["prefetch"]["conditions"]["entry"]
    return [one for one in held if {c["code"] for c in one["resource"]["code"].get("coding", ())} & sets]


DEMENTIA = {"G30.1", "G30.9", "26929004", "F03.90"}


def with_dementia_dated(when):
    asked = call()
    (entry,) = diagnoses(asked, DEMENTIA)
    entry["resource"] |= {"onsetDateTime": when}
    return asked


def test_what_was_recorded_this_evening_in_los_angeles_counts_there_and_not_yet_in_greenwich():
    asked = with_dementia_dated("2026-06-16T02:10:00Z")
    assert "clonazepam-dementia" in told(asked, CDS_TIME_ZONE="America/Los_Angeles")[0]
    assert "clonazepam-dementia" not in told(asked)[0]


def test_a_death_date_to_come_silences_nothing_and_is_told():
    asked = call()
    asked["prefetch"]["patient"]["deceasedDateTime"] = "2027-03-01"
    rules, outcomes = told(asked)
    assert "clonazepam-dementia" in rules
    assert outcomes["notes"] == ["a death date that has not come was left aside"]


def test_a_diagnosis_is_not_hidden_by_another_with_its_id():
    asked = call()
    (entry,) = diagnoses(asked, DEMENTIA)
    other = copy.deepcopy(entry)
    other["resource"]["code"] = {"text": "Hypertension"}
    asked["prefetch"]["conditions"]["entry"].insert(0, other)
    assert "clonazepam-dementia" in told(asked)[0]


def test_the_newer_version_counts_wherever_it_stands():
    for places in ((0, 1), (1, 0)):
        asked = call()
        (entry,) = diagnoses(asked, DEMENTIA)
        versions = [copy.deepcopy(entry), entry]
        versions[0]["resource"] |= {"meta": {"versionId": "2"}, "verificationStatus": "entered-in-error"}
        versions[1]["resource"] |= {"meta": {"versionId": "1"}}
        rest = [one for one in asked["prefetch"]["conditions"]["entry"] if one is not entry]
        asked["prefetch"]["conditions"]["entry"] = [*rest, *(versions[place] for place in places)]
        assert "clonazepam-dementia" not in told(asked)[0]


def test_a_drug_is_found_by_the_full_url_of_its_entry():
    asked = call()
    order = next(
        entry["resource"]
        for entry in asked["context"]["draftOrders"]["entry"]
        if "lonazepam" in str(entry["resource"].get("medicationCodeableConcept"))
    )
    drug = {"resourceType": "Medication", "code": order.pop("medicationCodeableConcept")}
    address = "urn:uuid:11111111-1111-4111-8111-111111111111"
    order["medicationReference"] = {"reference": address}
    asked["context"]["draftOrders"]["entry"].append({"fullUrl": address, "resource": drug})
    assert "clonazepam-dementia" in told(asked)[0]


def test_what_the_ehr_has_saved_of_the_order_does_not_make_it_a_renewal():
    asked = call()
    saved = [copy.deepcopy(entry) for entry in asked["context"]["draftOrders"]["entry"]]
    for entry in saved:
        entry["resource"]["status"] = "active"
    before = told(asked)[0]
    asked["prefetch"]["medicationRequests"].setdefault("entry", []).extend(saved)
    assert told(asked)[0] == before
