"""VeighNa's main window trades through the relay: its dialog takes the gateway's fields, its tables show what happens."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from relay.counter.port import Mode
from tests.e2e.broken_network import Way
from tests.e2e.site import AUTH_CODE, INVESTORS, Site
from tests.e2e.test_market_data import shared_market
from tests.integrations.program import program_variables
from tests.integrations.vnpy_gateway.conftest import setting_for
from tests.integrations.vnpy_gateway.drawing import small_drawing
from tests.integrations.vnpy_gateway.test_drawing import KEPT, TITLES
from tests.test_house import ROOT

__all__ = ["shared_market"]

pytestmark = pytest.mark.asyncio(loop_scope="session")

WANTED = "CTP_RELAY_VNPY_PICTURES"
QT = ROOT / ".cache/vnpy-window"


@pytest.mark.skipif(not os.environ.get(WANTED), reason="needs Qt; to run it: make vnpy-picture")
@pytest.mark.parametrize("shared_market", [Mode.MANY_TO_MANY], indirect=True, scope="session", ids=["many_to_many"])
async def test_the_window_trades(shared_market: tuple[Site, Way], programs_python: Path, tmp_path: Path) -> None:
    """Ticks, a trade, a resting order and a rejected one; pictures of the dialog and the window are taken, and drawn for the pages."""
    site, _ = shared_market
    pictures = ROOT / os.environ[WANTED]
    pictures.mkdir(parents=True, exist_ok=True)
    shutil.copy(site.tls.authority, tmp_path / "firm-ca.pem")
    (tmp_path / "auth-code.txt").write_text(AUTH_CODE, encoding="ascii")
    (tmp_path / "auth-code.txt").chmod(0o600)
    setting = setting_for(site, INVESTORS[1], 终端授权码="", 授权码文件="auth-code.txt", CA证书="firm-ca.pem")
    variables = program_variables({"QT_QPA_PLATFORM": "offscreen", "LANGUAGE": "zh_CN", "LANG": "C.UTF-8"})
    variables["XDG_CONFIG_HOME"] = str(tmp_path)  # where a window's layout is kept
    variables["PYTHONPATH"] += f"{os.pathsep}{QT}"
    done = await asyncio.to_thread(
        subprocess.run,
        [str(programs_python), str(Path(__file__).with_name("window.py")), str(pictures)],
        cwd=tmp_path,
        env=variables,
        input=json.dumps(setting) + "\n",
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-3000:]
    shown = json.loads(done.stdout.splitlines()[-1])
    assert sorted(shown["orders"]) == ["ALLTRADED", "NOTTRADED", "REJECTED"]
    assert shown["ticks"] == ["IF2612", "m2701", "rb2701", "sc2701"]
    assert (pictures / "window.png").stat().st_size > 20_000
    assert (pictures / "connect.png").stat().st_size > 5_000
    for name, title in TITLES.items():
        drawing = small_drawing((pictures / f"{name}.svg").read_text(encoding="utf-8"), title)
        (KEPT / f"vnpy-{name}.svg").write_text(drawing, encoding="utf-8")
