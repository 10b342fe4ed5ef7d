"""openctp-ctp of other versions, each installed once into a cache of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest


def binding_of(version: str) -> Path:
    """The directory openctp-ctp of that version is installed in; skips, saying why, where that cannot be done."""
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = cache_home / "ctp-relay" / "bindings" / version
    if not place.is_dir():
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
            _pip_install(version, Path(scratch) / version)
            # Renamed when complete, so that an interrupted installation is never taken for a binding.
            (Path(scratch) / version).rename(place)
    return place


def _pip_install(version: str, target: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(target)]
    command.append(f"openctp-ctp=={version}")
    try:
        subprocess.run(command, capture_output=True, text=True, timeout=280, check=True)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"openctp-ctp {version} cannot be installed here: {error.stderr.strip()[-200:]}")
    except subprocess.TimeoutExpired:
        pytest.skip(f"openctp-ctp {version} cannot be installed here: no package source answers")
