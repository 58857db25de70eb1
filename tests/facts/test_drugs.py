"""Which drugs are current, since when, until when, and which drug an entry names (clinical specification 2.1)."""

import pytest

from cds_service.facts.knowledge import ABSENT, Known, Unavailable
from cds_service.facts.numbers import Numbers
from tests.charts import (
    CLONAZEPAM,
    RXNORM,
    SERTRALINE,
    coded,
    condition,
    dispense,
    dosage,
    draft,
    facts,
    named,
    numbers,
    only,
    repeat,
    request,
    resource,
    statement,
)

CLONIDINE = coded(RXNORM, "884173", "clonidine hydrochloride 0.1 MG Oral Tablet")
FLUOXETINE = coded(RXNORM, "310384", "fluoxetine 10 MG Oral Capsule")


def current(*chart, **how):
    """The current clonazepam of a chart."""
    return facts(*chart, **how).current_drugs("clonazepam")


def is_current(*chart):
    return isinstance(current(*chart), Known)


def ending(end):
    return {"dispenseRequest": {"validityPeriod": {"end": end}}}


def bounded(end):
    return {
        "dosageInstruction": [
            dosage(0.5, timing=repeat(frequency=1, period=1, periodUnit="d", boundsPeriod={"end": end}))
        ]
    }


# MedicationRequest


@pytest.mark.parametrize("status", ["active", "unknown"])
def test_an_active_or_unknown_order_is_current(status):
    assert is_current(request(status=status))


@pytest.mark.parametrize("status", ["draft", "on-hold", "stopped", "cancelled", "completed", "entered-in-error"])
def test_an_order_of_any_other_status_is_not(status):
    assert not is_current(request(status=status))


@pytest.mark.parametrize("intent", ["order", "original-order", "instance-order", "reflex-order", "filler-order"])
def test_orders_of_every_kind_are_current(intent):
    assert is_current(request(intent=intent))


@pytest.mark.parametrize("intent", ["proposal", "plan", "option"])
def test_a_proposal_a_plan_and_an_option_are_no_order(intent):
    assert not is_current(request(intent=intent))


def test_an_order_not_to_give_the_drug_is_not_current():
    assert not is_current(request(doNotPerform=True))
    assert is_current(request(doNotPerform=False))


@pytest.mark.parametrize(
    ("end", "counts"),
    [
        ("2026-05-16", True),
        ("2026-05-15", False),
        ("2026-07-01", True),
        ("2026-05", True),
        ("2026-04", False),
        ("2025", False),
    ],
)
def test_an_order_is_current_until_30_days_past_its_end(end, counts):
    assert is_current(request(**ending(end))) is counts
    assert is_current(request(**bounded(end))) is counts


def test_either_end_ends_an_order():
    assert not is_current(request(**ending("2026-05-15"), **bounded("2026-12-31")))
    assert not is_current(request(**ending("2026-12-31"), **bounded("2026-05-15")))


def test_an_order_of_several_steps_ends_with_its_last_step():
    steps = [*bounded("2026-01-31")["dosageInstruction"], *bounded("2026-12-31")["dosageInstruction"]]
    assert is_current(request(dosageInstruction=steps))
    assert is_current(request(dosageInstruction=[steps[0], dosage(1)]))
    assert not is_current(request(dosageInstruction=[steps[0], steps[0]]))


def test_an_end_that_stands_for_no_end_is_none():
    assert is_current(request(authoredOn="2025-01-10", **ending("9999-12-31")))
    assert is_current(request(**bounded("9999-12-31")))
    assert is_current(statement(effectivePeriod={"start": "2025-01-10", "end": "9999-12-31"}))
    found = current(request(authoredOn="2025-01-10", **ending("9999-12-31")), request(authoredOn="2026-01-10"))
    assert str(only(found).start.first) == "2025-01-10"
    assert not is_current(dispense(handed_over="9999-12-31"))


def test_an_unreadable_end_is_no_end():
    assert is_current(request(**ending("soon")))


@pytest.mark.parametrize(("written", "counts"), [("2026-06-15", True), ("2026-06-16", False), ("1936-01-01", True)])
def test_an_order_written_after_today_is_not_yet_current(written, counts):
    assert is_current(request(authoredOn=written)) is counts


# MedicationStatement


@pytest.mark.parametrize("status", ["active", "unknown"])
def test_an_active_or_unknown_statement_is_current(status):
    assert is_current(statement(status=status))


@pytest.mark.parametrize("status", ["intended", "completed", "stopped", "on-hold", "not-taken", "entered-in-error"])
def test_a_statement_of_any_other_status_is_not(status):
    assert not is_current(statement(status=status))


@pytest.mark.parametrize(
    ("end", "counts"), [("2026-06-15", True), ("2026-06-14", False), ("2026-06", True), ("2026-05", False)]
)
def test_a_statement_is_current_until_its_end(end, counts):
    assert is_current(statement(effectivePeriod={"start": "2025-01-01", "end": end})) is counts


# MedicationDispense


@pytest.mark.parametrize(("day", "counts"), [("2026-04-16", True), ("2026-04-15", False)])
def test_a_dispense_is_current_for_its_supply_and_30_days(day, counts):
    assert is_current(dispense(handed_over=day, daysSupply={"value": 30})) is counts


@pytest.mark.parametrize(("day", "counts"), [("2026-02-15", True), ("2026-02-14", False)])
def test_without_a_supply_a_dispense_is_taken_to_last_90_days(day, counts):
    assert is_current(dispense(handed_over=day)) is counts


@pytest.mark.parametrize(
    ("supply", "counts"),
    [
        ({"value": 4, "unit": "wk"}, True),
        ({"value": 1, "unit": "months"}, True),
        ({"value": 30, "unit": "Day"}, True),
        ({"value": "30", "unit": "days"}, True),
        ({"value": 4, "unit": "d"}, False),
        ({"value": 0}, True),
        ({"value": 30, "unit": "tablets"}, True),
    ],
)
def test_a_supply_is_read_in_its_unit(supply, counts):
    assert is_current(dispense(handed_over="2026-04-20", daysSupply=supply)) is counts


@pytest.mark.parametrize(
    "status", ["in-progress", "cancelled", "entered-in-error", "stopped", "declined", "preparation"]
)
def test_only_a_completed_dispense_counts(status):
    assert not is_current(dispense(handed_over="2026-06-01", status=status))


def test_a_dispense_that_was_never_handed_over_does_not_count():
    assert not is_current(dispense(handed_over=None))


def test_a_dispense_after_today_does_not_count_yet():
    assert not is_current(dispense(handed_over="2026-06-16"))


def test_a_dispense_starts_when_it_was_handed_over():
    assert str(only(current(dispense(handed_over="2026-05-02"))).start.first) == "2026-05-02"


# Old entries


@pytest.mark.parametrize(
    ("written", "old"), [("2024-06-15", False), ("2024-06-14", True), ("2024-06", False), ("2023", True)]
)
def test_an_order_over_24_months_old_counts_and_is_old(written, old):
    assert only(current(request(authoredOn=written))).old is old


def test_newer_evidence_makes_an_order_not_old():
    assert not only(current(request(authoredOn="2020-01-01"), dispense(handed_over="2026-05-01"))).old
    assert not only(current(request(authoredOn="2020-01-01"), request(authoredOn="2026-05-01"))).old


def test_an_order_without_date_is_not_called_old():
    assert not only(current(request())).old


# The numbers of current-drug.toml


ENDED = request(**ending("2026-05-20"))
HANDED_OVER = dispense(handed_over="2026-02-20")
LONG = dispense(handed_over="2025-10-01", daysSupply={"value": 300})
WRITTEN = request(authoredOn="2025-06-15")
RESUMED = (
    request(authoredOn="2025-01-10", status="completed", **ending("2025-12-31")),
    request(authoredOn="2026-02-01"),
)


@pytest.mark.parametrize(
    ("name", "less", "chart", "seen", "then"),
    [
        ("grace-days", 20, (ENDED,), is_current, (True, False)),
        ("supply-days", 60, (HANDED_OVER,), is_current, (True, False)),
        ("supply-most-days", 300, (LONG,), is_current, (True, False)),
        ("old-months", 11, (WRITTEN,), lambda *chart: only(current(*chart)).old, (False, True)),
        ("break-days", 30, RESUMED, lambda *chart: only(current(*chart)).start.first.year, (2025, 2026)),
    ],
)
def test_a_site_may_change_how_long_an_entry_counts(monkeypatch, name, less, chart, seen, then):
    given = numbers().parameters
    before = seen(*chart)
    changed = Numbers({**given, "current-drug": {**given["current-drug"], name: less}})
    monkeypatch.setattr("tests.charts.numbers", lambda: changed)
    assert (before, seen(*chart)) == then


# Start


def test_the_start_is_the_earliest_of_an_unbroken_series():
    found = current(
        request(authoredOn="2025-01-10", status="stopped", **ending("2025-06-30")),
        request(authoredOn="2025-07-15", status="stopped", **ending("2026-01-15")),
        request(authoredOn="2026-02-01"),
    )
    assert str(only(found).start.first) == "2025-01-10"


@pytest.mark.parametrize(("resumed", "start"), [("2026-02-28", "2025-01-10"), ("2026-03-01", "2026-03-01")])
def test_a_gap_of_60_days_breaks_the_series(resumed, start):
    found = current(
        request(authoredOn="2025-01-10", status="completed", **ending("2025-12-31")), request(authoredOn=resumed)
    )
    assert str(only(found).start.first) == start


def test_a_series_may_change_its_kind_of_entry():
    found = current(
        dispense(handed_over="2026-01-01", daysSupply={"value": 30}),
        statement(effectivePeriod={"start": "2026-03-01"}),
    )
    assert str(only(found).start.first) == "2026-01-01"


def test_the_order_of_the_entries_does_not_change_the_start():
    entries = [
        request(authoredOn="2025-07-15", status="stopped", **ending("2026-01-15")),
        request(authoredOn="2026-02-01"),
        request(authoredOn="2025-01-10", status="stopped", **ending("2025-06-30")),
    ]
    assert only(current(*entries)).start == only(current(*entries[::-1])).start


def test_another_ingredient_is_no_part_of_the_series():
    found = facts(request(SERTRALINE, authoredOn="2025-01-01"), request(authoredOn="2026-01-01"))
    assert str(only(found.current_drugs("clonazepam")).start.first) == "2026-01-01"


def test_the_start_is_unknown_if_no_entry_is_dated():
    assert only(current(request(), statement())).start is None


def test_a_dated_entry_beside_an_undated_one_gives_the_start():
    assert str(only(current(request(authoredOn="2025-01-10"), statement())).start.first) == "2025-01-10"


def test_a_partial_start_stays_an_interval():
    found = only(current(statement(effectivePeriod={"start": "2025"}))).start
    assert (str(found.first), str(found.last)) == ("2025-01-01", "2025-12-31")


def test_a_statement_starts_with_its_effective_date():
    assert str(only(current(statement(effectiveDateTime="2025-03-01"))).start.first) == "2025-03-01"


# End


def past(*chart):
    return only(facts(*chart).past_drugs("clonazepam"))


@pytest.mark.parametrize("status", ["stopped", "completed"])
@pytest.mark.parametrize("end", [ending("2026-05-01"), bounded("2026-05-01")])
def test_a_stopped_or_completed_order_ended_on_its_end(status, end):
    assert str(past(request(status=status, authoredOn="2025-01-01", **end)).ended.last) == "2026-05-01"


def test_a_stopped_statement_ended_with_its_period():
    gone = statement(status="stopped", effectivePeriod={"start": "2025-01-01", "end": "2026-05-01"})
    assert str(past(gone).ended.last) == "2026-05-01"


def test_without_a_stated_end_it_is_not_known_when_the_drug_ended():
    assert past(request(status="stopped", authoredOn="2025-01-01")).ended is None


def test_an_end_after_today_has_not_come():
    assert past(request(status="stopped", authoredOn="2025-01-01", **ending("2026-12-31"))).ended is None


def test_the_last_of_several_ends_counts():
    found = past(
        request(status="completed", authoredOn="2024-01-01", **ending("2024-12-31")),
        request(status="completed", authoredOn="2025-01-01", **ending("2026-05-01")),
    )
    assert str(found.ended.last) == "2026-05-01"


def test_a_later_entry_without_end_makes_the_end_unknown():
    found = past(
        request(status="completed", authoredOn="2024-01-01", **ending("2024-12-31")),
        request(status="stopped", authoredOn="2025-01-01"),
    )
    assert found.ended is None


def test_a_drug_that_is_current_has_not_ended():
    found = only(current(request(), request(status="stopped", **ending("2026-05-01"))))
    assert found.ended is None


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled", "draft"])
def test_an_entry_that_never_led_to_taking_the_drug_is_no_past_drug(status):
    assert facts(request(status=status)).past_drugs("clonazepam") == ABSENT


# Which drug


def with_reference(reference, **members):
    return request(None, medicationReference=reference, **members)


def test_a_contained_medication_is_the_drug():
    held = {"resourceType": "Medication", "id": "m", "code": CLONAZEPAM}
    assert is_current(with_reference({"reference": "#m"}, contained=[held]))


def test_a_contained_medication_comes_before_the_references_display():
    held = {"resourceType": "Medication", "id": "m", "code": CLONAZEPAM}
    assert is_current(with_reference({"reference": "#m", "display": "as discussed"}, contained=[held]))


@pytest.mark.parametrize(
    "reference", ["Medication/m1", "https://ehr.example/r4/Medication/m1", "Medication/m1/_history/3"]
)
def test_a_medication_in_the_prefetch_is_the_drug(reference):
    sent = resource("Medication", id="m1", code=CLONAZEPAM)
    assert is_current(with_reference({"reference": reference}), sent)


@pytest.mark.parametrize("reference", ["Medication/m1", "urn:uuid:m1"])
def test_a_medication_among_the_drafts_is_the_drug(reference):
    sent = resource("Medication", id="m1", code=CLONAZEPAM)
    found = facts(drafts=(draft(None, medicationReference={"reference": reference}), sent))
    assert "clonazepam" in found.orders[0].drug.sets


def test_the_display_of_a_reference_is_the_last_resort():
    assert is_current(with_reference({"reference": "Medication/lost", "display": "clonazepam 0.5 mg tablet"}))
    assert is_current(with_reference({"display": "KLONOPIN 0.5 MG"}))


def test_a_medication_that_was_not_sent_leaves_the_drugs_unavailable():
    found = current(with_reference({"reference": "Medication/lost"}))
    assert found == Unavailable("medications: a Medication that was not sent")


def test_a_stopped_order_of_an_unread_medication_leaves_no_doubt():
    assert current(with_reference({"reference": "Medication/lost"}, status="stopped")) == ABSENT


def test_a_medication_is_known_by_its_single_ingredient():
    sent = resource("Medication", id="m1", ingredient=[{"itemCodeableConcept": coded(RXNORM, "2598", "clonazepam")}])
    assert is_current(with_reference({"reference": "Medication/m1"}), sent)


@pytest.mark.parametrize(
    "drug",
    [
        CLONAZEPAM,
        coded(RXNORM, "2598", "clonazepam"),
        coded(RXNORM, "197527"),
        coded("http://www.whocc.no/atc", "N03AE01"),
        coded("urn:oid:2.16.840.1.113883.6.88", "197527"),
        {"coding": [{"system": "urn:local", "code": "7"}, *CLONAZEPAM["coding"]]},
        named("clonazepam 0.5 mg tablet"),
        named("clonazePAM 0.5 MG"),
        named("Clonazépam 0,5 mg"),
        named("Klonopin 1 mg"),
        named("Rivotril"),
        {"coding": [{"display": "clonazePAM 0.5 MG tablet"}]},
    ],
)
def test_a_drug_is_known_by_code_ingredient_atc_name_and_brand(drug):
    assert is_current(request(drug))


@pytest.mark.parametrize(
    "drug",
    [CLONIDINE, named("clonidine 0.1 mg"), named("clobazam 10 mg"), named("Taclonex ointment"), coded(RXNORM, "21241")],
)
def test_look_alikes_are_not_the_drug(drug):
    assert current(request(drug)) == ABSENT


def test_a_combination_counts_for_each_ingredient():
    both = named("chlordiazepoxide 10 mg / amitriptyline 25 mg")
    found = facts(request(both))
    assert only(found.current_drugs("tca")).ingredient == "amitriptyline"
    assert only(found.current_drugs("benzodiazepine-other")).ingredient == "chlordiazepoxide"


def test_nothing_near_the_drug_is_read_as_the_drug():
    near = request(
        named("aspirin 81 mg"),
        dosageInstruction=[{"text": "take with clonazepam"}],
        reasonCode=[named("clonazepam withdrawal")],
        note=[{"text": "stop clonazepam"}],
    )
    allergy = resource("AllergyIntolerance", code=coded(RXNORM, "2598", "clonazepam"))
    assert current(near, allergy) == ABSENT


@pytest.mark.parametrize("text", ["mirtazapine 2 % ointment", "timolol 0.5 % ophthalmic solution"])
def test_drugs_for_skin_and_eye_do_not_count(text):
    assert facts(request(named(text))).current_drugs("other-antidepressant", "beta-blocker") == ABSENT


def test_selegiline_is_an_mao_b_inhibitor_by_mouth_and_an_antidepressant_as_a_patch():
    oral, patch = named("selegiline 5 mg capsule"), named("selegiline 6 mg/24 hr transdermal patch")
    assert only(facts(request(oral)).current_drugs("maob")).ingredient == "selegiline"
    assert facts(request(oral)).current_drugs("maoi") == ABSENT
    assert isinstance(facts(request(patch)).current_drugs("maoi"), Known)


# A code and a text that name different drugs


def test_a_code_and_a_text_that_name_different_drugs_are_uncertain():
    mixed = CLONAZEPAM | {"text": "sertraline 50 mg tablet"}
    found = facts(request(mixed))
    why = Unavailable("medications: code and text of an entry name different drugs")
    assert found.current_drugs("clonazepam") == why
    assert found.current_drugs("ssri") == why
    assert found.current_drugs("opioid") == ABSENT


def test_an_uncertain_entry_beside_a_certain_one_changes_nothing():
    mixed = CLONAZEPAM | {"text": "sertraline 50 mg tablet"}
    found = facts(request(mixed), request(authoredOn="2026-01-01"))
    assert only(found.current_drugs("clonazepam")).source.startswith("MedicationRequest/")


def test_an_uncertain_draft_says_so():
    mixed = CLONAZEPAM | {"text": "clonidine 0.1 mg tablet"}
    assert facts(drafts=(draft(mixed),)).orders[0].drug.uncertain


# One medication per ingredient


def test_two_active_orders_of_one_drug_are_one_medication_with_the_newest_dose():
    found = only(
        current(
            request(authoredOn="2025-01-01", dosageInstruction=[dosage(0.5)]),
            request(authoredOn="2026-01-01", dosageInstruction=[dosage(1)]),
        )
    )
    assert found.dose.daily_mg == 1
    assert str(found.increased.first) == "2026-01-01"


def test_a_lower_dose_is_no_increase():
    found = only(
        current(
            request(authoredOn="2025-01-01", dosageInstruction=[dosage(1)]),
            request(authoredOn="2026-01-01", dosageInstruction=[dosage(0.5)]),
        )
    )
    assert found.increased is None


def test_the_reason_of_an_order_comes_with_the_drug():
    known = condition(named("REM sleep behavior disorder"), id="c1")
    found = only(current(request(reasonReference=[{"reference": "Condition/c1"}]), known))
    assert "rbd" in found.reasons
    assert found.reason_words == "REM sleep behavior disorder"


def test_drugs_are_unavailable_if_a_list_of_them_is():
    assert current(gaps={"medicationDispenses": "not sent"}) == Unavailable("medicationDispenses: not sent")


def test_what_was_found_is_known_even_in_an_incomplete_list():
    assert isinstance(current(request(), gaps={"medicationStatements": "not sent"}), Known)


@pytest.mark.parametrize(
    ("one", "key"),
    [
        (with_reference({"reference": "Medication/lost"}), "medicationRequests"),
        (statement(None, medicationReference={"reference": "Medication/lost"}), "medicationStatements"),
        (
            dispense(None, handed_over="2026-06-01", medicationReference={"reference": "Medication/lost"}),
            "medicationDispenses",
        ),
    ],
)
def test_a_medication_that_was_not_sent_is_a_gap_of_its_key(one, key):
    found = facts(one)
    assert found.gaps == {key: "a Medication that was not sent"}
    assert isinstance(found.current_drugs("ssri"), Unavailable)


@pytest.mark.parametrize(
    "one",
    [
        with_reference({"reference": "Medication/lost"}, intent="plan"),
        with_reference({"reference": "Medication/lost"}, **ending("2026-01-01")),
        dispense(None, handed_over="2025-01-01", medicationReference={"reference": "Medication/lost"}),
    ],
)
def test_an_unread_medication_that_would_not_be_current_is_no_gap(one):
    assert facts(one).gaps == {}


# Form and route

DOXEPIN, SELEGILINE = coded(RXNORM, "3638", "doxepin"), coded(RXNORM, "9639", "selegiline")


def made(code, form=None, route=None):
    """An order of a contained Medication with its form, and a route."""
    held = {"resourceType": "Medication", "id": "m", "code": code, **({"form": named(form)} if form else {})}
    dosages = [{"route": named(route)}] if route else None
    return request(None, contained=[held], medicationReference={"reference": "#m"}, dosageInstruction=dosages)


@pytest.mark.parametrize(
    ("form", "route", "counts"),
    [
        (None, None, True),
        ("Topical cream", None, False),
        (None, "Ophthalmic route", False),
        ("Oral capsule", "topical", True),
        ("solution", "by mouth", True),
    ],
)
def test_the_form_and_then_the_route_tell_whether_a_drug_is_systemic(form, route, counts):
    found = facts(made(DOXEPIN, form, route))
    assert found.current_drugs("tca").known is counts


@pytest.mark.parametrize(
    ("form", "route", "ingredient"),
    [
        (None, None, "selegiline"),
        (None, "Transdermal route", "selegiline transdermal"),
        ("patch", "topical", "selegiline transdermal"),
        (None, "oral", "selegiline"),
    ],
)
def test_selegiline_through_the_skin_is_another_drug(form, route, ingredient):
    found = only(facts(made(SELEGILINE, form, route)).current_drugs("maoi", "maob"))
    assert found.ingredient == ingredient
    assert ("maoi" in found.sets) is (ingredient == "selegiline transdermal")


def test_a_patch_is_no_slow_release_by_mouth():
    found = only(facts(made(coded(RXNORM, "6711", "melatonin"), "prolonged-release tablet")).current_drugs("melatonin"))
    assert found.drug.extended_release
    assert not only(facts(made(SELEGILINE, "24 hr extended release patch")).current_drugs("maoi")).drug.extended_release


# The first that names a drug


@pytest.mark.parametrize("concept", [{}, named("see medication"), coded("urn:local", "17")])
def test_a_concept_that_names_none_does_not_hide_the_reference(concept):
    one = request(concept, medicationReference={"display": "Klonopin 0.5 mg"})
    assert only(facts(one).current_drugs("clonazepam")).ingredient == "clonazepam"


def test_an_ingredient_is_found_by_its_reference():
    substance = {"resourceType": "Substance", "id": "s", "code": coded(RXNORM, "2598")}
    by_code = {"resourceType": "Medication", "id": "m", "ingredient": [{"itemReference": {"reference": "#s"}}]}
    one = request(None, contained=[by_code, substance], medicationReference={"reference": "#m"})
    assert only(facts(one).current_drugs("clonazepam")).ingredient == "clonazepam"
    by_name = {"resourceType": "Medication", "id": "m", "ingredient": [{"itemReference": {"display": "Clonazepam"}}]}
    two = request(None, contained=[by_name], medicationReference={"reference": "#m"})
    assert only(facts(two).current_drugs("clonazepam")).ingredient == "clonazepam"


@pytest.mark.parametrize(
    "system",
    ["http://fhir.de/CodeSystem/bfarm/atc", "http://terminology.hl7.org/CodeSystem/v3-WC", "http://www.whocc.no/atc"],
)
def test_an_atc_code_is_read_under_its_addresses(system):
    assert facts(request(coded(system, "N03AE01"))).current_drugs("clonazepam").known


@pytest.mark.parametrize("text", ["Clonazepam0.5mg Tab", "CLONAZEPAM0.5MG"])
def test_words_are_cut_between_letters_and_digits(text):
    assert facts(request(named(text))).current_drugs("clonazepam").known


@pytest.mark.parametrize(
    ("concept", "reference", "why"),
    [
        (coded("urn:local", "4711"), None, "could not tell which drug"),
        (coded("urn:local", "4711", "CLZ05"), None, "could not tell which drug"),
        (named("see note"), None, "could not tell which drug"),
        (None, {"identifier": {"value": "0004-0058-01"}}, "could not tell which drug"),
        (named("aspirin 81 mg"), None, ""),
        (coded(RXNORM, "1191"), None, ""),
        (coded("urn:local", "4711", "clonazepam"), None, ""),
    ],
)
def test_a_draft_that_names_no_drug_could_be_any(concept, reference, why):
    (order,) = facts(drafts=(draft(concept, medicationReference=reference),)).orders
    assert order.drug_unreadable == why


def test_a_list_entry_that_names_no_drug_leaves_the_others_known():
    assert facts(request(coded("urn:local", "4711"))).current_drugs("clonazepam") == ABSENT


# What the patient tells


@pytest.mark.parametrize(
    ("members", "counts"),
    [
        ({"intent": "plan", "reportedBoolean": True}, True),
        ({"intent": "proposal", "reportedReference": {"reference": "Patient/example"}}, True),
        ({"intent": "plan", "reportedReference": {"reference": "Practitioner/1"}}, False),
        ({"intent": "plan", "reportedBoolean": False}, False),
        ({"intent": "plan", "reportedBoolean": True, "status": "stopped"}, False),
        ({"intent": "option", "reportedBoolean": True}, False),
    ],
)
def test_a_plan_that_the_patient_reports_is_taken(members, counts):
    assert facts(request(**members)).current_drugs("clonazepam").known is counts
