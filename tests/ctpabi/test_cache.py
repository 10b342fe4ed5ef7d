"""A place to build in, also for a service user without a home."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = "from ctpabi.cache import cache_directory as d; p = d(); (p / 'x').touch(); print(p)"


def run(environment: dict[str, str]) -> str:
    command = [sys.executable, "-c", PROGRAM]
    paths = {"PYTHONPATH": ":".join(sys.path)}
    return subprocess.run(command, env=environment | paths, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({"XDG_CACHE_HOME": "{}/xdg", "HOME": "{}/home"}, "xdg/ctp-relay"),
        ({"CACHE_DIRECTORY": "{}/systemd", "HOME": "/proc/none"}, "systemd/ctp-relay"),
        ({"HOME": "{}/home"}, "home/.cache/ctp-relay"),
        ({"XDG_CACHE_HOME": "/proc/none", "HOME": "{}/home"}, "home/.cache/ctp-relay"),
    ],
)
def test_the_first_place_that_can_be_written_serves(tmp_path: Path, variables: dict[str, str], place: str) -> None:
    """XDG's, systemd's, the home directory's."""
    assert run({name: value.format(tmp_path) for name, value in variables.items()}) == str(tmp_path / place)


def test_without_a_home_a_temporary_directory_serves_and_goes(tmp_path: Path) -> None:
    """What `useradd --no-create-home` and container users have; nothing is left behind."""
    used = Path(run({"HOME": "/proc/none", "XDG_CACHE_HOME": "/proc/none", "TMPDIR": str(tmp_path)}))

    assert used.parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_its_group_may_not_write_there_whatever_the_umask(tmp_path: Path) -> None:
    """Else nothing that is kept there would be loaded."""
    code = f"import os; os.umask(2); {PROGRAM}"
    command = [sys.executable, "-c", code]
    paths = {"PYTHONPATH": ":".join(sys.path), "XDG_CACHE_HOME": str(tmp_path)}
    used = subprocess.run(command, env=paths, capture_output=True, text=True, check=True).stdout.strip()

    assert stat.S_IMODE(Path(used).stat().st_mode) == 0o755
