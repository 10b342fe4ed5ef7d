"""Both ends of a connection of HTTP/2 behind TLS: frames in any order, cut anywhere, some calls on it that answer what they hear.

The first byte of an input says into how large pieces the others are cut, and so when the calls have their turns.
"""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import grpc
from h2.config import H2Configuration
from h2.connection import H2Connection
from hpack import Encoder

from fuzz.mutations import any_bytes
from fuzz.targets import Play, promise
from relay.http2.bucket import Bucket
from relay.http2.call import Call, CallEnded
from relay.http2.call_over import CallOver
from relay.http2.connection import CallLimits, HttpConnection, HttpFault
from terminal_client.call import RelayCall, RelayCallOver
from terminal_client.connection import RelayConnection

_LIMITS = CallLimits(at_a_time=8, largest_message=8192)
_LARGEST_FRAME = 9 + 16_384
_LOOP = asyncio.new_event_loop()
_FAULTS: list[str] = []
_LOOP.set_exception_handler(lambda _, context: _FAULTS.append(str(context.get("exception") or context["message"])))


def http2_connections(data: bytes) -> None:
    """Whatever comes, it is served or it is an HttpFault; what waits and what is answered has a bound; no task is left."""
    _FAULTS.clear()
    _LOOP.run_until_complete(_played(data[:1], _PREFACE + data[1:]))
    promise(not _FAULTS, f"no fault of the relay's own: {_FAULTS[:1]}")


async def _played(first: bytes, data: bytes) -> None:
    sent = bytearray()
    connection = HttpConnection(sent.extend, _serve, _LIMITS, Bucket(50.0, 200.0))
    connection.begin()
    size = 1 + 8 * first[0] if first else len(data)
    try:
        for at in range(0, len(data), size):
            connection.received(data[at : at + size])
            _is_bounded(connection)
            for _ in range(3):
                await asyncio.sleep(0)
            connection.blocked = bool(at // size % 5 == 3)
            if not connection.blocked:
                connection.unblock()
    except HttpFault:
        promise(b"\x07" in sent, "a fault is said")
    promise(_is_frames(sent), "what is sent are whole frames")
    promise(len(sent) <= 4096 + 40 * len(data), "an answer is not much longer than its question")
    connection.lose()
    for _ in range(5):
        await asyncio.sleep(0)
    promise(not connection.calls, "no call is left")
    promise(len(asyncio.all_tasks()) == 1, "no task is left")


def _is_bounded(connection: HttpConnection) -> None:
    promise(len(connection.calls) <= _LIMITS.at_a_time, "no more calls than may be")
    promise(len(connection._cutter._rest) < _LARGEST_FRAME, "at most a frame waits for its rest")  # noqa: SLF001
    promise(not connection._out, "all is sent that is to be sent")  # noqa: SLF001
    for call in connection.calls.values():
        begun = call._messages._begun  # noqa: SLF001
        promise(len(begun or b"") <= 5 + _LIMITS.largest_message + _LARGEST_FRAME, "a message has a bound")


def _is_frames(sent: bytes | bytearray) -> bool:
    at = 0
    while at + 9 <= len(sent):
        at += 9 + int.from_bytes(sent[at : at + 3], "big")
    return at == len(sent)


async def _serve(call: Call) -> None:
    try:
        await _answer(call)
    except (CallEnded, CallOver):
        raise
    except Exception as error:
        _FAULTS.append(repr(error))
        raise


async def _answer(call: Call) -> None:
    while (message := await call.read()) is not None:
        if message == b"fail":
            raise CallEnded(grpc.StatusCode.NOT_FOUND, "没有")
        if message == b"end":
            return
        await call.write(message)


_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEADERS = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/a.B/C"),
    (":authority", "r"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
]


def _conversation(
    *, messages: tuple[bytes, ...], pieces: int, ends: bool, extra: tuple[tuple[str, str], ...] = ()
) -> bytes:
    """What an honest client says, without the preface."""
    h2 = H2Connection(H2Configuration(client_side=True))
    h2.initiate_connection()
    for stream in (1, 3):
        h2.send_headers(stream, [*_HEADERS, *extra])
        data = b"".join(b"\0" + len(one).to_bytes(4, "big") + one for one in messages)
        for at in range(0, len(data), pieces):
            h2.send_data(stream, data[at : at + pieces], pad_length=3 if stream == 3 else None)
        if ends:
            h2.end_stream(stream)
        else:
            h2.reset_stream(stream)
    h2.ping(b"12345678")
    h2.increment_flow_control_window(1000)
    return h2.data_to_send().removeprefix(_PREFACE)


_SEEDS = [
    b"\x10" + _conversation(messages=(b"one", b"", b"fail"), pieces=9, ends=True),
    b"\x00" + _conversation(messages=(b"x" * 300, b"end"), pieces=1000, ends=False),
    b"\xff" + _conversation(messages=(b"x" * 9000,), pieces=3000, ends=True, extra=(("grpc-timeout", "1n"),)),
    b"\x40" + _conversation(messages=(b"one",), pieces=3, ends=True, extra=(("content-length", "8"),)),
]


class _SentBytes(asyncio.Transport):
    """What the terminal sends goes here; it takes nothing for a while now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = bytearray()
        self.ended = False

    def write(self, data: Any) -> None:
        self.sent += data

    def is_closing(self) -> bool:
        return self.ended

    def close(self) -> None:
        """Followed by `abort`."""

    def abort(self) -> None:
        self.ended = True


def http2_relays(data: bytes) -> None:
    """Whatever a relay's end says, each call ends or goes on; what waits and what is answered has a bound."""
    _FAULTS.clear()
    _LOOP.run_until_complete(_heard(data[:1], data[1:]))
    promise(not _FAULTS, f"no fault of the terminal's own: {_FAULTS[:1]}")


async def _heard(first: bytes, data: bytes) -> None:
    transport, connection = _SentBytes(), RelayConnection("relay", 0.0)
    connection.connection_made(transport)
    calls = [RelayCall() for _ in range(2)]
    for call in calls:
        connection.open(call, "/a.B/C")
    readers = [asyncio.ensure_future(_read_all(call)) for call in calls]
    size = 1 + 8 * first[0] if first else 1
    for at in range(0, len(data), size):
        if transport.ended:
            break
        connection.data_received(data[at : at + size])
        promise(len(connection._cutter._rest) < _LARGEST_FRAME, "at most a frame waits for its rest")  # noqa: SLF001
        if at // size % 3 == 1:
            await asyncio.sleep(0)
        connection.pause_writing() if at // size % 5 == 3 else connection.resume_writing()
    promise(_is_frames(transport.sent.removeprefix(_PREFACE)), "what is sent are whole frames")
    promise(len(transport.sent) <= 4096 + 40 * len(data), "an answer is not much longer than its question")
    connection.connection_lost(None)
    await asyncio.gather(*readers)
    promise(len(asyncio.all_tasks()) == 1, "no task is left")


async def _read_all(call: RelayCall) -> None:
    try:
        while True:
            message = await call.read()
            if call.has_room:
                call.write(message)
    except RelayCallOver as over:
        promise(bool(str(over)), "the end of a call has a reason")


def _answer_of_a_relay(*, messages: tuple[bytes, ...], trailers: tuple[tuple[str, str], ...]) -> bytes:
    there = H2Connection(H2Configuration(client_side=False))
    there.initiate_connection()
    client = H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    for stream in (1, 3):
        client.send_headers(stream, _HEADERS)
    there.receive_data(client.data_to_send())
    there.ping(b"12345678")
    for stream in (1, 3):
        there.send_headers(stream, [(":status", "200"), ("content-type", "application/grpc")])
        for message in messages:
            there.send_data(stream, b"\0" + len(message).to_bytes(4, "big") + message)
        there.increment_flow_control_window(1000, stream)
        there.send_headers(stream, trailers, end_stream=True)
    there.close_connection(last_stream_id=1)
    return there.data_to_send()


_ANSWERS = [
    b"\x10" + _answer_of_a_relay(messages=(b"one", b"", b"x" * 300), trailers=(("grpc-status", "0"),)),
    b"\xff" + _answer_of_a_relay(messages=(b"x" * 9000,), trailers=(("grpc-status", "14"), ("grpc-message", "%E5"))),
    b"\x40" + _answer_of_a_relay(messages=(), trailers=(("grpc-status", "99"),)),
]


def _frames(data: bytes) -> list[bytes]:
    found, at = [], 0
    while at + 9 <= len(data):
        after = at + 9 + int.from_bytes(data[at : at + 3], "big")
        found.append(data[at:after])
        at = after
    return found


def _new_frame(random: Random) -> bytes:
    kind = random.choice((0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 8, 9, random.randrange(256)))
    sizes = {1: None, 3: 4, 4: 6 * random.randrange(3), 6: 8, 8: 4, 7: 8, 2: 5}
    size = sizes.get(kind, random.randrange(40))
    if size is None:
        headers = random.sample(_HEADERS, random.randrange(1, 7)) if random.random() < 0.4 else _HEADERS
        payload = Encoder().encode(headers)
    elif kind == 4 and size:
        payload = b"\0" + bytes([random.randrange(8)]) + random.choice((bytes(4), b"\0\0\1\0", random.randbytes(4)))
    else:
        payload = random.choice((bytes(size), random.randbytes(size), b"\0\0\0\0\1x"))
    flags = random.choice((0, 1, 4, 5, 8, 9, 0x24, random.randrange(256)))
    stream = random.choice((0, 1, 1, 3, 5, 7, 2, random.getrandbits(32)))
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def _other_frames(data: bytes, most: int, random: Random) -> bytes:
    """Frames exchanged, taken away, new, or one of them changed with its length right, most of the time."""
    frames = _frames(data[1:])
    if not frames or random.random() < 0.1:
        return any_bytes(data, most, random)
    first = data[:1] if random.random() < 0.8 else random.randbytes(1)
    at, other = random.randrange(len(frames)), random.randrange(len(frames))
    match random.randrange(6):
        case 0:
            frames.insert(other, _new_frame(random))
        case 1:
            frames[at], frames[other] = frames[other], frames[at]
        case 2:
            frames[at : at + 1] = [frames[at]] * random.choice((0, 2, 2, 3, 60))
        case 3:
            changed = bytearray(frames[at])
            changed[random.choice((3, 4, 4, 8)) % len(changed)] ^= 1 << random.randrange(8)
            frames[at] = bytes(changed)
        case 4:
            body = any_bytes(frames[at][9:], most, random)
            frames[at] = len(body).to_bytes(3, "big") + frames[at][3:9] + body
        case _:
            frames.append(_new_frame(random))
    return (first + b"".join(frames))[:most]


PLAYS = {
    "http2_connections": Play(http2_connections, _SEEDS, _other_frames, longest=20_000),
    "http2_relays": Play(http2_relays, _ANSWERS, _other_frames, longest=20_000),
}
"""by target"""
