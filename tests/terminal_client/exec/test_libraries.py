"""What the libraries in a program's process see to by themselves, before a call could reach a wrong slot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.terminal_client.exec.conftest import Vendor, program_of

OURS = "v6.7.11_20250617 16:22:00.10369"
NEXT = """
import ctypes, sys
print(ctypes.CDLL(sys.argv[1]).has_next())
"""
ASKS_FOR_NEXT = """
#define _GNU_SOURCE
#include <dlfcn.h>
int marker(void) { return 1; }
int has_next(void) { return dlsym(RTLD_NEXT, "marker") == 0; }
"""


def run(libraries: tuple[Path, ...], *words: str, **extra: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LD_PRELOAD": ":".join(map(str, libraries)), **extra}
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    "version",
    [
        "v6.6.9_20220920 14:52:33",
        "v6.7.13_20260225 09:00:00",
        "v6.7.1_20230101 0",
        "6.3.15_20190220 15:47:00",
        "nonsense",
    ],
)
def test_a_program_for_another_ctp_ends_with_its_version(
    libraries: tuple[Path, ...], vendor: Vendor, version: str
) -> None:
    """Its slots are others: it is ended by name before its first call."""
    ended = run(libraries, *program_of(vendor(version)), CTP_RELAY_CARRIER="/nowhere")

    assert (ended.returncode, ended.stdout) == (127, "")
    english, chinese = ended.stderr.splitlines()
    assert f"compiled for CTP {version} ({vendor(version)}); only programs for CTP 6.7.11" in english
    assert f"本程序使用 CTP {version}（" in chinese


def test_two_vendors_libraries_must_both_fit(libraries: tuple[Path, ...], vendor: Vendor) -> None:
    """Which of them the program was compiled for is not known."""
    first, second = vendor(OURS), vendor("v6.6.9_20220920 14:52:33")
    program = program_of(first)
    program[2] = f"import ctypes; other = ctypes.CDLL({str(second)!r})\n{program[2]}"
    ended = run(libraries, *program, CTP_RELAY_CARRIER="/nowhere")

    assert (ended.returncode, ended.stdout) == (127, "")
    assert "compiled for CTP v6.6.9_20220920" in ended.stderr


def test_without_a_carrier_the_command_is_named(libraries: tuple[Path, ...], vendor: Vendor) -> None:
    """Preloaded by hand they would connect to nothing."""
    environment = {name: value for name, value in os.environ.items() if name != "CTP_RELAY_CARRIER"}
    environment["LD_PRELOAD"] = ":".join(map(str, libraries))
    ended = subprocess.run(
        program_of(vendor(OURS)), env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert (ended.returncode, ended.stdout) == (127, "")
    assert "start it with `ctp-terminal exec PROGRAM`" in ended.stderr
    assert "请用 `ctp-terminal exec 程序` 启动" in ended.stderr


def test_a_program_without_the_vendors_library_is_not_guessed_at(libraries: tuple[Path, ...]) -> None:
    """It may open ours by path: nothing says then for which CTP it was compiled."""
    ended = run(libraries, *program_of(libraries[0]), CTP_RELAY_CARRIER="/nowhere")

    assert (ended.returncode, ended.stdout) == (127, "")
    assert "it has loaded no library of the vendor's" in ended.stderr


def test_other_names_are_looked_up_as_ever(libraries: tuple[Path, ...], tmp_path: Path) -> None:
    """RTLD_NEXT counts from the code that asks: one that is loaded after these libraries does not find itself."""
    (tmp_path / "asks.c").write_text(ASKS_FOR_NEXT, encoding="utf-8")
    library = tmp_path / "asks.so"
    command = ["gcc", "-shared", "-fPIC", "-O1", "-o", str(library), str(tmp_path / "asks.c")]
    subprocess.run(command, check=True, timeout=60)
    ended = run((*libraries, library), sys.executable, "-c", NEXT, str(library))

    assert ended.stdout == "1\n"
