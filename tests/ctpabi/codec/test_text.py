"""CTP's text is GB18030 and ends at the first NUL."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctpabi.codec import text


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_every_character_of_unicode_survives(written: str) -> None:
    """GB18030 has a code for every character; decoding gives back what was encoded."""
    assert text.decode(text.encode(written)) == written


def test_text_is_gb18030_not_utf8() -> None:
    """The counter reads what we write as GB18030."""
    assert text.encode("报单") == b"\xb1\xa8\xb5\xa5"


@given(st.binary())
def test_any_bytes_decode(data: bytes) -> None:
    """No bytes of the counter make decoding fail, and nothing behind a NUL is read."""
    decoded = text.decode(data)

    assert "\0" not in decoded
    assert decoded == text.decode(data + b"\0behind")
    assert decoded.encode().decode() == decoded


def test_a_cut_character_is_replaced() -> None:
    """A character cut in half by the field's end shows as U+FFFD instead of shortening the text."""
    assert text.decode("提交".encode("gb18030")[:-1]) == "提\ufffd"


@pytest.mark.parametrize(("bad", "says"), [("a\0b", "NUL"), ("a\ud800", "character 1 is a lone surrogate")])
def test_what_cannot_stand_in_a_field_is_refused(bad: str, says: str) -> None:
    """NUL would hide the rest, and a lone surrogate has no code."""
    with pytest.raises(text.UnencodableText, match=says):
        text.encode(bad)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), st.integers(1, 9))
def test_a_text_cut_anywhere_is_joined_again(content: str, size: int) -> None:
    """A character between two pieces is not lost."""
    whole = text.encode(content)
    pieces = [whole[at : at + size] + b"\0" for at in range(0, len(whole), size)]

    assert text.joined(pieces) == content
