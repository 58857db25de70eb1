"""``alarms.toml``: a site changes single numbers, and none with which nothing could ring or anything would."""

import pytest

from cds_service.content.load import load
from cds_service.errors import ContentError


def test_a_site_changes_one_number_and_has_the_others_as_shipped(tmp_path):
    (tmp_path / "alarms.toml").write_text("[flood]\nleast = 40\n")
    found = load(tmp_path).alarms
    assert (found.flood.least, found.flood.at_least, found.silent.at_most) == (40, 3.0, 0.2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[silent]\nat-most = 1.0\n", "alarms.toml: silent: give at-most, below 1"),
        ("[flood]\nat-least = 1.0\n", "alarms.toml: flood: give at-least, above 1"),
        ("[flood]\nat-most = 0.5\n", "alarms.toml: flood: give at-least, above 1"),
        ("least-days = 60\n", "alarms.toml: least-days: more than the baseline-days"),
        ("[over-budget]\ndays = 13\n", "alarms.toml: least-days: more than the days of over-budget"),
        ("false-alarms = 2.0\n", "alarms.toml: Expected `float` <= 1"),
        ("[drought]\ndays = 1\n", "alarms.toml: drought: the shipped cards have nothing of this name"),
    ],
)
def test_a_number_that_cannot_be_meant_is_told(tmp_path, text, said):
    (tmp_path / "alarms.toml").write_text(text)
    with pytest.raises(ContentError) as found:
        load(tmp_path)
    assert any(fault.startswith(said) for fault in found.value.faults), found.value.faults
