"""Programs that tests start beside the service, where the machine has them: PostgreSQL, and HAPI FHIR on Java."""

from __future__ import annotations

import os
from collections import Counter
from typing import NoReturn

import pytest


def left_out(told: str) -> NoReturn:
    """Leaves a test out, saying what is not there and how to get it.

    Under ``CI=true`` nothing may be left out unseen: there the test fails instead.
    """
    if os.environ.get("CI") == "true":
        pytest.fail(f"{told} (CI=true: nothing is left out)", pytrace=False)
    pytest.skip(told)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each reason, however many tests it left out."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    for reason, count in reasons.items():
        terminalreporter.write_line(f"NOT RUN {count} tests: {reason}")
