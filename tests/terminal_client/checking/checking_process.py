"""`ctp-terminal check` as a program, as a terminal's maker starts it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from terminal_client.checking.rules import Given
from terminal_client.secret import Secret

DEADLINE_SECONDS = 90.0


class CheckingProcess:
    """Its lines, and what it gave the terminal's user."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.lines: list[dict[str, Any]] = []
        self.given: Given
        self.ca_file = Path()
        self.port = 0

    async def ready(self) -> None:
        line = await self.until("check_ready")
        self.ca_file, self.port = Path(line["ca_file"]), int(line["relay"].rpartition(":")[2])
        auth_code, password = (
            Secret(Path(line[name]).read_text().strip())  # noqa: ASYNC240  # two short files
            for name in ("auth_code_file", "password_file")
        )
        self.given = Given(line["app_id"], auth_code, line["broker"], line["investor"], password)

    async def until(self, kind: str, **wanted: str) -> dict[str, Any]:
        """The next line of this kind, with these values."""
        assert self._process.stdout is not None
        async with asyncio.timeout(DEADLINE_SECONDS):
            async for raw in self._process.stdout:
                line: dict[str, Any] = json.loads(raw)
                self.lines.append(line)
                if line["kind"] == kind and wanted.items() <= line.items():
                    return line
        raise AssertionError(f"it ended without {kind}: {self.lines}")

    async def exit_code(self) -> int:
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self._process.wait()

    def end(self) -> None:
        if self._process.returncode is None:
            self._process.kill()


async def start_check(directory: Path, *options: str) -> CheckingProcess:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "terminal_client.cli.app",
        "check",
        "--directory",
        str(directory),
        *options,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "HOME": str(directory)},
    )
    return CheckingProcess(process)
