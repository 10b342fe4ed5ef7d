"""What is traded: one or two products on each of the six exchanges, with made-up but plausible parameters."""

from __future__ import annotations

from dataclasses import dataclass

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
    months: tuple[str, ...]

    @property
    def tells_today_from_yesterday(self) -> bool:
        """SHFE and INE close today's and yesterday's positions by separate offset flags."""
        return self.exchange_id in {"SHFE", "INE"}


@dataclass(frozen=True, slots=True)
class Instrument:
    instrument_id: str
    month: str
    """YYMM"""
    product: Product

    @property
    def exchange_id(self) -> str:
        return self.product.exchange_id

    @property
    def reference_ticks(self) -> int:
        """Previous settlement price in ticks."""
        return self.ticks(self.product.price)

    @property
    def upper_ticks(self) -> int:
        return int(self.reference_ticks * (1 + LIMIT_RATIO))

    @property
    def lower_ticks(self) -> int:
        return int(self.reference_ticks * (1 - LIMIT_RATIO)) + 1

    def ticks(self, price: float) -> int:
        return round(price / self.product.tick)

    def price(self, ticks: int) -> float:
        return round(ticks * self.product.tick, 6)

    def on_tick(self, price: float) -> bool:
        return abs(price - self.price(self.ticks(price))) < 1e-6

    def turnover(self, ticks: int, volume: int) -> float:
        return self.price(ticks) * self.product.multiplier * volume

    def margin(self, ticks: int, volume: int) -> float:
        return self.turnover(ticks, volume) * self.product.margin_ratio

    def commission(self, ticks: int, volume: int) -> float:
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


def demo_instruments() -> dict[str, Instrument]:
    """All instruments by InstrumentID; CZCE writes the year with one digit: SR701."""
    instruments = {}
    for product in PRODUCTS:
        for month in product.months:
            code = month[1:] if product.exchange_id == "CZCE" else month
            name = f"{product.product_id}{code}"
            instruments[name] = Instrument(name, month, product)
    return instruments
