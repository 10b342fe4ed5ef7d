"""CTS's words beside CTP's codes. Pure.

An exchange's letter comes from the settings: the public client names SHFE, DCE, CZCE and CFFEX, and no others. What has no
word is refused, and what comes with a letter that is not known is shown to nobody: nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

SIDES = {"0": "B", "1": "S"}
OFFSETS = {"0": "OPEN", "1": "CLOSE", "2": "FCLOSE", "3": "CLOSETD", "4": "CLOSEYD"}
HEDGES = {"1": "SPEC", "3": "HEDGE"}
PRICES = {"1": "ANY", "2": "LIMIT"}
SIDES_BACK, OFFSETS_BACK, HEDGES_BACK, PRICES_BACK = (
    {word: code for code, word in words.items()} for words in (SIDES, OFFSETS, HEDGES, PRICES)
)
UNMAPPED = "unmapped"
CURRENCIES = {"00": "CNY"}

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
class ExchangeLetters:
    """CTS's letter of each exchange."""

    by_letter: dict[str, str]
    by_name: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {name: letter for letter, name in self.by_letter.items()})

    @classmethod
    def of(cls, pairs: Sequence[str]) -> ExchangeLetters:
        """From the settings' texts, S=SHFE."""
        split = (pair.partition("=") for pair in pairs)
        return cls({letter.strip(): name.strip() for letter, _, name in split})
