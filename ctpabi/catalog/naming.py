"""How CTP's names become protobuf names.

The rule is fixed: names in the field-number file were made by it, so changing it renames what others have built on.
"""

from __future__ import annotations

import re

_ACRONYM_THEN_WORD = re.compile(r"([A-Z]+)([A-Z][a-z])")
_WORD_THEN_CAPITAL = re.compile(r"([a-z0-9])([A-Z])")


def snake_case(name: str) -> str:
    """BrokerID -> broker_id, GTDDate -> gtd_date, BidPrice1 -> bid_price1."""
    split = _WORD_THEN_CAPITAL.sub(r"\1_\2", _ACRONYM_THEN_WORD.sub(r"\1_\2", name))
    return split.lower()


def enum_value_name(enum: str, constant: str) -> str:
    """Direction, D_Buy -> DIRECTION_BUY: the value carries the enum's name instead of CTP's abbreviation of it."""
    _, _, meaning = constant.partition("_")
    return f"{snake_case(enum)}_{snake_case(meaning)}".upper()
