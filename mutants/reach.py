"""Which test reaches which statements, and how long it takes: made once, kept under .cache, renewed where out of date.

A test file is played again when it, what stands beside or above it (conftest and the like), or a changed module that
one of its tests reached is not as it was.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mutants.copy import COPY
from mutants.places import ROOT, changed_files, judging_files
from mutants.probes import Probes
from mutants.warm import in_fork

PLAIN = (
    "-q",
    "--assert=plain",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "-m",
    "not postgres and not slow",
    "--timeout=20",
)
"""How pytest is called: nothing is kept between runs, and a test that hangs has failed."""
SLOWEST_SECONDS = 6.0
"""a test that takes longer judges nothing"""
_SECONDS = 600.0
_AT_ONCE = 6
"""files that are played in one process"""
_KEPT = ROOT / ".cache" / "mutants" / "reach.json"


@dataclass(slots=True)
class Reach:
    """All tests, by node id."""

    seconds: dict[str, float] = field(default_factory=dict)
    of_statement: dict[tuple[str, int], set[str]] = field(default_factory=dict)
    of_file: dict[str, set[str]] = field(default_factory=dict)


def reach(wanted: Sequence[str], said: Callable[[str], None], stop_at: float) -> Reach | None:
    """Of these test files: play what is out of date, and read the rest; None where `stop_at` came first.

    Call it in a warm process.
    """
    kept = json.loads(_KEPT.read_text()) if _KEPT.exists() else {}
    stamps = {file: stamp(file) for file in changed_files()}
    stale = [file for file in wanted if not _is_fresh(kept.get(file), file, stamps)]
    for first in range(0, len(stale), _AT_ONCE):
        if time.monotonic() > stop_at:
            return None
        said(f"reach {first + 1}/{len(stale)} {stale[first]}")
        _play(stale[first : first + _AT_ONCE], kept, stamps)
        _KEPT.write_text(json.dumps({name: kept[name] for name in judging_files() if name in kept}))
    return _read({name: kept[name] for name in wanted})


def stamp(*files: str) -> str:
    """A digest of the files' text."""
    digest = hashlib.sha256()
    for file in files:
        path = ROOT / file
        digest.update(path.read_bytes() if path.exists() else b"")
    return digest.hexdigest()[:20]


def _is_fresh(kept: dict[str, Any] | None, file: str, stamps: dict[str, str]) -> bool:
    if kept is None or kept["stamp"] != _stamp_of_test(file):
        return False
    return all(stamps.get(name) == was for name, was in kept["modules"].items())


def _stamp_of_test(file: str) -> str:
    """Of a test file, what stands beside it, and each conftest above."""
    folder = Path(file).parent
    beside = [path for path in sorted((ROOT / folder).glob("*.py")) if not path.name.startswith("test_")]
    above = [ROOT / one / "conftest.py" for one in folder.parents]
    return stamp(file, *(str(path.relative_to(ROOT)) for path in (*beside, *above)))


def _play(files: list[str], kept: dict[str, Any], stamps: dict[str, str]) -> None:
    answer, output = COPY.parent / "played.json", COPY.parent / "played.txt"
    answer.unlink(missing_ok=True)

    def run() -> int:
        probes = Probes(changed_files())
        probes.install()
        recorder = _ReachRecorder(probes)
        pytest.main([*files, *PLAIN], plugins=[recorder])
        answer.write_text(json.dumps(recorder.played))
        return 0

    in_fork(run, _SECONDS, output)
    found: dict[str, Any] = json.loads(answer.read_text()) if answer.exists() else {}
    for file in files:
        tests = {test: one for test, one in found.items() if test.partition("::")[0] == file}
        modules = {name: stamps[name] for one in tests.values() for name in one["reached"]}
        kept[file] = {"stamp": _stamp_of_test(file), "modules": modules, "tests": tests}


def _read(kept: dict[str, Any]) -> Reach:
    found = Reach()
    for test, one in ((test, one) for file in kept.values() for test, one in file["tests"].items()):
        if one["seconds"] > SLOWEST_SECONDS:
            continue
        found.seconds[test] = one["seconds"]
        for file, lines in one["reached"].items():
            found.of_file.setdefault(file, set()).add(test)
            for line in lines:
                found.of_statement.setdefault((file, line), set()).add(test)
    return found


class _ReachRecorder:
    """A plugin: what each test that passes reached."""

    def __init__(self, probes: Probes) -> None:
        self.played: dict[str, Any] = {}
        self._probes = probes
        self._passed = True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._probes.start()
        self._passed = False
        started = time.process_time(), time.perf_counter()
        result = yield
        if self._passed:
            spent = max(
                time.process_time() - started[0], min(time.perf_counter() - started[1], SLOWEST_SECONDS * 2) / 4
            )
            self.played[item.nodeid] = {"seconds": round(spent, 4), "reached": self._probes.reached()}
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            self._passed = report.passed
