"""Compiled parts are taken where they may be trusted and can be loaded; else the relay runs in Python, or says why it does not start."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from relay.compiled import build
from relay.compiled.parts import LIBRARY, key

PROGRAM = """
import sys
from types import SimpleNamespace
from relay.compiled import choice
from relay.settings.file import SettingsInvalid
try:
    print(choice.choose(SimpleNamespace(relay=SimpleNamespace(compiled=sys.argv[1]))))
except SettingsInvalid as error:
    print(error)
import relay.turns
print(relay.turns.__file__)
"""


def run(wanted: str, cache: Path, before: str = "") -> str:
    """What a process of its own says that chooses with this setting."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    command = [sys.executable, "-c", before + PROGRAM, wanted]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A cache with parts that are no library."""
    parts = tmp_path / "ctp-relay" / "compiled" / key()
    parts.mkdir(parents=True)
    (parts / f"{LIBRARY}.so").write_bytes(b"no library")
    return tmp_path


@pytest.mark.parametrize("wanted", ["auto", "off"])
def test_without_parts_it_runs_in_python(wanted: str, tmp_path: Path) -> None:
    said = run(wanted, tmp_path)
    assert "is_compiled=False" in said
    assert "turns.py" in said


def test_on_without_parts_does_not_start_and_says_what_to_do(tmp_path: Path) -> None:
    assert "relay.compiled is on: they are not compiled on this machine; run: python -m relay.compiled.build" in run(
        "on", tmp_path
    )


def test_parts_that_cannot_be_loaded_are_left(broken: Path) -> None:
    said = run("auto", broken)
    assert "cannot be loaded" in said
    assert "turns.py" in said


def test_parts_that_others_may_write_are_left(broken: Path) -> None:
    for file in broken.rglob("*.so"):
        file.chmod(0o777)
    assert "others may write" in run("auto", broken)


def test_what_runs_in_python_already_is_not_mixed_with_parts(broken: Path) -> None:
    """A class of the one is not a class of the other."""
    assert "relay.turns runs in Python already" in run("auto", broken, before="import relay.turns")


def test_what_is_missing_to_compile_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "find_spec", lambda name: None if name == "mypyc" else name)
    assert build.why_not_here() == "mypyc cannot be imported: pip install 'ctp-relay[compiled]'"
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert "apt-get install -y gcc" in str(build.why_not_here())
