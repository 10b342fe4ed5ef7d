"""What C and C++ code prints becomes log events: the vendor's library and gRPC write past Python to descriptors 1 and 2.

Inside `NativeOutput` both descriptors are pipes, and a thread makes an event of each line. The log's writer and the stacks of a
crash keep the real ones (`RealOutput`).

What holds: who prints never waits. The pipes' write ends do not block, so what finds a pipe full (1 MiB) is lost, and the next
event says so. In a storm a few lines a second become events and the others are counted. A thread that is killed with the
process has not read everything: a small process of our own then writes what is left of standard error, the last words of
`abort` say, to the real one.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import fcntl
import os
import select
import subprocess
import sys
import threading
import time
from typing import Final, Self, TextIO

import structlog

from relay.logs.native_lines import LineCutter, read_line
from relay.logs.writer import LineLimit

_log = structlog.get_logger(__name__)
PIPE_BYTES: Final = 1024 * 1024
BURST_LINES, LINES_PER_SECOND = 50, 5.0
_QUIET_SECONDS = 1.0
"""what has no line end by then is a line"""
_STORM_PAUSE = 0.05
_FAREWELL_SECONDS = 2.0
_LINE_BUFFERED = 1
"""_IOLBF: C's own stdout would keep 4 KiB back where it is no terminal"""
_WHEN_WE_DIE = 'trap "" HUP INT TERM; read -r _ && exit 0; exec cat <&2 2>/dev/null'
"""a line on its standard input is an orderly end, none is a crash; its standard error is the pipe's read end"""
_NAMES: Final = {1: "stdout", 2: "stderr"}


class RealOutput:
    """Standard output and standard error as they were when this was made, whatever their descriptors become."""

    def __init__(self) -> None:
        self.stdout = _duplicate(1)
        self.stderr = _duplicate(2)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self.stdout, self.stderr):
            with contextlib.suppress(OSError):  # the reader is gone
                stream.close()


def _duplicate(descriptor: int) -> TextIO:
    return os.fdopen(os.dup(descriptor), "w", encoding="utf-8", errors="backslashreplace")


class _Caught:
    """One descriptor that is a pipe for now."""

    def __init__(self, descriptor: int) -> None:
        self.name = _NAMES[descriptor]
        self.cutter = LineCutter()
        self.reader, writer = os.pipe()
        with contextlib.suppress(OSError):  # this user has many pipes: a small one does as well
            fcntl.fcntl(self.reader, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self.capacity = fcntl.fcntl(self.reader, fcntl.F_GETPIPE_SZ)
        os.set_blocking(self.reader, False)
        os.set_blocking(writer, False)
        os.dup2(writer, descriptor)
        os.close(writer)

    def read(self) -> bytes:
        """What is there, or nothing."""
        try:
            return os.read(self.reader, self.capacity)
        except BlockingIOError:
            return b""


class NativeOutput:
    """Use as `with NativeOutput(real)`, inside a log that writes to `real`."""

    def __init__(self, real: RealOutput) -> None:
        self._real = real
        self._limit = LineLimit(time.monotonic, BURST_LINES, LINES_PER_SECOND)
        self._suppressed = 0
        """lines since the last event"""
        self._lost = False
        """whether a pipe was nearly full since the last event"""
        self._closing = threading.Event()
        self._caught: list[_Caught] = []
        self._thread = threading.Thread(target=self._run, name="native output", daemon=True)
        self._crash_report = faulthandler.is_enabled()
        self._last_words: tuple[subprocess.Popen[bytes], int] | None = None

    def __enter__(self) -> Self:
        _flush()
        self._caught = [_Caught(descriptor) for descriptor in _NAMES]
        _write_lines_at_once()
        faulthandler.enable(self._real.stderr)
        self._last_words = self._keep_last_words()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Both descriptors are what they were; what was printed until then is in the log, unless that takes too long."""
        _flush()
        waker = os.dup(2)
        for descriptor, stream in ((1, self._real.stdout), (2, self._real.stderr)):
            os.dup2(stream.fileno(), descriptor)
        self._closing.set()
        with contextlib.suppress(OSError):  # full: then the thread does not wait
            os.write(waker, b"\n")
        os.close(waker)
        self._thread.join(_FAREWELL_SECONDS)
        self._no_crash()

    def _no_crash(self) -> None:
        faulthandler.disable()
        if self._crash_report:
            faulthandler.enable()
        if self._last_words is not None:
            process, life = self._last_words
            with contextlib.suppress(OSError):
                os.write(life, b"\n")
            os.close(life)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_FAREWELL_SECONDS)

    def _keep_last_words(self) -> tuple[subprocess.Popen[bytes], int] | None:
        """Start who writes them, and the descriptor whose end tells it that this process is gone."""
        ears, life = os.pipe()
        try:
            process = subprocess.Popen(
                ["/bin/sh", "-c", _WHEN_WE_DIE],
                stdin=ears,
                stdout=self._real.stderr,
                stderr=self._caught[-1].reader,
                env={"PATH": os.defpath},
                cwd="/",
                start_new_session=True,  # what a terminal sends to the relay's group is not for it
            )
        except OSError as error:
            os.close(life)
            _log.warning("last_words_not_kept", why=str(error))
            return None
        finally:
            os.close(ears)
        return process, life

    # The thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        poll = select.poll()
        by_descriptor = {caught.reader: caught for caught in self._caught}
        for descriptor in by_descriptor:
            poll.register(descriptor, select.POLLIN)
        while not self._closing.is_set():
            ready = poll.poll(_QUIET_SECONDS * 1000 if self._has_more_to_say() else None)
            before = self._suppressed
            for descriptor, what in ready:
                self._read(by_descriptor[descriptor])
                if what & select.POLLHUP:
                    poll.unregister(descriptor)  # some code has closed it: nothing more comes
            if not ready:
                self._say_rests()
            elif self._suppressed > before:
                self._closing.wait(_STORM_PAUSE)  # reading it all at once would take the interpreter from the orders
        for caught in self._caught:
            self._read(caught)
            os.close(caught.reader)
        self._say_rests()

    def _has_more_to_say(self) -> bool:
        return self._suppressed > 0 or any(caught.cutter.rest for caught in self._caught)

    def _read(self, caught: _Caught) -> None:
        data = caught.read()
        # Pages of a pipe may be half used, so it may be full with half as many bytes as it has room for.
        self._lost = self._lost or 2 * len(data) > caught.capacity
        lines = [line for line in caught.cutter.feed(data) if line.strip()]
        for number, line in enumerate(lines):
            if not self._limit.admit(caught.name):
                self._suppressed += len(lines) - number
                break
            self._say(caught.name, line)

    def _say(self, name: str, line: bytes) -> None:
        found, missing = read_line(line), self._take_missing()
        if found.grpc_level is None:
            _log.info("native_output", stream=name, text=found.text, **missing)
        else:
            say = getattr(_log, found.grpc_level)
            say("grpc_said", where=found.where, text=found.text, **missing)

    def _say_rests(self) -> None:
        for caught in self._caught:
            rest = caught.cutter.take_rest()
            if rest.strip():
                self._say(caught.name, rest)
        if self._suppressed:
            _log.warning("native_output_suppressed", **self._take_missing())

    def _take_missing(self) -> dict[str, object]:
        """What the next event says of lines before it."""
        missing: dict[str, object] = {"suppressed": self._suppressed} if self._suppressed else {}
        if self._lost:
            missing["pipe_was_full"] = True
        self._suppressed, self._lost = 0, False
        return missing


def _flush() -> None:
    """Python's and C's buffers go where the descriptors lead now."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or none
            stream.flush()
    ctypes.CDLL(None).fflush(None)


def _write_lines_at_once() -> None:
    libc = ctypes.CDLL(None)
    libc.setvbuf.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_size_t]
    libc.setvbuf(ctypes.c_void_p.in_dll(libc, "stdout"), None, _LINE_BUFFERED, 0)
