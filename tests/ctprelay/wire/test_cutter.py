"""Frames are what was sent, however the bytes come."""

from __future__ import annotations

import pytest
from hyperframe.frame import ContinuationFrame, DataFrame, Frame, HeadersFrame, PingFrame, WindowUpdateFrame
from hypothesis import given
from hypothesis import strategies as st

from ctprelay.wire.cutter import RARE, Cutter
from ctprelay.wire.frames import ErrorCode, ProtocolBroken
from tests.relay.http2.peer import cut

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@st.composite
def _frame_bytes(draw: st.DrawFn) -> bytes:
    """Any frame of the right form, of a kind that is known or not."""
    payload = draw(st.binary(max_size=60))
    kind, flags, stream = draw(st.integers(0, 12)), draw(st.integers(0, 255)), draw(st.integers(0, 2**32 - 1))
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def _all_of(pieces: list[bytes]) -> list[tuple[int, int, int, bytes]]:
    cutter = Cutter()
    return [frame for piece in pieces for frame in cutter.cut(piece)]


@given(st.lists(_frame_bytes(), max_size=8), st.lists(st.integers(1, 40)))
def test_any_cutting_gives_the_same_frames(frames: list[bytes], sizes: list[int]) -> None:
    """And none is lost or changed."""
    data = PREFACE + b"".join(frames)

    found = _all_of([data])

    assert _all_of(cut(data, sizes)) == found
    assert len(found) == 1 + len(frames)
    for (kind, _, _, payload), frame in zip(found[1:], frames, strict=True):
        assert payload == (frame if kind == RARE else frame[9:])


def _one(frame: Frame | bytes) -> tuple[int, int, int, bytes]:
    """What a frame behind the preface is."""
    _, found = _all_of([PREFACE, frame if isinstance(frame, bytes) else frame.serialize()])
    return found


def test_the_frequent_ones_come_out_taken_apart() -> None:
    """The reserved bit of a stream's number says nothing."""
    data = DataFrame(3, b"abc")
    data.flags.add("END_STREAM")
    reserved = bytearray(data.serialize())
    reserved[5] |= 0x80

    assert _one(data) == _one(bytes(reserved)) == (0, 1, 3, b"abc")
    assert _one(WindowUpdateFrame(5, window_increment=7)) == (8, 0, 5, (7).to_bytes(4, "big"))
    assert _one(PingFrame(0, b"12345678")) == (6, 0, 0, b"12345678")


def test_what_has_not_its_form_is_for_the_library() -> None:
    """It knows which error that is."""
    assert _one(b"\0\0\3\x08\0\0\0\0\0abc")[0] == RARE
    assert _one(b"\0\0\7\x06\0\0\0\0\0abcdefg")[0] == RARE
    assert _one(b"\0\0\10\x06\0\0\0\0\1abcdefgh")[0] == RARE


@pytest.mark.parametrize("promised", [False, True])
def test_between_headers_and_their_end_all_is_for_the_library(promised: bool) -> None:
    """Afterwards it is as before."""
    begins = HeadersFrame(1, b"").serialize()
    if promised:
        begins = b"\0\0\4\x05\0\0\0\0\1\0\0\0\2"
    ends = ContinuationFrame(1, b"")
    ends.flags.add("END_HEADERS")
    data = DataFrame(1, b"x").serialize()

    kinds = [kind for kind, *_ in _all_of([PREFACE, begins, data, ends.serialize(), data])]

    assert kinds == [RARE, RARE, RARE, RARE, 0]


def test_a_frame_that_is_too_large_is_not_waited_for() -> None:
    """Its head is enough."""
    with pytest.raises(ProtocolBroken, match=r"^a frame is too large") as broken:
        _all_of([PREFACE, b"\0\x40\1\0\0\0\0\0\1"])

    assert broken.value.code is ErrorCode.FRAME_SIZE_ERROR
