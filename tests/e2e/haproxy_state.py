"""What a running HAProxy thinks of its servers, asked on its own socket: a test waits for that, and not for a time."""

from __future__ import annotations

import socket
import time
from pathlib import Path

_RUNNING = "2"
_DEADLINE_SECONDS = 60.0


def with_state(config: str, directory: Path) -> str:
    """The configuration with a socket in the directory that answers `servers_up`."""
    return config.replace("global\n", f"global\n    stats socket {directory / 'state'} mode 600\n", 1)


def servers_up(directory: Path, backend: str) -> set[str]:
    """The names of those that get new connections."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(directory / "state"))
        asking.sendall(f"show servers state {backend}\n".encode())
        said = b"".join(iter(lambda: asking.recv(65536), b"")).decode()
    rows = [line.split() for line in said.splitlines() if line[:1].isdigit() and len(line.split()) > 5]
    return {row[3] for row in rows if row[5] == _RUNNING}


def until_up(directory: Path, backend: str, wanted: set[str]) -> None:
    """Wait until just these get new connections."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while (up := servers_up(directory, backend)) != wanted:
        assert time.monotonic() < deadline, f"{sorted(up)} are up"
        time.sleep(0.05)
