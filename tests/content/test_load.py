"""The folder of cards is read whole, and every fault is told at once with its file and key."""

import tomllib

import pytest

from cds_service.content.load import digest, load
from cds_service.content.overlay import REVIEWS
from cds_service.content.places import shipped_cards
from cds_service.decisions.ruleset import assemble
from cds_service.errors import ContentError


def faults(small):
    with pytest.raises(ContentError) as found:
        load(small.folder)
    return found.value.faults


def test_a_sound_folder_is_read(small):
    content = load(small.folder)
    assert content.rules["tremor"].criteria[0].id == "shakes"
    assert content.numbers.value("shaking", "limit") == 4
    assert content.service("one").rules == ("tremor",)
    assert content.vocabulary.label("rbd") == "RBD"


def test_a_folder_in_which_a_file_is_missing_is_laid_over_the_shipped_cards_and_says_so(small):
    (small.folder / "evidence.toml").unlink()
    first, *others = faults(small)
    assert first.endswith("laid over the shipped cards, as it lacks evidence.toml")
    assert "tremor/card.toml: the shipped cards have nothing of this name" in others


def test_a_whole_folder_may_leave_out_the_leaflets(small):
    (small.folder / "leaflets.toml").unlink()
    assert load(small.folder).leaflets == load(shipped_cards()).leaflets


def test_a_site_that_says_nothing_of_lean_sets_has_the_shipped_ones(small):
    small.edit("services.toml", '[prefetch-lean]\npatient-view = ["patient", "conditions"]\n', "")
    shipped = tomllib.loads((shipped_cards() / "services.toml").read_text())["prefetch-lean"]
    found = load(small.folder).services.prefetch_lean
    assert found == {hook: tuple(keys) for hook, keys in shipped.items()}


def test_a_site_without_words_for_what_was_not_checked_has_the_shipped_ones(small):
    own = load(small.folder)
    (small.folder / "not-checked.toml").unlink()
    found = load(small.folder)
    assert found.not_checked.enabled
    assert found.not_checked.data["conditions"] == "problem list"
    assert found.not_checked.topic.keys() <= found.rules.keys()
    assert found.not_checked_version == f"{found.not_checked.version}+{digest(shipped_cards() / 'not-checked.toml')}"
    assert found.not_checked_version != own.not_checked_version


def test_what_is_no_toml_is_named_with_its_place(small):
    small.edit("tremor/card.toml", 'id = "tremor"', "id = tremor")
    (fault, *_) = faults(small)
    assert fault.startswith("tremor/card.toml: not TOML")
    assert "line 2" in fault


def test_an_unknown_key_is_a_fault(small):
    small.edit("tremor/card.toml", "question =", "questoin =")
    (fault, *_) = faults(small)
    assert fault.startswith("tremor/card.toml")
    assert "questoin" in fault


def test_a_word_outside_its_list_is_a_fault_with_its_key(small):
    small.edit("tremor/card.toml", 'indicator = "info"', 'indicator = "hint"')
    (fault, *_) = faults(small)
    assert "$.indicator[...].indicator" in fault


def test_what_is_no_json_is_named(small):
    (small.folder / "suggestions" / "referral.json").write_text("{")
    assert faults(small)[0].startswith("suggestions/referral.json: not JSON")


def test_every_fault_is_told_at_once(small):
    small.edit("tremor/card.toml", 'family = "tremor"', 'family = "chorea"')
    small.edit("tremor/card.toml", 'override = ["data-wrong"]', 'override = ["nonsense"]')
    (small.folder / "suggestions" / "referral.json").write_text("[]")
    assert len(faults(small)) >= 3


def test_the_digest_does_not_depend_on_line_ends(small):
    path = small.folder / "tremor" / "card.toml"
    before = digest(path)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert digest(path) == before
    assert len(before) == 8


def test_a_card_without_function_and_a_function_without_card_are_faults(small):
    with pytest.raises(ContentError) as found:
        assemble(load(small.folder))
    assert "tremor/card.toml: no function; write cds_service/rules/tremor.py" in found.value.faults
    assert any(fault.startswith("rbd-red-flags: a function without card") for fault in found.value.faults)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("value-sets/rbd.json", '"415238003"', '"415238004"'),
        ("phenotypes/shaking.toml", "value = 4", "value = 5"),
        ("gates.toml", "text = ", "text = 'Perhaps: '\n#"),
        ("families.toml", 'title = "Tremor"', 'title = "Shaking"'),
        ("services.toml", 'title = "One"', 'title = "Two"'),
        ("suggestions/referral.json", '"order"', '"plan"'),
        ("tremor/card.toml", "value = 10", "value = 11"),
        ("not-checked.toml", 'reason = "{data} {why}"', 'reason = "{data}: {why}"'),
        ("memory.toml", "ignored-days = 30", "ignored-days = 31"),
    ],
)
def test_the_digest_of_the_folder_changes_with_all_that_can_change_an_answer(small, name, old, new):
    before = load(small.folder).digest
    small.edit(name, old, new)
    assert load(small.folder).digest != before


def test_a_signature_changes_the_digest_of_the_folder_as_it_changes_what_is_shown(small):
    before = load(small.folder).digest
    (small.folder / REVIEWS).write_text('[[tremor]]\nby = "A"\nrole = "B"\non = 2026-12-01\ndigest = "00000000"\n')
    assert load(small.folder).digest != before


def test_the_digest_of_the_folder_is_the_same_elsewhere_with_other_cases_and_ceilings(small, tmp_path):
    before = load(small.folder).digest
    other = small.folder.rename(tmp_path / "elsewhere")
    (other / "tremor" / "cases.toml").unlink()
    (other / "budget.toml").write_text("[patient-view]\ninfo = 0.5\n")
    (other / "evidence.toml").write_bytes((other / "evidence.toml").read_bytes().replace(b"\n", b"\r\n"))
    found = load(other)
    assert found.budget.patient_view != load(shipped_cards()).budget.patient_view
    assert found.digest == before
