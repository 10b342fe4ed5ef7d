"""How figures, times and durations are written."""

from __future__ import annotations

import datetime as dt

import pytest

from relay.console import spoken
from relay.console.words import Language, load_sentences


def test_times_are_those_of_china() -> None:
    """A time of any zone is shown as the clock in China shows it."""
    moment = dt.datetime(2026, 1, 5, 0, 57, 12, tzinfo=dt.UTC)

    assert spoken.clock(moment) == "08:57:12"
    assert spoken.moment("2026-01-05T00:57:12+00:00") == "2026-01-05 08:57:12"
    assert spoken.date(moment.timestamp()) == "2026-01-05"


@pytest.mark.parametrize("nothing", [None, "", "soon", 0])
def test_a_time_that_is_none_is_a_dash(nothing: spoken.Moment | None) -> None:
    """What is not known, or cannot be read, is shown as not known."""
    assert spoken.clock(nothing) == "–"


@pytest.mark.parametrize(
    ("value", "text"), [(1204, "1,204"), ("38211", "38,211"), (4.25, "4.2"), (1204.6, "1,205"), (None, "–"), (0, "0")]
)
def test_numbers_are_grouped(value: float | str | None, text: str) -> None:
    """Thousands are apart, and small rates keep a digit."""
    assert spoken.number(value) == text


@pytest.mark.parametrize(("value", "text"), [(0, ""), (900, "900 B"), (48211, "47 KiB"), (3 * 2**30, "3 GiB")])
def test_bytes_have_a_unit(value: int, text: str) -> None:
    """The unit fits the size."""
    assert spoken.size(value) == text


@pytest.mark.parametrize(
    ("seconds", "zh", "en"),
    [
        (9, "9 秒", "9 s"),
        (516, "8 分 36 秒", "8 min 36 s"),
        (21600, "6 小时 0 分", "6 h 0 min"),
        (259200, "3 天", "3 days"),
        (-1, "0 秒", "0 s"),
    ],
)
def test_durations_have_two_units_at_most(seconds: float, zh: str, en: str) -> None:
    """In both languages."""
    sentences = load_sentences()

    def say(language: Language) -> str:
        return spoken.lasted(lambda key, **facts: sentences.say(language, key, **facts), seconds)

    assert (say(Language.ZH), say(Language.EN)) == (zh, en)


def test_a_text_in_both_languages_is_shown_in_one() -> None:
    """The half that fits the page; a text of one language stays whole."""
    assert spoken.one_language("已停用 / is disabled", Language.ZH) == "已停用"
    assert spoken.one_language("已停用 / is disabled", Language.EN) == "is disabled"
    assert spoken.one_language("CTP:不合法的登录", Language.EN) == "CTP:不合法的登录"
