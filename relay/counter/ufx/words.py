"""UFX's numbers and words beside CTP's codes. Pure.

A market's number comes from the settings: Hundsun's public book names SHFE, CZCE, CFFEX and DCE, and no INE or GFEX. What has no
word is refused, and what comes with a number that is not known is shown to no terminal: nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum


class Ufx(IntEnum):
    """Functions."""

    HEARTBEAT = 10000
    LOGIN = 10001
    LOGOUT = 10002
    ACCOUNTS = 30001
    PORTFOLIOS = 30003
    POSITIONS = 31003
    ORDERS = 32003
    TRADES = 33003
    MARGIN = 34003
    ORDER = 91004
    CANCEL = 91105


TOPIC, TOPIC_FILTER = "ufx_topic", "operator_no"
SIDES = {"0": "1", "1": "2"}
"""CTP's Direction -> entrust_direction"""
SIDES_BACK = {word: code for code, word in SIDES.items()}
OPEN, CLOSE = "1", "2"
"""futures_direction"""
LONG = "1"
"""position_flag"""
PLACED, CONFIRMED, REJECTED, CANCEL_PLACED, CANCELLED, CANCEL_FAILED, TRADED = "abcdefg"
"""msgtype of a push"""
NOT_SENT, SENT = "1", "4"
STATE_REJECTED, PART_TRADED, ALL_TRADED, PART_CANCELLED = "5", "6", "7", "8"
STATES_CANCELLED = frozenset({"9", "F"})
"""entrust_state"""
COUNTERS = {"ctp": "1", "hundsun": "2", "kingstar": "3", "femas": "4"}
"""kind of collected information -> counter_id"""
MAX_TEXT = 1024
"""characters of terminal_no and data_scale"""
UNMAPPED = "unmapped"

EXCHANGE_NAMES = {
    "SHFE": "上海期货交易所 Shanghai Futures Exchange",
    "DCE": "大连商品交易所 Dalian Commodity Exchange",
    "CZCE": "郑州商品交易所 Zhengzhou Commodity Exchange",
    "CFFEX": "中国金融期货交易所 China Financial Futures Exchange",
    "INE": "上海国际能源交易中心 Shanghai International Energy Exchange",
    "GFEX": "广州期货交易所 Guangzhou Futures Exchange",
    "SSE": "上海证券交易所 Shanghai Stock Exchange",
    "SZSE": "深圳证券交易所 Shenzhen Stock Exchange",
}


@dataclass(frozen=True, slots=True)
class MarketNumbers:
    """UFX's number of each exchange."""

    by_number: dict[str, str]
    by_name: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {name: number for number, name in self.by_number.items()})

    @classmethod
    def of(cls, pairs: Sequence[str]) -> MarketNumbers:
        """From the settings' texts, 3=SHFE."""
        split = (pair.partition("=") for pair in pairs)
        return cls({number.strip(): name.strip() for number, _, name in split})
