"""The program: whether it can be carried, its environment, and its life beside the process that carries its calls."""

from __future__ import annotations

import contextlib
import shutil
import signal
import stat
import struct
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

CARRIER = "CTP_RELAY_CARRIER"
"""names the socket to the libraries in the program's process"""
SECRETS = ("CTP_TERMINAL_PASSWORD", "CTP_TERMINAL_AUTH_CODE")
"""variables that are read here and not handed on"""
_HANDED_ON = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""to the program"""
_OF_THE_KEYBOARD = (signal.SIGINT, signal.SIGQUIT)
"""reach the program by themselves"""
_ELF = b"\x7fELF"
_ELF_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
_X86_64 = 62
_INTERPRETED = 3
"""PT_INTERP: the segment that names the dynamic linker"""
_READ_AHEAD = 4096


class NotCarried(Exception):
    """This program would pass over the libraries and go to its real front; the message says why."""


def find_program(name: str, path: str) -> Path:
    """The file a shell would start, where it can be carried. Raises FileNotFoundError, NotCarried."""
    found = shutil.which(name, path=path)
    if found is None:
        raise FileNotFoundError(f"there is no program {name}")
    file = Path(found)
    if file.stat().st_mode & (stat.S_ISUID | stat.S_ISGID):
        raise NotCarried(f"{found} runs as another user or group: the linker loads nothing of ours into it")
    with file.open("rb") as opened:
        start = opened.read(_READ_AHEAD)
    if start.startswith(_ELF):
        _require_linker(start, found)
    return file


def _require_linker(start: bytes, name: str) -> None:
    """That a dynamic linker of glibc loads the program on x86-64."""
    machine = start[18:20]
    if start[4] != 2 or int.from_bytes(machine, "little") != _X86_64:
        raise NotCarried(f"{name} is not for 64-bit x86: there are no libraries for it")
    linker = _linker_of(start)
    if not linker:
        raise NotCarried(f"{name} is linked statically: the linker loads nothing of ours into it")
    if "ld-linux" not in linker:
        raise NotCarried(f"{name} runs on {linker} and not on glibc, for which the libraries are")


def _linker_of(start: bytes) -> str:
    header = _ELF_HEADER.unpack_from(start)
    table, size, count = header[5], header[9], header[10]
    for position in range(table, table + size * count, size):
        if position + _PROGRAM_HEADER.size > len(start):
            break
        kind, _flags, offset, _virtual, _physical, length, *_ = _PROGRAM_HEADER.unpack_from(start, position)
        if kind == _INTERPRETED:
            return start[offset : offset + length].split(b"\0")[0].decode(errors="replace")
    return ""


def environment_of(base: Mapping[str, str], libraries: Sequence[Path], socket: Path) -> dict[str, str]:
    """`base` for the program: the libraries first, the carrier's socket, and none of the secrets that were given here."""
    changed = {name: value for name, value in base.items() if name not in SECRETS}
    changed["LD_PRELOAD"] = ":".join(filter(None, [*map(str, libraries), base.get("LD_PRELOAD", "")]))
    changed[CARRIER] = str(socket)
    return changed


def run_to_its_end(program: Sequence[str], environment: Mapping[str, str]) -> int:
    """Start it and wait; its exit status, 128 + n when signal n ended it.

    A signal that asks this process to end is handed to the program, which decides.
    """
    with subprocess.Popen(list(program), env=dict(environment)) as process, _signals_go_to(process):
        status = process.wait()
    return 128 - status if status < 0 else status


@contextlib.contextmanager
def _signals_go_to(process: subprocess.Popen[bytes]) -> Iterator[None]:
    def hand_on(number: int, _frame: FrameType | None) -> None:
        process.send_signal(number)

    before = {number: signal.signal(number, hand_on) for number in _HANDED_ON}
    before |= {number: signal.signal(number, lambda *_: None) for number in _OF_THE_KEYBOARD}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
