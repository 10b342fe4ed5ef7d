"""`run_program`: the caller becomes an openctp-ctp program that trades with the simulated counter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from simcounter.build import Shim
from tests.simcounter.scripted_counter import ScriptedCounter

ROOT = Path(__file__).parents[2]

BROKERS_PROGRAM = """
import sys, threading
from openctp_ctp import tdapi
connected = threading.Event()
class Spi(tdapi.CThostFtdcTraderSpi):
    def OnFrontConnected(self):
        connected.set()
spi = Spi()
api = tdapi.CThostFtdcTraderApi.CreateFtdcTraderApi("")
api.RegisterSpi(spi)
api.RegisterFront("tcp://203.0.113.7:10201")
api.Init()
sys.exit(7 if connected.wait(20) else 1)
"""


def run(*arguments: str) -> subprocess.Popen[str]:
    code = "import sys; from simcounter.exec import run_program; run_program(sys.argv[2:], front=sys.argv[1])"
    return subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=ROOT, stderr=subprocess.PIPE, text=True)


def test_an_unmodified_program_reaches_the_counter(shim: Shim, scripted: ScriptedCounter) -> None:
    """Its own front address is replaced, and its exit status is what the caller of exec sees."""
    program = run(scripted.front, sys.executable, "-c", BROKERS_PROGRAM)
    scripted.accept_and_greet()

    _, errors = program.communicate(timeout=40)
    assert program.returncode == 7, errors


@pytest.mark.usefixtures("shim")
def test_an_unknown_program_is_an_error_of_its_own() -> None:
    """FileNotFoundError, as from any exec."""
    program = run("tcp://127.0.0.1:1", "no-such-program-here")

    _, errors = program.communicate(timeout=40)
    assert program.returncode == 1
    assert "FileNotFoundError" in errors
