"""What a process allows others to see of it; asked of processes of their own, since it cannot be taken back."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

from tests.test_house import ROOT

REPORT = """
import ctypes, os, resource, sys
from relay.process_privacy import make_private
_, most = resource.getrlimit(resource.RLIMIT_CORE)
resource.setrlimit(resource.RLIMIT_CORE, (most, most))
make_private(core_dumps=sys.argv[1] == "yes")
open(sys.argv[2], "w").close()
print(resource.getrlimit(resource.RLIMIT_CORE) == (0, 0), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""


def report(core_dumps: str, made: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", REPORT, core_dumps, str(made)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_no_core_file_and_no_debugger_of_the_same_user(tmp_path: Path) -> None:
    """The limit is zero, and the kernel does not call the process dumpable; what it makes is its owner's."""
    assert report("no", tmp_path / "made") == "True 0"
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o600


def test_it_can_be_switched_on_for_finding_a_fault(tmp_path: Path) -> None:
    """`relay.core_dumps`; files stay private."""
    allowed = resource.getrlimit(resource.RLIMIT_CORE)[1] != 0
    assert report("yes", tmp_path / "made") == f"{not allowed} 1"
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o600


def test_a_process_that_may_not_be_dumped_runs_on(tmp_path: Path) -> None:
    """What the relay reads of itself is still there: its libraries, its descriptors; and it can start programs."""
    program = """
import subprocess, sys, os
from pathlib import Path
from relay.process_privacy import make_private
make_private(core_dumps=False)
if os.geteuid() == 0: os.setuid(65534)
Path("/proc/self/maps").read_text(); Path("/proc/self/status").read_text(); os.listdir("/proc/self/fd")
print(subprocess.run(["true"], pass_fds=(0,)).returncode)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={**os.environ}, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, check=False,
    )  # fmt: skip

    assert (done.stdout, done.stderr) == ("0\n", "")
