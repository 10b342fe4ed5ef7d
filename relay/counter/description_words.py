"""The words of a counter's description in Chinese, for people; programs and English readers get the words themselves."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

LEVELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "connection": "连接",
        "middleware": "中间件",
        "operator": "操作员",
        "account": "资金账号",
        "token": "令牌",
    }
)
"""names of `LoginLevel`"""
CAPABILITIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "orders": "报单",
        "parked_orders": "预埋单",
        "quotes": "报价",
        "option_exercise": "期权行权",
        "combinations": "组合申请",
        "bank_transfers": "银期转账",
        "queries": "查询",
    }
)
"""of `CounterDescription.capabilities`"""
_BOARDS: Final[Mapping[str, str]] = MappingProxyType({"futures": "期货"})
"""codes of boards that are words of ours; others are the counter's own"""


def board_word(code: str, *, chinese: bool) -> str:
    return _BOARDS.get(code, code) if chinese else code


def exchange_word(code: str, *, chinese: bool) -> str:
    """The counter's exchange that no setting names is `unmapped`."""
    return "未对应" if chinese and code == "unmapped" else code
