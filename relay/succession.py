"""One generation of the relay hands its port to the next one, without closing it between them.

Where both can serve at once, **beside** each other:

    the old process                                   the new process
    SIGUSR2: starts it with its listening sockets ──▶  settings, database, ledger, counter
                                              READY ◀──  fit to serve
    stops accepting, closes the operators' ports
                                                GO ──▶  opens those ports, accepts
                                           SERVING ◀──
    asks its terminals to leave, drains, ends

Whatever goes wrong before SERVING ends the new process, and the old one goes on as before. What both would fight about: each
has a berth of its own (`berth`), a number of its own, and writes the ledger's chain under the database's row lock. The database
must serve two processes, and the counter two sessions of a user: PostgreSQL, many-to-many.

Where one alone can serve, **in turn**:

    SIGUSR2: starts it with its listening sockets ──▶  settings, secrets, library, side process; the database is looked at
                                              READY ◀──  all that can be done before the old one has ended
    stops accepting                             GO ──▶  waits
    ends its sessions, and everything else: locks,
    ledger, the operator's login               OVER ──▶  place, database, ledger, counter; opens all ports, accepts
                                           SERVING ◀──

Up to GO nothing has changed where something goes wrong. From there on it is a restart: the new process goes on alone, also
where the old one is killed. In both ways the listening socket is the same in both processes, so a terminal that comes between
the two accept loops waits in the kernel's queue and is not refused.
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
from typing import Protocol, TextIO

import structlog

from relay.database.database import open_database, require_current
from relay.edge.handed import HandedConnections
from relay.settings.file import ledger_url
from relay.settings.settings import CTP, Settings
from relay.stop_signals import SUCCEEDS
from relay.systemd import SystemdNotices

_log = structlog.get_logger(__name__)
_START_SECONDS = 120.0
_OF_A_WORKER_SECONDS = 15.0
_TAKE_SECONDS = 30.0
_END_SECONDS = 120.0
"""what the old process's end in order may take"""
_COUNTER_SECONDS = 10.0
"""how long the first terminals wait in the kernel's queue for the operator's login"""
_LOOK_SECONDS = 0.02
_LEFT_NONE = (
    "旧进程已退出，新进程未能服务；原因见日志，修正后用 systemctl restart"
    " / the old process has ended and the new one does not serve: the log says why; mend it and use systemctl restart"
)
_READY, _GO, _SERVING, _OVER = b"R", b"G", b"S", b"O"


def why_no_succession(settings: Settings) -> str:
    """Why this process cannot be replaced by its next one, Chinese and English; empty where it can."""
    if os.getpid() == 1:
        return "容器里的第一个进程不能被替换；请换容器 / the first process of a container cannot be replaced: replace the container"
    if settings.relay.workers > 1 and (why := why_in_turn(settings)):
        return f"多个工作进程时不支持；请用 systemctl restart：{why}; not with several workers, use systemctl restart"
    return ""


def why_in_turn(settings: Settings) -> str:
    """Why two generations cannot serve at once with these settings, Chinese and English; empty where they can."""
    if ledger_url(settings).get_secret_value().startswith("sqlite"):
        return "SQLite 只能由一个进程使用 / SQLite serves one process"
    if settings.relay.mode != "many_to_many":
        return "多对一的操作员只能登录一次 / the operator of many_to_one is logged in once"
    if settings.counter.system != CTP:
        return "该柜台由一个进程使用 / this counter is served by one process"
    return ""


def start_seconds(settings: Settings) -> float:
    """What the next process may take until it is ready; several workers come up one after the other."""
    return _START_SECONDS + _OF_A_WORKER_SECONDS * (settings.relay.workers - 1)


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
    in_turn: bool = False
    """whether the process that is replaced ends before this one takes its place"""

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
        return cls(listening, output, channel, in_turn=named.get("in_turn", False))

    @property
    def beside(self) -> bool:
        """Whether another process may serve while this one begins. A worker's place is guarded by its supervisor's."""
        return self.handed is not None or (self._channel is not None and not self.in_turn)

    async def await_turn(self, settings: Settings) -> None:
        """Where the other process has to end first: say that this one has done what it can, and wait for that end.

        Raises DatabaseUnusable, and OSError where the other one changed its mind.
        """
        if self._channel is None or not self.in_turn:
            return
        await asyncio.to_thread(_look_at_database, settings)
        await asyncio.get_running_loop().sock_sendall(self._channel, _READY)
        await _heard(self._channel, _GO, _START_SECONDS)
        async with asyncio.timeout(_END_SECONDS):
            with contextlib.suppress(ConnectionError):  # killed meanwhile: its end too
                await asyncio.get_running_loop().sock_recv(self._channel, 1)

    async def take_over(self, is_ready: Callable[[], bool] = lambda: True) -> None:
        """Where another process serves: say that this one is fit to, and wait for the word. OSError where it changed its mind.

        Where it has ended already, its terminals wait in the kernel's queue for a moment until logins can succeed.
        """
        if self._channel is None:
            return
        if self.in_turn:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_COUNTER_SECONDS):
                    while not is_ready():  # noqa: ASYNC110 - a counter has no event for it
                        await asyncio.sleep(_LOOK_SECONDS)
            return
        await asyncio.get_running_loop().sock_sendall(self._channel, _READY)
        await _heard(self._channel, _GO, _START_SECONDS)

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


class Acceptor(Protocol):
    """Who listens and accepts: a process's edge, or the reception of several workers."""

    def listening_at(self) -> dict[str, socket.socket]: ...

    def pause(self) -> None: ...

    def go_on(self) -> None: ...

    def close(self) -> None: ...


@dataclass(slots=True)
class Succession:
    """How this process is replaced. `output` is its real standard output and standard error."""

    settings: Settings
    edge: Acceptor
    ports: OperatorPorts
    systemd: SystemdNotices
    output: tuple[TextIO, TextIO]
    done: bool = False
    """the next process serves, or does when this one has ended"""
    _under_way: bool = False
    _channel: socket.socket | None = None
    """to a process that waits for the end of this one"""
    _next: int = 0

    @property
    def successor(self) -> bool:
        """Whether a new process serves at the same address already."""
        return self.done and self._channel is None

    @property
    def in_turn(self) -> bool:
        """Whether the next process waits for the end of this one."""
        return self._channel is not None

    async def begin(self, stop: asyncio.Event) -> None:
        """Start the next process; `stop` is set when it serves, or waits for the end of this one.

        What goes wrong is a line in the log, and changes nothing.
        """
        if self._under_way or self.done or stop.is_set():
            return
        if why := why_no_succession(self.settings):
            refuse(self.settings, why)
            return
        self._under_way = True
        try:
            await self._hand_over(stop, in_turn=bool(why_in_turn(self.settings)))
        finally:
            self._under_way = False

    async def end(self) -> None:
        """Everything here is closed: let the next process begin, where it waits for that, and say what became of it."""
        channel, self._channel = self._channel, None
        if channel is None:
            return
        with channel:
            try:
                await asyncio.get_running_loop().sock_sendall(channel, _OVER)
                await _heard(channel, _SERVING, _TAKE_SECONDS)
            except (OSError, TimeoutError) as error:
                _log.critical("succession_left_none", pid=self._next, why=str(error) or type(error).__name__)
                report(self.settings, "failed", pid=self._next, why=_LEFT_NONE)
                raise SystemExit(1) from None
        self._say_done()

    async def _hand_over(self, stop: asyncio.Event, *, in_turn: bool) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with contextlib.ExitStack() as channel:
            channel.enter_context(ours)
            with theirs:
                successor = await asyncio.to_thread(self._start, theirs, in_turn=in_turn)
            self._next = successor.pid
            _log.warning("succession_begun", pid=successor.pid)
            report(self.settings, "begun", pid=successor.pid)
            if not await self._go_ahead(ours, successor, in_turn=in_turn):
                return
            if in_turn:
                self._channel = ours
                channel.pop_all()
        self.edge.close()
        self.systemd.hand_over(successor.pid)
        self.done = True
        if not in_turn:
            self._say_done()
        stop.set()

    async def _go_ahead(self, channel: socket.socket, successor: subprocess.Popen[bytes], *, in_turn: bool) -> bool:
        """Let it take the port, when it is fit to; false where this process goes on as before."""
        paused = False
        try:
            await _heard(channel, _READY, start_seconds(self.settings))
            paused = True
            self.edge.pause()
            if not in_turn:
                await self.ports.close()
            await asyncio.get_running_loop().sock_sendall(channel, _GO)
            if not in_turn:
                await _heard(channel, _SERVING, _TAKE_SECONDS)
        except (OSError, TimeoutError) as error:
            await self._go_on(successor, error, paused=paused)
            return False
        return True

    def _say_done(self) -> None:
        _log.warning("succession_done", pid=self._next)
        report(self.settings, "done", pid=self._next)

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

    def _start(self, channel: socket.socket, *, in_turn: bool) -> subprocess.Popen[bytes]:
        listening = self.edge.listening_at()
        passed = {address: at.fileno() for address, at in listening.items()}
        named = json.dumps({"channel": channel.fileno(), "listening": passed, "in_turn": in_turn})
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


def _look_at_database(settings: Settings) -> None:
    """Raises DatabaseUnusable where this version could not use it; a SQLite file's tables are brought up to date later."""
    engine = open_database(ledger_url(settings))
    try:
        if engine.dialect.name != "sqlite":
            require_current(engine)
    finally:
        engine.dispose()


async def _heard(channel: socket.socket, word: bytes, seconds: float) -> None:
    """Wait for the other process's word; OSError where it is gone, TimeoutError."""
    async with asyncio.timeout(seconds):
        said = await asyncio.get_running_loop().sock_recv(channel, 1)
    if said != word:
        raise OSError("the other process has ended")
