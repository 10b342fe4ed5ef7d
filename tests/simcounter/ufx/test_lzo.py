"""LZO1X as the vendor's library packs long contents: what it made reads back, and what is spoiled is refused."""

from __future__ import annotations

import random

import pytest

from simcounter.ufx.lzo import LzoError, unpack_lzo

MADE: list[tuple[bytes, str]] = [
    (b"ab" * 300, "036162616261622000002514000b6162616261626162616261626162110000"),
    (b"\0" * 3000, "0200000000002000000000000000000000008e10000c000000000000000000000000000000110000"),
    (
        bytes(range(40)) * 15,
        (
            "0016000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223242526272000fc9c0000021415161718"
            "191a1b1c1d1e1f2021222324252627110000"
        ),
    ),
    (
        (b"order" * 3 + b"trade") * 200 + b"x",
        (
            "026f726465722810000274726164652838008401200000000000000000000000000000005a4c000f65726f726465726f726465727472"
            "61646578110000"
        ),
    ),
]
"""what the library made of each"""


@pytest.mark.parametrize(("content", "packed"), MADE, ids=["pairs", "zeros", "forty", "words"])
def test_what_the_library_packed_is_unpacked(content: bytes, packed: str) -> None:
    """Byte for byte."""
    assert unpack_lzo(bytes.fromhex(packed)) == content


def test_what_is_spoiled_is_refused_or_unpacked() -> None:
    """Cut ends, distances before the beginning, endless lengths: never anything but LzoError, never without a bound."""
    at = random.Random(11)
    for _ in range(3000):
        data = bytearray(bytes.fromhex(at.choice(MADE)[1]))
        for _ in range(at.randint(1, 3)):
            place = at.randrange(len(data))
            data[place : place + at.choice((0, 1, 8))] = at.randbytes(at.randint(0, 2))
        try:
            unpack_lzo(bytes(data))
        except LzoError:
            continue


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"\x20" + b"\0" * 100_000, b"\x40\0"], ids=["nothing", "cut", "endless", "before"]
)
def test_what_cannot_be_unpacked_is_refused(data: bytes) -> None:
    """By LzoError."""
    with pytest.raises(LzoError):
        unpack_lzo(data)
