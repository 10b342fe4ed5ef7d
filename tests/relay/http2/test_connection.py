"""What ends a connection and what does not, and that a flood costs little."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator

import grpc
import pytest
from h2.settings import SettingCodes
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from relay.http2.bucket import Bucket
from relay.http2.call import Call, CallEnded
from relay.http2.connection import CallLimits, HttpFault
from tests.relay.http2.peer import AT_ONCE, HEADERS, Peer, close, cut, echo, framed

SETTINGS, WINDOW_UPDATE = 4, 8
PROTOCOL_ERROR, STREAM_CLOSED, FRAME_SIZE_ERROR, CALM = 1, 5, 6, 11


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    """One whose calls are said again; it leaves nothing."""
    one = Peer(echo).begin()
    await one.settle()
    yield one
    await close(one)


def codes(peer: Peer) -> list[int]:
    """Of the goodbyes."""
    return [code for _, code in peer.goodbyes]


def again(peer: Peer, data: bytes) -> None:
    """A thousand times, each as bytes of their own. Raises HttpFault."""
    for _ in range(1000):
        peer.say_raw(data)


async def test_the_first_word_goes_with_the_answer_to_the_terminals() -> None:
    """Every write of its own is a record and a call of the kernel, for each of a thousand that come at once."""
    peer, written = Peer(echo), list[bytes]()
    peer.connection._sink = written.append

    peer.begin()

    (said,) = written
    assert [data[3] for data in cut(said, _sizes(said))] == [
        SETTINGS,
        WINDOW_UPDATE,
        SETTINGS,
        SETTINGS,
    ]  # `Peer` has two to be answered
    await close(peer)


def _sizes(frames: bytes) -> list[int]:
    sizes: list[int] = []
    while sum(sizes) < len(frames):
        sizes.append(9 + int.from_bytes(frames[sum(sizes) :][:3], "big"))
    return sizes


async def test_a_ping_after_each_message_costs_nothing(peer: Peer) -> None:
    """gRPC's clients measure the line so."""
    stream = peer.ask()
    for _ in range(2 * AT_ONCE):
        peer.h2.send_data(stream, framed(b"x"))
        await peer.settle()
        peer.say_raw(PingFrame(0, b"12345678"))

    assert codes(peer) == []


async def test_what_metadata_may_be_is_said(peer: Peer) -> None:
    """So that an honest terminal sends no more."""
    assert peer.h2.remote_settings.max_header_list_size == 8192


def _block(peer: Peer, headers: list[tuple[str, str]]) -> bytes:
    return peer.h2.encoder.encode(headers)


def _headers(peer: Peer, stream: int, *, ended: bool = True) -> HeadersFrame:
    frame = HeadersFrame(stream, _block(peer, list(HEADERS)))
    if ended:
        frame.flags.add("END_HEADERS")
    return frame


async def test_after_goodbye_calls_go_on_and_none_begins(peer: Peer) -> None:
    """A restart of the relay: what the terminal opens meanwhile is refused so that it may try elsewhere."""
    stream = peer.ask(b"one")
    await peer.settle()
    peer.connection.go_away()
    peer.connection.go_away()
    peer.say_raw(DataFrame(stream, framed(b"two")))
    peer.say_raw(_headers(peer, stream + 2), DataFrame(stream + 2, framed(b"late")))
    await peer.settle()

    assert peer.goodbyes == [(stream, 0)]
    assert peer.answers[stream].messages == [b"one", b"two"]
    assert RstStreamFrame(stream + 2, error_code=7).serialize() in peer.raw
    assert list(peer.connection.calls) == [stream]


async def test_a_terminal_that_says_goodbye_goes_on_with_its_calls(peer: Peer) -> None:
    """It only opens no more."""
    stream = peer.ask(b"one")
    await peer.settle()
    peer.say_raw(GoAwayFrame(0, last_stream_id=0), DataFrame(stream, framed(b"two")))
    await peer.settle()

    assert peer.answers[stream].messages == [b"one", b"two"]


async def test_pings_are_answered(peer: Peer) -> None:
    """With what they say; and the relay's own are."""
    peer.h2.ping(b"12345678")
    peer.connection.ping()
    await peer.settle()

    assert peer.pings == 1
    assert codes(peer) == []


def _floods() -> dict[str, tuple[list[Frame | bytes], int]]:
    """What comes again and again, and with which code it ends."""
    padded = DataFrame(1, b"", pad_length=10)
    padded.flags.add("PADDED")
    ack = SettingsFrame(0)
    ack.flags.add("ACK")
    return {
        "settings": ([SettingsFrame(0, settings={1: 4096})], CALM),
        "acknowledgments": ([ack], CALM),
        "pings": ([PingFrame(0, b"12345678")], CALM),
        "empty data": ([DataFrame(1, b"")], CALM),
        "padding": ([padded], CALM),
        "priorities": ([PriorityFrame(1, depends_on=3)], CALM),
        "unknown frames": ([b"\0\0\0\x20\0\0\0\0\1"], CALM),
        "goodbyes": ([b"\0\0\0\x07\0\0\0\0\0"], CALM),
        "empty data of no call": ([RstStreamFrame(1), DataFrame(1, b"")], CALM),
    }


@pytest.mark.parametrize("name", _floods())
async def test_what_is_for_nothing_ends_the_connection(peer: Peer, name: str) -> None:
    """Soon, and with little memory."""
    frames, code = _floods()[name]
    data = b"".join(frame if isinstance(frame, bytes) else frame.serialize() for frame in frames)
    peer.ask()
    await peer.settle()
    tracemalloc.start()
    with pytest.raises(HttpFault):
        again(peer, data)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert codes(peer) == [code]
    assert most < 1 << 20


@pytest.mark.parametrize(
    "frame", [DataFrame(1, b"x"), WindowUpdateFrame(1, window_increment=1)], ids=["data", "windows"]
)
async def test_frames_of_a_call_that_is_over_are_bounded_by_their_number(peer: Peer, frame: Frame) -> None:
    """A window of small messages may have been on its way when the call ended; no more than that."""
    peer.ask()
    await peer.settle()
    peer.connection._toll.bucket = Bucket(0.0, AT_ONCE)
    peer.say_raw(RstStreamFrame(1))
    for _ in range(65_535 // 20 // 1000):
        again(peer, frame.serialize())
    assert codes(peer) == []
    with pytest.raises(HttpFault):
        again(peer, frame.serialize())

    assert codes(peer) == [CALM]


@pytest.mark.parametrize("stream", [0, 1])
async def test_windows_that_grow_for_nothing_end_the_connection(peer: Peer, stream: int) -> None:
    """By a byte at a time, each of which is as much work as any."""
    peer.ask()
    await peer.settle()
    peer.connection._toll.bucket = Bucket(0.0, AT_ONCE)
    with pytest.raises(HttpFault):
        again(peer, WindowUpdateFrame(stream, window_increment=1).serialize() * 5)

    assert codes(peer) == [CALM]


async def test_a_client_may_open_both_windows_after_every_frame(peer: Peer) -> None:
    """Some do; also those that read later what came at once."""
    stream = peer.ask()
    peer.connection._toll.bucket = Bucket(0.0, AT_ONCE)
    for _ in range(30):
        peer.h2.send_data(stream, framed(*[b"x"] * 100))
        await peer.settle()
    opened = [WindowUpdateFrame(where, window_increment=6).serialize() for where in (0, stream)]
    for _ in range(3000):
        peer.say_raw(*opened)

    assert peer.answers[stream].messages == [b"x"] * 3000
    assert codes(peer) == []


async def test_opening_and_resetting_calls_ends_the_connection() -> None:
    """And no handler ran for one that was reset at once."""
    begun: list[int] = []

    async def notes(call: Call) -> None:
        begun.append(call.stream)

    peer = Peer(notes).begin()
    await peer.settle()
    streams = range(1, 2000, 2)
    with pytest.raises(HttpFault):
        peer.say_raw(*(frame for stream in streams for frame in (_headers(peer, stream), RstStreamFrame(stream))))
    peer.connection.lose()
    await asyncio.sleep(0)

    assert codes(peer) == [CALM]
    assert begun == []
    await close(peer)


async def test_headers_without_end_end_the_connection(peer: Peer) -> None:
    """CONTINUATION after CONTINUATION: what waits for the end is bounded."""
    peer.say_raw(_headers(peer, 1, ended=False))
    tracemalloc.start()
    with pytest.raises(HttpFault):
        again(peer, ContinuationFrame(1, bytes(16_000)).serialize())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert codes(peer)[0] in {PROTOCOL_ERROR, CALM}
    assert most < 8 << 20


@pytest.mark.parametrize("repeated", [False, True])
async def test_headers_that_are_too_large_end_the_connection(peer: Peer, *, repeated: bool) -> None:
    """Long ones, and a long one of which the same byte says again that it is there."""
    many = [("x-a", "v" * 3000)] * 4 if repeated else [(f"x-{number}", "v" * 100) for number in range(100)]
    frame = HeadersFrame(1, _block(peer, [*HEADERS, *many]))
    frame.flags.add("END_HEADERS")
    with pytest.raises(HttpFault):
        peer.say_raw(frame)

    assert codes(peer) == [CALM]
    assert peer.connection.calls == {}


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\0\0\1\0\0\0\0\0\0x", PROTOCOL_ERROR),
        (DataFrame(2, b"x"), PROTOCOL_ERROR),
        (DataFrame(9, b"x"), PROTOCOL_ERROR),
        (WindowUpdateFrame(9, window_increment=1), PROTOCOL_ERROR),
        (b"\0\x40\1\0\0\0\0\0\1" + bytes(16_385), FRAME_SIZE_ERROR),
        (b"\0\0\3\x08\0\0\0\0\0abc", FRAME_SIZE_ERROR),
        (b"\0\0\7\x06\0\0\0\0\0abcdefg", FRAME_SIZE_ERROR),
        (b"\0\0\10\x06\0\0\0\0\1abcdefgh", PROTOCOL_ERROR),
        (b"\0\0\5\4\0\0\0\0\0abcde", FRAME_SIZE_ERROR),
        (b"\0\0\1\0\x08\0\0\0\1\1", PROTOCOL_ERROR),
        (b"\0\0\0\0\x08\0\0\0\1", PROTOCOL_ERROR),
        (b"\0\0\4\5\4\0\0\0\1\0\0\0\2", PROTOCOL_ERROR),
        (ContinuationFrame(1, b""), PROTOCOL_ERROR),
        (b"\0\0\6\4\0\0\0\0\0\0\4\x80\0\0\0", 3),
        (SettingsFrame(0, settings={5: 1}), PROTOCOL_ERROR),
    ],
)
async def test_a_rule_that_is_broken_ends_the_connection_once(peer: Peer, frame: Frame | bytes, code: int) -> None:
    """With one goodbye that says which, also where its owner leaves afterwards."""
    peer.ask()
    await peer.settle()
    with pytest.raises(HttpFault):
        peer.say_raw(frame)
    peer.connection.go_away()

    assert peer.goodbyes == [(1, code)]


async def test_data_after_the_end_of_a_stream_is_a_fault(peer: Peer) -> None:
    """It said itself that no more comes."""
    waits = Peer(lambda _: asyncio.Event().wait()).begin()  # type: ignore[arg-type,return-value]
    stream = waits.ask(b"one", ends=True)
    await waits.settle()
    with pytest.raises(HttpFault):
        waits.say_raw(DataFrame(stream, b"x"))

    assert codes(waits) == [STREAM_CLOSED]
    await close(waits)


async def test_data_on_a_stream_that_is_over_is_dropped(peer: Peer) -> None:
    """It was on its way; the connection's window does not shrink for good."""
    stream = peer.ask(b"one")
    await peer.settle()
    peer.h2.reset_stream(stream)
    peer.say()
    for _ in range(200):
        peer.say_raw(DataFrame(stream, bytes(16_000)))
    other = peer.ask(b"two", ends=True)
    await peer.settle()

    assert peer.answers[other].messages == [b"two"]
    assert codes(peer) == []


@pytest.mark.parametrize(
    "between",
    [DataFrame(1, b"x"), PingFrame(0, b"12345678"), WindowUpdateFrame(0, window_increment=1), HeadersFrame(3)],
)
async def test_nothing_comes_between_headers_and_their_end(peer: Peer, between: Frame) -> None:
    """Nor what is elsewhere frequent."""
    peer.say_raw(_headers(peer, 1, ended=False))
    with pytest.raises(HttpFault):
        peer.say_raw(between)

    assert codes(peer) == [PROTOCOL_ERROR]
    assert peer.connection.calls == {}


async def test_more_calls_than_may_be_end_the_connection(peer: Peer) -> None:
    """It was told how many."""
    for _ in range(8):
        peer.ask()
    with pytest.raises(HttpFault):
        peer.say_raw(_headers(peer, 17))

    assert len(peer.connection.calls) == 8


async def test_what_comes_behind_a_cut_begins_nothing() -> None:
    """The end of a call may cut its connection while more of the same bytes waits."""
    begun: list[int] = []
    peer: Peer

    async def cuts(call: Call) -> None:
        begun.append(call.stream)
        call.on_closed = lambda: peer.connection.lose()  # noqa: PLW0108 - there is none yet
        await call.read()

    peer = Peer(cuts).begin()
    stream = peer.ask()
    await peer.settle()
    peer.say_raw(RstStreamFrame(stream), _headers(peer, stream + 2))
    await asyncio.sleep(0)

    assert begun == [stream]
    assert peer.connection.calls == {}
    await close(peer)


async def test_many_calls_one_after_the_other_leave_nothing() -> None:
    """A connection that lives for days opens and ends them again and again."""
    peer = Peer(echo).begin()
    peer.connection._toll.bucket = Bucket(1e9, 1e9)
    for _ in range(300):
        peer.ask(ends=True)
        await peer.settle()
    ended = peer.connection._h2._closed_streams

    assert len(ended) <= 256
    assert codes(peer) == []
    await close(peer)


async def test_the_relay_remembers_few_headers_whatever_it_is_offered() -> None:
    """A table of headers may have 4 GiB by the terminal's settings; what the relay keeps for it stays small."""

    async def refuse(call: Call) -> None:
        raise CallEnded(grpc.StatusCode.ABORTED, f"{call.stream} {'x' * 1000}")

    peer = Peer(refuse, CallLimits(100, 4096), at_once=1_000_000).begin()
    peer.h2.update_settings({SettingCodes.HEADER_TABLE_SIZE: 2**32 - 1})
    await peer.settle()
    streams = [peer.ask(ends=True) for _ in range(50)]
    await peer.settle()

    assert {peer.answers[stream].status for stream in streams} == {"10"}
    assert peer.connection._h2.encoder.header_table.maxsize == 4096
    await close(peer)
