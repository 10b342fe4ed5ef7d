"""The Unix socket at which a program's process meets the one that carries its calls: this user's, and no other's.

Twice: its folder can be entered by this user alone, and the kernel is asked who is at the other end. Root is not kept out.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

LONGEST_PATH = 107
"""bytes that a Unix socket's path may have"""
_NAME = "carrier"
_PEER = struct.Struct("3i")


@contextlib.contextmanager
def meeting_place() -> Iterator[Path]:
    """A path for the socket, in a new folder of mode 0700 that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ctp-exec-", dir=_parent()) as folder:
        yield Path(folder) / _NAME


def _parent() -> str | None:
    """This user's runtime folder; where there is none, or its name is too long for a socket's, the temporary one."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    fits = len(runtime.encode()) + len(f"/ctp-exec-12345678/{_NAME}") <= LONGEST_PATH
    return runtime if runtime and fits and os.access(runtime, os.W_OK | os.X_OK) else None


def is_this_user(peer: socket.socket) -> bool:
    """Whether the process that connected `peer` runs as this user, in the kernel's words."""
    _pid, user, _group = map(int, _PEER.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)))
    return user == os.getuid()
