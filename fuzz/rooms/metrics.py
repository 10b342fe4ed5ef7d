"""The metrics endpoint, over a real connection: the parser of requests stands in it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
from collections.abc import Iterator

from fuzz.mutations import any_bytes, lines_of
from fuzz.targets import Broken, Play, promise
from relay.metrics.endpoint import MetricsServer
from relay.metrics.http_server import _LONGEST_HEAD, HttpAnswer, HttpRequest, _encoded, _read_request
from relay.metrics.measures import families

_SECONDS = 10.0
_MOST = 1 << 20
_failures: list[str] = []


@functools.cache
def _server() -> MetricsServer:
    server = MetricsServer("127.0.0.1:0", lambda: families([("sessions", (), 1.0)]), str, lambda: {"ready": True})
    answer, serve = server._answer, server._serve  # noqa: SLF001 - what fails in it is only logged

    def watched_answer(request: HttpRequest) -> HttpAnswer:
        with _noted():
            return answer(request)
        raise Broken("not answered")

    async def watched(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with _noted():
            await serve(reader, writer)

    server._answer, server._serve = watched_answer, watched  # type: ignore[method-assign]  # noqa: SLF001
    server.start()
    return server


@contextlib.contextmanager
def _noted() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        _failures.append(repr(error))
        raise


def http_requests(data: bytes) -> None:
    """Any bytes are answered or the connection is closed, within a bound; and the next caller is served."""
    _failures.clear()
    answer = _said(data)
    promise(len(answer) <= _MOST, "an answer has a bound")
    if _failures:
        raise Broken(f"a request is answered, not: {_failures[0]}")
    promise(b"200 OK" in _said(b"GET /healthz HTTP/1.0\r\n\r\n"), "the next caller is served")


_LOOP = asyncio.new_event_loop()


def http_heads(data: bytes) -> None:
    """The head of a request alone: a request, an answer to what is none, or the end of the connection."""
    _LOOP.run_until_complete(_read_head(data))


async def _read_head(data: bytes) -> None:
    reader = asyncio.StreamReader(limit=_LONGEST_HEAD)
    reader.feed_data(data)
    reader.feed_eof()
    try:
        request = await _read_request(reader)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return
    promise(isinstance(request, HttpAnswer) or "?" not in request.path, "a path has no query")
    head, _, body = _encoded(request, HttpAnswer("200 OK", body=b"x")).partition(b"\r\n\r\n")
    promise(head.startswith(b"HTTP/1.1 200 OK\r\n") and body in {b"", b"x"}, "an answer has a head and its body")
    promise(b"\n" not in head.replace(b"\r\n", b""), "nothing of the request ends a line of the answer")


def _said(data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", _server().port), timeout=_SECONDS) as there:
        there.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # or its two writes are 40 ms apart
        with contextlib.suppress(ConnectionError):
            there.sendall(data)
            there.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while (more := there.recv(65536)) and len(answer) <= _MOST:
                answer += more
        return answer


_REQUESTS = [
    b"GET /metrics HTTP/1.1\r\nHost: relay\r\nAccept: text/plain\r\nAccept-Encoding: gzip\r\n\r\n",
    b"GET /readyz?name[]=x HTTP/1.0\r\n\r\n",
    b"GET /metrics?name[]=ctp_relay_sessions HTTP/1.1\r\n\r\n",
    b"POST /healthz HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
    b"OPTIONS * HTTP/1.1\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET /%ff%00/../metrics HTTP/9.9\r\nX: " + b"a" * 300 + b"\r\n\r\n",
]
PLAYS = {
    "http_requests": Play(http_requests, _REQUESTS, lines_of(any_bytes)),
    "http_heads": Play(http_heads, _REQUESTS, lines_of(any_bytes), longest=10_000),
}
"""by target"""
