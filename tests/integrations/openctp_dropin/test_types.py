"""The types are the binding's: one program asks both, and hears the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ctp_relay_openctp.modules import contents
from ctpabi.api import binding
from ctpabi.api.binding import BindingMismatch
from ctpabi.catalog import Interface
from ctpabi.shim.substitute import environment
from tests.integrations.openctp_dropin.runs import IMPORTS, SECONDS

PROGRAMS = Path(__file__).parent / "programs"


def said(folder: Path, *command: str) -> dict[str, Any]:
    variables = environment(os.environ, []) | {"PYTHONPATH": os.pathsep.join(map(str, IMPORTS))}
    ended = subprocess.run(
        [sys.executable, *command, str(PROGRAMS / "what_the_binding_does.py")],
        cwd=folder,
        env={name: value for name, value in variables.items() if name != "LD_PRELOAD" or value},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ended.stdout, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the installed binding says, and what stands in its place."""
    folder = tmp_path_factory.mktemp("both")
    return said(folder), said(folder, "-m", "ctp_relay_openctp")


@pytest.mark.parametrize(
    "part",
    [
        "version",
        "modules",
        "trader",
        "market",
        "values",
        "calls",
        "of an object",
        "a statement",
        "documented",
        "module",
    ],
)
def test_it_is_as_the_binding_has_it(both: tuple[dict[str, Any], dict[str, Any]], part: str) -> None:
    """Names, constants, what is accepted and refused, and the words of each TypeError."""
    binding, ours = both

    assert ours[part] == binding[part]


def test_another_version_of_the_binding_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a front that is no relay's needs the binding; both versions stand in the error."""

    monkeypatch.setattr(binding, "installed_version", lambda: "6.6.9.9")
    api = contents(Interface.TRADER)["CThostFtdcTraderApi"].CreateFtdcTraderApi()
    api.RegisterFront("tcp://127.0.0.1:1")

    with pytest.raises(BindingMismatch, match=r"6\.6\.9\.9.*6\.7\.11"):
        api.Init()
