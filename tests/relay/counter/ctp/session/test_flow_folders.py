"""Flow files: each process has a folder of its own, and none outlives its process for long."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from relay.counter.ctp.session.flow_folders import process_folder

_HOLD = """
import pathlib, sys
from relay.counter.ctp.session.flow_folders import process_folder
with process_folder(pathlib.Path(sys.argv[1])) as folder:
    (folder / "session").mkdir()
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_a_killed_process_leaves_no_folder_for_long_and_a_live_one_keeps_its_own(tmp_path: Path) -> None:
    """The next process sweeps what the dead one left, and touches neither a living one's nor anything else."""
    (tmp_path / "else").mkdir()
    with process_folder(tmp_path) as mine:
        with subprocess.Popen(
            [sys.executable, "-c", _HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as other:
            assert other.stdout is not None
            left = Path(other.stdout.readline().strip())
            other.kill()
        assert (left / "session").is_dir()
        with process_folder(tmp_path) as next_one:
            assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "else", mine, next_one])

    assert list(tmp_path.iterdir()) == [tmp_path / "else"]
