"""Says at the end of a run which files took longest, so that the next slow test is seen on the day it comes."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Generator

import pytest

_SHOWN = 10
_SHARED = "(what all files share)"
_SEEN_FROM_SECONDS = 60.0
"""a shorter run needs no advice"""


class SlowFiles:
    """Counts for each file the processor's seconds, those of ended child processes included, and the clock's.

    What a shared process used is counted where it ends: that of a module's in its last test, that of the whole run's (relays,
    counters, a database) beside the files.
    """

    def __init__(self) -> None:
        self._before = 0.0
        self._shared = 0.0
        """since the last report, by the end of what the whole run shares"""
        self._ended = 0.0
        self._used: defaultdict[str, float] = defaultdict(float)
        self._passed: defaultdict[str, float] = defaultdict(float)

    def pytest_collection_finish(self) -> None:
        self._before = _used()

    def pytest_fixture_post_finalizer(self, fixturedef: pytest.FixtureDef[object]) -> None:
        """In the process that runs the test."""
        now = _used()
        if fixturedef.scope == "session":
            self._shared += now - max(self._ended, self._before)
        self._ended = now

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """In the process that runs the test: with several, the report carries its figure to the first one."""
        report = yield
        now = _used()
        report.user_properties.append(("used_seconds", now - self._before - self._shared))
        report.user_properties.append(("shared_seconds", self._shared))
        self._before, self._shared = now, 0.0
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """In the first process."""
        file = report.nodeid.partition("::")[0]
        self._passed[file] += report.duration
        for name, value in report.user_properties:
            if name in {"used_seconds", "shared_seconds"}:
                self._used[file if name == "used_seconds" else _SHARED] += float(str(value))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The longest first."""
        if sum(self._passed.values()) < _SEEN_FROM_SECONDS:
            return
        terminalreporter.section(f"slowest files ({sum(self._used.values()):.0f} s of processor time in all)")
        for file, seconds in sorted(self._used.items(), key=lambda one: -one[1])[:_SHOWN]:
            terminalreporter.line(f"{seconds:6.1f} s of processor time, {self._passed[file]:6.1f} s in all  {file}")


def _used() -> float:
    return sum(os.times()[:4])
