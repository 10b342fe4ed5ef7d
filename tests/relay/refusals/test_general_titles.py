"""What reasons are called in lists: each one that needs a title of its own has one, and no other."""

from __future__ import annotations

import re

from relay.refusals.all_reasons import rows
from relay.refusals.general_titles import general_advice, general_title, titled

_PLACE = re.compile(r"\{")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


def test_each_message_with_places_has_a_title() -> None:
    """And a title for a reason whose message is one already is for nothing."""
    with_places = {row.reason for row in rows() if any(map(_PLACE.search, row.columns.message))}

    assert sorted(with_places - titled()) == []
    assert sorted(titled() - with_places) == []


def test_no_title_or_advice_has_places_or_is_cut() -> None:
    """Whole words in both languages, without what a place leaves behind."""
    for row in rows():
        for chinese, english in (general_title(row), general_advice(row)):
            assert not _PLACE.search(chinese + english), row.reason
            assert _CHINESE.search(chinese), row.reason
            assert not _CHINESE.search(english), row.reason
            assert not re.search(r"[…:：(（]$|\(\s*\)|（\s*）", chinese + "\n" + english), row.reason


_LATIN = re.compile(
    r"IPv[46]|AppID|API|MAC|ASCII|DBL_MAX|Asia/Shanghai|Challenge\.wanted|CTP_GetSystemInfo|dmidecode|REPORT_KIND_TERMINAL"
    r"|listen\.\w+|ctp-[a-z -]+|ctp|Login|Logout|collectors|[A-Za-z]+ID\b"
)


def test_a_chinese_title_has_no_english_word() -> None:
    """Names that stand in a protocol, a setting or a command apart: traders read it."""
    for row in rows():
        for chinese, _ in (general_title(row), general_advice(row)):
            assert not re.search(r"[A-Za-z]{2}", _LATIN.sub("", chinese)), (row.reason, chinese)
