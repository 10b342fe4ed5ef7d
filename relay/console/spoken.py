"""How figures, times and durations are written for people, in both languages; what templates use as filters.

Times are those of China, UTC+8, because trading hours are. Numbers are grouped by thousands in both languages.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from relay.database.times import COUNTER_ZONE

if TYPE_CHECKING:
    from collections.abc import Callable

    from relay.console.words import Language, Sentences

Moment = dt.datetime | str | float | int
"""an aware time, its ISO text, or seconds since the epoch"""
_UNKNOWN = "–"


def as_time(moment: Moment | None) -> dt.datetime | None:
    """The time in UTC+8; None where there is none or it cannot be read."""
    match moment:
        case dt.datetime():
            return moment.astimezone(COUNTER_ZONE)
        case str() if moment:
            try:
                return dt.datetime.fromisoformat(moment).astimezone(COUNTER_ZONE)
            except ValueError:
                return None
        case int() | float() if moment > 0:
            return dt.datetime.fromtimestamp(moment, COUNTER_ZONE)
    return None


def clock(moment: Moment | None, _visit: object = None) -> str:
    """08:57:12"""
    time = as_time(moment)
    return time.strftime("%H:%M:%S") if time is not None else _UNKNOWN


def date(moment: Moment | None, _visit: object = None) -> str:
    """2026-01-05"""
    time = as_time(moment)
    return time.strftime("%Y-%m-%d") if time is not None else _UNKNOWN


def moment(given: Moment | None) -> str:
    """2026-01-05 08:57:12"""
    time = as_time(given)
    return time.strftime("%Y-%m-%d %H:%M:%S") if time is not None else _UNKNOWN


def number(value: float | str | None) -> str:
    """1,204; one digit behind the point where it is no whole number below 100."""
    if value is None or value == "":
        return _UNKNOWN
    amount = float(value)
    return f"{amount:,.1f}" if amount != int(amount) and abs(amount) < 100 else f"{amount:,.0f}"


def size(value: float | str | None) -> str:
    """Bytes as KiB, MiB or GiB; empty for none."""
    amount = float(value or 0)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":
            return f"{amount:,.0f} {unit}" if amount else ""
        amount /= 1024
    return ""


def day_text(text: str) -> str:
    """20260105 as 2026-01-05; other texts as they are."""
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdigit() else text


def lasted(say: Callable[..., str], seconds: float) -> str:
    """A duration in two units at most; `say` is the visit's."""
    whole = max(0, int(seconds))
    if whole >= 2 * 86400:
        return say("look.days", count=whole // 86400)
    if whole >= 3600:
        return say("look.hours", hours=whole // 3600, minutes=whole % 3600 // 60)
    if whole >= 60:
        return say("look.minutes", minutes=whole // 60, seconds=whole % 60)
    return say("look.seconds", seconds=whole)


def one_language(text: str, language: Language) -> str:
    """The half of a text that has Chinese and English, separated by " / "; the whole of any other."""
    chinese, found, english = text.partition(" / ")
    return (chinese if language == "zh" else english) if found else text


def word_or(words: Sentences, language: Language, key: str, otherwise: str) -> str:
    """The sentence of a key that may be missing, for stable words that a newer relay brought."""
    return words.say(language, key) if words.has(key) else otherwise


FILTERS = {"clock": clock, "date": date, "moment": moment, "number": number, "size": size, "day": day_text}
