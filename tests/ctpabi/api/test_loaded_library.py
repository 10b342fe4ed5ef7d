"""Which file the calls go to is asked of the linker, not guessed from the installed package."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ctpabi.api import binding
from ctpabi.shim.build import CompilerMissing, build
from ctpabi.shim.substitute import BindingMissing, environment

_ASK = """
import dataclasses, json
from ctpabi.api import chosen_library
from ctpabi.catalog import Distribution
print(json.dumps(dataclasses.asdict(chosen_library.load(Distribution.CTP, {}).library)))
"""


def asked(env: dict[str, str]) -> dict[str, str]:
    paths = os.pathsep.join(path for path in sys.path if path)
    command = [sys.executable, "-c", _ASK]
    result = subprocess.run(command, env=env | {"PYTHONPATH": paths}, capture_output=True, check=True, timeout=120)
    found: dict[str, str] = json.loads(result.stdout.splitlines()[-1])
    return found


def test_the_vendors_own_library() -> None:
    """Its path, its own word for its version, and its content."""
    vendors = binding.vendor_library()
    env = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}

    said = asked(env)

    assert said["file"] == str(vendors.resolve())
    assert said["version"].startswith("v6.7.11")
    assert said["sha256"] == hashlib.sha256(vendors.read_bytes()).hexdigest()


def test_what_stands_in_its_place() -> None:
    """A library that was loaded first has its own hash, not that of the file in the package."""
    try:
        shim = build()
    except (CompilerMissing, BindingMissing) as missing:
        pytest.skip(str(missing))

    said = asked(environment(os.environ, shim.libraries))

    assert Path(said["file"]) == shim.trader.resolve()
    assert said["version"] == "v6.7.11_SIMCOUNTER"
    assert said["sha256"] == hashlib.sha256(shim.trader.read_bytes()).hexdigest()
