"""How an unmodified CTP program comes to trade with the simulated counter, and can reach nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ctpabi.api import binding
from ctpabi.catalog import Interface
from ctpabi.shim import substitute
from ctpabi.shim.build import Shim
from simcounter import demo_accounts
from tests.ctpabi.other_bindings import binding_of
from tests.simcounter.scripted_counter import ScriptedCounter

ROOT = Path(__file__).parents[2]
GATEWAY = Path(__file__).with_name("gateway_program.py")

VENDORS_PROGRAM = """
import ctypes, sys, time
library = ctypes.CDLL(sys.argv[1])
create = library["_ZN19CThostFtdcTraderApi19CreateFtdcTraderApiEPKcb"]
create.restype, create.argtypes = ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_bool]
api = create(b"", True)
table = ctypes.cast(ctypes.cast(api, ctypes.POINTER(ctypes.c_void_p))[0], ctypes.POINTER(ctypes.c_void_p))
register_front, init = (table[int(slot)] for slot in sys.argv[2:])
ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)(register_front)(api, b"tcp://203.0.113.7:41205")
ctypes.CFUNCTYPE(None, ctypes.c_void_p)(init)(api)
time.sleep(2)
sys.stdout.flush()
import os; os._exit(0)
"""

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

    _, errors = program.communicate(timeout=200)
    assert program.returncode == 7, errors


@pytest.mark.usefixtures("shim")
def test_an_unknown_program_is_an_error_of_its_own() -> None:
    """FileNotFoundError, as from any exec."""
    program = run("tcp://127.0.0.1:1", "no-such-program-here")

    _, errors = program.communicate(timeout=200)
    assert program.returncode == 1
    assert "FileNotFoundError" in errors


def exec_command(*words: str, directory: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    """`ctp-simcounter exec` with these words, in `directory`."""
    return subprocess.run(
        [sys.executable, "-m", "simcounter.cli", "exec", *words],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'proto'}", **extra},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@pytest.mark.usefixtures("shim")
def test_a_program_like_vnpys_gateway_trades_on_ticks_and_reaches_nothing_else(tmp_path: Path) -> None:
    """Trader and market data come from the same market; what the program can log in with is said beforehand."""
    ended = exec_command("--", sys.executable, str(GATEWAY), directory=tmp_path)

    assert ended.returncode == 0, ended.stderr
    found = [json.loads(line) for line in ended.stdout.splitlines()]
    assert found == [
        ["market data", True],
        ["tick", "rb2701", 3500.0, 0, 3501.0],
        ["trade", "rb2701", 3501.0, 2],
        ["tick", "rb2701", 3501.0, 2, 3501.0],
        ["stream", "Network is unreachable"],
        ["datagram", "Network is unreachable"],
        ["child", "OSError: [Errno 101] Network is unreachable"],
    ]
    said = ended.stderr.splitlines()
    for needed in (*demo_accounts.AUTH_CODES, *demo_accounts.AUTH_CODES.values(), "100001 demo-100001", "9999"):
        assert any(needed in line for line in said), needed
    refused = [line for line in said if line.startswith("simulated counter: no way to")]
    assert [line.split(": ")[1] for line in refused] == [
        "no way to 203.0.113.7 port 41205",
        "no way to 2001:db8::7 port 53",
    ]


@pytest.mark.usefixtures("shim")
def test_quiet_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For programs whose standard error is read by another one."""
    monkeypatch.delenv("PYTHONASYNCIODEBUG", raising=False)  # it makes asyncio speak of slow steps
    ended = exec_command("--quiet", "--", sys.executable, "-c", "pass", directory=tmp_path)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.usefixtures("shim")
def test_passwords_of_ones_own_settings_are_not_shown(tmp_path: Path) -> None:
    """Only the documented demonstration passwords are: others are somebody's."""
    settings = tmp_path / "counter.toml"
    settings.write_text(
        """
        [[apps]]
        app_id = "firm_direct_1.0"
        app_type = "1"
        auth_code = "SECRETCODE000001"
        [[users]]
        user_id = "200001"
        password = "hers alone"
        """
    )
    ended = exec_command("--config", str(settings), "--", sys.executable, "-c", "pass", directory=tmp_path)

    assert ended.returncode == 0, ended.stderr
    assert "firm_direct_1.0" in ended.stderr
    assert "200001" in ended.stderr
    assert "SECRETCODE000001" not in ended.stderr
    assert "hers alone" not in ended.stderr


@pytest.mark.usefixtures("shim")
def test_the_vendors_own_library_reaches_nothing_either(tmp_path: Path) -> None:
    """Loaded beside the shim by its path, as a program with a library of its own has it, it dials and is stopped."""
    methods = binding.load().catalog.methods
    slots = [str(methods[name].slot) for name in ("RegisterFront", "Init")]
    ended = exec_command(
        "--quiet",
        "--",
        sys.executable,
        "-c",
        VENDORS_PROGRAM,
        str(binding.vendor_library()),
        *slots,
        directory=tmp_path,
    )

    assert ended.returncode == 0, ended.stderr
    assert "simulated counter: no way to 203.0.113.7 port 41205" in ended.stderr


@pytest.mark.usefixtures("shim")
@pytest.mark.parametrize("how", ["a Python that drops it", "a place LD_PRELOAD cannot name"])
def test_a_program_that_would_not_load_the_shim_is_not_started(tmp_path: Path, how: str) -> None:
    """The linker passes over what it cannot preload; the program would run on the vendor's library."""
    python, extra = sys.executable, {}
    if how == "a Python that drops it":
        python = str(tmp_path / "python")
        Path(python).write_text(f'#!/bin/sh\nunset LD_PRELOAD\nexec {sys.executable} "$@"\n')
        Path(python).chmod(0o755)
    else:
        extra = {"XDG_CACHE_HOME": str(tmp_path / "a place")}

    ended = exec_command("--", python, "-c", "print('started')", directory=tmp_path, **extra)

    assert (ended.returncode, ended.stdout) == (127, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("ctp-simcounter: ")
    assert "does not load" in line or "LD_PRELOAD cannot carry" in line


@pytest.mark.parametrize(("module", "interface"), [("tdapi", Interface.TRADER), ("mdapi", Interface.MARKET_DATA)])
def test_a_binding_the_shim_was_not_built_for_is_refused_in_one_line(
    shim: Shim, tmp_path: Path, module: str, interface: Interface
) -> None:
    """Its calls would arrive in other slots; what `exec` could not foresee, the shim sees when the first one comes."""
    other = binding_of("6.7.7.1")
    code = f"from openctp_ctp import {module} as m; m.CThostFtdc{interface}Api.CreateFtdc{interface}Api('')"
    environment = substitute.environment({**os.environ, "PYTHONPATH": str(other)}, shim.libraries)
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 127
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"simulated counter: {other}")
    assert "is not the binding this library was built for" in line


@pytest.mark.slow
@pytest.mark.parametrize("version", [pytest.param("6.7.7.1", marks=pytest.mark.long), "6.6.9.9"])
def test_a_program_with_an_older_binding_trades_too(tmp_path: Path, version: str) -> None:
    """`exec` looks at the program's own Python: libraries and counter are those of the version found there."""
    ended = exec_command(
        "--", "env", f"PYTHONPATH={binding_of(version)}", sys.executable, str(GATEWAY), directory=tmp_path
    )

    assert ended.returncode == 0, ended.stderr
    assert f"CTP {version}" in ended.stderr
    assert json.loads(ended.stdout.splitlines()[2]) == ["trade", "rb2701", 3501.0, 2]
