"""Monitors are answered whatever else is connected."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from structlog.testing import capture_logs

from relay.metrics.http_server import MOST_ANSWERING, MOST_UNREAD, HttpAnswer, HttpRequest, HttpServer

DEADLINE = 30.0


@contextmanager
def serving(
    answer: Callable[[HttpRequest], HttpAnswer] = lambda _: HttpAnswer("200 OK", body=b"ok\n"),
    seconds: float = DEADLINE,
) -> Iterator[HttpServer]:
    server = HttpServer("127.0.0.1:0", answer, seconds=seconds)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def connected(server: HttpServer, said: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), DEADLINE)
    connection.sendall(said)
    return connection


def heard(connection: socket.socket) -> bytes:
    """Everything until the other side closes."""
    whole = b""
    try:
        while data := connection.recv(65536):
            whole += data
    except ConnectionResetError:
        pass
    return whole


def ask(server: HttpServer, request: bytes = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") -> bytes:
    with connected(server, request) as connection:
        return heard(connection)


def threads() -> int:
    return len([thread for thread in threading.enumerate() if thread.name.startswith("metrics")])


def test_five_hundred_half_open_connections_keep_nobody_out() -> None:
    """They say nothing, or begin and go on a byte at a time; the honest request is answered, and threads do not grow."""
    with serving(seconds=10 * DEADLINE) as server, ExitStack() as stack:
        half_open = [stack.enter_context(connected(server, b"GET /" if n % 2 else b"")) for n in range(500)]
        answers = [ask(server) for _ in range(20)]
        for connection in half_open[-MOST_UNREAD // 2 :: 2]:
            connection.sendall(b"x")
        answers += [ask(server) for _ in range(20)]

        assert all(answer.startswith(b"HTTP/1.1 200 OK") and answer.endswith(b"\r\n\r\nok\n") for answer in answers)
        assert 0 < len(server._unread) <= MOST_UNREAD
        assert heard(half_open[0]) == b""
        assert threads() <= 5


def test_a_head_that_trickles_is_cut() -> None:
    """A byte now and then does not move the deadline, and it is said by closing."""
    with serving(seconds=0.3) as server, connected(server) as connection:
        before = time.monotonic()
        with pytest.raises(OSError):  # noqa: PT012 - whichever byte finds it closed
            while time.monotonic() - before < DEADLINE:
                connection.sendall(b"G")
                time.sleep(0.05)
                if server._unread == {}:
                    raise ConnectionResetError


def test_a_reader_that_does_not_read_is_cut() -> None:
    """The answer has a deadline, too."""
    large = HttpAnswer("200 OK", body=bytes(50_000_000))
    with serving(lambda _: large, seconds=0.3) as server, connected(server, b"GET / HTTP/1.1\r\n\r\n") as connection:
        deadline = time.monotonic() + DEADLINE
        while not server._tasks and time.monotonic() < deadline:
            time.sleep(0.01)
        while server._tasks and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not server._tasks
        assert len(heard(connection)) < len(large.body)


def test_answers_that_block_have_a_bound() -> None:
    """What waits for the relay's loop does not pile up: one more is refused at once."""
    go_on = threading.Event()

    def answer(_: HttpRequest) -> HttpAnswer:
        go_on.wait(DEADLINE)
        return HttpAnswer("200 OK", body=b"late\n")

    with serving(answer) as server, ExitStack() as stack:
        request = b"GET / HTTP/1.1\r\n\r\n"
        blocked = [stack.enter_context(connected(server, request)) for _ in range(MOST_ANSWERING)]
        deadline = time.monotonic() + DEADLINE
        while server._answering < MOST_ANSWERING and time.monotonic() < deadline:
            time.sleep(0.01)
        refused = ask(server)
        go_on.set()

        assert refused.startswith(b"HTTP/1.1 503 ")
        assert all(heard(connection).endswith(b"late\n") for connection in blocked)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST /healthz HTTP/1.1\r\nContent-Length: 9\r\n\r\n", b"405"),
        (b"TRACE / HTTP/1.1\r\n\r\n", b"405"),
        (b"GET /\r\n\r\n", b"400"),
        (b"PRI * HTTP/2.0\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", b"431"),
    ],
    ids=["post", "trace", "no version", "http2", "tls", "headers"],
)
def test_other_requests_are_refused(request_: bytes, status: bytes) -> None:
    """GET and HEAD of HTTP/1 with a head of ordinary size."""
    with serving() as server:
        assert ask(server, request_).split(b" ")[1] == status


def test_a_head_without_end_is_cut() -> None:
    """8 KiB."""
    with serving() as server, connected(server) as connection:
        with pytest.raises(OSError):  # noqa: PT012
            for _ in range(100_000):
                connection.sendall(b"a: b\r\n" * 100)
        assert heard(connection) == b""


def test_head_has_no_body() -> None:
    """The same head as of a GET."""
    with serving() as server:
        got, asked = ask(server), ask(server, b"HEAD /healthz HTTP/1.1\r\n\r\n")

    assert got == asked + b"ok\n"


def test_a_fault_of_ours_is_said_and_does_not_end_the_server() -> None:
    """500, with a line in the log."""

    def answer(_: HttpRequest) -> HttpAnswer:
        raise LookupError("a gauge is gone")

    with capture_logs() as log, serving(answer) as server:
        answers = [ask(server), ask(server)]

    assert [said.split(b" ")[1] for said in answers] == [b"500", b"500"]
    assert {line["event"] for line in log} == {"monitor_not_answered"}
