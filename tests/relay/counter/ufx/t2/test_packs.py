"""F2 packs, pure: what is written reads back, also by the simulated counter's own code, and what lies is refused."""

from __future__ import annotations

import random
import struct

import pytest

from relay.counter.ufx.t2.packs import BadPack, read_pack, write_pack
from simcounter.ufx.pack import PackColumn, PackTable, decode_pack, encode_pack

TABLES: list[list[dict[str, str]]] = [
    [{"operator_no": "1000", "name": "恒生"}, {"operator_no": "", "name": "b"}],
    [{"terminal_no": "QUJD" * 256}],
]


def test_a_pack_is_read_back() -> None:
    """By the reader beside it and by the simulated counter; tables without rows included."""
    written = write_pack(TABLES)

    assert read_pack(written) == TABLES
    assert [table.texts() for table in decode_pack(written)] == TABLES
    assert read_pack(write_pack([[], [{"a": "1"}]])) == [[], [{"a": "1"}]]
    assert read_pack(write_pack([])) == []
    assert read_pack(b"") == []


def test_rows_have_the_columns_of_the_first() -> None:
    """What a later row lacks is empty, and a NUL goes, because it would end the text."""
    assert read_pack(write_pack([[{"a": "1", "b": "2"}, {"b": "x\0y"}]])) == [
        [{"a": "1", "b": "2"}, {"a": "", "b": "xy"}]
    ]


def test_other_types_are_read() -> None:
    """Numbers are text on the wire; bytes are passed over; GBK that is none is marked."""
    columns = (PackColumn("n", "I"), PackColumn("r", "R"), PackColumn("d", "D"), PackColumn("c", "C"))
    content = encode_pack([PackTable(columns, [["-42", b"\0raw\0", "1.5000", "x"]])])

    assert read_pack(content) == [[{"n": "-42", "d": "1.5000", "c": "x"}]]
    assert read_pack(write_pack([[{"a": "?"}]]).replace(b"?", b"\xff"))[0][0]["a"] == "�"


@pytest.mark.parametrize(
    "content",
    [
        b"\x21",
        b"no pack",
        b"\x20\x01\x03",
        write_pack(TABLES)[:-1],
        write_pack(TABLES) + b"\0",
        b"\x21\x01\x03\0" + b"\xff" * 16,
    ],
    ids=["one byte", "text", "another version", "cut", "more", "huge counts"],
)
def test_what_is_no_pack_is_refused(content: bytes) -> None:
    """By BadPack."""
    with pytest.raises(BadPack):
        read_pack(content)


def test_rows_of_nothing_are_not_counted_out() -> None:
    """Three million rows without a column are 20 bytes, and would be as many rows in memory."""
    with pytest.raises(BadPack):
        read_pack(b"\x21\x01\x03\0" + struct.pack(">IIIi", 0, 3_000_000, 0, 0))


def test_a_spoiled_pack_is_refused_or_read() -> None:
    """Wrong counts, odd types, NULs inside, cut ends: never anything but BadPack, never more than what came."""
    at = random.Random(11)
    good = encode_pack(
        [
            PackTable((PackColumn("a"), PackColumn("r", "R")), [["x", b"\0\1"]]),
            PackTable((PackColumn("k"),), [["中"]] * 3),
        ]
    )
    for _ in range(3000):
        data = bytearray(good)
        for _ in range(at.randint(1, 3)):
            place = at.randrange(len(data))
            data[place : place + at.choice((0, 1, 8))] = at.randbytes(at.randint(0, 2))

        try:
            found = read_pack(bytes(data))
        except BadPack:
            continue
        assert sum(len(row) for table in found for row in table) <= len(data)
