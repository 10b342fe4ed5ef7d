"""Messages are what was sent, however the bytes come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctprelay.wire import frames
from ctprelay.wire.messages import PREFIX, MessageCompressed, MessagePieces, MessageTooLarge, alone_in_frame, framed
from tests.relay.http2.peer import cut


@given(st.lists(st.binary(max_size=50)), st.lists(st.integers(0, 20)))
def test_any_cutting_gives_the_same_messages(messages: list[bytes], sizes: list[int]) -> None:
    """Also empty ones, and many in one piece."""
    data = b"".join(framed(message) for message in messages)
    reader = MessagePieces(50)

    found = [message for piece in cut(data, sizes) for message in reader.take(piece)]

    assert found == messages
    assert reader.is_between


def test_one_that_is_too_large_is_not_waited_for() -> None:
    """Its first bytes are enough, also in pieces and behind another one."""
    assert MessagePieces(4).take(framed(b"four")) == [b"four"]
    with pytest.raises(MessageTooLarge):
        MessagePieces(4).take(framed(b"fives")[:5])
    with pytest.raises(MessageTooLarge):
        MessagePieces(4).take(framed(b"four") + framed(b"fives"))
    reader = MessagePieces(4)
    reader.take(b"\0\xff\xff")
    with pytest.raises(MessageTooLarge):
        reader.take(b"\xff\xff")


def test_a_compressed_one_is_not_taken() -> None:
    """Whole or in pieces."""
    with pytest.raises(MessageCompressed):
        MessagePieces(9).take(b"\1\0\0\0\1x")
    reader = MessagePieces(9)
    assert reader.take(b"") == []
    reader.take(b"\1")
    with pytest.raises(MessageCompressed):
        reader.take(b"\0\0\0\1x")


def test_what_has_begun_is_said() -> None:
    """A stream that ends now leaves half a message."""
    reader = MessagePieces(9)
    assert reader.is_between

    assert reader.take(framed(b"one") + b"\0") == [b"one"]

    assert not reader.is_between


@given(st.integers(1, frames.STREAM_BITS), st.integers(0, frames.LARGEST_PAYLOAD - PREFIX))
def test_a_message_alone_in_a_frame_is_the_same_bytes_as_frame_and_message(stream: int, size: int) -> None:
    """The short way may not differ by a byte, up to the largest frame."""
    message = b"x" * size
    content = framed(message)

    assert alone_in_frame(stream, message) == frames.head(frames.FrameKind.DATA, 0, stream, len(content)) + content
