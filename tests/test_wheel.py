"""What is installed: the packages as they are in the tree, and nothing that lay around."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.test_house import ROOT, tracked

_PACKAGES = {"codegen", "ctpabi", "demo", "relay", "simcounter", "terminal_client"}


def _installed_name(path: Path) -> str:
    name = path.relative_to(ROOT).as_posix()
    return name.removeprefix("proto/") if name.startswith("proto/ctprelay/") else name


def test_the_wheel_holds_the_packages_and_nothing_else(tmp_path: Path) -> None:
    """Every tracked file of them, and no module that an earlier build left in build/ or that was since deleted."""
    tree = tmp_path / "tree"
    for path in tracked():
        target = tree / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    ghost = tree / "build" / "lib" / "relay" / "ghost.py"
    ghost.parent.mkdir(parents=True)
    ghost.touch()
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)], cwd=tree, check=True
    )

    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    wanted = {name for path in tracked() if (name := _installed_name(path)).split("/")[0] in _PACKAGES | {"ctprelay"}}
    assert packed == wanted
