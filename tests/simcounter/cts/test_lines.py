"""The frames: what is a line, and what ends a connection."""

from __future__ import annotations

import pytest

from simcounter.cts.lines import MAX_LINE, CtsLines, LineError, read_request


def test_lines_come_whole_however_they_arrive() -> None:
    """Byte by byte, and two at once."""
    lines = CtsLines()

    assert [line for byte in b'{"a":1}\n' for line in lines.feed(bytes([byte]))] == [b'{"a":1}']
    assert list(lines.feed(b"1\n2\n3")) == [b"1", b"2"]
    assert list(lines.feed(b"\n")) == [b"3"]


@pytest.mark.parametrize("data", [b"x" * (MAX_LINE + 1), b"x" * (MAX_LINE + 1) + b"\n"])
def test_a_line_beyond_the_bound_is_none(data: bytes) -> None:
    """With its end and without."""
    with pytest.raises(LineError):
        list(CtsLines().feed(data))


@pytest.mark.parametrize(
    "line",
    [
        b"", b"no json", b"[]", b"1", b"{}", b'{"head":[]}', b'{"head":{"msgType":"10000","requestId":1}}',
        b'{"head":{"msgType":true,"requestId":1}}', b'{"head":{"msgType":10000}}', b"\xff\xfe",
        b'{"head":{"msgType":1,"requestId":1},"request":[]}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused(line: bytes) -> None:
    """One kind of error for every mistake."""
    with pytest.raises(LineError):
        read_request(line)
