"""A test of time that fails is run once more, and the reason is printed."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
WRITTEN = """
import pytest

turns = []

@pytest.fixture
def turn():
    turns.append(1)
    return len(turns)

@pytest.mark.timing
def test_late_once(turn):
    assert turn > 1, "the machine was late"

@pytest.mark.timing
def test_late_always(turn):
    assert turn == 0

def test_not_of_time(turn):
    assert turn == 0
"""


def test_a_test_of_time_is_run_twice_at_most_and_others_once(tmp_path):
    (tmp_path / "test_written.py").write_text(WRITTEN)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = timing\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.retrying", "--tb=line", "test_written.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert "2 failed, 1 passed" in done.stdout
    assert "RUN AGAIN test_written.py::test_late_once (call: AssertionError: the machine was late" in done.stdout
    assert "RUN AGAIN test_written.py::test_late_always (call: assert 3 == 0" in done.stdout
    assert done.stdout.count("RUN AGAIN") == 2
