"""A folder of results that is damaged is told, and never taken for fewer patients."""

from __future__ import annotations

import pytest

from cds_service.errors import ReplayError
from cds_service.replay.judgements import CODES, JUDGEMENTS, RUN
from cds_service.replay.results import Results
from tests.replay.judged import judged, written


def test_a_folder_gives_back_what_was_judged(tmp_path):
    seen = [judged("p1"), judged("p2")]
    assert list(Results.of(written(tmp_path, seen)).judgements()) == seen


@pytest.mark.parametrize("name", [RUN, CODES])
def test_a_file_that_is_missing_is_named(tmp_path, name):
    (written(tmp_path, []) / name).unlink()
    with pytest.raises(ReplayError, match=f"{name}.*has the replay ended"):
        Results.of(tmp_path)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (written(tmp_path, []) / RUN).write_text("{")
    with pytest.raises(ReplayError, match=RUN):
        Results.of(tmp_path)


def test_a_damaged_judgement_is_a_fault(tmp_path):
    with (written(tmp_path, [judged("p1")]) / JUDGEMENTS.format(0)).open("a") as file:
        file.write("{\n")
    with pytest.raises(ReplayError, match="judgement 2 cannot be read"):
        list(Results.of(tmp_path).judgements())


def test_a_judgement_that_is_missing_is_a_fault(tmp_path):
    (written(tmp_path, [judged("p1")]) / JUDGEMENTS.format(0)).write_bytes(b"")
    with pytest.raises(ReplayError, match="1 judgements, and 0"):
        list(Results.of(tmp_path).judgements())
