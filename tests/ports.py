"""Loopback ports for what cannot say which one it got, such as a relay that keeps its port over a restart.

They lie below those that the kernel gives to connections: there, one that was free a moment ago may be another test's connection
when it is bound.
"""

from __future__ import annotations

import random
import socket
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 10_000
_random = random.SystemRandom()
_given: set[int] = set()


def unused_port() -> int:
    """One that nothing listens at, and that this process did not give before."""
    first_of_connections = int(_RANGE.read_text(encoding="ascii").split()[0])
    while True:
        port = _random.randrange(_LOWEST, first_of_connections)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port


def unused_ports(count: int) -> list[int]:
    """So many different ones."""
    return [unused_port() for _ in range(count)]
