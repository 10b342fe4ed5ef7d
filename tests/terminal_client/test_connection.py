"""A connection to a relay, against the relay's own end of HTTP/2; the bytes between them pass through the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived
from h2.settings import SettingCodes
from hyperframe.frame import DataFrame, Frame, HeadersFrame, PingFrame, RstStreamFrame

from ctprelay.wire.cutter import Cutter
from ctprelay.wire.frames import FrameKind
from ctprelay.wire.messages import PREFIX
from relay.http2.bucket import Bucket
from relay.http2.call import Call as Served
from relay.http2.call import CallEnded
from relay.http2.connection import CallLimits, HttpConnection
from terminal_client import connection as module
from terminal_client.call import WINDOW, RelayCall, RelayCallOver
from terminal_client.connection import RelayConnection
from tests.e2e.site import eventually

LIMITS = CallLimits(at_a_time=8, largest_message=32 << 20)
METHOD = "/here.Service/Method"
LARGE = bytes(range(256)) * 16 * 1024
"""4 MiB, more than a window"""


class Pair(asyncio.Transport):
    """The terminal's connection and the relay's end, which hear each other when the loop comes to it."""

    def __init__(self, serve: Callable[[Served], Any], keepalive_seconds: float = 0.0) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self.here = RelayConnection("relay", keepalive_seconds)
        self.there = HttpConnection(self.say, serve, LIMITS, Bucket(1000.0, 1000.0))
        self.passes = True
        """whether what the terminal sends arrives"""
        self.sent = self.heard = b""
        self.closed = False
        self.here.connection_made(self)
        self.there.begin()

    def say(self, data: bytes) -> None:
        """Something of the relay's for the terminal."""
        self.heard += data
        self._loop.call_soon(lambda: None if self.closed else self.here.data_received(data))

    def write(self, data: Any) -> None:
        self.sent += data
        if self.passes:
            self._loop.call_soon(lambda: None if self.closed else self.there.received(bytes(data)))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        """Followed by `abort`."""

    def abort(self) -> None:
        if not self.closed:
            self.closed = True
            self.there.lose()
            self._loop.call_soon(self.here.connection_lost, None)

    def call(self) -> RelayCall:
        call = RelayCall()
        self.here.open(call, METHOD)
        return call


@pytest.fixture
async def pairs() -> AsyncIterator[list[Pair]]:
    made: list[Pair] = []
    yield made
    for one in made:
        one.abort()
    await asyncio.sleep(0)


async def echo(call: Served) -> None:
    while (message := await call.read()) is not None:
        await call.write(message)


async def said(call: RelayCall) -> str:
    """Why it ended."""
    with pytest.raises(RelayCallOver) as over:
        async with asyncio.timeout(10):
            await call.read()
    return str(over.value)


async def test_messages_of_every_size_come_back_in_order(pairs: list[Pair]) -> None:
    """Also larger than the windows of both sides."""
    pairs.append(pair := Pair(echo))
    call, room = pair.call(), asyncio.Event()
    call.on_room = room.set
    for message in (b"", b"x", b"y" * 16_384, LARGE, b"z"):
        async with asyncio.timeout(30):
            while not call.has_room:
                room.clear()
                await room.wait()
            call.write(message)
            assert await call.read() == message


async def test_who_waits_for_room_is_called_when_there_is_some(pairs: list[Pair]) -> None:
    """And not before: whoever is called may write."""
    reads, rooms = asyncio.Event(), list[bool]()

    async def late(call: Served) -> None:
        await reads.wait()
        while await call.read() is not None:
            pass

    pairs.append(pair := Pair(late))
    call = pair.call()
    call.write(bytes(256 * 1024))  # the relay takes it, and no more before it is read
    await eventually("it is sent", lambda: call.has_room)
    call.write(bytes(256 * 1024))
    call.on_room = lambda: rooms.append(call.has_room)
    for _ in range(200):
        await asyncio.sleep(0)
    before = list(rooms)
    reads.set()
    await eventually("there is room", lambda: call.has_room)

    assert before == []
    assert set(rooms) == {True}


async def test_a_window_is_opened_by_no_more_than_came(pairs: list[Pair]) -> None:
    """A byte too many would end the connection of a relay that has sent so much."""
    size = WINDOW // 2  # half a window is what it is opened by
    pairs.append(pair := Pair(echo))
    call = pair.call()
    call.write(LARGE[: size - PREFIX])
    await call.read()
    cut = [frame for frame in Cutter().cut(pair.sent) if frame[0] == FrameKind.WINDOW_UPDATE]
    opened = sum(int.from_bytes(payload, "big") for _, _, stream, payload in cut if stream == 1)

    assert opened == size


async def test_a_call_that_has_no_connection_yet_can_be_cancelled() -> None:
    call = RelayCall()
    call.cancel()

    assert await said(call) == "the stream was ended here"


async def test_a_relay_may_not_send_more_than_a_window_that_nobody_reads(pairs: list[Pair]) -> None:
    """What waits is bounded; once it is read, all comes."""
    written = []

    async def flood(call: Served) -> None:
        for number in range(64):
            await call.write(bytes([number]) * 64 * 1024)
            written.append(number)
        await call.read()

    pairs.append(pair := Pair(flood))
    call = pair.call()
    for _ in range(2000):
        await asyncio.sleep(0)
    waiting = len(written) * 64 * 1024

    assert WINDOW // 2 < waiting <= 2 * WINDOW
    assert [(await call.read())[0] for _ in range(64)] == list(range(64))


@pytest.mark.parametrize(
    ("status", "words", "heard"),
    [
        (grpc.StatusCode.OK, "", "the relay closed the stream"),
        (grpc.StatusCode.UNAVAILABLE, "忙 100 %", "UNAVAILABLE: 忙 100 %"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "full", "RESOURCE_EXHAUSTED: full"),
    ],
)
async def test_a_call_ends_with_the_relays_words(
    pairs: list[Pair], status: grpc.StatusCode, words: str, heard: str
) -> None:
    """Whether it has answered or not; what it said before can be read first."""

    async def end(call: Served) -> None:
        if (message := await call.read()) != b"at once":
            await call.write(message or b"")
        raise CallEnded(status, words)

    pairs.append(pair := Pair(end))
    first, second = pair.call(), pair.call()
    first.write(b"at once")
    second.write(b"hello")

    assert await said(first) == heard
    assert await second.read() == b"hello"
    assert await said(second) == heard
    assert not second.has_room


async def test_a_cancelled_call_is_reset_at_the_relay_and_the_next_goes_on(pairs: list[Pair]) -> None:
    """One call's end is not the connection's."""
    pairs.append(pair := Pair(echo))
    first, second = pair.call(), pair.call()
    first.cancel()
    second.write(b"still here")

    assert await second.read() == b"still here"
    assert await said(first) == "the stream was ended here"
    assert list(pair.there.calls) == [3]


class OtherRelay(asyncio.Transport):
    """A relay's end of another make: it answers each call with trailers, and leaves the terminal's half of it open."""

    def __init__(self, at_a_time: int) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self.answers = True
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: at_a_time})
        self.here = RelayConnection("relay", 0.0)
        self.here.connection_made(self)

    def write(self, data: Any) -> None:
        for event in self.h2.receive_data(bytes(data)):
            if isinstance(event, RequestReceived) and self.answers:
                self.h2.send_headers(event.stream_id, [(":status", "200"), ("content-type", "application/grpc")])
                self.h2.send_headers(event.stream_id, [("grpc-status", "0")], end_stream=True)
        self._loop.call_soon(self.here.data_received, self.h2.data_to_send())

    def is_closing(self) -> bool:
        return False

    def call(self) -> RelayCall:
        call = RelayCall()
        self.here.open(call, METHOD)
        return call


async def test_a_call_that_the_relay_has_ended_counts_no_more() -> None:
    """Also where the relay does not reset the terminal's half: then the terminal does."""
    relay = OtherRelay(at_a_time=2)

    assert {await said(relay.call()) for _ in range(5)} == {"the relay closed the stream"}
    assert not relay.h2.open_inbound_streams


async def test_a_half_that_the_relay_has_reset_is_left_alone(pairs: list[Pair]) -> None:
    """Its frames are counted there."""

    async def end(_call: Served) -> None:
        raise CallEnded(grpc.StatusCode.OK, "")

    pairs.append(pair := Pair(end))
    await said(pair.call())
    await said(pair.call())

    assert RstStreamFrame(1, 0).serialize() in pair.heard
    assert RstStreamFrame(1, 0).serialize() not in pair.sent


async def test_one_call_more_than_the_relay_takes_ends_alone() -> None:
    """The others go on, and one that comes after their end is taken."""
    relay = OtherRelay(at_a_time=2)
    await said(relay.call())
    relay.answers = False
    first, second, third = relay.call(), relay.call(), relay.call()

    assert await said(third) == "RESOURCE_EXHAUSTED: the relay takes no more calls at a time on one connection"
    assert (first.ended, second.ended) == (None, None)
    first.cancel()
    relay.answers = True
    assert await said(relay.call()) == "the relay closed the stream"


async def test_after_a_goodbye_the_calls_there_are_go_on_and_then_it_closes(pairs: list[Pair]) -> None:
    """A relay that is about to stop."""
    pairs.append(pair := Pair(echo))
    call = pair.call()
    call.write(b"before")
    await call.read()
    pair.there.go_away()
    await asyncio.sleep(0)
    call.write(b"after")

    assert await call.read() == b"after"
    assert (pair.here.leaves, pair.closed) == (True, False)
    call.cancel()
    assert pair.closed


async def test_a_lost_connection_is_said_to_every_call(pairs: list[Pair]) -> None:
    """And it is over."""
    pairs.append(pair := Pair(echo))
    calls = [pair.call() for _ in range(3)]
    pair.abort()

    assert {await said(call) for call in calls} == {"UNAVAILABLE: the connection to the relay broke"}
    assert pair.here.is_over


async def test_a_relay_that_answers_no_ping_is_lost(pairs: list[Pair], monkeypatch: pytest.MonkeyPatch) -> None:
    """A pulled cable breaks nothing. One that answers is kept."""
    monkeypatch.setattr(module, "SILENCE_SECONDS", 0.05)
    pairs.append(pair := Pair(echo, keepalive_seconds=0.05))
    call = pair.call()
    answer = PingFrame(0, b"terminal", flags=["ACK"]).serialize()
    await eventually("three pings are answered", lambda: pair.heard.count(answer) >= 3)
    assert not pair.closed
    pair.passes = False

    assert "ping" in await said(call)
    assert pair.closed


async def test_a_program_that_stood_still_asks_anew(pairs: list[Pair]) -> None:
    """A suspended machine, or a strategy that held the loop: the relay's answer could not be read meanwhile."""
    pairs.append(pair := Pair(echo, keepalive_seconds=0.01))
    call = pair.call()
    call.write(b"x")
    await call.read()
    now, asked = asyncio.get_running_loop().time(), pair.sent.count(b"terminal")
    pair.here._heard = now - 100

    pair.here._judge(now - 60)
    assert not pair.closed
    assert pair.sent.count(b"terminal") == asked + 1
    pair.here._heard = now - 100
    pair.here._judge(now - module.SILENCE_SECONDS)
    assert pair.closed


def _headers(pair: Pair, fields: list[tuple[str, str]], *, ends: bool) -> Frame:
    frame = HeadersFrame(1, pair.there._h2.encoder.encode(fields), flags=["END_HEADERS"])
    if ends:
        frame.flags.add("END_STREAM")
    return frame


WRONG: dict[str, Callable[[Pair], list[Frame]]] = {
    "HTTP status 502": lambda pair: [
        _headers(pair, [(":status", "502"), ("content-type", "text/html"), ("content-length", "3")], ends=False),
        DataFrame(1, b"bad", flags=["END_STREAM"]),
    ],
    "HTTP status 404": lambda pair: [_headers(pair, [(":status", "404")], ends=True)],
    "HTTP status 200": lambda pair: [
        _headers(pair, [(":status", "200")], ends=False),
        _headers(pair, [("grpc-status", "x")], ends=True),
    ],
    "the relay ended the stream": lambda pair: [RstStreamFrame(1, 2)],
    "MessageCompressed": lambda pair: [
        _headers(pair, [(":status", "200")], ends=False),
        DataFrame(1, b"\x01\0\0\0\x01x"),
    ],
    "MessageTooLarge": lambda pair: [
        _headers(pair, [(":status", "200")], ends=False),
        DataFrame(1, b"\0\x7f\xff\xff\xffx"),
    ],
    "HTTP/2's rules": lambda _: [HeadersFrame(1, b"\xff\xff\xff", flags=["END_HEADERS"])],
}


@pytest.mark.parametrize("words", WRONG)
async def test_what_is_no_relays_answer_ends_the_call_with_a_reason(pairs: list[Pair], words: str) -> None:
    """A proxy's page, another server, nonsense; nobody waits for ever."""
    pairs.append(pair := Pair(echo))
    call = pair.call()
    pair.passes = False
    pair.say(b"".join(frame.serialize() for frame in WRONG[words](pair)))

    assert words in await said(call)
