"""A row of the table of reasons, and how it makes a Refusal.

A row is written as a function without a body, under the decorator that holds its columns:

    @reason(
        ("未应答的请求超过 {most}", "more than {most} calls are waiting"),
        advice=("请等待应答后再发送", "wait for answers before sending more"),
        retry=1,
    )
    def too_many_calls(*, most: int) -> None:
        \"\"\"The terminal has more calls waiting in the relay than one may have.\"\"\"

The name is the stable word. The parameters are the places of the texts, so a type checker finds a call with a wrong,
missing or mistyped place: `too_many_calls(most=64)`. Every text is a pair, Chinese and English.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, Flag, auto
from typing import Generic, ParamSpec

from relay.refusals.refusal import Refusal, Source

P = ParamSpec("P")
Text = tuple[str, str]
"""Chinese and English"""


class Ends(Flag):
    """What ends with a refusal."""

    CALL = auto()
    """the call alone: CallResult carries the refusal, the session goes on"""
    STREAM = auto()
    """the stream, which has no session yet: Rejected carries the refusal"""
    SESSION = auto()
    """session and stream: Rejected, Goodbye or a last SessionStatus carries the refusal"""


class Retry(Enum):
    """Whether the terminal may try again, where no waiting time is stated."""

    AS_ADVISED = auto()
    """after doing what the advice says"""
    NO = auto()
    """not before the firm has changed something"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    message: Text
    advice: Text
    ends: Ends
    retry: Retry | int | str
    """an int: the same again after so many seconds; a str: the place that holds the seconds"""
    code: int
    instead: Callable[[], Refusal] | None
    reason: str
    """the stable word where several rows share one; the row's name otherwise"""


class Reason(Generic[P]):
    """One row; called with its places it makes the Refusal."""

    def __init__(self, places: Callable[P, None], columns: Columns) -> None:
        self.columns = columns
        self.name = places.__name__
        self.reason = columns.reason or self.name
        self.meaning = places.__doc__ or ""
        self.places = places

    def __call__(self, *none: P.args, **values: P.kwargs) -> Refusal:
        """The refusal with its texts filled in; seconds to wait are rounded up."""
        self.places(*none, **values)  # a missing place is a TypeError, as with any function
        filled = {**(self.places.__kwdefaults__ or {}), **values}
        columns = self.columns
        retry = columns.retry
        if isinstance(retry, str):
            filled[retry] = retry = math.ceil(filled[retry])
        return Refusal(
            Source.RELAY,
            self.reason,
            _both(columns.message, filled),
            _both(columns.advice, filled),
            columns.code,
            retry if isinstance(retry, int) else 0,
            columns.instead() if columns.instead else None,
        )


def _both(text: Text, filled: dict[str, object]) -> str:
    return " / ".join(language.format_map(filled).rstrip() for language in text)


class Rows:
    """Makes the rows of one part of the table; `ends` is what ends with them, where a row does not say it."""

    def __init__(self, ends: Ends) -> None:
        self._ends = ends

    def __call__(
        self,
        message: Text,
        *,
        advice: Text,
        ends: Ends | None = None,
        retry: Retry | int | str = Retry.AS_ADVISED,
        code: int = 0,
        instead: Callable[[], Refusal] | None = None,
        word: str = "",
    ) -> Callable[[Callable[P, None]], Reason[P]]:
        """Make a row of the function below; its parameters are the places of the texts."""
        ends = self._ends if ends is None else ends
        columns = Columns(
            message=message, advice=advice, ends=ends, retry=retry, code=code, instead=instead, reason=word
        )
        return lambda places: Reason(places, columns)
