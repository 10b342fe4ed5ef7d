"""A small HTTP server for monitors: every connection has one request, one answer and a few seconds.

It runs on a thread and a loop of its own, so that it answers while the relay's loop does not, and anybody who reaches its
port may try to hold it up:

* A connection that has not sent its request yet costs no thread. There are places for a few dozen; one more
  takes that of the oldest, which has had the longest time to send a few hundred bytes.
* The request's head has a bound and a deadline, a body is not read, the answer has a deadline.
* What makes an answer may block, so it is called on a few threads; a request that finds too many before it is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPException, parse_headers
from pathlib import Path
from typing import Any, Final

import structlog

from relay.settings.values import split_address

_log = structlog.get_logger(__name__)
MOST_UNREAD: Final = 64
"""connections that have not sent their request"""
MOST_ANSWERING: Final = 16
_THREADS = 4
_LONGEST_HEAD = 8192
_SECONDS = 5.0
"""for the head, and again for the answer"""
_BACKLOG = 128


@dataclass(frozen=True, slots=True)
class HttpRequest:
    method: str
    path: str
    """without a query"""
    headers: dict[str, str]
    """by lower-case name"""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    status: str
    """`200 OK`"""
    headers: Iterable[tuple[str, str]] = field(default=(("Content-Type", "text/plain; charset=utf-8"),))
    body: bytes = b""


Answer = Callable[[HttpRequest], HttpAnswer]


UNIX: Final = "unix:"


def listen_at(address: str) -> socket.socket:
    """Listen at HOST:PORT, or at the path behind `unix:`, where the socket of a process that is gone gives way. Raises OSError."""
    if address.startswith(UNIX):
        path = Path(address.removeprefix(UNIX))
        path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(path))
        listening.listen(_BACKLOG)
        return listening
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


class HttpServer:
    """Serves on its own thread between `start` and `stop`."""

    def __init__(self, address: str, answer: Answer, *, seconds: float = _SECONDS) -> None:
        """`answer` is called on other threads and may block. OSError where the address, see `listen_at`, cannot be bound."""
        self._listening = listen_at(address)
        self._path = Path(address.removeprefix(UNIX)) if address.startswith(UNIX) else None
        self._answer = answer
        self._seconds = seconds
        self._unread: OrderedDict[asyncio.Task[Any], None] = OrderedDict()
        """connections that have not sent their request, the oldest first"""
        self._answering = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop: asyncio.AbstractEventLoop
        self._over: asyncio.Event
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="metrics", daemon=True)
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="metrics")

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    def start(self) -> None:
        self._thread.start()
        self._started.wait()

    def stop(self) -> None:
        """Stop answering; blocks for some milliseconds, so not for the relay's loop. Idempotent."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join()
        self._listening.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._accept, sock=self._listening, limit=_LONGEST_HEAD, backlog=_BACKLOG)
        self._started.set()
        await self._over.wait()
        server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # what was aborted is closed in the loop's next turn

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._unread) >= MOST_UNREAD:
            oldest, _ = self._unread.popitem(last=False)
            oldest.cancel()
        task = self._start(self._serve(reader, writer))
        task.add_done_callback(lambda _: writer.close())  # also of one that was canceled before it began
        self._unread[task] = None

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda done: self._unread.pop(done, None))
        return task

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                request = await _read_request(reader)
            self._unread.pop(asyncio.current_task(), None)  # type: ignore[arg-type]  # this is a task
            answer = await self._answered(request)
            async with asyncio.timeout(self._seconds):
                writer.write(_encoded(request, answer))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):  # a timeout is an OSError
            pass
        finally:
            if writer.transport.get_write_buffer_size():
                writer.transport.abort()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answered(self, request: HttpRequest | HttpAnswer) -> HttpAnswer:
        if isinstance(request, HttpAnswer):
            return request
        if self._answering >= MOST_ANSWERING:
            return _plain(HTTPStatus.SERVICE_UNAVAILABLE)
        self._answering += 1
        try:
            return await self._loop.run_in_executor(self._pool, self._answer, request)
        except Exception:  # noqa: BLE001 - the next request may be answered, and a fault of ours is said
            _log.exception("monitor_not_answered", path=request.path)
            return _plain(HTTPStatus.INTERNAL_SERVER_ERROR)
        finally:
            self._answering -= 1


async def _read_request(reader: asyncio.StreamReader) -> HttpRequest | HttpAnswer:
    """The request, or the answer to what is none."""
    head = await reader.readuntil(b"\r\n\r\n")
    line, _, rest = head.partition(b"\r\n")
    parts = line.decode("latin-1").split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        return _plain(HTTPStatus.BAD_REQUEST)
    if parts[0] not in {"GET", "HEAD"}:
        return _plain(HTTPStatus.METHOD_NOT_ALLOWED, ("Allow", "GET, HEAD"))
    try:
        headers = parse_headers(io.BytesIO(rest))
    except HTTPException:
        return _plain(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
    return HttpRequest(parts[0], parts[1].partition("?")[0], {name.lower(): value for name, value in headers.items()})


def _plain(status: HTTPStatus, *headers: tuple[str, str]) -> HttpAnswer:
    text = f"{status.value} {status.phrase}"
    return HttpAnswer(text, (("Content-Type", "text/plain; charset=utf-8"), *headers), f"{text}\n".encode())


def _encoded(request: HttpRequest | HttpAnswer, answer: HttpAnswer) -> bytes:
    own = {"Content-Length": str(len(answer.body)), "Connection": "close"}
    lines = [f"HTTP/1.1 {answer.status}", *(f"{name}: {value}" for name, value in (*answer.headers, *own.items()))]
    head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
    return head if isinstance(request, HttpRequest) and request.method == "HEAD" else head + answer.body
