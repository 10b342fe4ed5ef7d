"""The thread that writes log lines, and those who never read them."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator

import pytest

from relay.logs.writer import LineLimit, LineWriter, to_descriptor

_DEADLINE_SECONDS = 30.0


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for descriptor in (reader, writer):
        with contextlib.suppress(OSError):  # closed by the test
            os.close(descriptor)


def notes(dropped: int) -> list[bytes]:
    return [b"missing %d\n" % dropped] if dropped else []


def read_all(descriptor: int) -> bytes:
    return b"".join(iter(lambda: os.read(descriptor, 65536), b""))


def test_lines_arrive_in_order(pipe: tuple[int, int]) -> None:
    """All of them, when the writer is closed."""
    reader, descriptor = pipe
    writer = LineWriter(to_descriptor(descriptor), notes)
    for number in range(1000):
        writer.put_line(b"%d\n" % number)

    writer.close(_DEADLINE_SECONDS)
    os.close(descriptor)

    assert read_all(reader).split() == [b"%d" % number for number in range(1000)]
    assert writer.dropped == 0


def test_a_reader_who_stops_keeps_nobody_waiting_and_is_told_what_is_missing(pipe: tuple[int, int]) -> None:
    """The pipe and the queue are full: lines are dropped and counted; when somebody reads again it is said."""
    reader, descriptor = pipe
    writer = LineWriter(to_descriptor(descriptor), notes, capacity=100_000)
    line = b"x" * 999 + b"\n"
    for _ in range(1000):  # a pipe holds 64 KiB, the queue 100 kB, the writer what it has just taken
        writer.put_line(line)
    missing = writer.dropped

    received: list[bytes] = []
    reading = threading.Thread(target=lambda: received.append(read_all(reader)))
    reading.start()
    writer.close(_DEADLINE_SECONDS)
    os.close(descriptor)
    reading.join(_DEADLINE_SECONDS)

    assert missing > 0
    assert received[0].count(line) == 1000 - missing
    assert received[0].endswith(b"missing %d\n" % missing)


def test_closing_does_not_wait_for_a_reader_who_never_reads(pipe: tuple[int, int]) -> None:
    """A relay that has to stop ends, whatever became of its log."""
    _, descriptor = pipe
    writer = LineWriter(to_descriptor(descriptor), notes)
    writer.put_line(b"x" * 1_000_000)
    began = time.monotonic()

    writer.close(0.1)

    assert time.monotonic() - began < _DEADLINE_SECONDS


def test_a_disk_that_is_full_for_a_while_loses_its_lines_only() -> None:
    """The thread goes on and says what is missing."""
    full, written = threading.Event(), list[bytes]()
    full.set()
    tried = threading.Event()

    def write(data: bytes) -> None:
        if full.is_set():
            tried.set()
            raise OSError(28, "No space left on device")
        written.append(data)

    writer = LineWriter(write, notes)
    writer.put_line(b"lost\n")
    assert tried.wait(_DEADLINE_SECONDS)
    full.clear()
    writer.put_line(b"kept\n")
    writer.close(_DEADLINE_SECONDS)

    assert b"".join(written).split(b"\n")[0] == b"kept"
    assert b"missing 1" in b"".join(written)


def test_a_kind_of_line_has_a_burst_and_then_some_a_second() -> None:
    """Each kind by itself."""
    now = [0.0]
    limit = LineLimit(lambda: now[0], burst=3, rate=2.0)

    first = [limit.admit("refused") for _ in range(5)]
    other = limit.admit("logged_in")
    now[0] = 1.0
    later = [limit.admit("refused") for _ in range(3)]

    assert (first, other, later) == ([True] * 3 + [False] * 2, True, [True, True, False])
    assert limit.take_left_out() == {"refused": 3}
    assert limit.take_left_out() == {}
