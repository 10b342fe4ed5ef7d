"""The control socket: one JSON object a line in, one a line out, on loopback.

{"command": "refuse", "arguments": {"method": "ReqUserLogin", "error_id": 3}}
{"ok": true, "result": null}
"""

from __future__ import annotations

import asyncio
import inspect
import json
from typing import Any

from simcounter.control import Control

MAX_LINE = 1 << 20
IDLE_SECONDS = 300.0


class ControlServer:
    def __init__(self, control: Control) -> None:
        self._commands = control.commands()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.address = ""

    async def start(self, host: str, port: int) -> None:
        self._server = await asyncio.start_server(self._serve, host, port, limit=MAX_LINE)
        bound_host, bound_port = self._server.sockets[0].getsockname()[:2]
        self.address = f"{bound_host}:{bound_port}"

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.close()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while line := await asyncio.wait_for(reader.readline(), IDLE_SECONDS):
                writer.write(json.dumps(await self.answer(line), ensure_ascii=False).encode() + b"\n")
                await writer.drain()
        except (TimeoutError, ConnectionError, ValueError):
            pass  # idle, gone, or a line beyond the limit: the connection simply ends
        finally:
            self._writers.discard(writer)
            writer.close()

    async def answer(self, line: bytes) -> dict[str, Any]:
        """One command carried out; what was wrong with it, where it was."""
        try:
            request = json.loads(line)
            command = self._commands.get(request["command"])
            if command is None:
                known = ", ".join(sorted(self._commands))
                return {"ok": False, "error": f"no command {request['command']}; there are {known}"}
            result = command(**request.get("arguments", {}))
            return {"ok": True, "result": await result if inspect.isawaitable(result) else result}
        except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}


async def send_command(address: str, command: str, arguments: dict[str, Any], timeout_seconds: float = 10.0) -> Any:
    """One command to the control socket at HOST:PORT; its result. RuntimeError tells what the counter said."""
    host, _, port = address.rpartition(":")
    async with asyncio.timeout(timeout_seconds):
        reader, writer = await asyncio.open_connection(host, int(port), limit=MAX_LINE)
        try:
            writer.write(json.dumps({"command": command, "arguments": arguments}).encode() + b"\n")
            line = await reader.readline()
        finally:
            writer.close()
    answer = json.loads(line) if line else {"ok": False, "error": "the counter closed the connection"}
    if not answer["ok"]:
        raise RuntimeError(answer["error"])
    return answer["result"]
