"""What a person sees of a text that somebody outside wrote."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.outside_text import harmless_json, is_plain, shown, shown_json, shown_value

HARMFUL = {
    "escape": "\x1b[2J",
    "bell": "\x07",
    "line feed": "a\nb",
    "carriage return": "a\rb",
    "next line": "a\u0085b",
    "line separator": "a\u2028b",
    "paragraph separator": "a\u2029b",
    "control sequence of C1": "\x9b31m",
    "right to left": "\u202etxt.exe",
    "isolate": "\u2066a\u2069",
    "zero width": "a\u200bb",
    "byte order mark": "\ufeffa",
    "soft hyphen": "a\u00adb",
    "filler": "a\u3164b",
    "variation": "a\ufe0fb",
    "tag": "a\U000e0041b",
    "half a pair": "a\ud800b",
    "private": "\ue000",
    "delete": "\x7f",
}


@pytest.mark.parametrize("text", HARMFUL.values(), ids=HARMFUL.keys())
def test_what_moves_or_hides_is_written_by_number(text: str) -> None:
    """One line of characters that are seen, and the rest of the text stays."""
    seen = shown(text)

    assert not is_plain(text)
    assert is_plain(seen)
    assert "\\" in seen
    assert shown(seen) == seen


@pytest.mark.parametrize(
    "text", ["", "client_demo_1.0", "张三 登录备注", "全角\u3000空格", "à la carte\u00a0!", "[red]x", "😀"]
)
def test_ordinary_text_stays(text: str) -> None:
    """Chinese, spaces of other widths, and what rich would take for markup."""
    assert is_plain(text)
    assert shown(text) == text


def test_no_control_or_format_character_is_let_through() -> None:
    """Asked of every character there is."""
    dangerous = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    let_through = [
        code
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in dangerous and shown(chr(code)) == chr(code)
    ]

    assert let_through == []


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_json_reads_back_as_the_same_value(value: object) -> None:
    """What is escaped is escaped as JSON does it: the file is evidence, and still harmless to look at."""
    text = shown_json(value)

    assert json.loads(text) == value
    assert is_plain(text)


def test_json_on_several_lines_stays_on_them() -> None:
    """Line ends between values are the file's own."""
    assert harmless_json('{\n  "a": "\u2028"\n}\n') == '{\n  "a": "\\u2028"\n}\n'
    assert json.loads(shown_json({"a": "\U000e0041"}, indent=2)) == {"a": "\U000e0041"}


def test_values_of_values_are_shown() -> None:
    """At any depth, names too."""
    assert shown_value({"a\x1b": ["\x9b", ("\u202e", 1)], "n": None}) == {
        "a\\x1b": ["\\x9b", ("\\u202e", 1)],
        "n": None,
    }
