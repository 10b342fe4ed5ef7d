"""What a connection costs more where a supervisor hands it to a worker: `python -m benchmarks.handing`.

Two processes on loopback: one connects, waits for one byte and closes, again and again; the other takes the connections and
answers. In one half of the runs it accepts them itself, in the other half they are accepted here and handed over.
"""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
import sys
import threading
import time

_CONNECTIONS = 2000
_ROUNDS = 5


def main() -> None:
    """Print the median of the rounds, in microseconds a connection."""
    found: dict[str, list[float]] = {"accepted": [], "handed": []}
    for _ in range(_ROUNDS):
        found["accepted"].append(_round(handed=False))
        found["handed"].append(_round(handed=True))
    for name, seconds in found.items():
        sys.stdout.write(f"{name} {1e6 * statistics.median(seconds):.0f} us\n")


def _round(*, handed: bool) -> float:
    """Seconds from connecting to the answer, on average."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=64)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    worker = os.fork()
    if not worker:
        ours.close()
        _answer(theirs if handed else listening, handed=handed)
    theirs.close()
    if handed:
        threading.Thread(target=_hand_over, args=(listening, ours), daemon=True).start()
    begun = time.perf_counter()
    for _ in range(_CONNECTIONS):
        with socket.create_connection(listening.getsockname()) as terminal:
            terminal.recv(1)
    took = time.perf_counter() - begun
    os.kill(worker, 9)
    os.waitpid(worker, 0)
    ours.close()
    listening.close()
    return took / _CONNECTIONS


def _answer(source: socket.socket, *, handed: bool) -> None:
    while True:
        if handed:
            _, descriptors, _, _ = socket.recv_fds(source, 4096, 1)
            connection = socket.socket(fileno=descriptors[0])
        else:
            connection, _ = source.accept()
        with connection:
            connection.send(b"x")


def _hand_over(listening: socket.socket, ours: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the round is over
        while True:
            connection, _ = listening.accept()
            with connection:
                socket.send_fds(ours, [b"C"], [connection.fileno()])


if __name__ == "__main__":
    main()
