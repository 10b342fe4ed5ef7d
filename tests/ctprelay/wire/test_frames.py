"""Frames are written as another library writes them."""

from __future__ import annotations

from hyperframe.frame import DataFrame, GoAwayFrame, HeadersFrame, PingFrame, WindowUpdateFrame

from ctprelay.wire import frames
from ctprelay.wire.frames import ErrorCode, FrameKind


def test_every_frame_is_hyperframes_to_the_byte() -> None:
    """Sizes and streams with more than one byte among them."""
    written = {
        DataFrame(70_001, b"x" * 300).serialize(): frames.head(FrameKind.DATA, 0, 70_001, 300) + b"x" * 300,
        HeadersFrame(5, flags=["END_STREAM", "END_HEADERS"]).serialize(): frames.end_of_stream(5),
        WindowUpdateFrame(70_001, window_increment=1_000_000).serialize(): frames.window_update(70_001, 1_000_000),
        PingFrame(0, b"12345678").serialize(): frames.ping(b"12345678"),
        PingFrame(0, b"12345678", flags=["ACK"]).serialize(): frames.ping(b"12345678", ack=True),
        GoAwayFrame(0, last_stream_id=70_001, error_code=11).serialize(): frames.go_away(
            70_001, ErrorCode.ENHANCE_YOUR_CALM
        ),
    }

    assert list(written) == list(written.values())
