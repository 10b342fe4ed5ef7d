"""Which process has a lock or a port, as the kernel says it; nothing is locked or connected to for it.

Of processes in other containers and, for ports, of other users the kernel says less.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_LISTENING = "0A"


def lock_holder(file: Path) -> int | None:
    """The process that holds an exclusive `flock` on the file; None where none is seen."""
    try:
        inode = file.stat().st_ino
        lines = (_PROC / "locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        words = line.split()
        if "->" not in words and words[1] == "FLOCK" and words[3] == "WRITE" and words[5].endswith(f":{inode}"):
            pid = int(words[4])
            if pid > 0 and _has_open(pid, file):
                return pid
    return None


def _has_open(pid: int, file: Path) -> bool:
    """Whether the process has the file open; inode numbers repeat on other file systems. True where it may not be seen."""
    wanted = str(file.resolve())
    try:
        descriptors = list((_PROC / str(pid) / "fd").iterdir())
    except OSError:
        return True
    for descriptor in descriptors:
        try:
            if str(descriptor.readlink()) == wanted:
                return True
        except OSError:
            continue
    return False


def port_holder(port: int) -> int | None:
    """The process that listens on this TCP port; None where none is seen."""
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    if not sockets:
        return None
    for process in _PROC.iterdir():
        if process.name.isdigit() and _has_socket(process, sockets):
            return int(process.name)
    return None


def described(pid: int | None) -> str:
    """A process in words for a person: its number and its program's name."""
    if pid is None:
        return "?"
    try:
        name = (_PROC / str(pid) / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        name = "?"
    return f"{pid} ({name})"


def _listening(port: int) -> Iterator[int]:
    for table in ("tcp", "tcp6"):
        try:
            lines = (_PROC / "net" / table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            words = line.split()
            if words[3] == _LISTENING and int(words[1].rpartition(":")[2], 16) == port:
                yield int(words[9])


def _has_socket(process: Path, sockets: set[str]) -> bool:
    try:
        return any(str(descriptor.readlink()) in sockets for descriptor in (process / "fd").iterdir())
    except OSError:
        return False
