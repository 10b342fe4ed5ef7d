"""What a worker says to its supervisor in systemd's protocol, on a socket of its own: that it serves, stops, goes on.

The socket has an abstract name, which any program of the machine could send to; so the kernel is asked who sent.
"""

from __future__ import annotations

import secrets
import socket
import struct

_CREDENTIALS = struct.Struct("iII")
"""pid, uid and gid, as the kernel gives them"""
_LONGEST = 8192


class WorkerNotices:
    """Where one worker's datagrams arrive."""

    def __init__(self) -> None:
        name = f"ctp-relay-{secrets.token_hex(16)}"
        self.address = f"@{name}"
        """for NOTIFY_SOCKET"""
        self.sender = 0
        """the process that is heard"""
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(f"\0{name}")

    def read(self) -> dict[str, str] | None:
        """The next datagram's values by name, empty where it is another's; None where there is no more."""
        try:
            data, extra, _, _ = self.socket.recvmsg(_LONGEST, socket.CMSG_SPACE(_CREDENTIALS.size))
        except (BlockingIOError, InterruptedError):
            return None
        pids = [
            _CREDENTIALS.unpack(value)[0]
            for level, kind, value in extra
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS)
        ]
        if pids != [self.sender]:
            return {}
        lines = data.decode("utf-8", "replace").splitlines()
        return {name: value for name, mark, value in (line.partition("=") for line in lines) if mark}

    def close(self) -> None:
        self.socket.close()
