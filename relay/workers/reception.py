"""Where terminals connect: the supervisor listens, accepts, and gives each connection to a worker unread.

What is refused is refused by the worker's edge, whose bounds are its share of the machine's. While no worker takes
connections they wait in the kernel's queue, and a terminal that comes meanwhile is only late.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Mapping

import structlog

from relay.edge.descriptors import raise_limit
from relay.settings.settings import Settings
from relay.settings.values import split_address
from relay.workers.choice import best_seat
from relay.workers.worker_process import WorkerProcess

_log = structlog.get_logger(__name__)
_BACKLOG = 1024
_AT_A_TIME = 16
_PAUSE_SECONDS = 0.05
_NONE_LEFT = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


def listened_at(settings: Settings) -> dict[str, str]:
    """The addresses where terminals connect, by the key of the setting."""
    listen, market = settings.listen, settings.market_data
    found = {"listen.address": listen.address, "listen.address_with_certificates": listen.address_with_certificates}
    if market.enabled:
        found["market_data.address"] = market.address
    return {key: address for key, address in found.items() if address is not None}


class Reception:
    """For the loop."""

    def __init__(self) -> None:
        self.given = 0
        """connections since the start"""
        self._workers: Mapping[int, WorkerProcess] = {}
        self._listening: dict[str, socket.socket] = {}
        self._addresses: dict[str, str] = {}
        """both by the key of the setting"""
        self._pause: asyncio.TimerHandle | None = None
        self._open = False

    def listen(self, settings: Settings, inherited: Mapping[str, socket.socket]) -> dict[str, int]:
        """Take the addresses; returns the ports by the key of the setting. Raises OSError where one cannot be used.

        `inherited` are listening sockets of the process that this one replaces, by address.
        """
        raise_limit()
        self._addresses = listened_at(settings)
        for key, address in self._addresses.items():
            try:
                self._listening[key] = inherited.get(address) or _listening_at(address)
                self._listening[key].setblocking(False)
            except OSError as error:
                raise OSError(f"{key} {address} cannot be used: is another program there? ({error})") from None
        return {key: int(listening.getsockname()[1]) for key, listening in self._listening.items()}

    def open(self, workers: Mapping[int, WorkerProcess]) -> None:
        """Give connections to these from here on, as soon as they take some."""
        self._workers, self._open = workers, True
        self._accept_again()

    def listening_at(self) -> dict[str, socket.socket]:
        """The listening sockets, by address: for a process that takes them over."""
        return {self._addresses[key]: listening for key, listening in self._listening.items()}

    def pause(self) -> None:
        """Accept nothing for now; who comes waits in the kernel's queue."""
        self._open = False
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        for listening in self._listening.values():
            asyncio.get_running_loop().remove_reader(listening)

    def go_on(self) -> None:
        """Accept again."""
        self._open = True
        self._accept_again()

    def close(self) -> None:
        """Take no more connections, and give the addresses back. Idempotent."""
        self.pause()
        for listening in self._listening.values():
            listening.close()
        self._listening.clear()

    def _accept_again(self) -> None:
        self._pause = None
        for key, listening in self._listening.items():
            asyncio.get_running_loop().add_reader(listening, self._accept, key, listening)

    def _accept(self, key: str, listening: socket.socket) -> None:
        for _ in range(_AT_A_TIME):
            if self._best() is None:
                self._wait()
                return
            try:
                connection, _ = listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _NONE_LEFT:
                    _log.warning(
                        "connections_not_accepted", why=error.strerror or "", advice="raise the limit of open files"
                    )
                    self._wait()
                    return
                continue  # this one was gone before it was taken
            with connection:
                self._give(connection, key)

    def _give(self, connection: socket.socket, key: str) -> None:
        """To the best worker, or to the next one where that takes none now."""
        while (best := self._best()) is not None:
            if best.give(connection, key):
                self.given += 1
                return
            best.seat = None  # it has ended, or does not go on: its watchdog finds out
        self._wait()

    def _best(self) -> WorkerProcess | None:
        number = best_seat({one.number: one.seat for one in self._workers.values() if one.seat is not None})
        return self._workers[number] if number is not None else None

    def _wait(self) -> None:
        """Let connections wait in the kernel for a moment."""
        for listening in self._listening.values():
            asyncio.get_running_loop().remove_reader(listening)
        if self._open and self._pause is None:
            self._pause = asyncio.get_running_loop().call_later(_PAUSE_SECONDS, self._accept_again)


def _listening_at(address: str) -> socket.socket:
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    return socket.create_server(
        found[0][4][:2],
        family=family,
        backlog=_BACKLOG,
        dualstack_ipv6=host == "::",
    )
