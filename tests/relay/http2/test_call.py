"""A call as its handler has it, and as the terminal sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import unquote

import grpc
import pytest
import structlog.testing

from relay.http2.call import Call, CallEnded
from relay.http2.call_over import CallOver
from tests.relay.http2.peer import HEADERS, Peer, Serve, close, cut, echo, framed

New = Callable[[Serve], Awaitable[Peer]]


@pytest.fixture
async def new() -> AsyncIterator[New]:
    """Peers that are closed, and leave nothing."""
    peers: list[Peer] = []

    async def one(serve: Serve) -> Peer:
        peers.append(Peer(serve).begin())
        await peers[-1].settle()
        return peers[-1]

    yield one
    for peer in peers:
        await close(peer)


async def test_messages_go_both_ways_and_the_call_ends_well(new: New) -> None:
    """Headers, messages, trailers."""
    peer = await new(echo)

    stream = peer.ask(b"one", b"", b"three", ends=True)
    await peer.settle()

    answer = peer.answers[stream]
    assert answer.headers[":status"] == "200"
    assert answer.headers["content-type"] == "application/grpc"
    assert answer.messages == [b"one", b"", b"three"]
    assert (answer.status, answer.ended, answer.reset) == ("0", True, None)
    assert peer.connection.calls == {}


async def test_a_message_may_be_taken_in_the_moment_it_comes(new: New) -> None:
    """Only while its handler waits for one, and what is left to it keeps its place before what comes behind."""
    taken, read = list[bytes](), list[bytes]()
    reading = asyncio.Event()

    def take(message: bytes) -> bool:
        if message.startswith(b"read"):
            return False
        taken.append(message)
        return True

    async def serve(call: Call) -> None:
        call.at_once = take
        await reading.wait()
        while (message := await call.read()) is not None:
            read.append(message)

    peer = await new(serve)
    stream = peer.ask(b"early")
    await peer.settle()
    reading.set()
    await peer.settle()

    peer.h2.send_data(stream, framed(b"a", b"b", b"read c", b"d"))
    await peer.settle()
    peer.h2.send_data(stream, framed(b"e"), end_stream=True)
    await peer.settle()

    assert (taken, read) == ([b"a", b"b", b"e"], [b"early", b"read c", b"d"])
    assert peer.answers[stream].status == "0"


async def test_messages_split_anywhere_and_many_in_a_frame_are_the_same(new: New) -> None:
    """The frames of HTTP/2 are none of gRPC's."""
    peer = await new(echo)
    stream = peer.ask()

    for piece in cut(framed(b"one", b"two"), [1] * 10):
        peer.h2.send_data(stream, piece)
    peer.h2.send_data(stream, framed(*[b"x"] * 100), end_stream=True)
    await peer.settle()

    assert peer.answers[stream].messages == [b"one", b"two", *[b"x"] * 100]


async def test_padding_is_none_of_the_message(new: New) -> None:
    """And it is counted in the windows: h2 would say otherwise."""
    peer = await new(echo)
    stream = peer.ask()

    for number in range(400):
        peer.h2.send_data(stream, framed(b"%d" % number), pad_length=250)
        await peer.settle()

    assert peer.answers[stream].messages == [b"%d" % number for number in range(400)]


async def test_an_answer_without_messages_is_headers_alone(new: New) -> None:
    """Words in Chinese get through."""

    async def refuse(_: Call) -> None:
        raise CallEnded(grpc.StatusCode.NOT_FOUND, "没有 100%\n")

    peer = await new(refuse)
    stream = peer.ask(b"one")
    await peer.settle()

    answer = peer.answers[stream]
    assert (answer.status, answer.trailers) == ("5", {})
    assert unquote(answer.headers["grpc-message"]) == "没有 100%\n"
    assert (answer.ended, answer.reset) == (True, 0), "and the terminal need not go on"


async def test_a_status_after_messages_is_in_the_trailers(new: New) -> None:
    """The headers went before."""

    async def some(call: Call) -> None:
        await call.write(b"one")
        raise CallEnded(grpc.StatusCode.RESOURCE_EXHAUSTED, "enough")

    peer = await new(some)
    stream = peer.ask(ends=True)
    await peer.settle()

    answer = peer.answers[stream]
    assert answer.messages == [b"one"]
    assert answer.trailers == {"grpc-status": "8", "grpc-message": "enough"}
    assert (answer.ended, answer.reset) == (True, None)


async def test_a_handler_that_dies_ends_its_call_alone(new: New) -> None:
    """Its words are for the log; others go on."""

    async def dies(call: Call) -> None:
        if await call.read() == b"die":
            raise RuntimeError("secret")
        await echo(call)

    peer = await new(dies)
    with structlog.testing.capture_logs() as logged:
        dead, other = peer.ask(b"die"), peer.ask(b"live")
        await peer.settle()
        peer.h2.send_data(other, framed(b"still there"))
        await peer.settle()

    assert peer.answers[dead].status == "2"
    assert b"secret" not in peer.raw
    assert peer.answers[other].messages == [b"still there"]
    assert [line["event"] for line in logged] == ["call_died"]


async def test_a_deadline_ends_a_call(new: New) -> None:
    """Also one whose handler waits for ever; the handler is cancelled."""
    ended = asyncio.Event()

    async def waits(call: Call) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    peer = await new(waits)
    stream = peer.ask(headers=[*HEADERS, ("grpc-timeout", "1m")])
    await asyncio.wait_for(ended.wait(), 10)
    await peer.settle()

    assert (peer.answers[stream].status, peer.answers[stream].ended) == ("4", True)
    assert peer.connection.calls == {}


async def test_a_reset_wakes_who_reads(new: New) -> None:
    """The handler is cancelled, and `on_closed` is called once."""
    calls: list[Call] = []
    heard: list[str] = []

    async def reads(call: Call) -> None:
        calls.append(call)
        call.on_closed = lambda: heard.append("closed")
        try:
            await call.read()
        except asyncio.CancelledError:
            heard.append("cancelled")
            raise

    peer = await new(reads)
    stream = peer.ask()
    await peer.settle()
    peer.h2.reset_stream(stream)
    await peer.settle()

    assert sorted(heard) == ["cancelled", "closed"]
    with pytest.raises(CallOver):
        await calls[0].read()
    with pytest.raises(CallOver):
        await calls[0].write(b"late")
    assert peer.connection.calls == {}


async def test_a_reset_wakes_who_writes(new: New) -> None:
    """In the middle of a message that is larger than the windows; another call goes on."""
    writing = asyncio.Event()

    async def writes(call: Call) -> None:
        if await call.read() == b"large":
            writing.set()
            await call.write(bytes(300_000))
        await echo(call)

    peer = await new(writes)
    peer.reads = False
    stream = peer.ask(b"large")
    await peer.settle()
    assert writing.is_set()
    assert len(peer.answers[stream].data) == 65_535
    peer.h2.reset_stream(stream)
    peer.h2.increment_flow_control_window(100_000)
    other = peer.ask(b"small", b"one")
    await peer.settle()

    assert peer.answers[other].messages == [b"one"]
    assert list(peer.connection.calls) == [other]


async def test_a_call_that_is_reset_before_it_began_costs_nothing(new: New) -> None:
    """Headers and reset in one piece: its handler never runs."""
    begun: list[Call] = []

    async def notes(call: Call) -> None:
        begun.append(call)

    peer = await new(notes)
    stream = peer.h2.get_next_available_stream_id()
    peer.h2.send_headers(stream, list(HEADERS))
    peer.h2.reset_stream(stream)
    await peer.settle()

    assert begun == []
    assert peer.connection.calls == {}


async def test_who_says_no_more_still_reads(new: New) -> None:
    """Half-closed; a message that is not complete is none."""

    async def counts(call: Call) -> None:
        read = []
        while (message := await call.read()) is not None:
            read.append(message)
        await call.write(b",".join(read))
        assert await call.read() is None

    peer = await new(counts)
    stream = peer.ask(b"one")
    peer.h2.send_data(stream, framed(b"two") + b"\0\0\0\0\5hal", end_stream=True)
    await peer.settle()

    assert (peer.answers[stream].messages, peer.answers[stream].status) == ([b"one,two"], "0")


async def test_trailers_of_the_terminal_end_what_it_says(new: New) -> None:
    """Some clients have them."""
    peer = await new(echo)
    stream = peer.ask(b"one")
    peer.h2.send_headers(stream, [("x-last", "1")], end_stream=True)
    await peer.settle()

    assert (peer.answers[stream].messages, peer.answers[stream].status) == ([b"one"], "0")


@pytest.mark.parametrize(
    ("data", "status"),
    [(b"\0\0\x10\0\1", "8"), (framed(b"one") + b"\0\xff\xff\xff\xff", "8"), (b"\1\0\0\0\1x", "12")],
)
async def test_a_message_that_is_not_taken_ends_its_call_with_words(new: New, data: bytes, status: str) -> None:
    """Too large, or compressed; the connection goes on, and what still comes of it is dropped."""
    peer = await new(echo)
    stream = peer.ask()
    await peer.settle()
    peer.h2.send_data(stream, data)
    peer.h2.send_data(stream, b"more of it")
    await peer.settle()
    other = peer.ask(b"one", ends=True)
    await peer.settle()

    assert (peer.answers[stream].status, peer.answers[stream].reset) == (status, 0)
    assert peer.answers[stream].headers["grpc-message"]
    assert peer.answers[other].messages == [b"one"]


@pytest.mark.parametrize(
    ("field", "value", "status"), [(":method", "GET", "405"), ("content-type", "text/html", "415")]
)
@pytest.mark.parametrize("ends", [False, True])
async def test_what_is_not_grpc_gets_an_answer_of_http(
    new: New, field: str, value: str, status: str, *, ends: bool
) -> None:
    """And no call; calls go on beside it."""
    begun: list[Call] = []

    async def notes(call: Call) -> None:
        begun.append(call)

    peer = await new(notes)
    headers = {**dict(HEADERS), field: value}
    stream = peer.ask(headers=headers.items(), ends=ends)
    await peer.settle()

    assert (peer.answers[stream].headers[":status"], peer.answers[stream].ended) == (status, True)
    assert begun == []
    peer.ask(ends=True)
    await peer.settle()
    assert len(begun) == 1


async def test_a_length_that_a_proxy_says_is_no_fault(new: New) -> None:
    """It is of the data, which the library never sees."""
    peer = await new(echo)
    stream = peer.ask(headers=[*HEADERS, ("content-length", "8")])
    peer.h2.send_data(stream, framed(b"one"), end_stream=True)
    await peer.settle()

    assert (peer.answers[stream].messages, peer.answers[stream].status) == ([b"one"], "0")


async def test_a_handler_may_end_before_all_is_read(new: New) -> None:
    """What the terminal still says is dropped, and costs the connection's window nothing for good."""

    async def ends(call: Call) -> None:
        await call.read()

    peer = await new(ends)
    for _ in range(40):
        stream = peer.ask(b"one")
        for _ in range(4):
            peer.h2.send_data(stream, bytes(16_000))
        await peer.settle()
        assert (peer.answers[stream].status, peer.answers[stream].reset) == ("0", 0)
