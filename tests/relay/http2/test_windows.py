"""Flow control both ways: what is sent waits for the reader, and what waits has a bound."""

from __future__ import annotations

import asyncio

import pytest
from h2.settings import SettingCodes
from hyperframe.frame import DataFrame, SettingsFrame, WindowUpdateFrame
from hypothesis import given
from hypothesis import strategies as st

from relay.http2.call import Call
from relay.http2.connection import CallLimits, HttpFault
from tests.relay.http2.peer import Peer, close, cut, echo, framed

INITIAL_WINDOW = SettingCodes.INITIAL_WINDOW_SIZE
WINDOW_UPDATE = 8
WIDE = CallLimits(at_a_time=100, largest_message=1 << 20)


async def _says(call: Call) -> None:
    """A handler whose message is as long as it is told."""
    while (size := await call.read()) is not None:
        await call.write(bytes(range(256)) * int(size))


async def test_a_large_message_goes_through_small_windows() -> None:
    """Piece by piece, as the terminal reads."""
    peer = Peer(_says).begin(window=1000)
    stream = peer.ask(b"400")
    await peer.settle()

    assert peer.answers[stream].messages == [bytes(range(256)) * 400]
    await close(peer)


async def test_what_the_terminal_does_not_read_is_not_sent() -> None:
    """On one stream, and on all together; each grows by itself."""
    peer = Peer(_says, reads=False).begin()
    first, second = peer.ask(b"400"), peer.ask(b"400")
    await peer.settle()
    assert len(peer.answers[first].data) == 65_535
    assert len(peer.answers[second].data) == 0

    peer.h2.increment_flow_control_window(1_000)
    await peer.settle()
    assert (len(peer.answers[first].data), len(peer.answers[second].data)) == (65_535, 1_000)
    peer.h2.increment_flow_control_window(500, first)
    await peer.settle()
    assert (len(peer.answers[first].data), len(peer.answers[second].data)) == (65_535, 1_000)
    peer.h2.increment_flow_control_window(100_000)
    await peer.settle()

    assert (len(peer.answers[first].data), len(peer.answers[second].data)) == (66_035, 65_535)
    await close(peer)


async def test_a_message_that_has_room_goes_at_once_in_as_many_frames_as_it_needs() -> None:
    """One that has not is not begun; the handler's next write waits for room."""
    calls: list[Call] = []

    async def serve(call: Call) -> None:
        calls.append(call)
        await call.read()
        await call.write(b"last")

    peer = Peer(serve, reads=False).begin()
    stream = peer.ask()
    await peer.settle()
    first = calls[0].write_at_once(bytes(40_000))
    second = calls[0].write_at_once(bytes(40_000))
    third = calls[0].write_at_once(b"small")
    await peer.settle()
    calls[0].take(framed(b"go on"), 0)
    await peer.settle()

    assert (first, second, third) == (True, False, True)
    assert peer.answers[stream].messages == [bytes(40_000), b"small", b"last"]
    await close(peer)


async def test_windows_change_in_the_middle() -> None:
    """They shrink below nothing and grow again; what is on its way counts."""
    peer = Peer(_says, reads=False).begin()
    stream = peer.ask(b"400")
    await peer.settle()
    assert len(peer.answers[stream].data) == 65_535

    peer.h2.increment_flow_control_window(1_000_000)
    peer.h2.update_settings({INITIAL_WINDOW: 0})
    await peer.settle()
    peer.h2.increment_flow_control_window(65_535, stream)
    await peer.settle()
    assert len(peer.answers[stream].data) == 65_535
    peer.h2.update_settings({INITIAL_WINDOW: 10})
    await peer.settle()
    assert len(peer.answers[stream].data) == 65_545
    peer.h2.update_settings({INITIAL_WINDOW: 65_535})
    await peer.settle()

    assert peer.answers[stream].messages == [bytes(range(256)) * 400]
    await close(peer)


async def test_a_handler_that_does_not_read_bounds_what_comes() -> None:
    """The terminal may fill its window and no more; the others go on."""

    async def deaf(call: Call) -> None:
        if await call.read() == b"deaf":
            await asyncio.Event().wait()
        await echo(call)

    peer = Peer(deaf).begin()
    stream = peer.ask(b"deaf")
    sent = 0
    for _ in range(200):
        room = min(peer.h2.local_flow_control_window(stream), 1005)
        if room >= 1005:
            peer.h2.send_data(stream, framed(bytes(1000)))
            sent += 1
        await peer.settle()

    assert 60 < sent < 140
    other = peer.ask(b"hears", b"one", ends=True)
    await peer.settle()
    assert peer.answers[other].messages == [b"one"]
    await close(peer)


async def test_who_reads_late_gets_all() -> None:
    """The window opens again when the handler reads."""
    read: list[bytes] = []
    may = asyncio.Event()

    async def late(call: Call) -> None:
        await may.wait()
        while (message := await call.read()) is not None:
            read.append(message)

    peer = Peer(late).begin()
    stream = peer.ask()
    sent = 0
    for _ in range(500):
        if peer.h2.local_flow_control_window(stream) > 2000:
            peer.h2.send_data(stream, framed(b"%2000d" % sent)[:2005])
            sent += 1
        elif not may.is_set():
            may.set()
        await peer.settle()
    peer.h2.end_stream(stream)
    await peer.settle()

    assert sent > 200
    assert [int(message) for message in read] == list(range(sent))
    await close(peer)


async def test_a_socket_that_is_full_is_waited_for() -> None:
    """Nothing of a message goes, and a call that ended is closed when its end is sent."""
    closed: list[int] = []

    async def says(call: Call) -> None:
        call.on_closed = lambda: closed.append(call.stream)
        await call.read()
        await call.write(b"answer")

    peer = Peer(says).begin()
    await peer.settle()
    peer.connection.blocked = True
    stream = peer.ask(b"one", ends=True)
    await peer.settle()
    assert peer.answers[stream].messages == []
    peer.connection.unblock()
    await peer.settle()
    assert (peer.answers[stream].messages, closed) == ([b"answer"], [stream])

    peer.connection.blocked = True
    gone = peer.ask(b"two", ends=True)
    await peer.settle()
    await close(peer)

    assert closed == [stream, gone]


@pytest.mark.parametrize("of_connection", [False, True])
async def test_a_window_may_not_grow_by_nothing(*, of_connection: bool) -> None:
    """Of a stream or of all."""
    peer = Peer(echo).begin()
    stream = peer.ask()
    with pytest.raises(HttpFault):
        peer.say_raw(b"\0\0\4\x08\0" + (0 if of_connection else stream).to_bytes(4, "big") + bytes(4))

    assert [code for _, code in peer.goodbyes] == [1]
    await close(peer)


async def test_a_window_of_all_that_is_too_large_ends_the_connection() -> None:
    """FLOW_CONTROL_ERROR."""
    peer = Peer(echo).begin()
    with pytest.raises(HttpFault):
        peer.say_raw(WindowUpdateFrame(0, window_increment=2**31 - 1))

    assert [code for _, code in peer.goodbyes] == [3]
    await close(peer)


async def test_a_window_of_a_stream_that_is_too_large_ends_the_stream() -> None:
    """With a reset; the connection goes on."""
    peer = Peer(echo).begin()
    stream, other = peer.ask(b"one"), peer.ask(b"two")
    await peer.settle()
    peer.say_raw(WindowUpdateFrame(stream, window_increment=2**31 - 1))
    await peer.settle()

    assert peer.answers[stream].reset == 3
    assert list(peer.connection.calls) == [other]
    await close(peer)


async def test_settings_that_make_a_window_too_large_end_the_connection() -> None:
    """One that has grown by itself, too."""
    peer = Peer(echo).begin()
    stream = peer.ask()
    peer.say_raw(WindowUpdateFrame(stream, window_increment=2**31 - 1 - 65_535))
    with pytest.raises(HttpFault):
        peer.say_raw(SettingsFrame(0, settings={4: 65_536}))

    assert [code for _, code in peer.goodbyes] == [3]
    await close(peer)


async def test_more_than_the_window_of_a_stream_ends_the_connection() -> None:
    """What waits to be read is bounded, whoever sends it."""

    async def deaf(_: Call) -> None:
        await asyncio.Event().wait()

    peer = Peer(deaf, WIDE, at_once=1_000_000).begin()
    frame = DataFrame(peer.ask(), framed(*[bytes(1000)] * 13))
    with pytest.raises(HttpFault):
        peer.say_raw(*[frame] * 11)

    assert [code for _, code in peer.goodbyes] == [3]
    await close(peer)


async def test_more_than_all_windows_together_ends_the_connection() -> None:
    """Also with padding."""

    async def deaf(_: Call) -> None:
        await asyncio.Event().wait()

    peer = Peer(deaf, WIDE, at_once=1_000_000).begin()
    frames = []
    for _ in range(40):
        padded = DataFrame(peer.ask(), framed(bytes(900_000))[:16_000], pad_length=200)
        padded.flags.add("PADDED")
        frames += [padded.serialize()] * 4
    peer.connection._window_in = len(frames) * 16_000  # the relay opens it in time, so it cannot be used up by sending
    peer.connection._owed = -(10**9)
    with pytest.raises(HttpFault):
        peer.say_raw(*frames)

    assert [code for _, code in peer.goodbyes] == [3]
    await close(peer)


@given(st.data())
async def test_a_mix_arrives_whole_and_in_order(data: st.DataObject) -> None:
    """Both ways, over any windows, any cutting, and a socket that is full now and then."""
    largest = data.draw(st.sampled_from([0, 1_000, 40_000]), "largest")
    windows = st.integers(1 + largest // 20, 70_000)
    wanted = [
        data.draw(st.lists(st.binary(max_size=20).map(lambda one: one * (1 + largest // 20)), max_size=5), "messages")
        for _ in range(data.draw(st.integers(1, 4), "calls"))
    ]
    peer = Peer(echo, WIDE, reads=False, at_once=1_000_000)
    sizes = data.draw(st.lists(st.integers(1, 3_000), min_size=1, max_size=20), "cutting")
    peer.cutting = lambda whole: cut(whole, sizes)
    peer.begin(data.draw(windows, "window"))
    try:
        streams = await _play(peer, wanted, data, windows)
    finally:  # also where hypothesis leaves an example in the middle
        await close(peer)

    for stream, messages in zip(streams, wanted, strict=True):
        assert peer.answers[stream].messages == messages
        assert (peer.answers[stream].status, peer.answers[stream].ended) == ("0", True)


async def _play(
    peer: Peer, wanted: list[list[bytes]], data: st.DataObject, windows: st.SearchStrategy[int]
) -> list[int]:
    left = {peer.ask(): framed(*messages) for messages in wanted}
    given_back = dict.fromkeys(left, 0)
    while left:
        for stream in tuple(left):
            room = min(peer.h2.local_flow_control_window(stream), peer.h2.max_outbound_frame_size)
            size = min(room, data.draw(st.integers(1, 20_000), "piece"))
            piece, left[stream] = left[stream][:size], left[stream][size:]
            peer.h2.send_data(stream, piece, end_stream=not left[stream])
            if not left[stream]:
                del left[stream]
        peer.connection.blocked = data.draw(st.booleans(), "blocked")
        await peer.settle()
        peer.connection.unblock()
        if data.draw(st.booleans(), "settings"):
            peer.h2.update_settings({INITIAL_WINDOW: data.draw(windows, "window")})
        _give_back(peer, given_back)
        await peer.settle()
    while _give_back(peer, given_back):
        await peer.settle()
    return list(given_back)


def _give_back(peer: Peer, given_back: dict[int, int]) -> int:
    """Open the windows by what was read since the last time; returns by how much."""
    total = 0
    for stream, before in given_back.items():
        size = len(peer.answers[stream].data) - before
        if size:
            peer.h2.increment_flow_control_window(size)
            if not peer.answers[stream].ended:
                peer.h2.increment_flow_control_window(size, stream)
            given_back[stream] += size
            total += size
    return total


async def test_windows_grow_by_what_came() -> None:
    """Of a stream and of all together: never by more, or a terminal might have ever more on its way."""
    peer = Peer(echo, WIDE, at_once=1_000_000).begin()
    before = _opened(bytes(peer.raw), 0)
    stream = peer.ask()
    for _ in range(80):
        peer.h2.send_data(stream, framed(bytes(16_000)))
        await peer.settle()

    assert 1_000_000 < _opened(bytes(peer.raw), 0) - before <= 80 * 16_005
    assert 1_000_000 < _opened(bytes(peer.raw), stream) <= 80 * 16_005
    # The last bytes that came are not given yet, and those before them to the byte.
    assert (_opened(bytes(peer.raw), 0) - before) % 16_005 == 0
    assert _opened(bytes(peer.raw), stream) % 16_005 == 0
    await close(peer)


def _opened(frames: bytes, stream: int) -> int:
    """By how much the relay has opened this window."""
    total = 0
    while frames:
        size = 9 + int.from_bytes(frames[:3], "big")
        if frames[3] == WINDOW_UPDATE and int.from_bytes(frames[5:9], "big") == stream:
            total += int.from_bytes(frames[9:13], "big")
        frames = frames[size:]
    return total
