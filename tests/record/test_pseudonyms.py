"""Pseudonyms need the site's secret, which is made once and kept to itself."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from cds_service.errors import SettingsError
from cds_service.record.pseudonyms import Keys, keys_of
from cds_service.settings import Secret, Settings

KEYS = Keys("s" * 32)


def test_a_patient_has_one_pseudonym_at_each_ehr():
    mine = KEYS.patient("https://a.example", "", "1")
    assert mine == KEYS.patient("https://a.example", "", "1")
    assert mine != KEYS.patient("https://b.example", "", "1")
    assert mine != KEYS.patient("https://a.example", "tenant", "1")
    assert mine != KEYS.user("https://a.example", "", "1")
    assert mine != Keys("t" * 32).patient("https://a.example", "", "1")


def test_what_is_written_together_is_not_confused():
    assert KEYS.patient("https://a.example", "", "1") != KEYS.patient("https://a.exampl", "", "e1")
    marker = KEYS.marker("p")
    assert marker.mark("drug", "a", "b") != marker.mark("drug", "ab")


def test_marks_of_two_patients_cannot_be_compared():
    assert KEYS.marker("p").mark("class", "dementia") != KEYS.marker("q").mark("class", "dementia")


def test_the_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path):
    settings = Settings(var=tmp_path / "var")
    with ThreadPoolExecutor(8) as threads:
        made = {keys.patient("i", "", "1") for keys in threads.map(lambda _: keys_of(settings), range(40))}
    assert len(made) == 1
    assert [path.name for path in (tmp_path / "var").iterdir()] == ["secret"]
    assert stat.S_IMODE((tmp_path / "var" / "secret").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700


def test_a_secret_that_is_set_is_written_nowhere(tmp_path):
    keys = keys_of(Settings(var=tmp_path, secret=Secret("s" * 32)))
    assert keys.patient("i", "", "1") == KEYS.patient("i", "", "1")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_secret_is_refused(tmp_path):
    (tmp_path / "secret").touch()
    with pytest.raises(SettingsError, match="is no secret"):
        keys_of(Settings(var=tmp_path))


def test_a_folder_that_cannot_hold_the_secret_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="CDS_VAR: the secret cannot be kept"):
        keys_of(Settings(var=tmp_path / "file" / "var"))
