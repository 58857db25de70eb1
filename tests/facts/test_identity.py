"""Which resources are one, and what they refer to (clinical specification 2.1, what is oddly written b and c)."""

import itertools

import pytest

from cds_service.facts.build import build
from cds_service.facts.identity import settled
from cds_service.facts.orders import Drafted
from cds_service.fhir.sources import Source
from tests.charts import (
    ALZHEIMER,
    CLONAZEPAM,
    RBD,
    RXNORM,
    TODAY,
    coded,
    condition,
    draft,
    facts,
    named,
    numbers,
    patient,
    request,
    resource,
    statement,
    typed,
    vocabulary,
)

OXYCODONE = coded(RXNORM, "7804", "oxycodone")
HYPERTENSION = named("Hypertension")


def drugs(found):
    return {one.ingredient for one in found.held["medications"].items if one.current}


# One or two


def test_two_diagnoses_with_one_id_are_two():
    for chart in itertools.permutations((condition(HYPERTENSION, id="1"), condition(id="1"))):
        assert facts(*chart).conditions("alzheimer-disease").known


def test_two_drugs_with_one_id_are_two():
    assert drugs(facts(request(id="1"), request(OXYCODONE, id="1"))) == {"clonazepam", "oxycodone"}


def version(number=None, updated=None, **members):
    meta = {key: value for key, value in (("versionId", number), ("lastUpdated", updated)) if value}
    return condition(id="c", meta=meta or None, **members)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ({"number": "1"}, {"number": "2"}),
        ({"number": "9"}, {"number": "10"}),
        ({"updated": "2026-01-01T00:00:00Z"}, {"updated": "2026-06-01T00:00:00+02:00"}),
        (
            {"number": "a", "updated": "2026-01-01T23:00:00-05:00"},
            {"number": "b", "updated": "2026-01-02T05:00:00Z"},
        ),
    ],
)
def test_the_newer_version_counts_wherever_it_stands(older, newer):
    for last in ("entered-in-error", "confirmed"):
        first = "confirmed" if last == "entered-in-error" else "entered-in-error"
        chart = version(**older, verification=first), version(**newer, verification=last)
        for placed in itertools.permutations(chart):
            assert facts(*placed).conditions("alzheimer-disease").known is (last == "confirmed")


def test_a_newer_version_takes_the_place_of_all_older_ones_wherever_it_stands():
    """Two of them may be alike in their version, and neither may stay beside what took back both."""
    older = version("1"), version("1", code=HYPERTENSION)
    for placed in itertools.permutations((*older, version("2", verification="entered-in-error"))):
        assert not facts(*placed).conditions("alzheimer-disease").known


def test_in_which_order_copies_of_one_id_come_means_nothing():
    """One of them may come without the date that tells the others apart."""
    dated, bare = version(updated="2026-01-01T00:00:00Z"), version("7")
    newer = version(updated="2026-06-01T00:00:00Z", code=HYPERTENSION)
    told = {
        facts(*placed).conditions("alzheimer-disease").known for placed in itertools.permutations((dated, bare, newer))
    }
    assert len(told) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {}),
        ({"number": "1"}, {}),
        ({"number": "1"}, {"number": "1"}),
        ({"number": "a"}, {"number": "b"}),
        ({"updated": "2026-01-01"}, {"updated": "2026-06-01"}),
    ],
)
def test_where_no_version_is_newer_both_count(one, other):
    chart = version(**one), version(**other, verification="entered-in-error")
    for placed in itertools.permutations(chart):
        assert facts(*placed).conditions("alzheimer-disease").known


def test_versions_of_different_servers_are_different_resources():
    one = typed(version(number="1"))
    other = typed(version(number="2", verification="entered-in-error"))
    one.full_url, other.full_url = "https://a.example/Condition/c", "https://b.example/Condition/c"
    assert settled((), [one, other]) == [one, other]
    other.full_url = "https://a.example/Condition/c/_history/2"
    assert settled((), [one, other]) == [other]


def test_the_same_content_is_one_whatever_its_address_and_version():
    one, other = typed(version(number="1")), typed(version(number="2"))
    one.full_url = "https://a.example/Condition/c"
    assert settled((), [one, other]) == settled((), [other, one]) == [other]


# Drafts


def clonazepam_and_aspirin(**members):
    return draft(named("aspirin 81 mg"), **members), draft(CLONAZEPAM, **members)


def test_two_drafts_with_one_id_are_two_orders_and_no_action_names_either():
    for drafts in itertools.permutations(clonazepam_and_aspirin(id="new")):
        orders = facts(drafts=drafts, signing=True).orders
        assert [one.source for one in orders] == ["draft 1", "draft 2"]
        assert not any(one.named for one in orders)
        assert sum(bool(one.drug and "clonazepam" in one.drug.ingredients) for one in orders) == 1


def test_the_newer_version_of_a_draft_counts():
    old, new = clonazepam_and_aspirin(id="new")
    drafts = (new | {"meta": {"versionId": "2"}}, old | {"meta": {"versionId": "1"}})
    (order,) = facts(drafts=drafts, signing=True).orders
    assert (order.source, order.named) == ("MedicationRequest/new", True)
    assert "clonazepam" in order.drug.ingredients


# References


def medication(code=CLONAZEPAM, **members):
    return resource("Medication", **({"code": code} | members))


def referring(reference, **members):
    return draft(None, medicationReference={"reference": reference}, **members)


def ordered(*chart, drafts):
    order = next(one for one in facts(*chart, drafts=drafts).orders if one.kind == "MedicationRequest")
    return (order.drug.ingredients if order.drug else frozenset()), order.drug_unreadable


@pytest.mark.parametrize(("contained", "reference"), [("m1", "#m1"), ("#m1", "#m1")])
def test_a_contained_drug_is_found_with_or_without_the_hash(contained, reference):
    assert ordered(drafts=(referring(reference, contained=[medication(id=contained)]),))[0] == {"clonazepam"}


@pytest.mark.parametrize(
    "reference", ["Medication/m", "/Medication/m", "Medication/m/_history/2", "m", "urn:uuid:m", " Medication/m "]
)
def test_a_drug_is_found_however_the_reference_is_written(reference):
    assert ordered(medication(id="m"), drafts=(referring(reference),))[0] == {"clonazepam"}


@pytest.mark.parametrize("reference", ["#m", "Medication/M", "Substance/m", "Medication/", "", "https://x.example/"])
def test_what_names_nothing_is_not_found(reference):
    assert ordered(medication(id="m"), drafts=(referring(reference),))[0] == frozenset()


def chart_of(*resources, base=None, drafts=()):
    """The facts of one Bundle whose entries may have an address."""
    held = []
    for one in resources:
        read = typed(one)
        read.full_url = one.get("fullUrl")
        held.append(read)
    drafted = []
    for one in drafts:
        read = typed(one)
        read.full_url = one.get("fullUrl")
        drafted.append(Drafted(read, f"{one['resourceType']}/{one.get('id')}"))
    sources = {"patient": Source((typed(patient()),)), "medicationRequests": Source(tuple(held))}
    known = vocabulary(), numbers(), TODAY
    return build(sources, *known, patient_id="example", base=base, drafts=tuple(drafted), signing=True)


A, B = "https://a.example/fhir", "https://b.example/fhir"


def taking(reference, address=None):
    return request(None, medicationReference={"reference": reference}, fullUrl=address)


def test_drugs_of_two_servers_with_one_id_are_told_apart_by_their_address():
    chart = [
        taking(f"{A}/Medication/1"),
        taking("Medication/1", f"{B}/MedicationRequest/rb"),
        medication(named("aspirin"), id="1", fullUrl=f"{A}/Medication/1"),
        medication(OXYCODONE, id="1", fullUrl=f"{B}/Medication/1"),
    ]
    for placed in itertools.permutations(chart):
        assert drugs(chart_of(*placed)) == {"oxycodone"}


def test_an_absolute_reference_to_another_server_is_not_ours():
    found = chart_of(taking(f"{B}/Medication/1"), medication(OXYCODONE, id="1"), base=A)
    assert drugs(found) == set()
    assert not found.current_drugs("opioid").known
    assert found.gaps == {"medicationRequests": "a Medication that was not sent"}
    for base in (A, f"{A}/", None):
        assert drugs(chart_of(taking(f"{A}/Medication/1"), medication(OXYCODONE, id="1"), base=base)) == {"oxycodone"}


def test_a_drug_without_an_id_is_found_by_the_address_of_its_entry():
    nameless = {"resourceType": "Medication", "code": CLONAZEPAM, "fullUrl": "urn:uuid:1111"}
    (order,) = chart_of(drafts=(referring("urn:uuid:1111", id="o"), nameless)).orders
    assert order.drug.ingredients == {"clonazepam"}


def test_a_draft_is_resolved_among_the_drafts_first_and_hides_nothing_of_the_chart():
    found = chart_of(
        taking("Medication/1"),
        medication(OXYCODONE, id="1"),
        drafts=(referring("Medication/1", id="o"), medication(id="1")),
    )
    assert found.orders[0].drug.ingredients == {"clonazepam"}
    assert drugs(found) == {"oxycodone"}


def test_a_reference_that_could_mean_two_drugs_means_none_of_them():
    drugs, why = ordered(drafts=(referring("Medication/1"), medication(id="1"), medication(OXYCODONE, id="1")))
    assert drugs == frozenset()
    assert why


SUBSTANCE = {"resourceType": "Substance", "id": "s", "code": CLONAZEPAM}


@pytest.mark.parametrize(
    ("item", "contained"),
    [
        ({"reference": "#s"}, [SUBSTANCE]),
        ({"reference": "#s"}, [{"resourceType": "Medication", "id": "s", "code": CLONAZEPAM}]),
        ({"reference": "Substance/gone", "display": "Clonazepam"}, []),
    ],
)
def test_an_ingredient_by_reference_is_resolved(item, contained):
    product = {"resourceType": "Medication", "id": "m", "ingredient": [{"itemReference": item}]}
    assert ordered(drafts=(referring("#m", contained=[product, *contained]),))[0] == {"clonazepam"}
    own = product | {"contained": contained}
    assert ordered(drafts=(referring("Medication/m"), own))[0] == {"clonazepam"}


def test_an_ingredient_that_was_not_sent_leaves_the_drug_unknown():
    product = {"resourceType": "Medication", "id": "m", "ingredient": [{"itemReference": {"reference": "Substance/s"}}]}
    assert ordered(drafts=(referring("#m", contained=[product]),)) == (frozenset(), "a Substance that was not sent")


@pytest.mark.parametrize(
    ("reason", "chart", "members"),
    [
        ("#c1", (), {"contained": [{"resourceType": "Condition", "id": "c1", "code": RBD}]}),
        ("Condition/c1", (condition(RBD, id="c1"), condition(ALZHEIMER, id="c2")), {}),
        ("https://a.example/fhir/Condition/c1", (condition(RBD, id="c1"),), {}),
    ],
)
def test_the_reason_of_an_order_is_resolved(reason, chart, members):
    (order,) = facts(*chart, drafts=(draft(reasonReference=[{"reference": reason}], **members),)).orders
    assert "rbd" in order.reasons


def test_a_reason_of_another_patient_is_not_found():
    theirs = condition(RBD, id="c1", subject={"reference": "Patient/other"})
    (order,) = facts(theirs, drafts=(draft(reasonReference=[{"reference": "Condition/c1"}]),)).orders
    assert "rbd" not in order.reasons


# The order is not its own past

TODAYS = TODAY.isoformat()
DRAFT = draft(id="d1", authoredOn=TODAYS)


@pytest.mark.parametrize("authored", [TODAYS, None])
def test_what_the_ehr_has_saved_of_the_draft_is_no_earlier_use(authored):
    assert drugs(facts(request(id="d1", authoredOn=authored), drafts=(DRAFT,))) == set()


def test_an_order_of_today_under_another_id_is_no_earlier_use():
    assert drugs(facts(request(id="other", authoredOn=TODAYS), drafts=(DRAFT,))) == set()
    ended = request(id="old", authoredOn="2019-01-01", status="completed")
    assert drugs(facts(request(id="other", authoredOn=TODAYS), ended, drafts=(DRAFT,))) == set()


@pytest.mark.parametrize(
    "earlier",
    [
        request(id="d1", authoredOn="2026-06-14"),
        request(id="other"),
        request(id="other", authoredOn="2026-06"),
        statement(effectivePeriod={"start": "2026-05-01"}),
    ],
)
def test_earlier_use_stays_earlier_use_beside_the_saved_copy(earlier):
    copy = request(id="copy", authoredOn=TODAYS)
    assert drugs(facts(earlier, drafts=(DRAFT,))) == {"clonazepam"}
    assert drugs(facts(earlier, copy, drafts=(DRAFT,))) == {"clonazepam"}


def test_a_draft_that_stops_a_drug_and_another_drug_have_no_copies():
    of_today = request(id="d1", authoredOn=TODAYS)
    assert drugs(facts(of_today, drafts=(DRAFT | {"status": "stopped"},), signing=True)) == {"clonazepam"}
    assert drugs(facts(of_today, drafts=(draft(OXYCODONE, id="d1"),))) == {"clonazepam"}
    assert drugs(facts(of_today)) == {"clonazepam"}
