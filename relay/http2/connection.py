"""One terminal's connection, HTTP/2 inside, from its first byte behind TLS to its last.

Theory of operation. The h2 library knows HTTP/2's rules: settings, headers and their compression, which stream is in which
state. It takes some ten microseconds for a frame and several objects, and most frames are of three kinds that need none
of its rules. So the frames are cut here, and

* DATA, WINDOW_UPDATE and PING, which come with every message, are worked on here, with the windows they are about;
* GOAWAY is written here and otherwise left alone: a terminal that says it only says that it will open no more calls;
* everything else is h2's, frame by frame: it reads and writes headers, settings and resets, and knows which calls there are.
  It never hears of a byte of DATA, so its own windows never move. The end of a stream it hears as trailers without
  a field: from an empty DATA frame it would conclude that a content-length was wrong.

While headers come in several frames, nothing may come between them; then every frame is h2's, which says so.

What a terminal may cost: frames that are dear or for nothing have a `Toll`, and one that cannot pay it is cut off (`HttpFault`). What
waits to be sent is bounded by the calls, each with at most one message on its way while the socket is full; answers are counted beside them.

It does no input or output: `sink` takes bytes, `received` is told them, and `blocked` is set by whoever owns the socket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import grpc
import structlog
from h2.errors import ErrorCodes
from h2.events import Event, RemoteSettingsChanged, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

from ctprelay.wire import cutter, frames
from ctprelay.wire.cutter import Cutter
from ctprelay.wire.frames import ErrorCode, Flag, FrameKind, ProtocolBroken
from ctprelay.wire.messages import PREFIX, MessageCompressed, MessageTooLarge, MessageWrong, alone_in_frame, framed
from relay.http2 import heads
from relay.http2.bucket import Bucket
from relay.http2.call import Call, CallEnded
from relay.http2.call_over import CallOver
from relay.http2.rules import keep_table_small, new_h2
from relay.http2.toll import Toll

_log: Final = structlog.get_logger(__name__)
_DATA: Final = int(FrameKind.DATA)
_WINDOW: Final = 1024 * 1024
"""of a connection, on top of the usual one: calls have their own"""


class HttpFault(Exception):
    """The terminal breaks HTTP/2's rules, or costs too much; what it is told waits in the sink already."""


@dataclass(frozen=True, slots=True)
class CallLimits:
    """What calls of one connection may be."""

    at_a_time: int
    largest_message: int
    """bytes"""


Serve = Callable[[Call], Awaitable[None]]


class HttpConnection:
    """For the loop alone."""

    def __init__(self, sink: Callable[[bytes], None], serve: Serve, limits: CallLimits, tokens: Bucket) -> None:
        """`serve` is run for each call as a task of its own; `tokens` are for frames that are dear or for nothing."""
        self._sink = sink
        self._serve = serve
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self.calls: dict[int, Call] = {}
        self.window = frames.USUAL_WINDOW
        """what the terminal takes on all streams together"""
        self.blocked = False
        self._window_in = self._stream_window = frames.USUAL_WINDOW
        self._owed = self._highest = 0
        self._leaves = self._over = self._holds = False
        self._cutter = Cutter()
        self._out: list[bytes] = []
        self._toll = Toll(tokens, self._loop.time)
        self._waiting: list[asyncio.Future[None]] = []
        self._to_close: list[Call] = []
        self._h2 = new_h2(limits.at_a_time)

    def begin(self) -> None:
        """Make the first word ready: it goes with the answer to what `received` gets first, in one write."""
        self._out += (self._h2.data_to_send(), frames.window_update(0, _WINDOW))
        self._window_in += _WINDOW

    # What comes -----------------------------------------------------------------------------------------------

    def received(self, data: bytes) -> None:
        """Bytes of the terminal; raises HttpFault."""
        self._holds = True
        fault: str | None = None
        try:
            alone = self._cutter.only_data(data)
            if alone is not None:
                self._take_data(*alone)
                return
            for frame in self._cutter.cut(data):
                self._take(*frame)
                if self._over:  # what is behind a call's end may cut the connection
                    break
        except ProtocolBroken as broken:
            self._leaves = True
            self._out.append(frames.go_away(self._highest, broken.code))
            fault = str(broken)
        except ProtocolError as wrong:
            self._leaves = True
            self._out.append(self._h2.data_to_send())
            fault = str(wrong) or type(wrong).__name__
        finally:
            self._holds = False
            self._flush()
        if fault is not None:
            raise HttpFault(fault)

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        """One frame."""
        match kind:
            case FrameKind.DATA:
                self._take_data(stream, flags, payload)
            case FrameKind.WINDOW_UPDATE:
                self._widen(stream, int.from_bytes(payload, "big") & frames.STREAM_BITS)
            case FrameKind.PING:
                self._take_ping(flags, payload)
            case cutter.RARE:
                self._rare(payload)
            case _:  # GOAWAY, which says nothing to do
                self._toll.charge()

    def _take_data(self, stream: int, flags: int, payload: bytes) -> None:
        size = len(payload)
        self._take_of_window(size)
        if flags & Flag.PADDED:
            payload = frames.unpadded(payload)
        ends = flags & Flag.END_STREAM
        if not payload and not ends:
            self._toll.charge()
        call = self.calls.get(stream)
        if call is None:
            self._take_late(stream)
            return
        if call.no_more:
            raise ProtocolBroken(ErrorCode.STREAM_CLOSED, "data after the end of a stream")
        try:
            call.take(payload, size)
        except MessageWrong as wrong:
            self._refuse(call, *_WORDS[type(wrong)])
            return
        if ends:
            self._rare(frames.end_of_stream(stream), charged=False)

    def _take_late(self, stream: int) -> None:
        """A frame of a call that is over here, and was not yet there."""
        if stream > self._highest or not stream % 2:
            raise ProtocolBroken(ErrorCode.PROTOCOL_ERROR, "a frame of a stream that was not opened")
        self._toll.charge_late()

    def _take_of_window(self, size: int) -> None:
        """Of the connection's, which opens again at once: what waits to be read is bounded by each stream's."""
        self._window_in -= size
        if self._window_in < 0:
            raise ProtocolBroken(ErrorCode.FLOW_CONTROL_ERROR, "more data than the connection's window")
        self._owed += size
        if self._owed >= _WINDOW // 2:
            self._out.append(frames.window_update(0, self._owed))
            self._window_in += self._owed
            self._owed = 0

    def _widen(self, stream: int, more: int) -> None:
        if not more:
            raise ProtocolBroken(ErrorCode.PROTOCOL_ERROR, "a window that grows by nothing")
        call = self.calls.get(stream)
        if call is not None:
            self._toll.charge_window()
            if not call.widen(more):
                self._reset(call, ErrorCodes.FLOW_CONTROL_ERROR)
        elif stream:
            self._take_late(stream)
            return
        else:
            self._toll.charge_window()
            self.window += more
            if self.window > frames.LARGEST_WINDOW:
                raise ProtocolBroken(ErrorCode.FLOW_CONTROL_ERROR, "a window that is too large")
        self._wake()

    def _take_ping(self, flags: int, content: bytes) -> None:
        if flags & Flag.ACK:
            return
        self._toll.charge_ping()
        self._out.append(frames.ping(content, ack=True))

    def _rare(self, frame: bytes, *, charged: bool = True) -> None:
        """Let h2 have it, and do what it says."""
        if charged:
            self._toll.charge()
        for event in self._h2.receive_data(frame):
            self._heed(event)
        if answer := self._h2.data_to_send():
            self._out.append(answer)

    def _heed(self, event: Event) -> None:
        match event:
            case RequestReceived(stream_id=stream, headers=headers, stream_ended=ended) if stream is not None:
                self._highest = max(self._highest, stream)
                self._begin_call(stream, headers or [], ends=ended is not None)
            case StreamEnded(stream_id=stream) if stream in self.calls:
                self.calls[stream].say_no_more()
            case StreamReset(stream_id=stream) if stream in self.calls:
                self._lose(self.calls.pop(stream))
            case RemoteSettingsChanged(changed_settings=changed):
                keep_table_small(self._h2)
                window = changed.get(SettingCodes.INITIAL_WINDOW_SIZE)
                if window is not None:
                    self._take_stream_window(window.new_value)
            case _:
                pass

    def _take_stream_window(self, size: int) -> None:
        more, self._stream_window = size - self._stream_window, size
        for call in self.calls.values():
            if not call.widen(more):
                raise ProtocolBroken(ErrorCode.FLOW_CONTROL_ERROR, "a window that is too large")
        self._wake()

    # Calls ----------------------------------------------------------------------------------------------------

    def _begin_call(self, stream: int, headers: list[tuple[bytes, bytes]], *, ends: bool) -> None:
        """`ends` whether the terminal says no more already."""
        if self._leaves:
            self._h2.reset_stream(stream, ErrorCodes.REFUSED_STREAM)
            return
        try:
            head = heads.read(headers)
        except heads.NotGrpc as other:
            self._h2.send_headers(stream, [(":status", str(other.status))], end_stream=True)
            if not ends:
                self._h2.reset_stream(stream, ErrorCodes.NO_ERROR)
            return
        call = Call(self, stream, head, self._stream_window, self._limits.largest_message)
        self.calls[stream] = call
        call.task = self._loop.create_task(self._run(call), name=head.method)
        if head.timeout is not None:
            call.timer = self._loop.call_later(head.timeout, self._expire, call)

    async def _run(self, call: Call) -> None:
        try:
            await self._serve(call)
        except CallEnded as failed:
            self.finish(call, failed.status, failed.words)
        except CallOver:
            self.finish(call, grpc.StatusCode.CANCELLED, "")
        except asyncio.CancelledError:
            self.finish(call, grpc.StatusCode.CANCELLED, "")
            raise
        except Exception as error:  # noqa: BLE001 - a fault of one call ends this one alone
            _log.error("call_died", method=call.head.method, exc_info=error)
            self.finish(call, grpc.StatusCode.UNKNOWN, "")
        else:
            self.finish(call, grpc.StatusCode.OK, "")

    def _expire(self, call: Call) -> None:
        self._refuse(call, grpc.StatusCode.DEADLINE_EXCEEDED, "")

    def _refuse(self, call: Call, status: grpc.StatusCode, words: str) -> None:
        """End it in spite of its handler."""
        self.finish(call, status, words)
        if call.task is not None:
            call.task.cancel()

    def finish(self, call: Call, status: grpc.StatusCode, words: str) -> None:
        """The call's last word; idempotent. It is closed when that is sent."""
        if self.calls.pop(call.stream, None) is None:
            return
        headers = heads.trailers(status, words)
        self._h2.send_headers(call.stream, headers if call.answered else [*heads.ANSWER, *headers], end_stream=True)
        if not call.no_more:  # it need not go on saying something
            self._h2.reset_stream(call.stream, ErrorCodes.NO_ERROR)
        self._out.append(self._h2.data_to_send())
        self._toll.sent += 1
        self._end(call)
        self._to_close.append(call)
        self._flush()
        if not self.blocked:
            self._close_sent()

    def _reset(self, call: Call, code: ErrorCodes) -> None:
        self._h2.reset_stream(call.stream, code)
        self._out.append(self._h2.data_to_send())
        del self.calls[call.stream]
        self._lose(call)

    def _lose(self, call: Call) -> None:
        """The terminal wants no more of it."""
        self._end(call)
        if call.task is not None:
            call.task.cancel()
        call.close()

    def _end(self, call: Call) -> None:
        call.lose()
        if call.timer is not None:
            call.timer.cancel()
        self._wake()

    def _close_sent(self) -> None:
        sent, self._to_close = self._to_close, []
        for call in sent:
            call.close()

    # What goes ------------------------------------------------------------------------------------------------

    def send(self, stream: int, data: bytes | memoryview) -> None:
        """Bytes of a call for which all windows have room, in as many frames as they need."""
        self.window -= len(data)
        for begin in range(0, len(data), frames.LARGEST_PAYLOAD):
            self._toll.sent += 1
            piece = data[begin : begin + frames.LARGEST_PAYLOAD]
            self._out += (frames.head(_DATA, 0, stream, len(piece)), piece)  # type: ignore[arg-type]  # joined soon
        self._flush()

    def send_message(self, stream: int, message: bytes) -> None:
        """One message of a call for which all windows have room: in one piece where nothing is before it and a frame holds it."""
        size = PREFIX + len(message)
        if size > frames.LARGEST_PAYLOAD or self._holds or self._out or self._over:
            self.send(stream, framed(message))
            return
        self.window -= size
        self._toll.sent += 1
        self._sink(alone_in_frame(stream, message))

    def begin_answer(self, stream: int) -> None:
        """The headers that come before the first message, and with it."""
        self._h2.send_headers(stream, heads.ANSWER)
        self._out.append(self._h2.data_to_send())

    def open_window(self, stream: int, more: int) -> None:
        """The terminal may send so much more on a stream."""
        self._out.append(frames.window_update(stream, more))
        self._flush()

    def ping(self) -> None:
        """Ask for a sign of life: bytes come then."""
        self._out.append(frames.ping(b"relay\0\0\0"))
        self._flush()

    def go_away(self) -> None:
        """Take no more calls; those there are go on. Idempotent."""
        if not self._leaves:
            self._leaves = True
            self._out.append(frames.go_away(self._highest, ErrorCode.NO_ERROR))
            self._flush()

    def wait_for_room(self) -> asyncio.Future[None]:
        """Done when a window has grown, the socket takes more, or a call is over."""
        waiting: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(waiting)
        return waiting

    def unblock(self) -> None:
        """The socket has taken all."""
        self.blocked = False
        self._close_sent()
        self._wake()

    def lose(self) -> None:
        """The connection is gone, and every call with it; idempotent."""
        self._over = True
        calls, self.calls = self.calls, {}
        for call in calls.values():
            self._lose(call)
        self._close_sent()
        self._wake()

    def _flush(self) -> None:
        if self._holds or not self._out or self._over:
            return
        out, self._out = self._out, []
        self._sink(b"".join(out))

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)


_WORDS: dict[type[MessageWrong], tuple[grpc.StatusCode, str]] = {
    MessageTooLarge: (grpc.StatusCode.RESOURCE_EXHAUSTED, "the message is larger than this relay takes"),
    MessageCompressed: (grpc.StatusCode.UNIMPLEMENTED, "messages are taken uncompressed only"),
}
