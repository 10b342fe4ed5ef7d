"""A terminal that is the h2 library's client, in memory, before a relay's end of a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

import h2.events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes
from hyperframe.frame import Frame

from relay.http2.bucket import Bucket
from relay.http2.call import Call
from relay.http2.connection import CallLimits, HttpConnection

LIMITS = CallLimits(at_a_time=8, largest_message=1 << 20)
AT_ONCE = 200
"""frames that are dear or for nothing"""
HEADERS = (
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/here.Service/Method"),
    (":authority", "relay"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
)
_GOAWAY = 7
_QUIET_TURNS = 8
"""of the loop without a byte on either side: then everybody waits for the other"""

Serve = Callable[[Call], Awaitable[None]]


def framed(*messages: bytes) -> bytes:
    """Messages as gRPC's description has them."""
    return b"".join(b"\0" + len(message).to_bytes(4, "big") + message for message in messages)


def cut(data: bytes, sizes: Iterable[int]) -> list[bytes]:
    """The bytes in pieces of these sizes, and what is left."""
    pieces, at = [], 0
    for size in sizes:
        if at >= len(data):
            break
        pieces.append(data[at : at + size])
        at += size
    return [*pieces, data[at:]] if at < len(data) else pieces


@dataclass
class Answer:
    """What came back on one stream."""

    headers: dict[str, str] = field(default_factory=dict)
    trailers: dict[str, str] = field(default_factory=dict)
    data: bytes = b""
    ended: bool = False
    reset: int | None = None

    @property
    def status(self) -> str | None:
        """The number of gRPC, from the trailers or, where there is nothing else, from the headers."""
        return self.trailers.get("grpc-status", self.headers.get("grpc-status"))

    @property
    def messages(self) -> list[bytes]:
        """Those that came whole."""
        found, at = [], 0
        while len(self.data) - at >= 5:
            size = int.from_bytes(self.data[at + 1 : at + 5], "big")
            if len(self.data) - at - 5 < size:
                break
            found.append(self.data[at + 5 : at + 5 + size])
            at += 5 + size
        return found


class Peer:
    """Says what its h2 has to say when it has a turn, and reads at once what the relay says."""

    def __init__(
        self, serve: Serve, limits: CallLimits = LIMITS, *, reads: bool = True, at_once: int = AT_ONCE
    ) -> None:
        """`reads` whether windows are opened again for what came; `at_once` so many frames may be dear or for nothing."""
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.connection = HttpConnection(self._take, serve, limits, Bucket(50.0, at_once))
        self.reads = reads
        self.answers: dict[int, Answer] = {}
        self.raw = bytearray()
        """all that the relay sent"""
        self.goodbyes: list[tuple[int, int]] = []
        """the last stream and the code; h2 does not hear them, because it would take no frame any more"""
        self.pings = 0
        """answers to them"""
        self.cutting: Callable[[bytes], Sequence[bytes]] = lambda data: [data]
        self._sent = 0

    def begin(self, window: int = 65_535) -> Peer:
        """Both say their first words; `window` is what the terminal takes on a stream."""
        self.h2.initiate_connection()
        self.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.connection.begin()
        self.say()
        return self

    def ask(self, *messages: bytes, ends: bool = False, headers: Iterable[tuple[str, str]] = HEADERS) -> int:
        """Open a stream, and say these on it; returns its number."""
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, list(headers), end_stream=ends and not messages)
        self.answers[stream] = Answer()
        if messages:
            self.h2.send_data(stream, framed(*messages), end_stream=ends)
        self.say()
        return stream

    def say(self) -> None:
        """Give the relay what the h2 library has to say. Raises HttpFault."""
        if data := self.h2.data_to_send():
            self._sent += len(data)
            for piece in self.cutting(data):
                self.connection.received(piece)

    def say_raw(self, *frames: Frame | bytes) -> None:
        """Give the relay what an honest library would not say. Raises HttpFault."""
        self.connection.received(b"".join(one if isinstance(one, bytes) else one.serialize() for one in frames))

    async def settle(self) -> None:
        """Take turns until everybody waits for the other. Raises HttpFault."""
        quiet = 0
        while quiet < _QUIET_TURNS:
            before = len(self.raw), self._sent
            self.say()
            await asyncio.sleep(0)
            quiet = quiet + 1 if before == (len(self.raw), self._sent) else 0

    def _take(self, data: bytes) -> None:
        self.raw += data
        while data:  # whole frames
            frame, data = data[: 9 + int.from_bytes(data[:3], "big")], data[9 + int.from_bytes(data[:3], "big") :]
            if frame[3] == _GOAWAY:
                self.goodbyes.append((int.from_bytes(frame[9:13], "big"), int.from_bytes(frame[13:17], "big")))
                continue
            for event in self.h2.receive_data(frame):
                self._heed(event)

    def _heed(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.ResponseReceived(stream_id=stream, headers=headers):
                self._answer(stream).headers = dict(headers or [])  # type: ignore[arg-type]
            case h2.events.TrailersReceived(stream_id=stream, headers=headers):
                self._answer(stream).trailers = dict(headers or [])  # type: ignore[arg-type]
            case h2.events.DataReceived(stream_id=stream, data=data, flow_controlled_length=size):
                self._answer(stream).data += data or b""
                if self.reads and size:
                    self.h2.acknowledge_received_data(size, stream or 0)
            case h2.events.StreamEnded(stream_id=stream):
                self._answer(stream).ended = True
            case h2.events.StreamReset(stream_id=stream, error_code=code):
                self._answer(stream).reset = int(code or 0)
            case h2.events.PingAckReceived():
                self.pings += 1
            case _:
                pass

    def _answer(self, stream: int | None) -> Answer:
        return self.answers.setdefault(stream or 0, Answer())


async def echo(call: Call) -> None:
    """A handler that says each message again, and ends when the terminal says no more."""
    while (message := await call.read()) is not None:
        await call.write(message)


async def close(peer: Peer) -> None:
    """The connection is gone; no task of it is left."""
    peer.connection.lose()
    for _ in range(_QUIET_TURNS):
        await asyncio.sleep(0)
    here = asyncio.current_task()
    assert [task for task in asyncio.all_tasks() if task is not here] == []
