"""The metrics endpoint, over a real connection: the library's own parser of requests stands in it."""

from __future__ import annotations

import contextlib
import functools
import socket
import sys

from fuzz.mutations import any_bytes, lines_of
from fuzz.targets import Broken, Play, promise
from relay.metrics.endpoint import MetricsServer

_SECONDS = 10.0
_MOST = 1 << 20
_failures: list[str] = []


@functools.cache
def _server() -> MetricsServer:
    def note(*_: object) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, (ConnectionError, TimeoutError)):
            _failures.append(repr(error))

    server = MetricsServer("127.0.0.1:0", lambda: [("sessions", "terminal sessions", 1.0)], lambda: "")
    server._server.handle_error = note  # type: ignore[method-assign, assignment]  # noqa: SLF001 - it writes to standard error
    server.start()
    return server


def http_requests(data: bytes) -> None:
    """Any bytes are answered or the connection is closed, within a bound; and the next caller is served."""
    _failures.clear()
    answer = _said(data)
    promise(len(answer) <= _MOST, "an answer has a bound")
    if _failures:
        raise Broken(f"a request is answered, not: {_failures[0]}")
    promise(b"200 OK" in _said(b"GET /healthz HTTP/1.0\r\n\r\n"), "the next caller is served")


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


PLAYS = {
    "http_requests": Play(
        http_requests,
        [
            b"GET /metrics HTTP/1.1\r\nHost: relay\r\nAccept: text/plain\r\nAccept-Encoding: gzip\r\n\r\n",
            b"GET /readyz?name[]=x HTTP/1.0\r\n\r\n",
            b"GET /metrics?name[]=ctp_relay_sessions HTTP/1.1\r\n\r\n",
            b"POST /healthz HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
            b"OPTIONS * HTTP/1.1\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"GET /%ff%00/../metrics HTTP/9.9\r\nX: " + b"a" * 300 + b"\r\n\r\n",
        ],
        lines_of(any_bytes),
    ),
}
"""by target"""
