"""What is traded: one or two products on each of the six exchanges, with made-up but plausible parameters.

Besides futures there are a few options and combinations of two contracts, because a combination's trades are those
of its legs. An option is bought and sold like a future whose margin is its whole price.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

EXCHANGES = {
    "SHFE": "上海期货交易所",
    "DCE": "大连商品交易所",
    "CZCE": "郑州商品交易所",
    "CFFEX": "中国金融期货交易所",
    "INE": "上海国际能源交易中心",
    "GFEX": "广州期货交易所",
}
LIMIT_RATIO = 0.08
"""daily price limit, as a part of the previous settlement price"""
_ROUNDING = 1e-6
"""ticks; what floating point may be off by"""


@dataclass(frozen=True, slots=True)
class Product:
    product_id: str
    exchange_id: str
    name: str
    multiplier: int
    """units a lot"""
    tick: float
    """smallest price step, yuan"""
    margin_ratio: float
    """part of the contract value"""
    fee_ratio: float
    """commission as a part of the turnover"""
    fee_per_lot: float
    """commission in yuan a lot"""
    price: float
    """previous settlement price, yuan"""
    months: tuple[str, ...] = ()
    """YYMM of its futures"""
    is_option: bool = False

    @property
    def tells_today_from_yesterday(self) -> bool:
        """SHFE and INE close today's and yesterday's positions by separate offset flags."""
        return self.exchange_id in {"SHFE", "INE"}


@dataclass(frozen=True, slots=True)
class CombinationLeg:
    """One contract of a combination."""

    instrument: Instrument
    same_side: bool
    """bought when the combination is bought; otherwise sold"""


@dataclass(frozen=True, slots=True)
class Instrument:
    instrument_id: str
    month: str
    """YYMM"""
    product: Product
    settlement: float | None = None
    """previous settlement price, yuan; None: the product's price, or what the legs make together"""
    last_day: str = ""
    """YYYYMMDD; empty: the 15th of the month"""
    legs: tuple[CombinationLeg, ...] = ()
    """of a combination; its price is that of the legs bought less that of the legs sold"""
    option_type: str = ""
    """CTP's OptionsType: '1' call, '2' put"""
    strike: float = 0.0
    underlying: str = ""

    @property
    def exchange_id(self) -> str:
        return self.product.exchange_id

    @property
    def expires(self) -> str:
        """The last day it trades, YYYYMMDD."""
        return self.last_day or f"20{self.month}15"

    @property
    def reference_ticks(self) -> int:
        """Previous settlement price in ticks."""
        if self.settlement is not None:
            return self.ticks(self.settlement)
        if self.legs:
            return sum(leg.instrument.reference_ticks * (1 if leg.same_side else -1) for leg in self.legs)
        return self.ticks(self.product.price)

    @property
    def _limit_distance(self) -> float:
        """In ticks; a combination may move as far as its first leg."""
        base = self.legs[0].instrument if self.legs else self
        return base.reference_ticks * LIMIT_RATIO

    @property
    def upper_ticks(self) -> int:
        return math.floor(self.reference_ticks + self._limit_distance + _ROUNDING)

    @property
    def lower_ticks(self) -> int:
        return math.ceil(self.reference_ticks - self._limit_distance - _ROUNDING)

    def ticks(self, price: float) -> int:
        return round(price / self.product.tick)

    def price(self, ticks: int) -> float:
        return round(ticks * self.product.tick, 6)

    def on_tick(self, price: float) -> bool:
        return abs(price - self.price(self.ticks(price))) < 1e-6

    def turnover(self, ticks: int, volume: int) -> float:
        return self.price(ticks) * self.product.multiplier * volume

    def margin(self, ticks: int, volume: int) -> float:
        """For a combination what its legs need, at their settlement prices: nothing is saved by combining."""
        if self.legs:
            return sum(leg.instrument.margin(leg.instrument.reference_ticks, volume) for leg in self.legs)
        return self.turnover(ticks, volume) * self.product.margin_ratio

    def commission(self, ticks: int, volume: int) -> float:
        if self.legs:
            return sum(leg.instrument.commission(leg.instrument.reference_ticks, volume) for leg in self.legs)
        return self.turnover(ticks, volume) * self.product.fee_ratio + self.product.fee_per_lot * volume


PRODUCTS = (
    Product("rb", "SHFE", "螺纹钢", 10, 1.0, 0.10, 0.0001, 0.0, 3500.0, ("2701", "2705")),
    Product("au", "SHFE", "黄金", 1000, 0.02, 0.12, 0.0, 10.0, 800.0, ("2702", "2704")),
    Product("cu", "SHFE", "铜", 5, 10.0, 0.12, 0.00005, 0.0, 80000.0, ("2701", "2702")),
    Product("m", "DCE", "豆粕", 10, 1.0, 0.08, 0.0, 1.5, 3000.0, ("2701", "2705")),
    Product("i", "DCE", "铁矿石", 100, 0.5, 0.12, 0.0001, 0.0, 780.0, ("2701", "2705")),
    Product("SR", "CZCE", "白糖", 10, 1.0, 0.08, 0.0, 3.0, 5600.0, ("2701", "2705")),
    Product("TA", "CZCE", "精对苯二甲酸", 5, 2.0, 0.08, 0.0, 3.0, 4800.0, ("2701", "2705")),
    Product("IF", "CFFEX", "沪深300股指", 300, 0.2, 0.12, 0.000023, 0.0, 4000.0, ("2612", "2703")),
    Product("T", "CFFEX", "10年期国债", 10000, 0.005, 0.02, 0.0, 3.0, 106.0, ("2612", "2703")),
    Product("sc", "INE", "原油", 1000, 0.1, 0.12, 0.0, 20.0, 500.0, ("2701", "2702")),
    Product("nr", "INE", "20号胶", 10, 5.0, 0.10, 0.00002, 0.0, 12000.0, ("2701", "2702")),
    Product("si", "GFEX", "工业硅", 5, 5.0, 0.10, 0.0001, 0.0, 9000.0, ("2701", "2705")),
    Product("lc", "GFEX", "碳酸锂", 1, 20.0, 0.10, 0.0001, 0.0, 75000.0, ("2701", "2705")),
)


OPTIONS = (
    Product("SRC", "CZCE", "白糖看涨期权", 10, 0.5, 1.0, 0.0, 1.5, 120.0, is_option=True),
    Product("SRP", "CZCE", "白糖看跌期权", 10, 0.5, 1.0, 0.0, 1.5, 110.0, is_option=True),
)
"""premiums; a bought or sold option is margined with its whole price"""
STRIKE = 5600.0
COMBINATIONS = (
    ("SPD SR701&SR705", "SPD SR", "SR701", "SR705", False),
    ("SP m2701&m2705", "SP m", "m2701", "m2705", False),
    ("STD SR701C5600&SR701P5600", "STD SR", "SR701C5600", "SR701P5600", True),
)
"""InstrumentID, ProductID, two legs, and whether the second leg goes the same way as the first"""


def demo_instruments() -> dict[str, Instrument]:
    """All instruments by InstrumentID; CZCE writes the year with one digit: SR701."""
    found: dict[str, Instrument] = {}
    for product in PRODUCTS:
        for month in product.months:
            code = month[1:] if product.exchange_id == "CZCE" else month
            name = f"{product.product_id}{code}"
            found[name] = Instrument(name, month, product)
    for product, kind in zip(OPTIONS, ("1", "2"), strict=True):
        name = f"SR701{product.product_id[-1]}{STRIKE:.0f}"
        found[name] = Instrument(name, "2701", product, option_type=kind, strike=STRIKE, underlying="SR701")
    for name, product_id, first, second, same_side in COMBINATIONS:
        legs = CombinationLeg(found[first], same_side=True), CombinationLeg(found[second], same_side)
        product = replace(found[first].product, product_id=product_id, name=f"{found[first].product.name}组合")
        found[name] = Instrument(name, found[first].month, product, legs=legs)
    return found


def products_of(instruments: Iterable[Instrument]) -> list[Product]:
    """Each product once, in the order of its first instrument."""
    return list({instrument.product.product_id: instrument.product for instrument in instruments}.values())


def next_day(
    instruments: Mapping[str, Instrument], settlements: Mapping[str, float], first_day: str, day: str
) -> dict[str, Instrument]:
    """The instruments of `day`, with yesterday's settlement prices; what expired since `first_day` is gone.

    What was over before the counter's first day stays, so that the demonstration never runs out of contracts.
    """
    found: dict[str, Instrument] = {}
    for name, instrument in instruments.items():
        if first_day <= instrument.expires < day or any(
            leg.instrument.instrument_id not in found for leg in instrument.legs
        ):
            continue
        legs = tuple(replace(leg, instrument=found[leg.instrument.instrument_id]) for leg in instrument.legs)
        settlement = None if legs else settlements[name]
        found[name] = replace(instrument, settlement=settlement, legs=legs)
    return found


def is_day(text: str) -> bool:
    """Whether it is a calendar day as CTP writes it, YYYYMMDD."""
    try:
        return len(text) == 8 and bool(datetime.strptime(text, "%Y%m%d"))  # noqa: DTZ007 - a calendar day, no moment
    except ValueError:
        return False


def weekday_before(day: str) -> str:
    """The last Monday to Friday before `day`, YYYYMMDD."""
    at = datetime.strptime(day, "%Y%m%d")  # noqa: DTZ007 - a calendar day, no moment
    back = {0: 3, 6: 2}.get(at.weekday(), 1)
    return datetime.fromordinal(at.toordinal() - back).strftime("%Y%m%d")
