"""The parts of protobuf's wire format that are written here are protobuf's."""

from __future__ import annotations

from google.protobuf.internal import encoder as reference
from google.protobuf.wrappers_pb2 import Int32Value
from hypothesis import given
from hypothesis import strategies as st

from ctprelay import wire_format as wire


@given(st.integers(-(2**31), 2**31 - 1).filter(bool))
def test_varints_are_the_librarys(value: int) -> None:
    """Negative integers take ten bytes, as in the library."""
    assert wire.varint(value) == Int32Value(value=value).SerializeToString()[1:]


@given(st.integers(1, 2**29 - 1), st.sampled_from([wire.VARINT, wire.FIXED64, wire.LENGTH]))
def test_tags_are_the_librarys(number: int, wire_type: int) -> None:
    """A tag is the field's number and the wire type."""
    assert wire.tag(number, wire_type) == reference.TagBytes(number, wire_type)


def test_zero_takes_no_bytes() -> None:
    """What proto3 leaves out is left out."""
    assert wire.unsigned(1, 0) == b""
    assert wire.unsigned(1, value=True) == b"\x08\x01"
