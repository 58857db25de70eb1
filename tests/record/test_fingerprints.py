"""A finding is known again by drug, kinds, dose and evidence, and by nothing that could be read."""

import json

import msgspec
import pytest

from cds_service.decisions.cards import Visit
from cds_service.decisions.decide import judge
from cds_service.decisions.stages import Stages
from cds_service.record.fingerprints import Fingerprinter, band
from cds_service.record.pseudonyms import Keys
from tests.case_runs import ruleset
from tests.charts import ALZHEIMER, CLONAZEPAM, FALL, condition, dosage, draft, facts, patient, request

KEYS = Keys("s" * 32)
VISIT = Visit("Practitioner/p1", "example")
DEMENTIA = (patient(), condition(ALZHEIMER, id="dementia"))
HALF = draft(CLONAZEPAM, id="the-draft", dosageInstruction=[dosage(0.5)])


def prints(*chart, hook="order-select", drafts=(HALF,), patient_key="p"):
    return prints_of(facts(*chart, drafts=drafts, signing=hook == "order-sign"), hook, patient_key)


def prints_of(read, hook, patient_key="p"):
    text = ruleset().content.service(f"rbd-{hook}")
    started = Stages(ruleset(), text).start(read.drafted, read.held)
    fingerprinter = Fingerprinter(ruleset())
    evidence = fingerprinter.evidence(judge(ruleset(), text, read, VISIT, started))
    made = fingerprinter.prints(evidence, KEYS.marker(patient_key))
    return {rule: found for (rule, _), found in made.items()}


def test_the_same_finding_has_the_same_fingerprint_at_every_hook():
    taken = request(CLONAZEPAM, id="taken", dosageInstruction=[dosage(0.5)])
    selected = prints(*DEMENTIA)["clonazepam-dementia"]
    viewed = prints(*DEMENTIA, taken, hook="patient-view", drafts=())["clonazepam-dementia"]
    same = ("drug", "classes", "band", "dose", "evidence", "indicator")
    assert [getattr(selected, name) for name in same] == [getattr(viewed, name) for name in same]
    assert (bool(selected.draft), viewed.draft) == (True, "")


def test_findings_that_share_a_card_share_their_kinds():
    both = prints(*DEMENTIA, condition(FALL, onsetDateTime="2026-05-01"))
    alone = prints(*DEMENTIA)["clonazepam-dementia"]
    assert both["clonazepam-dementia"].classes == both["clonazepam-falls"].classes
    assert set(alone.classes) < set(both["clonazepam-dementia"].classes)


@pytest.mark.attack("Comparing two patients in the record", "nothing in common")
def test_two_patients_have_no_mark_in_common():
    mine, other = (prints(*DEMENTIA, patient_key=key)["clonazepam-dementia"] for key in "pq")
    assert mine.drug != other.drug
    assert set(mine.classes).isdisjoint(other.classes)


@pytest.mark.attack("Reading the record for diagnoses and drugs", "nothing can be read")
def test_nothing_in_it_can_be_read():
    written = json.dumps(msgspec.to_builtins(prints(*DEMENTIA)["clonazepam-dementia"])).lower()
    for word in ("alzheimer", "26929004", "197527", "dementia/", "the-draft", "low-score", "0.5"):
        assert word not in written.replace("clonazepam-dementia", "")


def test_the_evidence_changes_with_the_entries_it_rests_on_and_with_no_others():
    first = prints(*DEMENTIA)["clonazepam-dementia"].evidence
    beside = prints(*DEMENTIA, condition(id="other"), request(id="aspirin", drug={"text": "aspirin"}))
    changed = prints(patient(), condition(ALZHEIMER, id="dementia", recordedDate="2026-06-01"))
    assert first
    assert beside["clonazepam-dementia"].evidence == first
    assert changed["clonazepam-dementia"].evidence != first


@pytest.mark.parametrize(
    ("daily", "expected"),
    [(0.25, -2), (0.5, -1), (0.99, -1), (1, 0), (2, 1), (3.9, 1), (4, 2), (None, None), (0, None)],
)
def test_each_band_of_doses_is_twice_as_wide_as_the_one_below(daily, expected):
    assert band(daily) == expected


def test_what_else_was_read_of_the_chart_changes_no_fingerprint():
    """The collections that a finding's own rule does not declare are for other rules."""
    assert "events" not in ruleset().rules["clonazepam-dementia"].reads
    read = facts(*DEMENTIA, drafts=(HALF,))
    alone = prints_of(read, "order-select")["clonazepam-dementia"]
    read.held["events"] = read.held["conditions"]
    assert prints_of(read, "order-select")["clonazepam-dementia"] == alone
