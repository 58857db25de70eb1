"""Signatures beside the cards: they hold for the words that were read, and for no others."""

from datetime import date

import pytest

from cds_service.content.load import load
from cds_service.content.model import Signature
from cds_service.content.reviews import FILE, counted, signature, signed_only, state, told, unsigned, written
from cds_service.errors import ContentError

TODAY = date(2026, 12, 1)


def signed(small, **members) -> Signature:
    """A signature for the rule as it stands, written beside the cards."""
    digest = load(small.folder).said["tremor"]
    one = Signature(**{"by": "Ada Example", "role": "neurologist", "on": TODAY, "digest": digest} | members)
    with (small.folder / FILE).open("a") as reviews:
        reviews.write(written("tremor", one))
    return one


def test_without_a_file_nothing_is_signed(small):
    content = load(small.folder)
    assert unsigned(content) == {"tremor"}
    assert counted(content, TODAY) == {"signed": 0, "lapsed": 0, "unsigned": 1, "due": 0}


def test_a_signature_is_read_back_as_it_was_written(small):
    one = signed(small, note='"quoted" \\ and\nü')
    content = load(small.folder)
    assert signature(content, "tremor") == one
    assert state(content, "tremor") == "signed"
    assert not unsigned(content)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("tremor/card.toml", "Tremor is common.", "Tremor is rare."),
        ("suggestions.toml", 'label = "Refer"', 'label = "Refer now"'),
        ("suggestions/referral.json", '"draft"', '"active"'),
        ("evidence.toml", "A paper", "Another paper"),
        ("override-reasons.toml", "The record is wrong", "Wrong"),
        ("phenotypes/shaking.toml", "value = 4", "value = 5"),
    ],
)
def test_a_signature_lapses_with_anything_that_a_clinician_reads_or_accepts(small, file, old, new):
    signed(small)
    small.edit(file, old, new)
    content = load(small.folder)
    assert state(content, "tremor") == "lapsed"
    assert any("no longer holds" in line and "tremor" in line for line in told(content, TODAY))


@pytest.mark.parametrize(
    ("old", "new"),
    [('status = "active"', 'status = "draft"'), ("next-review = 2027-01-01", "next-review = 2028-01-01")],
)
def test_a_signature_holds_when_the_rule_is_shown_or_when_its_next_review_is_set(small, old, new):
    signed(small)
    small.edit("tremor/card.toml", old, new)
    assert state(load(small.folder), "tremor") == "signed"


def test_a_new_signature_holds_beside_the_lapsed_one(small):
    signed(small)
    small.edit("tremor/card.toml", "Tremor is common.", "Tremor is rare.")
    later = signed(small, by="Bo Example")
    assert signature(load(small.folder), "tremor") == later


def test_only_signed_rules_stay_active_where_a_site_asks_for_that(small):
    assert signed_only(load(small.folder)).rules["tremor"].status == "draft"
    signed(small)
    assert signed_only(load(small.folder)).rules["tremor"].status == "active"


def test_a_review_that_is_due_is_told(small):
    content = load(small.folder)
    due = content.rules["tremor"].review.next_review
    assert not any("has passed" in line for line in told(content, due))
    late = date(due.year, due.month, due.day + 1)
    assert "The next review has passed: tremor." in told(content, late)
    assert counted(content, late)["due"] == 1


def test_a_signature_for_no_rule_is_a_fault(small):
    (small.folder / FILE).write_text('[[shiver]]\nby = "A"\nrole = "B"\non = 2026-12-01\ndigest = "00000000"\n')
    with pytest.raises(ContentError) as found:
        load(small.folder)
    assert found.value.faults == (f"{FILE}: 'shiver' is no rule",)
