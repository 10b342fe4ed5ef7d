"""VeighNa's main window trades through the relay: its dialog takes the gateway's fields, its tables show what happens."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path

import pytest

from relay.counter.port import Mode
from tests.e2e.conftest import StartRelay
from tests.e2e.site import INVESTORS
from tests.integrations.program import program_variables
from tests.integrations.vnpy_gateway.conftest import setting_for
from tests.test_house import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="session")

WANTED = "CTP_RELAY_VNPY_PICTURES"
QT = ROOT / ".cache/vnpy-window"


@pytest.mark.skipif(not os.environ.get(WANTED), reason="needs Qt; to run it: make vnpy-picture")
async def test_the_window_trades(start_site: StartRelay, programs_python: Path, tmp_path: Path) -> None:
    """A trade, a resting order and a rejected one; pictures of the dialog and the window are taken."""
    site = await start_site(Mode.MANY_TO_MANY)
    pictures = ROOT / os.environ[WANTED]
    pictures.mkdir(parents=True, exist_ok=True)
    variables = program_variables({"QT_QPA_PLATFORM": "offscreen", "LANGUAGE": "zh_CN", "LANG": "C.UTF-8"})
    variables["XDG_CONFIG_HOME"] = str(tmp_path)  # where a window's layout is kept
    variables["PYTHONPATH"] += f"{os.pathsep}{QT}"
    done = await asyncio.to_thread(
        subprocess.run,
        [str(programs_python), str(Path(__file__).with_name("window.py")), str(pictures)],
        cwd=tmp_path,
        env=variables,
        input=json.dumps(setting_for(site, INVESTORS[1])) + "\n",
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-3000:]
    shown = json.loads(done.stdout.splitlines()[-1])
    assert sorted(shown["orders"]) == ["ALLTRADED", "NOTTRADED", "REJECTED"]
    assert (pictures / "window.png").stat().st_size > 20_000
    assert (pictures / "connect.png").stat().st_size > 5_000
