"""Asks the side process `relay.admission.genuineness` whether system info is genuine, and keeps that process running.

The vendor's library decides, and it runs in a process of its own: it may crash on hostile bytes, and it must not be the
library under the relay's counter sessions (with the simulated counter that one is replaced). The two processes talk over
a socket pair, one JSON line for a question and one for its answer. What holds between two events:

* One group of questions at a time (`_turn`): what is asked while one is answered is the next, in one message each way. Every question has
  a number that its answer repeats, and the answers come in order. The lock is held from the questions to the last answer.
* After a question without an answer (a time limit, a broken pipe, the relay's end) the process is ended, and its group is refused. A late
  answer could otherwise be taken for the answer to the next question. A caller that goes away is not waited for, its answer is.
* It fails closed: while the process cannot answer, `check` raises VerifierUnavailable and logins are refused.
* The process gets no preloaded library and none of the relay's secrets (`side_environment`). It ends by itself when its
  socket closes, so it does not outlive the relay.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import structlog

from relay.refusals import relay_reasons
from relay.refusals.refusal import Refused
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)

_LONGEST_LINE = 4096
_LARGEST_GROUP = 32
_START_SECONDS = 20.0
_LONGEST_PAUSE = 30.0
_FAREWELL_SECONDS = 1.0
_NO_SYSTEM_INFO = b"\0"
"""is answered at once: it has not the length of any"""
_ROOT = Path(__file__).parents[2]


class VerifierUnavailable(Refused):
    """System info cannot be judged, so the login is refused; `why` is for the log."""

    def __init__(self, why: str) -> None:
        super().__init__(relay_reasons.verifier_unavailable(), why)


@dataclass(frozen=True, slots=True)
class Judgement:
    code: int
    """-3 genuine and of this edition; -1 wrong length; -6 not the collector's, or damaged; -7 the other edition"""
    header: bytes
    """the unwrapped first 16 bytes; meaningful only with -3"""


@dataclass(eq=False, slots=True)
class _ToJudge:
    system_info: bytes = field(repr=False)
    answer: asyncio.Future[Judgement] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


@dataclass(slots=True)
class _Child:
    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


def command(edition: Literal["production", "evaluation"], *, core_dumps: bool = False) -> list[str]:
    plain = [sys.executable, "-m", "relay.admission.genuineness", "--edition", edition]
    return [*plain, "--core-dumps"] if core_dumps else plain


class Verifier:
    """One side process. Use as `async with Verifier(…) as verifier`; it starts with the first judgement or `start`."""

    def __init__(self, command: Sequence[str], *, timeout: float, queue: int, now: Callable[[], float]) -> None:
        self._command = tuple(command)
        self._timeout = timeout
        self._queue = queue
        self._now = now
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._asked: list[_ToJudge] = []
        """what no group has yet"""
        self._asks = False
        self._tasks = Tasks()
        self._child: _Child | None = None
        self._last_id = 0
        self._failures = 0
        self._not_before = 0.0
        self._why = ""
        self.on_change: Callable[[str], object] = lambda _: None
        """called with why it is not available, or with nothing where it is ready again"""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tasks.cancel()
        await self._stop()

    async def start(self) -> None:
        """Start the side process now; raises VerifierUnavailable saying why it cannot run."""
        async with self._turn:
            await self._running()

    async def check(self, system_info: bytes) -> Judgement:
        """Judge some bytes of any length; raises VerifierUnavailable."""
        if self._waiting >= self._queue:
            raise VerifierUnavailable(f"{self._waiting} judgements are waiting")
        self._waiting += 1
        question = _ToJudge(system_info)
        self._asked.append(question)
        if not self._asks:
            self._asks = True
            self._tasks.start(self._ask_all(), "genuineness")
        try:
            return await question.answer
        finally:
            self._waiting -= 1

    @property
    def state(self) -> str:
        """`ready`, `not started`, or why it is not available; for health and metrics."""
        if self._child is not None:
            return "ready"
        return self._why or "not started"

    async def keep(self, seconds: Callable[[], float]) -> None:
        """Find an end of the side process that no login finds, and one that hangs; start it again; for ever, and so often."""
        while True:
            await asyncio.sleep(seconds())
            if self._turn.locked():
                continue  # it is being asked, or started
            if self._child is not None and self._child.reader.at_eof():
                async with self._turn:
                    await self._stop()
                    self._failed("it ended")
            with contextlib.suppress(VerifierUnavailable):
                await self.check(_NO_SYSTEM_INFO)

    async def _ask_all(self) -> None:
        group: list[_ToJudge] = []
        try:
            while self._asked:
                async with self._turn:
                    group, self._asked = self._asked[:_LARGEST_GROUP], self._asked[_LARGEST_GROUP:]
                    try:
                        await self._ask(group)
                    except VerifierUnavailable as unavailable:
                        _fail(group, unavailable.why)
        except BaseException:
            _fail([*group, *self._asked], "the question was given up")
            raise
        finally:
            self._asks = False

    async def _ask(self, group: Sequence[_ToJudge]) -> None:
        child = await self._running()
        first, self._last_id = self._last_id + 1, self._last_id + len(group)
        answered = False
        try:
            child.writer.write(b"".join(_line(number, one.system_info) for number, one in enumerate(group, first)))
            async with asyncio.timeout(self._timeout):
                for number, one in enumerate(group, first):
                    judgement = _judgement(await child.reader.readline(), number)
                    if not one.answer.done():
                        one.answer.set_result(judgement)
            answered = True
        except (TimeoutError, OSError, ValueError) as error:
            why = f"no answer within {self._timeout:g} s" if isinstance(error, TimeoutError) else "it ended"
            raise self._failed(why) from None
        finally:
            # Also when canceled: an answer that comes late must not be taken for the next one.
            if not answered:
                await self._stop()
        self._failures = 0

    async def _running(self) -> _Child:
        if self._child is not None and not self._child.reader.at_eof():
            return self._child
        await self._stop()
        if self._now() < self._not_before:
            raise VerifierUnavailable(self._why)
        try:
            async with asyncio.timeout(_START_SECONDS):
                child = await self._spawn()
                version = _ready(await child.reader.readline())
        except (TimeoutError, OSError, ValueError) as error:
            await self._stop()
            late = f"not ready within {_START_SECONDS:.0f} s; the machine may be overloaded"
            why = late if isinstance(error, TimeoutError) else str(error) or type(error).__name__
            raise self._failed(f"it cannot start: {why}") from None
        self.on_change("")
        _log.info("genuineness_ready", api_version=version, pid=child.process.pid)
        return child

    async def _spawn(self) -> _Child:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    *self._command,
                    "--descriptor",
                    str(theirs.fileno()),
                    pass_fds=(theirs.fileno(),),
                    stdin=asyncio.subprocess.DEVNULL,
                    env=side_environment(),
                )
            except BaseException:
                ours.close()
                raise
        reader, writer = await asyncio.open_connection(sock=ours, limit=_LONGEST_LINE)
        self._child = _Child(process, reader, writer)
        return self._child

    def _failed(self, why: str) -> VerifierUnavailable:
        self._failures += 1
        pause = min(0.5 * 2 ** min(self._failures - 1, 10), _LONGEST_PAUSE)
        self._not_before = self._now() + pause
        self._why = why
        self.on_change(why)
        _log.error("genuineness_failed", why=why, failures=self._failures, next_try_seconds=pause)
        return VerifierUnavailable(why)

    async def _stop(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.writer.close()
        try:
            # It ends when its socket closes and then removes its files; a killed process could not.
            async with asyncio.timeout(_FAREWELL_SECONDS):  # wait_for of 3.11 may swallow that its caller is canceled
                await child.process.wait()
        except (TimeoutError, asyncio.CancelledError) as why:
            with contextlib.suppress(ProcessLookupError):
                child.process.kill()
            if isinstance(why, asyncio.CancelledError):
                raise  # and one that hangs does not outlive the relay either
            await child.process.wait()


def _line(number: int, system_info: bytes) -> bytes:
    """The question, bounded."""
    shown = base64.b64encode(system_info[:1024]).decode("ascii")
    return json.dumps({"id": number, "system_info": shown}).encode("ascii") + b"\n"


def _fail(group: Sequence[_ToJudge], why: str) -> None:
    """Those that have no answer yet get none."""
    for one in group:
        if not one.answer.done():
            one.answer.set_exception(VerifierUnavailable(why))


def _ready(line: bytes) -> str:
    """The API version of the first line; ValueError with what stands there instead."""
    first = _object(line)
    if "ready" not in first:
        raise ValueError(first.get("unfit"))
    return str(first["ready"])


def _judgement(line: bytes, expected_id: int) -> Judgement:
    """The answer to this question; ValueError where the line is none."""
    answer = _object(line)
    code, header = answer.get("code"), answer.get("header")
    if answer.get("id") != expected_id or type(code) is not int or not isinstance(header, str):
        raise ValueError("it is no answer to this question")
    return Judgement(code, base64.b64decode(header))


def _object(line: bytes) -> dict[str, Any]:
    """A line as a JSON object; ValueError where it is none. The process reads hostile bytes, so it may say anything."""
    try:
        said = json.loads(line)
    except RecursionError:
        raise ValueError("it says something nested too deep") from None
    if not isinstance(said, dict):
        raise ValueError("it says something that is no JSON object")  # noqa: TRY004 - one kind of failure for every line
    return said


def side_environment() -> dict[str, str]:
    """The side process' environment: nothing preloaded, none of the relay's secrets."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in {"LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT"} and not name.upper().startswith("CTP_RELAY__")
    }
    paths = [str(_ROOT), *filter(None, [kept.get("PYTHONPATH")])]
    return kept | {"PYTHONPATH": os.pathsep.join(paths)}
