"""Vendor's libraries of several versions, as far as a program needs them to be told apart, and programs that use them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ctpabi.catalog.data import load_catalog
from ctpabi.shim.build import CompilerMissing
from ctpabi.shim.for_relay import libraries_for_relay
from tests.test_house import ROOT

METHODS = load_catalog().methods
VENDOR = """
class CThostFtdcTraderApi {
 public:
  static CThostFtdcTraderApi* CreateFtdcTraderApi(const char*, bool);
  static const char* GetApiVersion();
};
CThostFtdcTraderApi* CThostFtdcTraderApi::CreateFtdcTraderApi(const char*, bool) { return nullptr; }
const char* CThostFtdcTraderApi::GetApiVersion() { return VERSION; }
"""
PROGRAM = """
import ctypes, os, sys, time
vendor = ctypes.CDLL(sys.argv[1])
create = vendor["_ZN19CThostFtdcTraderApi19CreateFtdcTraderApiEPKcb"]
create.restype, create.argtypes = ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_bool]
api = create(b"", True)
print("made", bool(api), flush=True)
table = ctypes.cast(ctypes.cast(api, ctypes.POINTER(ctypes.c_void_p))[0], ctypes.POINTER(ctypes.c_void_p))
register_front, init = (table[int(slot)] for slot in sys.argv[3:5])
ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)(register_front)(api, sys.argv[2].encode())
ctypes.CFUNCTYPE(None, ctypes.c_void_p)(init)(api)
time.sleep(60)
"""
Vendor = Callable[[str], Path]


@pytest.fixture(scope="session")
def libraries() -> tuple[Path, ...]:
    try:
        return libraries_for_relay()
    except CompilerMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Vendor:
    """`vendor("v6.7.11_20250617 16:22:00")`: a library that says so."""
    place = tmp_path_factory.mktemp("vendor")
    (place / "vendor.cpp").write_text(VENDOR, encoding="utf-8")

    def made(version: str) -> Path:
        library = place / f"{version.split(maxsplit=1)[0]}.so"
        if not library.exists():
            define = f'-DVERSION="{version}"'
            command = ["g++", "-shared", "-fPIC", define, "-o", str(library), str(place / "vendor.cpp")]
            subprocess.run(command, check=True, timeout=60)
        return library

    return made


def program_of(library: Path, front: str = "tcp://203.0.113.7:41205") -> list[str]:
    """A program that opens the vendor's library itself, makes an instance and starts it."""
    slots = [str(METHODS[name].slot) for name in ("RegisterFront", "Init")]
    return [sys.executable, "-c", PROGRAM, str(library), front, *slots]


def exec_command(*words: str, settings: str = "", folder: Path, **extra: str) -> subprocess.Popen[str]:
    """`ctp-terminal exec` with these words, and a file with `settings`."""
    config = folder / "terminal.toml"
    config.write_text(settings, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'proto'}", **extra}
    environment.pop("PYTHONASYNCIODEBUG", None)
    command = [sys.executable, "-m", "terminal_client.cli.app", "--config", str(config), "exec", "--", *words]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
