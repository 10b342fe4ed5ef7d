"""One connection to a relay, HTTP/2 inside.

The h2 library does what is rare: settings, headers and their compression, resets. DATA, WINDOW_UPDATE and PING come with every
message and are worked on here, with the windows they are about; h2 never hears of them. GOAWAY says that the next call needs another
connection. The relay's end of this is `relay.http2`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final, cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import Event, RemoteSettingsChanged, ResponseReceived, StreamEnded, StreamReset, TrailersReceived
from h2.exceptions import ProtocolError, TooManyStreamsError
from h2.settings import SettingCodes, Settings

from ctprelay.wire import frames
from ctprelay.wire.cutter import RARE, Cutter
from ctprelay.wire.frames import Flag, FrameKind, ProtocolBroken
from ctprelay.wire.messages import MessageWrong
from terminal_client.call import WINDOW, RelayCall, words_of

SILENCE_SECONDS: Final = 10.0
"""how long the relay may leave a ping unanswered before the connection is taken as broken"""
_LATE_SECONDS: Final = 1.0
_CONFIGURATION: Final = H2Configuration(client_side=True, header_encoding=None, validate_outbound_headers=False)
_PING: Final = b"terminal"
_BROKEN: Final = "UNAVAILABLE: the connection to the relay broke"


class RelayConnection(asyncio.Protocol):
    """For the loop alone; what `create_connection` makes."""

    def __init__(self, authority: str, keepalive_seconds: float) -> None:
        """`authority` is whom the calls are for; `keepalive_seconds` is how often a quiet connection is tested; 0 never."""
        self._authority = authority
        self._keepalive = keepalive_seconds
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._calls: dict[int, RelayCall] = {}
        self._answers: dict[int, str] = {}
        """HTTP's status of each call that was answered"""
        self._half_ended: set[int] = set()
        """calls that the relay has ended and that are not ended from here"""
        self._cutter = Cutter(begun=True)
        self._h2 = _new_h2()
        self.window = frames.USUAL_WINDOW
        self.blocked = False
        self.leaves = False
        """whether it takes no more calls"""
        self._stream_window = frames.USUAL_WINDOW
        self._owed = 0
        self._next = 1
        self._heard = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._closed: asyncio.Future[None] = self._loop.create_future()

    # Who calls ------------------------------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        """Whether it is gone."""
        return self._closed.done()

    def open(self, call: RelayCall, method: str) -> None:
        """Begin a call; `method` is its path. That the relay has no room for it shows in its `read`."""
        stream = self._next
        head = [
            (":method", "POST"),
            (":scheme", "https"),
            (":path", method),
            (":authority", self._authority),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ]
        try:
            self._h2.send_headers(stream, head)
        except TooManyStreamsError:
            call.end("RESOURCE_EXHAUSTED: the relay takes no more calls at a time on one connection")
            return
        self._next += 2
        self._calls[stream] = call
        self._flush()
        call.begin(self, stream, self._stream_window)

    def close(self) -> asyncio.Future[None]:
        """End every call, and the connection; done when it is gone."""
        self.leaves = True
        self._lose("the connection was closed here")
        self._leave_when_idle()
        return self._closed

    # Calls ----------------------------------------------------------------------------------------------------

    def send(self, stream: int, data: bytes | memoryview) -> None:
        """One frame of a call's data; the windows are the call's business, this one's too."""
        size = len(data)
        self.window -= size
        self._write(frames.head(FrameKind.DATA, 0, stream, size) + data)

    def open_window(self, stream: int, more: int) -> None:
        """The relay may send so much more on a stream."""
        self._write(frames.window_update(stream, more))

    def reset(self, stream: int) -> None:
        """A call is not wanted any more."""
        if self._calls.pop(stream, None) is not None:
            self._h2.reset_stream(stream, ErrorCodes.CANCEL)
            self._flush()
            self._leave_when_idle()

    # The transport --------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._write(self._h2.data_to_send() + frames.window_update(0, WINDOW))
        self._heard = self._loop.time()
        if self._keepalive:
            self._watch()

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        try:
            for kind, flags, stream, payload in self._cutter.cut(data):
                self._take(kind, flags, stream, payload)
            self._end_halves()
        except (ProtocolBroken, ProtocolError) as broken:
            self._break(f"INTERNAL: the relay's end breaks HTTP/2's rules: {str(broken) or type(broken).__name__}")

    def pause_writing(self) -> None:
        self.blocked = True

    def resume_writing(self) -> None:
        self.blocked = False
        self._push_all()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose(f"{_BROKEN}: {exc}" if exc else _BROKEN)
        if not self._closed.done():
            self._closed.set_result(None)

    # What comes -----------------------------------------------------------------------------------------------

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        match kind:
            case FrameKind.DATA:
                self._take_data(stream, flags, payload)
            case FrameKind.WINDOW_UPDATE:
                self._widen(stream, int.from_bytes(payload, "big") & frames.STREAM_BITS)
            case FrameKind.PING:
                if not flags & Flag.ACK:
                    self._write(frames.ping(payload, ack=True))
            case _ if kind == RARE:
                for event in self._h2.receive_data(payload):
                    self._heed(event)
                self._flush()
            case _:  # GOAWAY
                self._take_go_away(payload)

    def _take_data(self, stream: int, flags: int, payload: bytes) -> None:
        size = len(payload)
        self._owed += size
        if self._owed >= WINDOW // 2:  # what waits to be read is bounded by each stream's
            self._write(frames.window_update(0, self._owed))
            self._owed = 0
        call = self._calls.get(stream)
        if call is None:
            return  # one that is over here, and was not yet there
        try:
            call.take(frames.unpadded(payload) if flags & Flag.PADDED else payload, size)
        except MessageWrong as wrong:
            self.reset(stream)
            call.end(f"INTERNAL: a message of the relay cannot be read: {type(wrong).__name__}")
            return
        if flags & Flag.END_STREAM:
            status = self._answers.pop(stream, "")
            self.reset(stream)
            call.end(words_of(status, ()))

    def _widen(self, stream: int, more: int) -> None:
        if stream:
            if (call := self._calls.get(stream)) is not None:
                call.widen(more)
        else:
            self.window += more
            self._push_all()

    def _push_all(self) -> None:
        for call in list(self._calls.values()):
            call.go_on()

    def _take_go_away(self, payload: bytes) -> None:
        """Calls that the relay has not seen are over; the others go on."""
        self.leaves = True
        last = int.from_bytes(payload[:4], "big") & frames.STREAM_BITS
        for stream in [stream for stream in self._calls if stream > last]:
            self._end(stream, "UNAVAILABLE: the relay takes no more calls on this connection")
        self._leave_when_idle()

    def _heed(self, event: Event) -> None:
        match event:
            case ResponseReceived(stream_id=stream, headers=headers, stream_ended=ended):
                fields = _text(headers)
                status = dict(fields).get(":status", "")
                self._answers[stream] = status
                if ended is not None:
                    self._end(stream, words_of(status, fields))
            case TrailersReceived(stream_id=stream, headers=headers) if stream is not None:
                fields = _text(headers)
                self._end(stream, words_of(self._answers.get(stream, ""), fields))
            case StreamReset(stream_id=stream, error_code=code):
                self._half_ended.discard(stream)
                self._end(stream, f"UNAVAILABLE: the relay ended the stream (HTTP/2 error {int(code or 0)})")
            case StreamEnded(stream_id=stream):
                self._half_ended.add(stream)
                self._end(stream, "UNAVAILABLE: the relay ended the stream")
            case RemoteSettingsChanged(changed_settings=changed):
                window = changed.get(SettingCodes.INITIAL_WINDOW_SIZE)
                if window is not None:
                    more, self._stream_window = window.new_value - self._stream_window, window.new_value
                    for call in list(self._calls.values()):
                        call.widen(more)
            case _:
                pass

    def _end_halves(self) -> None:
        """Close what the relay has answered and not reset, so that it counts as a call no more (RFC 9113, 8.1)."""
        if self._half_ended:
            for stream in self._half_ended:
                self._h2.reset_stream(stream, ErrorCodes.NO_ERROR)
            self._half_ended.clear()
            self._flush()

    def _end(self, stream: int, words: str) -> None:
        self._answers.pop(stream, None)
        call = self._calls.pop(stream, None)
        if call is not None:
            call.end(words)
            self._leave_when_idle()

    # The end --------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Once each `keepalive_seconds`: a relay that said nothing meanwhile is asked for a sign of life."""
        asked = self._loop.time()
        if self._calls and asked - self._heard >= self._keepalive:
            self._write(frames.ping(_PING))
            self._timer = self._loop.call_later(SILENCE_SECONDS, self._judge, asked)
        else:
            self._timer = self._loop.call_later(self._keepalive, self._watch)

    def _judge(self, asked: float) -> None:
        is_late = self._loop.time() - asked > SILENCE_SECONDS + _LATE_SECONDS  # this program stood still: it asks anew
        if self._heard < asked and not is_late:
            self._break("UNAVAILABLE: the relay does not answer any more (ping timeout)")
        else:
            self._watch()

    def _leave_when_idle(self) -> None:
        """A relay that takes no more calls here waits for the last one to end."""
        if self.leaves and not self._calls and self._transport is not None:
            self._transport.close()  # TLS says its goodbye; that the relay says one too is not waited for
            self._transport.abort()

    def _break(self, words: str) -> None:
        self._lose(words)
        if self._transport is not None:
            self._transport.abort()

    def _lose(self, words: str) -> None:
        self.leaves = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        calls, self._calls = self._calls, {}
        for call in calls.values():
            call.end(words)

    def _flush(self) -> None:
        if data := self._h2.data_to_send():
            self._write(data)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


def _text(headers: Iterable[tuple[bytes | str, bytes | str]] | None) -> list[tuple[str, str]]:
    pairs = headers or ()
    return [(str(name, "latin-1"), str(value, "latin-1")) for name, value in pairs]  # type: ignore[arg-type]  # bytes, as configured


def _new_h2() -> H2Connection:
    h2 = H2Connection(_CONFIGURATION)
    h2.local_settings = Settings(
        client=True,
        initial_values={SettingCodes.ENABLE_PUSH: 0, SettingCodes.INITIAL_WINDOW_SIZE: WINDOW},
    )
    h2.initiate_connection()
    return h2
