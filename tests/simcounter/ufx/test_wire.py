"""Frames, tags and packs of T2: what is written reads back, and what is wrong is refused whatever it is."""

from __future__ import annotations

import random

import pytest

from simcounter.ufx.connection import Outgoing
from simcounter.ufx.frames import FrameError, T2Reader, encode_frame
from simcounter.ufx.pack import PackColumn, PackError, PackTable, decode_pack, encode_pack, table_of
from simcounter.ufx.tags import BodyError, Tag, decode_tags, encode_tags, number_of, numbers_of

PACK = bytes.fromhex(
    "21020300000000020000000100000024 00000000 6f70657261746f725f6e6f0053000000ff04 7200520000006400 616200"
    "0000000200 0100"
    "7365636f6e6400 00000001 00000001 0000000d 00000007 6b0053000000140 0 d6d0cec400".replace(" ", "")
)
"""two tables as the vendor's packer writes them: text, bytes with a NUL, GBK"""


def test_a_frame_is_read_back_from_any_pieces() -> None:
    """One byte at a time, or all at once."""
    data = b"".join(encode_frame(body) for body in (b"a" * 3, b"b" * 70_000))
    reader = T2Reader()

    found = [body for at in range(0, len(data), 997) for body in reader.feed(data[at : at + 997])]

    assert found == [b"a" * 3, b"b" * 70_000]


@pytest.mark.parametrize(
    "data",
    [b"\x00\x00\x00\x03abc", b"\x00\x00\x00\x00", b"\xff\x00\x00\x01a", b"\x01\x01\x00\x00"],
    ids=["wrong xor", "length 0", "xor of another length", "beyond the limit"],
)
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    """Nothing after it can be found again."""
    with pytest.raises(FrameError):
        T2Reader(limit=1000).feed(data)


def test_tags_are_read_back() -> None:
    """Text, binary with NULs, and a list."""
    tags: Outgoing = {
        Tag.FUNCTION: 10001,
        Tag.CONTENT: b"a\0b=",
        Tag.REGISTRATION: [b"1.0", b"", b"x"],
        Tag.ERROR_TEXT: "失败",
    }

    found = decode_tags(encode_tags(tags))

    assert number_of(found, Tag.FUNCTION) == 10001
    assert found[Tag.CONTENT] == b"a\0b="
    assert found[Tag.REGISTRATION] == [b"1.0", b"", b"x"]
    assert found[Tag.ERROR_TEXT] == "失败".encode("gbk")
    assert numbers_of(decode_tags(encode_tags({90: [b"7", b"x"]})), 90) == [7, 0]
    assert decode_tags(b"12345=new\0") == {12345: b"new"}, "an unknown tag is kept"


@pytest.mark.parametrize(
    "body",
    [
        b"5\0", b"=1\0", b"x=1\0", b"5=1", b"1=9\08=ab\0", b"1=-1\08=ab\0", b"2=999999\080=a\0", b"2=3\080=a\0b\0",
        b"1=2\0", b"1=1\08=ab\0",
    ],
    ids=[
        "no =", "no tag", "tag of letters", "no NUL", "longer than the body", "negative", "list too large",
        "list too short", "length of nothing", "length too short",
    ],
)  # fmt: skip
def test_what_is_no_body_is_refused(body: bytes) -> None:
    """By BodyError, which ends the connection."""
    with pytest.raises(BodyError):
        decode_tags(body)


def test_the_vendors_pack_is_read() -> None:
    """Names, types, bytes with a NUL, GBK and a return code."""
    first, second = decode_pack(PACK)

    assert [column.name for column in first.columns] == ["operator_no", "r"]
    assert first.rows == [["ab", b"\0\1"]]
    assert (second.name, second.return_code, second.texts()) == ("second", 7, [{"k": "中文"}])


def test_a_pack_is_read_back() -> None:
    """Tables without rows and without columns included."""
    tables = [
        table_of([{"a": "1", "b": 2.5}, {"a": "中文", "b": ""}], "t"),
        PackTable((PackColumn("r", "R"),), [[b"\0\xff" * 9]]),
        PackTable(()),
    ]

    assert decode_pack(encode_pack(tables)) == tables
    assert decode_pack(encode_pack([])) == []
    assert decode_pack(encode_pack([table_of([{"a": "x\0y"}])]))[0].rows == [["xy"]], "a NUL would end the value"


def test_a_spoiled_pack_is_refused_or_read() -> None:
    """Wrong counts, odd types, cut ends: never anything but PackError, and never more than what came."""
    at = random.Random(11)
    for _ in range(2000):
        data = bytearray(PACK)
        for _ in range(at.randint(1, 3)):
            place = at.randrange(len(data))
            data[place : place + at.choice((0, 1, 8))] = at.randbytes(at.randint(0, 2))

        try:
            found = decode_pack(bytes(data))
        except PackError:
            continue
        assert sum(len(row) for table in found for row in table.rows) <= len(data)


def test_a_spoiled_body_is_refused_or_read() -> None:
    """Never anything but BodyError."""
    at = random.Random(11)
    body = encode_tags({Tag.PACKET_TYPE: 0, Tag.CONTENT: PACK, Tag.REGISTRATION: [b"a", b"b"], Tag.PACKET_ID: 7})
    for _ in range(2000):
        data = bytearray(body)
        for _ in range(at.randint(1, 3)):
            place = at.randrange(len(data))
            data[place : place + at.choice((0, 1, 8))] = at.randbytes(at.randint(0, 2))

        try:
            found = decode_tags(bytes(data))
        except BodyError:
            continue
        assert sum(len(value) for value in found.values()) <= len(data)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x21", b"\x20\x01\x03", PACK[:-1], PACK + b"\0", b"\x21\x01\x03\0" + b"\xff" * 16],
    ids=["nothing", "one byte", "another version", "cut", "more", "huge counts"],
)
def test_what_is_no_pack_is_refused(content: bytes) -> None:
    """By PackError."""
    with pytest.raises(PackError):
        decode_pack(content)
