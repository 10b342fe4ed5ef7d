"""Where the vendor's T2SDK is for the tests, and the words with which they are skipped where it is not."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

LIBRARY = Path(__file__).resolve().parent.parent / ".cache" / "t2sdk" / "libt2sdk.so"


def library_path() -> Path:
    """The file; skips the test where it is missing."""
    if platform.machine() != "x86_64":
        pytest.skip("Hundsun's T2SDK is there for x86_64 only: run on such a machine")
    if not LIBRARY.exists():
        pytest.skip("Hundsun's libt2sdk.so is not in .cache/t2sdk: scripts/set-up test downloads it")
    return LIBRARY
