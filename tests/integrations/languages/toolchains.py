"""Which compilers are here, and how an example is built outside the source tree."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.test_house import ROOT

INTEGRATIONS = ROOT / "integrations"
BUILD_SECONDS = 1500


def needs(*programs: str, packages: str) -> pytest.MarkDecorator:
    """Skipped by name where a program is missing, with the command that brings it."""
    missing = [program for program in programs if shutil.which(program) is None]
    command = f"apt-get install {packages} && make languages-test" if packages.islower() else packages
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}; to run it: {command}")


def make(folder: Path, build: Path) -> Path:
    """Run the folder's Makefile into `build`; returns it. The compiler's last words are shown where it fails."""
    command = ["make", "-s", f"-j{os.cpu_count() or 1}", "-C", str(folder), f"BUILD={build}"]
    environment = {
        name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}
    }
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=BUILD_SECONDS, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return build
