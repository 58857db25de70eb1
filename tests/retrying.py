"""Tests of time, which bear the mark ``timing``, are run once more where they fail, and the reason is printed.

Another program may have had the core at the wrong moment; a test that fails twice fails.
"""

from __future__ import annotations

import pytest
from _pytest.runner import runtestprotocol

_PROPERTY = "retried because"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    if not isinstance(item, pytest.Function) or item.get_closest_marker("timing") is None:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    failed = next((report for report in reports if report.failed), None)
    if failed is not None:
        item._initrequest()  # fixtures anew
        item.user_properties.append((_PROPERTY, _reason(failed)))
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _reason(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    told = crash.message if crash else report.longreprtext
    return f"{report.when}: {told.strip().splitlines()[0] if told.strip() else 'no message'}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each test that was run again, whatever became of it then."""
    everything = [report for reports in terminalreporter.stats.values() for report in reports]
    for report in everything:
        for name, reason in getattr(report, "user_properties", ()):
            if name == _PROPERTY and report.when == "call":
                terminalreporter.write_line(f"RUN AGAIN {report.nodeid} ({reason})")
