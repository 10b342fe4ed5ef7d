"""Which programs can be carried: one that passes over the libraries would go to its real front."""

from __future__ import annotations

import shutil
import struct
import sys
from pathlib import Path

import pytest

from terminal_client.exec.program import NotCarried, find_program

HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
SEGMENT = struct.Struct("<IIQQQQQQ")


def elf(linker: str, bits: int = 2, machine: int = 62) -> bytes:
    """The beginning of a program; without `linker` a static one."""
    count = 1 if linker else 0
    ident = b"\x7fELF" + bytes([bits, 1, 1]) + bytes(9)
    header = HEADER.pack(ident, 2, machine, 1, 0, 64, 0, 0, 64, SEGMENT.size, count, 0, 0, 0)
    name = linker.encode() + b"\0"
    segment = SEGMENT.pack(3, 4, 64 + SEGMENT.size, 0, 0, len(name), len(name), 1) if linker else b""
    return header + segment + name


def made(folder: Path, content: bytes, mode: int = 0o755) -> str:
    program = folder / "program"
    program.write_bytes(content)
    program.chmod(mode)
    return str(program)


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (elf(""), 0o755, "is linked statically"),
        (elf("/lib/ld-musl-x86_64.so.1"), 0o755, "runs on /lib/ld-musl-x86_64.so.1 and not on glibc"),
        (elf("/lib/ld-linux.so.2", bits=1), 0o755, "is not for 64-bit x86"),
        (elf("/lib/ld-linux-aarch64.so.1", machine=183), 0o755, "is not for 64-bit x86"),
        (elf("/lib64/ld-linux-x86-64.so.2"), 0o4755, "runs as another user"),
    ],
)
def test_a_program_that_loads_nothing_of_ours_is_refused(tmp_path: Path, content: bytes, mode: int, said: str) -> None:
    """By name: it would trade past the relay."""
    with pytest.raises(NotCarried, match=said):
        find_program(made(tmp_path, content, mode), "")


def test_ordinary_programs_are_found_as_a_shell_finds_them(tmp_path: Path) -> None:
    """By path or on PATH; a script is its interpreter's business."""
    assert find_program(sys.executable, "") == Path(sys.executable)
    assert find_program("true", "/usr/bin:/bin") == Path(shutil.which("true", path="/usr/bin:/bin") or "")
    assert find_program(made(tmp_path, b"#!/bin/sh\n"), "") == tmp_path / "program"
    with pytest.raises(FileNotFoundError, match="there is no program nothing"):
        find_program("nothing", "/usr/bin")
