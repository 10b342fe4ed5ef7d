"""Terminal streams before, during and after a login: real sessions and admission, over a counter and a ledger in memory.

An input is a sequence of steps, each `framed`: one byte that says which stream does what, then what it says. A login or
resume says `proof`, `fresh`, `token` or `older` where it means the right proof of its stream's challenge, system info
that was not used before, or a resume token that the relay gave.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
from pathlib import Path
from random import Random
from typing import Any

from google.protobuf.message import DecodeError
from pydantic import SecretStr
from structlog.testing import capture_logs

from ctprelay.ctp.v1 import requests_pb2
from ctprelay.v1 import terminal_pb2 as pb
from fuzz.mutations import any_bytes, framed, message_of, parts, parts_of
from fuzz.targets import Broken, Play, promise
from relay.admission.login_guard import LoginGuard
from relay.counter.port import Mode
from relay.database.database import open_database, upgrade
from relay.sessions.stream import Malformed, StreamSettings, TerminalStream
from relay.settings.limits_section import Limits
from terminal_client.proof import auth_info
from tests.relay.admission.test_admission import AUTH_CODE, PASSWORD, Door
from tests.relay.conftest import HandClock
from tests.relay.evidence import KeptEvidence
from tests.relay.sessions.played_counter import BROKER, LINGER_SECONDS, ORIGIN, House, query, read

_STREAMS = 3
_SETTINGS = StreamSettings("1.0", hello_timeout_seconds=10.0, outbox_bytes=100_000)
_MOST_MESSAGE = 4096
_LONGEST_WAIT = 30
"""seconds that a step may take; each wait in it has a deadline"""
_SAYS, _GOES, _FALLS_SILENT, _WAITS, _COUNTER_SPEAKS = 0, 4, 5, 6, 7
_numbers = itertools.count(1)


class _AtOnce:
    """A `DirectoryAccess` without threads."""

    timeout = 10.0

    async def run(self, work: Any) -> Any:
        return work()


@functools.cache
def _door() -> Door:
    engine = open_database(SecretStr(f"sqlite:///{Path.cwd() / 'fuzz.sqlite3'}"))
    upgrade(engine)
    return Door(engine, _AtOnce(), HandClock(), KeptEvidence())  # type: ignore[arg-type]


class _HandTime:
    """The loop's clock, moved by hand."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.now = 1000.0
        loop.time = lambda: self.now  # type: ignore[method-assign]


_LOOP = asyncio.new_event_loop()
_TIME = _HandTime(_LOOP)
_FAULTS: list[str] = []
_LOOP.set_exception_handler(lambda _, context: _FAULTS.append(str(context.get("exception") or context["message"])))


class _TerminalLine:
    """One stream and what is known of it."""

    def __init__(self, house: House) -> None:
        self.stream = TerminalStream(ORIGIN, house.sessions, house.evidence, _LOOP.time, _SETTINGS)
        self.challenge = b""
        self.proved = False
        self.online = False
        self.gone = False
        self.heard: list[pb.RelayMessage] = []

    async def hear(self) -> None:
        for message in await read(self.stream.outbox):
            self.heard.append(message)
            match message.WhichOneof("body"):
                case "challenge":
                    self.challenge = message.challenge.timestamp
                case "logged_in":
                    promise(self.proved, "only a terminal that has proved itself is logged in")
                    self.online = True
                case "event" | "call_result" | "status":
                    promise(self.online, "only a session hears of the counter")
                case None:
                    promise(False, "the relay says nothing empty")
                case _:
                    pass


class _Scene:
    """The relay, and up to three streams of terminals at it."""

    def __init__(self) -> None:
        self.house = House(KeptEvidence())
        door = _door()
        door.guard = LoginGuard(Limits(), door.guard._places, lambda: 0.0, counter_knows_passwords=True)  # noqa: SLF001
        door.kept = self.house.evidence
        self.house.sessions._admission = door.of(Mode.MANY_TO_MANY)  # noqa: SLF001 - in the place of the open door
        self.lines: dict[int, _TerminalLine] = {}
        self.calls = 0
        """that were said on a stream with a session"""

    def line(self, number: int) -> _TerminalLine:
        if number not in self.lines or self.lines[number].gone:
            self.lines[number] = _TerminalLine(self.house)
        return self.lines[number]

    async def step(self, part: bytes) -> None:
        head, said = (part[0], part[1:]) if part else (0, b"")
        line, does = self.line(head % _STREAMS), head >> 5
        match does:
            case 4:
                line.gone = True
                await _done(asyncio.ensure_future(line.stream.ended()))
            case 5:
                line.stream.terminal_is_silent()
            case 6:
                _TIME.now += said[0] if said else 1
            case 7:
                for link in self.house.counter.links:
                    link.notice(said[0] & 0x7F if said else 1)
            case _:
                await self._say(line, said)
        await _settle()
        for each in self.lines.values():
            await each.hear()
            promise(each.stream.outbox._bytes <= 2 * _SETTINGS.outbox_bytes, "an outbox has a bound")  # noqa: SLF001

    async def _say(self, line: _TerminalLine, said: bytes) -> None:
        message = self._message(line, said)
        if isinstance(message, pb.TerminalMessage) and message.WhichOneof("body") == "call" and line.online:
            self.calls += 1
        await _done(asyncio.ensure_future(line.stream.receive(message)))
        if isinstance(message, Malformed):
            promise(line.stream.outbox.closed, "a message that cannot be read is the last one")

    def _message(self, line: _TerminalLine, said: bytes) -> pb.TerminalMessage | Malformed:
        if len(said) > _MOST_MESSAGE:
            return Malformed(len(said), _MOST_MESSAGE)
        try:
            message = pb.TerminalMessage.FromString(said)
        except DecodeError:
            return Malformed(len(said), _MOST_MESSAGE)
        right = auth_info(AUTH_CODE, line.challenge) if line.challenge else b""
        match message.WhichOneof("body"):
            case "login":
                login = message.login
                login.auth_info = right if login.auth_info == b"proof" else login.auth_info
                if login.system_info == b"fresh":
                    login.system_info = next(_numbers).to_bytes(8, "big").ljust(264, b"\1")
                line.proved = line.proved or (login.auth_info == right and bool(right))
            case "resume":
                resume = message.resume
                resume.auth_info = right if resume.auth_info == b"proof" else resume.auth_info
                resume.resume_token = self._token(resume.resume_token)
                line.proved = line.proved or (resume.auth_info == right and bool(right))
            case _:
                pass
        return message

    def _token(self, named: bytes) -> bytes:
        given = [
            m.logged_in.resume_token for line in self.lines.values() for m in line.heard if m.HasField("logged_in")
        ]
        if named not in {b"token", b"older"} or not given:
            return named
        return given[-1] if named == b"token" else given[0]

    async def end(self) -> None:
        """Every stream goes, every session lingers and ends: nothing may be left."""
        for line in self.lines.values():
            await _done(asyncio.ensure_future(line.stream.ended()))
        for _ in range(3):
            _TIME.now += LINGER_SECONDS + 1
            await _settle()
        sessions = self.house.sessions
        promise(len(sessions) == 0, "after its linger time no session is left")
        promise(not sessions._entering and not sessions._giving_way, "no login is left under way")  # noqa: SLF001
        links = self.house.counter.links
        promise(all(len(link.detached) == 1 for link in links), "every link is let go once")
        promise(sum(len(link.calls) for link in links) <= self.calls, "only calls of sessions reach the counter")
        waiting = asyncio.all_tasks() - {asyncio.current_task()}
        promise(not waiting, f"no task is left: {[task.get_name() for task in waiting][:3]}")
        kept = repr(self.house.evidence.entries)
        promise(PASSWORD not in kept and AUTH_CODE not in kept, "no secret is written down")


async def _done(work: asyncio.Future[None]) -> None:
    """Wait for it in the time that is moved by hand: the loop's own wait would never end."""
    for _ in range(_LONGEST_WAIT):
        await _settle()
        if work.done():
            return await work
        _TIME.now += 1
    work.cancel()
    raise Broken(f"what a terminal says is answered within {_LONGEST_WAIT} s")


async def _settle() -> None:
    for _ in range(12):
        await asyncio.sleep(0)


def stream_messages(data: bytes) -> None:
    """Whatever terminals say, in whatever order: no exception, no session without a proof, nothing left at the end."""
    _FAULTS.clear()
    with capture_logs() as lines:
        _LOOP.run_until_complete(_played(parts_of(data, 40)))
    shown = repr(lines)
    promise(PASSWORD not in shown and AUTH_CODE not in shown, "no secret is in the log")
    faults = _FAULTS + [str(line["exc_info"]) for line in lines if "exc_info" in line]
    promise(not faults, f"no fault of the relay's own: {faults[:1]}")


async def _played(steps: list[bytes]) -> None:
    scene = _Scene()
    for step in steps:
        await scene.step(step)
    await scene.end()


def stream_bytes(data: bytes) -> None:
    """The same bytes as the first message, after hello, and in a session."""
    said = data[: _MOST_MESSAGE + 1]
    steps = [_says(0, said), _says(1, _HELLO), _says(1, said), _says(2, _HELLO), _says(2, _LOGIN), _says(2, said)]
    stream_messages(framed(steps))


def _says(stream: int, message: bytes) -> bytes:
    # The seven low bits keep the stream: 0, 1, 2, 0 … by the remainder of 3.
    return bytes([stream]) + message


def _does(stream: int, what: int, more: bytes = b"") -> bytes:
    head = next(value for value in range(what << 5, (what + 1) << 5) if value % _STREAMS == stream)
    return bytes([head]) + more


_HELLO = pb.TerminalMessage(hello=pb.Hello(protocol=1, app_id="terminal_1.0", client_version="0.1")).SerializeToString()
_LOGIN = pb.TerminalMessage(
    login=pb.Login(
        broker_id=BROKER,
        investor_id="100001",
        password=PASSWORD,
        auth_info=b"proof",
        system_info=b"fresh",
        system_info_length=264,
        report_kind=pb.REPORT_KIND_TERMINAL,
    )
).SerializeToString()
_GUESS = pb.TerminalMessage(
    login=pb.Login(broker_id=BROKER, investor_id="100001", password=PASSWORD[:3], auth_info=bytes(128))
).SerializeToString()
_CALL = pb.TerminalMessage(call=query()).SerializeToString()
_RESUME = pb.TerminalMessage(
    resume=pb.Resume(resume_token=b"token", auth_info=b"proof", after_sequence=0)
).SerializeToString()
_OLDER = pb.TerminalMessage(resume=pb.Resume(resume_token=b"older", auth_info=b"proof")).SerializeToString()
_LOGOUT = pb.TerminalMessage(logout=pb.Logout()).SerializeToString()
_MESSAGES = (_HELLO, _LOGIN, _GUESS, _CALL, _RESUME, _OLDER, _LOGOUT)


def _order() -> bytes:
    request = requests_pb2.Request()
    request.order_insert.order_ref = "1"
    return pb.TerminalMessage(call=pb.Call(request_id=3, request=request, valid_for_milliseconds=5)).SerializeToString()


def _new_step(random: Random) -> bytes:
    stream = random.randrange(_STREAMS)
    if random.random() < 0.7:
        return _says(stream, random.choice(_MESSAGES))
    return _does(stream, random.choice((_GOES, _FALLS_SILENT, _WAITS, _COUNTER_SPEAKS)), random.randbytes(1))


def _other_step(data: bytes, most: int, random: Random) -> bytes:
    if not data or data[0] >> 5 >= _GOES or random.random() < 0.15:
        return any_bytes(data, most, random)
    return data[:1] + message_of(pb.TerminalMessage)(data[1:], most, random)


_session = [_says(0, _HELLO), _says(0, _LOGIN), _says(0, _CALL)]
PLAYS = {
    "stream_messages": Play(
        stream_messages,
        [
            framed([*_session, _says(0, _LOGOUT)]),
            framed([*_session, _does(0, _COUNTER_SPEAKS, b"\1"), _does(0, _GOES), _says(1, _HELLO), _says(1, _RESUME)]),
            framed(
                [*_session, _says(1, _HELLO), _says(1, _RESUME), _says(0, _CALL), _says(2, _HELLO), _says(2, _OLDER)]
            ),
            framed([*_session, _does(0, _GOES), _does(0, _WAITS, b"\x3d"), _says(1, _HELLO), _says(1, _RESUME)]),
            framed([_says(0, _HELLO), _does(0, _WAITS, b"\x0b"), _says(0, _LOGIN)]),
            framed([_says(0, _HELLO), _says(0, _GUESS), _says(1, _HELLO), _says(1, _GUESS), _does(1, _FALLS_SILENT)]),
            framed([_says(0, _CALL), _says(1, b""), _says(2, b"\xff\xff")]),
        ],
        parts(_other_step, _new_step),
        longest=8192,
    ),
    "stream_bytes": Play(
        stream_bytes, [*_MESSAGES, _order()], message_of(pb.TerminalMessage), longest=_MOST_MESSAGE + 1
    ),
}
"""by target"""
