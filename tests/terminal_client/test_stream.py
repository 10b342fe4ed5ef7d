"""One stream's words, where the connection misbehaves."""

from __future__ import annotations

import asyncio

import pytest

from ctprelay.v1 import terminal_pb2 as pb
from terminal_client.call import RelayCall
from terminal_client.stream import Stream, StreamBroken


class RelayChannel:
    """Gives one call, with which a test does what it wants."""

    def __init__(self) -> None:
        self.given = RelayCall()

    def call(self, _method: str) -> RelayCall:
        return self.given


class Road:
    """A connection that keeps what it is given."""

    window, blocked = 1000, False

    def __init__(self) -> None:
        self.sent = b""
        self.was_reset = False

    def send(self, _stream: int, data: bytes | memoryview) -> None:
        self.window -= len(data)
        self.sent += data

    def open_window(self, _stream: int, _more: int) -> None:
        """Not asked for."""

    def reset(self, _stream: int) -> None:
        self.was_reset = True


async def test_a_reader_that_is_canceled_while_the_call_fails_stays_canceled() -> None:
    """The failure must not hide the cancellation: the session would reconnect instead of closing."""
    channel = RelayChannel()
    stream = Stream(channel)  # type: ignore[arg-type]
    reader = asyncio.ensure_future(stream.receive())
    await asyncio.sleep(0)

    channel.given.end("UNAVAILABLE: gone")
    reader.cancel()

    with pytest.raises(asyncio.CancelledError):
        await reader


async def test_a_call_that_fails_by_itself_is_a_broken_stream() -> None:
    """With the words for why; what came before can still be read."""
    channel = RelayChannel()
    stream = Stream(channel)  # type: ignore[arg-type]
    batch = pb.RelayBatch(messages=[pb.RelayMessage(sequence=1)]).SerializeToString()
    channel.given.take(b"\0" + len(batch).to_bytes(4, "big") + batch, 0)
    channel.given.end("UNAVAILABLE: gone")

    assert (await stream.receive()).sequence == 1
    with pytest.raises(StreamBroken, match="UNAVAILABLE: gone"):
        await stream.receive()


async def test_what_the_relay_does_not_take_can_be_taken_back() -> None:
    """Also before there is a connection. What has begun to go goes on when there is room, and in order."""
    channel, road = RelayChannel(), Road()
    stream = Stream(channel)  # type: ignore[arg-type]
    messages = [pb.TerminalMessage(call=pb.Call(request_id=number, client_order_key="x" * 500)) for number in range(4)]
    stream.send(messages[0])
    assert stream.withdraw(messages[0])

    channel.given.begin(road, 1, 65_535)
    for message in messages[1:]:
        stream.send(message)
    assert [stream.withdraw(message) for message in messages[1:]] == [False, False, True]
    road.window += 1000
    channel.given.go_on()

    assert len(road.sent) == sum(5 + len(message.SerializeToString()) for message in messages[1:3])


async def test_a_cancelled_stream_is_over_at_once() -> None:
    """For its reader, and at the relay."""
    channel, road = RelayChannel(), Road()
    stream = Stream(channel)  # type: ignore[arg-type]
    channel.given.begin(road, 1, 65_535)
    reader = asyncio.ensure_future(stream.receive())
    await asyncio.sleep(0)

    stream.cancel()
    stream.cancel()

    with pytest.raises(StreamBroken):
        await reader
    assert road.was_reset
