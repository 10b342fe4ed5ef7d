"""The control socket: one JSON object a line in, one a line out, on loopback.

{"command": "refuse", "arguments": {"method": "ReqUserLogin", "error_id": 3}}
{"ok": true, "result": null}
"""

from __future__ import annotations

import asyncio
import inspect
import json
import math
from collections.abc import Callable
from typing import Any

from simcounter.control import Control
from simcounter.systems import SYSTEMS

MAX_LINE = 1 << 20
IDLE_SECONDS = 300.0


_KINDS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "str": (str, "a text"),
    "int": (int, "a whole number"),
    "float": ((int, float), "a number"),
    "bool": (bool, "true or false"),
    "dict[str, Any]": (dict, "an object"),
    "dict[str, Any] | None": (dict, "an object"),
}
"""what is taken for each annotation of a command's arguments"""


def texts_of(command: str) -> set[str]:
    """Which arguments of `command` are texts, whatever they look like."""
    kinds_of = [Control, *(system.commands for system in SYSTEMS.values())]
    method = next((found for kind in kinds_of if (found := getattr(kind, command, None)) is not None), None)
    kinds = inspect.signature(method).parameters.values() if callable(method) else ()
    return {argument.name for argument in kinds if argument.annotation == "str"}


def _check(command: Callable[..., Any], arguments: dict[str, Any]) -> None:
    """Every argument known, and of its kind; TypeError from the command itself names what is missing."""
    known = inspect.signature(command).parameters
    flags = next((p.annotation for p in known.values() if p.kind is inspect.Parameter.VAR_KEYWORD), None)
    for name, value in arguments.items():
        annotation = known[name].annotation if name in known else flags
        if annotation is None:
            raise ValueError(f"no argument {name}; there are {', '.join(known) or 'none'}")
        kind, words = _KINDS[annotation]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f"{name} must be {words}")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{name} must be finite")


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
            while line := await _next_line(reader):
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
            arguments = request.get("arguments", {})
            _check(command, arguments)
            result = command(**arguments)
            return {"ok": True, "result": await result if inspect.isawaitable(result) else result}
        except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
            said = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
            return {"ok": False, "error": said}


async def _next_line(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(IDLE_SECONDS):
        return await reader.readline()


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
