"""The frames between shim and counter."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctpabi.shim.wire import (
    MAX_BODY,
    EventFlag,
    Frame,
    FrameReader,
    FrameType,
    WireError,
    event_frame,
    json_body,
    json_frame,
)

frames = st.builds(
    Frame,
    type=st.sampled_from(FrameType),
    slot=st.integers(0, 65535),
    flags=st.integers(0, 255),
    request_id=st.integers(-(2**31), 2**31 - 1),
    aux=st.integers(0, 2**32 - 1),
    body=st.binary(max_size=300),
)


def test_the_header_has_sixteen_bytes_in_the_agreed_order() -> None:
    """u32 length, u8 type, u8 flags, u16 slot, i32 request id, u32 aux, little-endian."""
    encoded = Frame(FrameType.CALL, slot=0x0102, flags=3, request_id=-2, aux=9, body=b"abc").encode()

    assert encoded.hex() == "03000000" + "43" + "03" + "0201" + "feffffff" + "09000000" + b"abc".hex()


@given(st.lists(frames, max_size=8), st.integers(1, 40))
def test_frames_survive_any_cut_of_the_stream(sent: list[Frame], size: int) -> None:
    """However TCP cuts the bytes, the same frames come out in the same order."""
    stream = b"".join(frame.encode() for frame in sent)
    reader = FrameReader()

    received = [frame for start in range(0, len(stream), size) for frame in reader.feed(stream[start : start + size])]

    assert received == sent


@pytest.mark.parametrize(
    "data", [Frame(FrameType.CALL).encode().replace(b"C", b"x"), (MAX_BODY + 1).to_bytes(4, "little") + b"C" * 12]
)
def test_a_foreign_stream_is_refused(data: bytes) -> None:
    """An unknown type or an absurd length ends the conversation before memory is spent."""
    with pytest.raises(WireError):
        FrameReader().feed(data)


def test_an_empty_answer_has_neither_struct_nor_rsp_info() -> None:
    """NULL pointers are flags, not empty bytes."""
    frame = event_frame(5, None, None, 3, is_last=True)

    assert (frame.flags, frame.aux, frame.body) == (int(EventFlag.LAST), 0, b"")


def test_an_event_says_how_long_its_struct_is() -> None:
    """Struct first, then RspInfo; aux is the struct's length."""
    frame = event_frame(5, b"struct", b"info", 3, is_last=False)

    assert (frame.flags, frame.aux, frame.body) == (3, 6, b"structinfo")


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff"])
def test_a_hello_that_is_no_json_object_is_refused(body: bytes) -> None:
    """Broken JSON, JSON of another kind, and bytes that are no text."""
    with pytest.raises(WireError):
        json_body(Frame(FrameType.HELLO, body=body))


def test_a_state_carries_chinese_text() -> None:
    """JSON is UTF-8, not escaped."""
    frame = json_frame(FrameType.STATE, {"why": "不行"})

    assert json.loads(frame.body) == {"why": "不行"}
    assert "不行".encode() in frame.body
