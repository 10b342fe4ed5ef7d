"""One change, the tests that reach it, and the verdict.

The tests of the mirrored folder come first, the cheapest before the others; the first failure ends it. A change that makes
a test hang, the import fail or the process die is noticed as well. There are two ways:

* `judge_swapped`: a change of a function is put into a fork of a process that has collected all tests. It costs the tests.
* `judge_imported`: any other, and what survived there: the change stands in the copy before anything is imported.

A verdict is kept until the changed file or a test file that counted is another one.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mutants.changes import Change
from mutants.copy import COPY, changed
from mutants.places import ROOT, mirrored
from mutants.reach import PLAIN, Reach, stamp
from mutants.swap import NotSwapped, swap_in
from mutants.warm import in_fork

MOST_SECONDS = 40.0
"""of tests for one change, by what they took when they were played for their reach"""
_KEPT = ROOT / ".cache" / "mutants" / "verdicts.json"
_SWAPPED = COPY.parent / "swapped.txt"
_OUTPUT = COPY.parent / "judged.txt"
_FAILED = COPY.parent / "failed.txt"
_PASSED_STATUS = (0, 5)
_NOT_SWAPPED_STATUS = 71
_COLLECT_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Judged:
    change: Change
    killed: bool
    by: str
    """the test that noticed it, or what else did; where it survived, how many tests passed"""


class Judge:
    """Judges changes by the tests of these files, and keeps the verdicts."""

    def __init__(self, reach: Reach, files: Sequence[str], said: Callable[[str], None], stop_at: float) -> None:
        self._reach, self._files, self._said, self._stop_at = reach, files, said, stop_at
        self._kept: dict[str, dict[str, Any]] = json.loads(_KEPT.read_text()) if _KEPT.exists() else {}

    def judge_all(self, sample: Sequence[Change]) -> list[Judged]:
        """As many as there is time for."""
        unknown = [change for change in sample if self._known(change) is None]
        self._judge_swapped(
            [change for change in unknown if self._reaching(change) and not self._survived_swapped(change)]
        )
        for done, change in enumerate(unknown):
            if self._known(change) is None and time.monotonic() < self._stop_at:
                self._said(f"{done + 1}/{len(unknown)} by import: {change.file}:{change.line}")
                self._judge_imported(change)
        return [verdict for change in sample if (verdict := self._known(change)) is not None]

    def _known(self, change: Change) -> Judged | None:
        kept = self._kept.get(_key(change))
        if kept is None or not kept["stamp"] or kept["stamp"] != self._stamp(change, kept["killed"], kept["by"]):
            return None
        return Judged(change, kept["killed"], kept["by"])

    def _survived_swapped(self, change: Change) -> bool:
        kept = self._kept.get(_key(change), {})
        return bool(kept.get("swapped") == self._stamp(change, False, ""))

    def _keep(self, change: Change, killed: bool, by: str) -> None:
        self._kept[_key(change)] = {"killed": killed, "by": by, "stamp": self._stamp(change, killed, by)}
        _KEPT.write_text(json.dumps(self._kept))

    def _stamp(self, change: Change, killed: bool, by: str) -> str:
        tests = [by] if killed and "::" in by else [test for lot in self._lots(change) for test in lot]
        return stamp(change.file, *sorted({test.partition("::")[0] for test in tests}))

    def _reaching(self, change: Change) -> set[str]:
        return self._reach.of_statement.get((change.file, change.statement), set())

    def _lots(self, change: Change) -> list[list[str]]:
        """The tests for this change: those of the mirrored folder, then the others."""
        file, folder = mirrored(change.file)
        reaching = self._reaching(change)
        if not reaching:  # it runs on import, or in a process that a test starts
            beside = {test for test in self._reach.seconds if test.startswith((folder, "tests/codegen/pages"))}
            reaching = self._reach.of_file.get(change.file, set()) | beside
        near = [test for test in reaching if test.startswith(folder)]
        far = [test for test in reaching if not test.startswith(folder)]
        near.sort(key=lambda test: (not test.startswith(file), self._reach.seconds[test]))
        far.sort(key=self._reach.seconds.__getitem__)
        left = MOST_SECONDS
        lots = ([test for test in lot if (left := left - self._reach.seconds[test]) > 0] for lot in (near, far))
        return [lot for lot in lots if lot]

    # Two ways ------------------------------------------------------------------------------------------------

    def _judge_swapped(self, changes: Sequence[Change]) -> None:
        """In one process that collects all tests, and forks for each change; only what was killed is a verdict."""
        if not changes:
            return
        _SWAPPED.write_text("")
        loop = _Loop([(change, [test for lot in self._lots(change) for test in lot]) for change in changes], self)
        in_fork(
            lambda: int(pytest.main([*self._files, *PLAIN, "-s"], plugins=[loop])),
            _COLLECT_SECONDS,
            _OUTPUT.with_name("collected.txt"),
        )
        for line in _SWAPPED.read_text().splitlines():
            known = json.loads(line)
            change = Change(**known["change"])
            if known["killed"]:
                self._keep(change, True, known["by"])
            else:
                self._kept[_key(change)] = {"stamp": "", "swapped": self._stamp(change, False, "")}
        _KEPT.write_text(json.dumps(self._kept))

    def judge_one_swapped(self, change: Change, tests: Sequence[str], run: Callable[[], int], which: str) -> None:
        """In the collecting process, whose `run` plays the tests that are chosen."""
        if time.monotonic() > self._stop_at:
            return
        self._said(f"{which} {change.file}:{change.line}")
        status, by = self._in_fork(tests, run)
        killed = status not in (*_PASSED_STATUS, _NOT_SWAPPED_STATUS)
        with _SWAPPED.open("a") as lines:
            lines.write(json.dumps({"change": asdict(change), "killed": killed, "by": by}) + "\n")

    def _judge_imported(self, change: Change) -> None:
        lots = self._lots(change)
        with changed(change.file, change.apply_to((ROOT / change.file).read_bytes())):
            for lot in lots:
                status, by = self._in_fork(lot, partial(_run, lot))
                if status not in _PASSED_STATUS:
                    self._keep(change, True, by)
                    return
        self._keep(change, False, f"{sum(map(len, lots))} tests pass")

    def _in_fork(self, tests: Sequence[str], run: Callable[[], int]) -> tuple[int, str]:
        _FAILED.unlink(missing_ok=True)
        expected = sum(self._reach.seconds[test] for test in tests)
        status = in_fork(run, 40 + 5 * expected, _OUTPUT)
        return status, _FAILED.read_text() if _FAILED.exists() else "does not end" if status < 0 else "does not start"


def _key(change: Change) -> str:
    return f"{change.file}:{change.start}:{change.end}:{change.new}"


def _run(tests: Sequence[str]) -> int:
    files = list(dict.fromkeys(test.partition("::")[0] for test in tests))
    return int(pytest.main([*files, *PLAIN, "-x"], plugins=[_ChosenTests(tests, _FAILED)]))


class _ChosenTests:
    """A plugin: only these tests, in this order; which one fails is written down."""

    def __init__(self, tests: Sequence[str], failed: Path) -> None:
        self._place = {test: place for place, test in enumerate(tests)}
        self._failed = failed

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """All, where none of them is there: a change may give the cases of a test other names."""
        chosen = [item for item in items if item.nodeid in self._place]
        if chosen:
            items[:] = sorted(chosen, key=lambda item: self._place[item.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self._failed.exists():
            self._failed.write_text(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self._failed.exists():
            self._failed.write_text(f"{report.nodeid} cannot be collected")


class _Loop:
    """A plugin: instead of running what was collected, fork for each change and run the tests that reach it."""

    def __init__(self, changes: Sequence[tuple[Change, Sequence[str]]], judge: Judge) -> None:
        self._changes = changes
        self._judge = judge

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        for done, (change, tests) in enumerate(self._changes):
            chosen = [items[test] for test in tests if test in items]
            self._judge.judge_one_swapped(
                change, tests, partial(_play, session, change, chosen), f"{done + 1}/{len(self._changes)}"
            )
        return True


def _play(session: pytest.Session, change: Change, chosen: Sequence[pytest.Item]) -> int:
    """In the fork: the same steps as pytest's own loop, ended by the first failure."""
    try:
        swap_in(change)
    except NotSwapped:
        return _NOT_SWAPPED_STATUS
    failed = _First()
    session.config.pluginmanager.register(failed)
    for place, item in enumerate(chosen):
        following = chosen[place + 1] if place + 1 < len(chosen) else None
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if failed.name:
            _FAILED.write_text(failed.name)
            os._exit(1)
    return 0


class _First:
    """A plugin: the first test that failed."""

    def __init__(self) -> None:
        self.name = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.name:
            self.name = report.nodeid
