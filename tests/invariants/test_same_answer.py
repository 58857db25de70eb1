"""What means the same gets the same answer: order, repetition, the key that brings a resource, what has no bearing."""

import copy
import random

from hypothesis import HealthCheck, given, settings, strategies as st

from cds_service.facts.queries import DRUG_KEYS
from tests.charts import KEYS

seeds = st.integers(0, 2**32)
places = st.integers(0, 10**6)
thoroughly = settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

ACTIVE = {"coding": [{"code": "active"}]}
REFUTED = {"coding": [{"code": "refuted"}]}
AHI = {"coding": [{"system": "http://loinc.org", "code": "69990-0"}]}
UNRELATED = [
    ("Condition", {"code": {"text": "Hypertension"}, "clinicalStatus": ACTIVE}),
    ("Condition", {"code": {"text": "Full-time employment (finding)"}}),
    ("Condition", {"code": {"text": "Mother: Alzheimer's disease, fell often, took clonazepam"}}),
    ("Condition", {"code": {"text": "Dementia"}, "verificationStatus": REFUTED}),
    ("Condition", {"code": {"text": "Dementia"}, "subject": {"reference": "Patient/somebody-else"}}),
    ("MedicationRequest", {"status": "active", "intent": "order", "medicationCodeableConcept": {"text": "amlodipine"}}),
    ("MedicationRequest", {"status": "cancelled", "medicationCodeableConcept": {"text": "sertraline"}}),
    ("MedicationStatement", {"status": "not-taken", "medicationCodeableConcept": {"text": "sertraline"}}),
    ("Observation", {"status": "final", "code": {"text": "Potassium"}, "valueQuantity": {"value": 4.1}}),
    ("Observation", {"status": "preliminary", "code": AHI, "valueQuantity": {"value": 60}}),
    ("Procedure", {"status": "completed", "code": {"text": "Appendectomy"}}),
    ("Encounter", {"status": "finished", "reasonCode": [{"text": "Routine check"}]}),
    ("ServiceRequest", {"status": "active", "intent": "order", "code": {"text": "Complete blood count"}}),
    ("AllergyIntolerance", {"code": {"text": "Peanut"}}),
]


@thoroughly
@given(places, seeds)
def test_the_order_of_the_entries_changes_nothing(bases, ask, changed, place, seed):
    request, rng = bases.nth(place), random.Random(seed)
    other, bundles = changed(request)
    for bundle in bundles.values():
        rng.shuffle(bundle.get("entry", []))
    assert ask(other) == ask(request)


@thoroughly
@given(places, seeds)
def test_the_order_of_the_keys_changes_nothing(bases, ask, changed, place, seed):
    request, rng = bases.nth(place), random.Random(seed)
    other, _ = changed(request)
    items = list(other.get("prefetch", {}).items())
    rng.shuffle(items)
    assert ask(other | {"prefetch": dict(items)}) == ask(request)


@thoroughly
@given(places, seeds)
def test_entries_that_are_sent_twice_change_nothing(bases, ask, changed, place, seed):
    request, rng = bases.nth(place), random.Random(seed)
    other, bundles = changed(request)
    for bundle in bundles.values():
        held = bundle.get("entry", [])
        held += [copy.deepcopy(one) for one in held if rng.random() < 0.5]
    drafts = other["context"].get("draftOrders", {}).get("entry", [])
    drafts += [copy.deepcopy(one) for one in drafts if rng.random() < 0.5]
    assert ask(other) == ask(request)


@thoroughly
@given(places, seeds)
def test_drugs_may_come_under_the_keys_of_one_another(bases, ask, changed, place, seed):
    """Some servers bring along with one search what another was to bring; all that tells of drugs is read at once."""
    request, rng = bases.nth(place), random.Random(seed)
    other, bundles = changed(request)
    held = {key: own for key, bundle in bundles.items() if key in DRUG_KEYS and (own := asked_for(key, bundle))}
    for key, own in held.items():
        moved = [entry for entry in bundles[key]["entry"] if entry is not own]
        bundles[key]["entry"] = [own]
        bundles[key].pop("total", None)
        for entry in moved:
            bundles[rng.choice(sorted(held))].setdefault("more", []).append(entry)
    for key in held:
        bundles[key]["entry"] += bundles[key].pop("more", [])
    assert ask(other) == ask(request)


def asked_for(key, bundle):
    """The first entry of the type that the key is to bring."""
    return next((e for e in bundle.get("entry", []) if KEYS.get(e["resource"]["resourceType"]) == key), None)


@thoroughly
@given(places, seeds)
def test_what_has_no_bearing_changes_nothing(bases, ask, changed, place, seed):
    request, rng = bases.nth(place), random.Random(seed)
    other, bundles = changed(request)
    for name, (kind, members) in enumerate(rng.sample(UNRELATED, 6)):
        for bundle in [b for b in bundles.values() if kind_of(b) == kind][:1]:
            made = {"resourceType": kind, "id": f"unrelated-{name}", **members}
            bundle["entry"].insert(rng.randint(0, len(bundle["entry"])), {"resource": made})
            bundle.pop("total", None)
    assert ask(other) == ask(request)


def kind_of(bundle):
    return bundle["entry"][0]["resource"]["resourceType"] if bundle.get("entry") else None


@thoroughly
@given(places)
def test_another_draft_changes_nothing_for_the_others(bases, ask, changed, place):
    request = bases.with_drafts().nth(place)
    other, _ = changed(request)
    more = {"resourceType": "ServiceRequest", "id": "more", "status": "draft", "intent": "order"}
    subject = {"reference": f"Patient/{request['context']['patientId']}"}
    entry = {"resource": more | {"code": {"text": "Complete blood count"}, "subject": subject}}
    other["context"]["draftOrders"].setdefault("entry", []).append(entry)
    if "selections" in other["context"]:
        other["context"]["selections"].append("ServiceRequest/more")
    assert ask(other) == ask(request)


@thoroughly
@given(places)
def test_what_no_template_asks_for_changes_nothing(bases, ask, changed, place):
    request = bases.nth(place)
    other, _ = changed(request)
    dementia = {"resourceType": "Condition", "id": "extra", "code": {"text": "Dementia"}}
    other["prefetch"]["somethingElse"] = {"resourceType": "Bundle", "entry": [{"resource": dementia}]}
    assert ask(other | {"extension": {"x": 1}, "unknown": [None]}) == ask(request)


@thoroughly
@given(places)
def test_the_same_request_gets_the_same_answer(bases, ask, place):
    request = bases.nth(place)
    assert ask(request) == ask(request)
