"""What is kept of a line that native code printed, and what is not."""

from __future__ import annotations

import pytest

from relay.logs.native_lines import LONGEST_LINE, LONGEST_TEXT, LineCutter, NativeLine, read_line


def test_bytes_become_lines_wherever_they_were_cut() -> None:
    """A pipe knows no lines."""
    cutter = LineCutter()

    found = [line for data in (b"one\ntw", b"o\n\nthr", b"ee") for line in cutter.feed(data)]

    assert (found, cutter.take_rest(), cutter.take_rest()) == ([b"one", b"two", b""], b"three", b"")


def test_a_line_without_an_end_is_cut_and_the_next_one_is_whole() -> None:
    """It must not fill the memory."""
    cutter = LineCutter()

    found = [line for _ in range(50) for line in cutter.feed(b"x" * 1000)]
    after = cutter.feed(b"xxx\nnext\n")

    assert len(found) == 1
    assert len(found[0]) <= LONGEST_LINE + 1000
    assert after == [b"next"]


@pytest.mark.parametrize(
    "line",
    [
        "login Password[hunter2]",
        "UserPassWord=hunter2, and more",
        '{"AuthCode": "hunter2"}',
        "the auth code is hunter2",
        "pwd hunter2",
        "Authorization: Basic hunter2",
        "ClientSystemInfo hunter2",
        "密码：hunter2",
    ],
)
def test_nothing_behind_a_word_for_a_secret_is_kept(line: str) -> None:
    """In whatever notation it stands there."""
    text = read_line(line.encode()).text

    assert "hunter2" not in text
    assert text.endswith(" ***")


def test_a_long_key_without_a_word_is_not_kept() -> None:
    """System info alone, in base64."""
    assert read_line(b"got " + b"Ab1+" * 40 + b" end").text == "got <160 characters> end"


def test_the_vendors_chinese_is_read_and_harmful_characters_are_shown() -> None:
    """GB18030 where it is not UTF-8; no colors, no jumps."""
    assert read_line("前置连接失败".encode("gb18030")).text == "前置连接失败"
    assert read_line("前置\x1b[31m".encode()).text == "前置\\x1b[31m"
    assert read_line(b"\xff\xff").text.isprintable()
    assert len(read_line(b"a b " * 5000).text) == LONGEST_TEXT


@pytest.mark.parametrize(
    ("line", "read"),
    [
        (
            b"E0000 00:00:1732603407.123456   12345 ssl_transport_security.cc:1511] Handshake failed",
            NativeLine("Handshake failed", "error", "ssl_transport_security.cc:1511"),
        ),
        (
            b"I1126 06:43:27.123456789   12345 src/core/chttp2.cc:12] keepalive",
            NativeLine("keepalive", "info", "src/core/chttp2.cc:12"),
        ),
        (b"W0000 00:00:1.0 1 a.cc:1] token=hunter2", NativeLine("token ***", "warning", "a.cc:1")),
        (b"E0000 of something else", NativeLine("E0000 of something else")),
    ],
)
def test_grpcs_lines_are_known_with_their_level(line: bytes, read: NativeLine) -> None:
    """And no others."""
    assert read_line(line) == read
