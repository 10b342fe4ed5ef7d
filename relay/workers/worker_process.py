"""One worker as its supervisor sees it: started, listened to, watched, ended, and started again.

What holds: a process that was started is ended before another one is started in its place, and before the supervisor
ends. While it lives it holds one end of a socket of which the supervisor holds the other, so that it ends when the
supervisor does, however that was (`relay.edge.handed`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

import structlog

from relay.edge.handed import CONNECTION, LONGEST_PACKET, ROOM, SUCCEEDED, TOLD, Room
from relay.workers.choice import Seat
from relay.workers.notices import WorkerNotices
from relay.workers.pauses import RestartPauses
from relay.workers.worker_settings import WorkerPlace

_log = structlog.get_logger(__name__)
_SILENT_SECONDS: Final = 30.0
"""a worker that serves says three times in this time that its loop goes on"""
_START_SECONDS: Final = 120.0
_LOOK_SECONDS: Final = 1.0
_ABORT_SECONDS: Final = 5.0
_FAREWELL_SECONDS: Final = 60.0
"""what its end takes at most after the drain"""


_NO_ROOM: Final = Room(0, 0, ready=False)


class WorkerState(StrEnum):
    STARTING = "starting"
    SERVING = "serving"
    STOPPING = "stopping"
    RESTING = "resting"
    """it ended, and is started again after a pause"""
    ENDED = "ended"


class WorkerProcess:
    """For the loop."""

    why = ""
    """how it ended the last time, where that was not asked for"""
    status = ""
    """what it said last, in words"""
    _silence = ""
    """why it was ended by its supervisor"""

    def __init__(self, place: WorkerPlace, config: Path, ports: Mapping[str, int]) -> None:
        """`ports` are those that are listened at, by the key of the setting."""
        self.place = place
        self.number = place.number
        self.state = WorkerState.ENDED
        self.pid = self.starts = 0
        self.seat: Seat | None = None
        """None while it takes no connections"""
        self.served = asyncio.Event()
        """set when it has served once"""
        self.on_ready: Callable[[WorkerProcess], object] = lambda _: None
        """called when it says that it serves; `open` follows"""
        self.on_told: Callable[[WorkerProcess, bytes], object] = lambda _, __: None
        """called with what the other workers are to hear"""
        self.on_crash: Callable[[WorkerProcess], object] = lambda _: None
        """called when it has ended unasked"""
        self._config = config
        self._ports = ports
        self._pauses = RestartPauses()
        self._connection: socket.socket | None = None
        self._heard_at = 0.0
        self._room = _NO_ROOM
        self._stopping = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None

    async def keep(self) -> None:
        """Start it, and again whenever it ends, until `stop`. One that ends before it ever served is not started again."""
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            began = loop.time()
            code = await self._run()
            if self._stopping.is_set():
                break
            self.why = self._silence or _ended_by(code)
            pause = self._pauses.after(loop.time() - began)
            again = self.served.is_set()
            _log.error(
                "worker_ended", number=self.number, pid=self.pid, why=self.why, again_in=pause if again else None
            )
            if not again:
                break
            self.state = WorkerState.RESTING
            self.on_crash(self)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
        self.state = WorkerState.ENDED

    async def stop(self, drain_seconds: float) -> None:
        """Ask it to end, and kill it where it does not; returns when it is gone, or will not be started again."""
        self._stopping.set()
        process = self._process
        if process is None:
            return
        self._signal(signal.SIGTERM)
        self.state = WorkerState.STOPPING
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(drain_seconds + _FAREWELL_SECONDS):
                await process.wait()
                return
        _log.error("worker_killed", number=self.number, pid=self.pid, why="it did not end in time")
        self._signal(signal.SIGKILL)
        await process.wait()

    def say_succeeded(self) -> None:
        """Other workers serve at its ports already: its terminals can move there."""
        self._send(SUCCEEDED)

    def hurry(self) -> None:
        """Ask once more: a second signal ends it at once."""
        self._signal(signal.SIGTERM)

    def reload(self) -> None:
        """What SIGHUP does."""
        if self.state is WorkerState.SERVING:
            self._signal(signal.SIGHUP)

    def give(self, connection: socket.socket, key: str) -> bool:
        """Hand it a connection that was accepted at the address `key`; false where it takes none now."""
        if self.seat is None or self._connection is None:
            return False
        try:
            socket.send_fds(self._connection, [CONNECTION + key.encode()], [connection.fileno()])
        except OSError:  # gone, or so much waits for it that it does not go on
            return False
        self.seat.given += 1
        return True

    def tell(self, what: bytes) -> None:
        """Let it hear what another one said."""
        self._send(TOLD + what)

    def _send(self, packet: bytes) -> None:
        if self._connection is not None:
            with contextlib.suppress(OSError):  # gone, or it does not go on
                self._connection.send(packet)

    async def _run(self) -> int:
        """From its start to its end; how it ended."""
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        notices, self._silence, self._room = WorkerNotices(), "", _NO_ROOM
        process = None
        try:
            process = self._process = await self._start(theirs, notices.address)
            notices.sender = self.pid
            self._connection = ours
            loop.add_reader(ours, self._said, ours)
            loop.add_reader(notices.socket, self._heard, notices)
            await self._watched(process)
            return int(process.returncode or 0)
        finally:
            theirs.close()
            loop.remove_reader(ours)
            loop.remove_reader(notices.socket)
            self.seat = self._connection = self._process = None
            notices.close()
            ours.close()
            if process is not None and process.returncode is None:
                process.kill()
                await process.wait()

    async def _start(self, theirs: socket.socket, notify: str) -> asyncio.subprocess.Process:
        ports = [f"{key}={port}" for key, port in self._ports.items()]
        own = {"NOTIFY_SOCKET": notify, "WATCHDOG_USEC": str(int(_SILENT_SECONDS * 1e6))}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "relay.workers.worker",
            str(self._config),
            str(self.place.token),
            str(theirs.fileno()),
            *ports,
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            env=os.environ | own,
            start_new_session=True,  # what a terminal sends to the supervisor's group is for the supervisor
        )
        theirs.close()
        self.pid, self.state = process.pid, WorkerState.STARTING
        self.starts += 1
        self._heard_at = asyncio.get_running_loop().time()
        return process

    async def _watched(self, process: asyncio.subprocess.Process) -> None:
        """Until it has ended; one that says nothing is ended."""
        waiting = asyncio.ensure_future(process.wait())
        while not (await asyncio.wait({waiting}, timeout=_LOOK_SECONDS))[0]:
            silent = asyncio.get_running_loop().time() - self._heard_at
            longest = {WorkerState.STARTING: _START_SECONDS, WorkerState.SERVING: _SILENT_SECONDS}.get(self.state)
            if longest is None or silent < longest:
                continue
            self._silence = f"it said nothing for {longest:g} s"
            self.seat = None
            self._signal(signal.SIGABRT)  # its threads' stacks are written
            if not (await asyncio.wait({waiting}, timeout=_ABORT_SECONDS))[0]:
                self._signal(signal.SIGKILL)

    def _heard(self, notices: WorkerNotices) -> None:
        while (said := notices.read()) is not None:
            if said:
                self._heard_at = asyncio.get_running_loop().time()
            self.status = said.get("STATUS", self.status)
            if "STOPPING" in said:
                self.state, self.seat = WorkerState.STOPPING, None
            elif "READY" in said and self.state is WorkerState.STARTING:
                self.on_ready(self)

    def open(self, process: int) -> None:
        """It is ready, and takes connections from here on, where it is still this process."""
        if self.state is WorkerState.STARTING and self._connection is not None and self.pid == process:
            self.state, self.seat = WorkerState.SERVING, Seat(self._room)
            self.served.set()

    def _said(self, ours: socket.socket) -> None:
        try:
            packet = ours.recv(LONGEST_PACKET)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            packet = b""
        if not packet:
            asyncio.get_running_loop().remove_reader(ours)
            self.seat = None
        elif packet[:1] == TOLD:
            self.on_told(self, packet[1:])
        elif packet[:1] == ROOM:
            self._room = Room.unpacked(packet[1:])
            if self.seat is not None:
                self.seat.room = self._room

    def _signal(self, number: int) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)


def _ended_by(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
