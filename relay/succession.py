"""One generation of the relay hands its port to the next one, without closing it between them.

    the old process                                   the new process
    SIGUSR2: starts it with its listening sockets ──▶  settings, database, ledger, counter
                                              READY ◀──  fit to serve
    stops accepting, closes the operators' ports
                                                GO ──▶  opens those ports, accepts
                                           SERVING ◀──
    asks its terminals to leave, drains, ends

The listening socket is the same in both, so a terminal that comes between the two accept loops waits in the kernel's
queue and is not refused. Whatever goes wrong before SERVING ends the new process, and the old one goes on as before.

What both would fight about: each has a berth of its own (`berth`), a number of its own, and writes the ledger's chain under
the database's row lock. The database must serve two processes, and the counter two sessions of a user: PostgreSQL, many-to-many.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import structlog

from relay.edge.edge import Edge
from relay.edge.handed import HandedConnections
from relay.settings.file import ledger_url
from relay.settings.settings import CTP, Settings
from relay.stop_signals import SUCCEEDS
from relay.systemd import SystemdNotices

_log = structlog.get_logger(__name__)
START_SECONDS = 120.0
_TAKE_SECONDS = 30.0
_READY, _GO, _SERVING = b"R", b"G", b"S"


def why_no_succession(settings: Settings) -> str:
    """Why two generations cannot serve at once with these settings, Chinese and English; empty where they can."""
    gap = "请用 systemctl restart：终端约 15 秒无法报单 / use systemctl restart: terminals cannot order for about 15 s"
    if ledger_url(settings).get_secret_value().startswith("sqlite"):
        return f"SQLite 只能由一个进程使用；{gap}; SQLite serves one process"
    if settings.relay.mode != "many_to_many":
        return f"多对一的操作员只能登录一次；{gap}; the operator of many_to_one is logged in once"
    if settings.counter.system != CTP:
        return f"该柜台不支持两个进程；{gap}; this counter is served by one process"
    if settings.relay.workers > 1:
        return f"多个工作进程时不支持；{gap}; not with several workers"
    if os.getpid() == 1:
        return "容器里的第一个进程不能被替换；请换容器 / the first process of a container cannot be replaced: replace the container"
    return ""


def outcome_file(settings: Settings) -> Path:
    """Where the old process says what became of the succession that was asked of it."""
    return settings.relay.state_dir / "succession.json"


def report(settings: Settings, state: str, **facts: object) -> None:
    """What became of the succession, for the command that asked."""
    file = outcome_file(settings)
    with contextlib.suppress(OSError):
        file.with_suffix(".new").write_text(json.dumps({"state": state, "asked": os.getpid(), **facts}))
        file.with_suffix(".new").replace(file)


def refuse(settings: Settings, why: str) -> None:
    """Say to the command that asked, and in the log, that this process is not replaced."""
    _log.error("succession_refused", why=why)
    report(settings, "refused", why=why)


@dataclass(slots=True)
class Inheritance:
    """What this process has from who started it; from a process that it replaces, the listening sockets and a channel."""

    listening: dict[str, socket.socket] = field(default_factory=dict)
    """by address of the settings"""
    output: tuple[TextIO, TextIO] = field(default_factory=lambda: (sys.stdout, sys.stderr))
    """standard output and standard error, whatever their descriptors have become"""
    _channel: socket.socket | None = None
    handed: HandedConnections | None = None
    """a worker's, from its supervisor"""

    @classmethod
    def of_environment(cls, environment: MutableMapping[str, str], output: tuple[TextIO, TextIO]) -> Inheritance:
        """What the variable names. It is taken away: programs that this one starts succeed nobody."""
        said = environment.pop(SUCCEEDS, "")
        if not said:
            return cls(output=output)
        named = json.loads(said)
        listening = {address: socket.socket(fileno=number) for address, number in named["listening"].items()}
        for inherited in listening.values():
            os.set_inheritable(inherited.fileno(), False)
        channel = socket.socket(fileno=named["channel"])
        os.set_inheritable(channel.fileno(), False)
        channel.setblocking(False)
        return cls(listening, output, channel)

    @property
    def succeeds(self) -> bool:
        """Whether this process replaces another one."""
        return self._channel is not None

    async def take_over(self) -> None:
        """Say that this process is fit to serve, and wait for the word. OSError where the other one changed its mind."""
        if self._channel is not None:
            await asyncio.get_running_loop().sock_sendall(self._channel, _READY)
            await _heard(self._channel, _GO, START_SECONDS)

    async def say_serving(self) -> None:
        """This process accepts terminals."""
        if self._channel is not None:
            with contextlib.suppress(OSError):
                await asyncio.get_running_loop().sock_sendall(self._channel, _SERVING)
            self._channel.close()


@dataclass(slots=True)
class OperatorPorts:
    """The ports of a process for operators and monitors: open in one generation at a time."""

    open_into: Callable[[contextlib.AsyncExitStack], Awaitable[None]]
    _stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    async def open(self) -> None:
        await self.open_into(self._stack)

    async def close(self) -> None:
        """Idempotent."""
        await self._stack.aclose()


@dataclass(slots=True)
class Succession:
    """How this process is replaced. `output` is its real standard output and standard error."""

    settings: Settings
    edge: Edge
    ports: OperatorPorts
    systemd: SystemdNotices
    output: tuple[TextIO, TextIO]
    done: bool = False
    """the next process serves"""
    _under_way: bool = False

    async def begin(self, stop: asyncio.Event) -> None:
        """Start the next process; `stop` is set when it serves. What goes wrong is a line in the log, and changes nothing."""
        if self._under_way or self.done or stop.is_set():
            return
        if why := why_no_succession(self.settings):
            refuse(self.settings, why)
            return
        self._under_way = True
        try:
            await self._hand_over(stop)
        finally:
            self._under_way = False

    async def _hand_over(self, stop: asyncio.Event) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours:
            with theirs:
                successor = await asyncio.to_thread(self._start, theirs)
            _log.warning("succession_begun", pid=successor.pid)
            report(self.settings, "begun", pid=successor.pid)
            paused = False
            try:
                await _heard(ours, _READY, START_SECONDS)
                paused = True
                self.edge.pause()
                await self.ports.close()
                await asyncio.get_running_loop().sock_sendall(ours, _GO)
                await _heard(ours, _SERVING, _TAKE_SECONDS)
            except (OSError, TimeoutError) as error:
                await self._go_on(successor, error, paused=paused)
                return
        self.edge.close()
        self.systemd.hand_over(successor.pid)
        self.done = True
        _log.warning("succession_done", pid=successor.pid)
        report(self.settings, "done", pid=successor.pid)
        stop.set()

    async def _go_on(self, successor: subprocess.Popen[bytes], error: Exception, *, paused: bool) -> None:
        successor.kill()
        await asyncio.to_thread(successor.wait)
        _log.error("succession_failed", pid=successor.pid, why=str(error) or type(error).__name__)
        if paused:
            self.edge.go_on()
            try:
                await self.ports.open()
            except OSError as failure:
                _log.error("operator_ports_not_served", why=str(failure))
        report(self.settings, "failed", pid=successor.pid)

    def _start(self, channel: socket.socket) -> subprocess.Popen[bytes]:
        listening = self.edge.listening_at()
        passed = {address: at.fileno() for address, at in listening.items()}
        named = json.dumps({"channel": channel.fileno(), "listening": passed})
        environment: Mapping[str, str] = {**os.environ, **self.systemd.environment, SUCCEEDS: named}
        stdout, stderr = self.output
        return subprocess.Popen(
            [sys.executable, *sys.orig_argv[1:]],
            env=environment,
            pass_fds=[channel.fileno(), *passed.values()],
            stdin=subprocess.DEVNULL,
            stdout=stdout.fileno(),
            stderr=stderr.fileno(),
        )


async def _heard(channel: socket.socket, word: bytes, seconds: float) -> None:
    """Wait for the other process's word; OSError where it is gone, TimeoutError."""
    async with asyncio.timeout(seconds):
        said = await asyncio.get_running_loop().sock_recv(channel, 1)
    if said != word:
        raise OSError("the other process has ended")
