"""Words in two languages, and whose business a number is."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Words(NamedTuple):
    """One sentence in Chinese and in English; both are empty where there is nothing to say."""

    chinese: str
    english: str

    def __str__(self) -> str:
        return " / ".join(text for text in self if text)


class Concern(StrEnum):
    """Who can change it."""

    RELAY = "relay"
    """every login of this relay: its address, its app id, its API, or its order of steps"""
    USER = "user"
    """the user who is logged in: the investor in many-to-many, the operator in many-to-one"""
    INVESTOR = "investor"
    """the investor whom the request names"""
    TERMINAL = "terminal"
    """the request or the report, which the terminal made"""
    COUNTER = "counter"
    """the counter, the exchange or the bank: it passes, or a person there mends it"""


NOTHING = Words("", "")
ASK_FIRM = Words("请联系期货公司", "ask your futures firm")
TRY_LATER = Words("请稍后重试", "try again later")
CORRECT_REQUEST = Words("请修正请求", "correct the request")
