"""A program of the integrations' environment: a command per line on standard input, a JSON object per line on standard output."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.test_house import ROOT

DEADLINE_SECONDS = 60.0
IMPORTS = (ROOT, ROOT / "proto", ROOT / "integrations/vnpy_gateway")
"""what a program finds of ours: the terminal, as its distribution installs it, and the integrations"""
Line = dict[str, Any]


def program_variables(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a program: that of this run without its own paths, and where ours is."""
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONASYNCIODEBUG"}}
    return kept | {"PYTHONPATH": os.pathsep.join(map(str, IMPORTS)), "TZ": "CST-8", **(extra or {})}


class Program:
    """One running program, and everything it has said."""

    def __init__(self, process: asyncio.subprocess.Process, errors: Path) -> None:
        self.lines: list[Line] = []
        self._process = process
        self._errors = errors
        self._more = asyncio.Condition()
        self._reader = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            if line.startswith(b"{"):  # what a program prints for people is none of these
                async with self._more:
                    self.lines.append(json.loads(line))
                    self._more.notify_all()
        async with self._more:
            self._more.notify_all()

    async def say(self, do: str, **arguments: object) -> None:
        """Send it a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        await self._process.stdin.drain()

    async def until(self, what: str, wanted: Callable[[Line], bool], after: int = 0) -> Line:
        """The first line from number `after` on that is wanted."""
        at = after
        try:
            async with asyncio.timeout(DEADLINE_SECONDS), self._more:
                while True:
                    for line in self.lines[at:]:
                        if wanted(line):
                            return line
                    at = max(after, len(self.lines))
                    assert not self._reader.done(), f"the program ended before {what}: {self._said()}"
                    await self._more.wait()
        except TimeoutError:
            raise AssertionError(f"it never said {what}: {self._said()}") from None

    async def ask(self, do: str, **arguments: object) -> Line:
        """Send it a command whose answer is a line that repeats the command."""
        after = len(self.lines)
        await self.say(do, **arguments)
        return await self.until(f"what {do} gave", lambda line: line.get("answers") == do, after)

    def heard(self, event: str) -> list[Line]:
        """Everything of this kind so far."""
        return [line for line in self.lines if line.get("event") == event]

    async def end(self) -> int:
        """Close its input and wait for its end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                status = await self._process.wait()
                await self._reader
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
            raise AssertionError(f"the program did not end: {self._said()}") from None
        return status

    async def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reader

    def _said(self) -> str:
        lines = [line for line in self.lines if line.get("event") not in {"account", "position", "tick"}]
        last = "\n".join(json.dumps(line, ensure_ascii=False)[:400] for line in lines[-15:])
        return f"{last}\n{self._errors.read_text(encoding='utf-8', errors='replace')[-3000:]}"


@asynccontextmanager
async def program(
    python: Path, folder: Path, *arguments: str, variables: Mapping[str, str] | None = None
) -> AsyncIterator[Program]:
    """`python ARGUMENTS` in `folder`; ended at the end, whatever happens."""
    errors = folder / "errors.txt"
    with errors.open("wb") as error_file:
        process = await asyncio.create_subprocess_exec(
            str(python),
            *arguments,
            cwd=folder,
            env=program_variables(variables),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=error_file,
            limit=1 << 24,
        )
    running = Program(process, errors)
    try:
        yield running
    finally:
        await running.kill()
