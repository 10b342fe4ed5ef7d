"""The real collector in its child process, and what is told when it cannot run."""

from __future__ import annotations

import ctypes.util
import datetime as dt
import os
import sys
from pathlib import Path

import pytest

from terminal_client import CollectorFailed, collect, collector
from terminal_client.collector import CHINA, child_environment, installed_library

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the vendor's wheel is for Linux")


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that runs instead of the collector's."""
    program = tmp_path / "child.py"
    monkeypatch.setattr(collector, "CHILD", program)
    return program


def test_the_real_collector_gives_what_the_counter_accepts() -> None:
    """The wheel's own collector gives 264 to 273 bytes, its code in words, and its version."""
    collected = collect()

    assert 264 <= len(collected.system_info) <= 273
    assert collected.length == len(collected.system_info)
    assert collected.version.startswith("sfit_pro")
    assert (collected.code == 0) == (collected.missing == ())
    assert collected.collected_at.utcoffset() == dt.timedelta(hours=8)


def test_every_collection_differs() -> None:
    """The bytes are encrypted with random padding: they are no identity and are collected anew for every login."""
    assert collect().system_info != collect().system_info


def test_the_evaluation_edition_is_in_the_same_library() -> None:
    """The wheel's library collects for evaluation counters (评测) too."""
    assert collect(edition="evaluation").version.startswith("sfit_tst")


def test_nothing_of_the_collector_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """The library and the programs it starts print; the terminal's output stays clean."""
    collect()

    assert capfd.readouterr() == ("", "")


def test_the_bytes_do_not_show_in_a_repr() -> None:
    """System info is for the relay, not for logs."""
    collected = collect()

    assert repr(collected.system_info) not in repr(collected)
    assert "system_info" not in repr(collected)


def test_the_child_runs_in_china_time_without_preloaded_libraries() -> None:
    """The bytes carry local time and the regulator wants UTC+8; nothing may stand in for the collector."""
    environment = child_environment({"TZ": "America/New_York", "LD_PRELOAD": "/x.so", "PATH": "/opt", "HOME": "/h"})

    assert environment["TZ"] == "CST-8"
    assert "LD_PRELOAD" not in environment
    assert environment["HOME"] == "/h"
    assert environment["PATH"].split(os.pathsep) == ["/opt", "/usr/sbin", "/sbin", "/usr/bin", "/bin"]


def test_the_childs_clock_really_is_china_time(child: Path) -> None:
    """CST-8 means eight hours ahead of UTC, whatever its sign suggests, also without a time zone database."""
    child.write_text(
        "import json, time\n"
        "print(json.dumps({'code': 0, 'length': 0, 'system_info': '', 'version': str(time.localtime().tm_gmtoff)}))"
    )

    assert collect(installed_library()).version == "28800"
    assert dt.timedelta(seconds=28800) == CHINA.utcoffset(None)


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    """The path that does not exist is in the message."""
    with pytest.raises(CollectorFailed, match=r"libLinuxDataCollect\.so") as caught:
        collect(tmp_path / "libLinuxDataCollect.so")
    assert caught.value.reason == "library_missing"


def test_a_file_that_is_no_library_is_named(tmp_path: Path) -> None:
    """A broken file is told as such, with the loader's words."""
    broken = tmp_path / "LinuxDataCollect.so"
    broken.write_bytes(b"not a library")

    with pytest.raises(CollectorFailed, match="cannot be loaded") as caught:
        collect(broken)
    assert caught.value.reason == "library_missing"


def test_a_library_without_collector_is_named() -> None:
    """Any other library is not taken for a collector."""
    libc = next(path for path in map(Path, loaded_libraries()) if path.name.startswith("libc"))

    with pytest.raises(CollectorFailed, match="is not a collector") as caught:
        collect(libc)
    assert caught.value.reason == "symbol_missing"


def test_a_crash_in_the_collector_is_an_error_here(child: Path) -> None:
    """The collector may crash; the terminal lives on and says what was seen."""
    child.write_text("import os, sys; print('dmidecode gone', file=sys.stderr, flush=True); os.abort()")

    with pytest.raises(CollectorFailed, match="dmidecode gone") as caught:
        collect(installed_library())
    assert caught.value.reason == "crashed"


def test_a_collector_that_hangs_is_ended_with_everything_it_started(child: Path) -> None:
    """A tool the collector started keeps its pipes open; it is ended too, so that the deadline holds."""
    child.write_text("import subprocess; subprocess.run(['sleep', '600'])")

    with pytest.raises(CollectorFailed, match=r"did not finish within 0\.5 s") as caught:
        collect(installed_library(), deadline_seconds=0.5)
    assert caught.value.reason == "timed_out"


def test_a_length_beyond_the_buffer_is_not_believed(child: Path) -> None:
    """What the collector claims must be what it wrote."""
    child.write_text('print(\'{"code": 0, "length": 9000, "system_info": "AAAA", "version": ""}\')')

    with pytest.raises(CollectorFailed, match="9000") as caught:
        collect(installed_library())
    assert caught.value.reason == "bad_answer"


@pytest.mark.parametrize("output", ["", "[]", "{", "{}", '{"length": 3, "system_info": "A"}'])
def test_output_that_is_no_answer_is_an_error_of_the_collector(child: Path, output: str) -> None:
    """The vendor's code ran in that process and may have written anywhere."""
    child.write_text(f"print({output!r})")

    with pytest.raises(CollectorFailed) as caught:
        collect(installed_library())
    assert caught.value.reason == "bad_answer"


def loaded_libraries() -> list[str]:
    ctypes.util.find_library("c")
    return [line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if ".so" in line]
