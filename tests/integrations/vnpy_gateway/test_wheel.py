"""The gateway as a user installs it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

from tests.test_house import ROOT, tracked

FOLDER = ROOT / "integrations/vnpy_gateway"


def test_the_wheel_holds_the_package_and_says_what_it_needs(tmp_path: Path) -> None:
    """Every tracked file of it, the license, the relay's version; a description in Chinese."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=FOLDER, capture_output=True, check=True)
    (wheel,) = tmp_path.iterdir()
    names = set(zipfile.ZipFile(wheel).namelist())
    (packed,) = metadata.distributions(path=[str(wheel)])

    wanted = {path.relative_to(FOLDER).as_posix() for path in tracked() if FOLDER / "vnpy_relay" in path.parents}
    assert {name for name in names if ".dist-info/" not in name} == wanted
    assert f"ctp-relay-terminal=={packed.version}" in (packed.requires or ())
    assert "vnpy>=4.5" in (packed.requires or ())
    assert packed.version == metadata.version("ctp-relay")
    assert "VeighNa 的 CTP 中继网关" in (packed.read_text("METADATA") or "")
