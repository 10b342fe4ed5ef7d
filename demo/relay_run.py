"""The relay as a process of its own: started on the simulated library, watched, ended with SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from demo.relay_site import CommandFailed, relay_program

STOP_SECONDS = 15.0
_KEPT_LINES = 40
_LINE_LIMIT = 1 << 20


class RelayRun:
    """`ctp-relay serve` in a folder; leaving `async with` ends it, whatever happened."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.last_lines: deque[str] = deque(maxlen=_KEPT_LINES)
        """the newest lines of its log"""
        self.logged_bytes = 0
        """how much it has logged"""
        self._folder = folder
        self._environment = dict(environment)
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def start(self) -> int:
        """The port it serves on; CommandFailed when it ends before that."""
        self._process = await asyncio.create_subprocess_exec(
            relay_program(),
            "serve",
            cwd=self._folder,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=_LINE_LIMIT,
        )
        self._reader = asyncio.get_running_loop().create_task(self._read(self._process), name="relay-log")
        return await self._ready

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    async def stop(self) -> int:
        """Its exit status after SIGTERM; one that does not end in time is killed."""
        process = self._process
        if process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        status = await process.wait()
        if self._reader is not None:
            await asyncio.wait([self._reader], timeout=1.0)
            self._reader.cancel()
        return status

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        """Keep the newest lines, and find the one that says where it serves."""
        assert process.stdout is not None  # noqa: S101 — asked for above
        async for raw in process.stdout:
            self.logged_bytes += len(raw)
            line = raw.decode("utf-8", "replace").rstrip()
            self.last_lines.append(line)
            if not self._ready.done() and (port := ready_port(line)):
                self._ready.set_result(port)
        if not self._ready.done():
            self._ready.set_exception(CommandFailed("the relay ended before it served"))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        if self._ready.done() and not self._ready.cancelled():
            self._ready.exception()  # retrieved, or asyncio warns about a failure that no task awaited


def ready_port(line: str) -> int:
    """The port in the log line that says the relay serves; 0 in every other line."""
    if "relay_ready" not in line:
        return 0
    try:
        entry: dict[str, Any] = json.loads(line)
    except ValueError:
        return 0
    return int(entry.get("port", 0)) if entry.get("event") == "relay_ready" else 0
