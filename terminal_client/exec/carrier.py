"""Carries the calls of every API instance of one program, for as long as the program runs."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

from terminal_client.exec.instance import Instance, OpenFront
from terminal_client.exec.meeting_place import is_this_user, meeting_place

MOST_INSTANCES = 1000
"""connected at the same time"""
_WAITING = 256
_END_SECONDS = 5.0


class InstanceAcceptor:
    """Accepts the program's instances."""

    def __init__(self, listener: socket.socket, open_front: OpenFront) -> None:
        self._listener = listener
        self._open_front = open_front
        self._instances: list[Instance] = []
        self._thread = threading.Thread(target=self._accept_all, name="ctp-carrier", daemon=True)
        self._thread.start()

    def _accept_all(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:  # closed
                return
            self._instances = [instance for instance in self._instances if not instance.is_over]
            if len(self._instances) >= MOST_INSTANCES or not is_this_user(peer):
                peer.close()
                continue
            instance = Instance(peer, self._open_front)
            self._instances.append(instance)
            instance.start()

    def end(self) -> None:
        """Take no instance any more, and log out all there are."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for instance in self._instances:
            instance.end(_END_SECONDS)


@contextlib.contextmanager
def carrier(open_front: OpenFront) -> Iterator[Path]:
    """A carrier at the socket of this path."""
    with meeting_place() as path, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen(_WAITING)
        running = InstanceAcceptor(listener, open_front)
        try:
            yield path
        finally:
            running.end()
