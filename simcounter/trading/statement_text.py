"""What a settlement statement says and how it is laid out: CTP's bilingual form, which settlement programs read.

Programs find sections by their titles, columns by their place between the bars, and the account's figures by line
number and label. So titles, labels and the order of lines are CTP's; everything is padded by GB18030 bytes, as there.
A section without rows is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from simcounter.trading.book import BookSide
from simcounter.trading.fills import Trade
from simcounter.trading.portfolio import LastTicks, Portfolio, Position, PositionKey

EXCHANGES = {
    "SHFE": "上期所",
    "DCE": "大商所",
    "CZCE": "郑商所",
    "CFFEX": "中金所",
    "INE": "能源中心",
    "GFEX": "广期所",
}
HEDGES = {"1": "投机", "2": "套利", "3": "套保"}
OFFSETS = {"0": "开", "1": "平", "3": "平今", "4": "平昨"}
RULE = "-" * 100


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money between bank and account, yuan."""

    date: str
    deposit: float
    withdrawal: float


@dataclass(frozen=True, slots=True)
class SettledDay:
    """One investor's day at its settlement."""

    day: str
    """YYYYMMDD"""
    client_name: str
    portfolio: Portfolio
    settlement_ticks: LastTicks
    trades: Sequence[Trade] = ()
    transfers: Sequence[Transfer] = ()

    @property
    def margin(self) -> float:
        """At the settlement prices."""
        held = self.portfolio.positions.items()
        return sum(p.instrument.margin(self.settlement_ticks(key.instrument_id), p.total) for key, p in held)


@dataclass(frozen=True, slots=True)
class Column:
    """Chinese and English heading; the wider of the two and `width` make the column."""

    chinese: str
    english: str
    width: int = 0
    is_summed: str = ""
    """how a number is written in the row of sums; empty: the column has none"""

    @property
    def size(self) -> int:
        return max(_bytes(self.chinese), _bytes(self.english), self.width)


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    columns: Sequence[Column]
    rows: list[list[str | float]] = field(default_factory=list)
    legend: Sequence[str] = ()

    def lines(self) -> list[str]:
        """Title, rule, both headings, rule, rows, rule, sums, rule, legend."""
        rule = "-" * (sum(column.size + 1 for column in self.columns) + 1)
        headings = [_bar([_center(text, c.size) for text, c in zip(words, self.columns, strict=True)]) for words in (
            [column.chinese for column in self.columns], [column.english for column in self.columns])]  # fmt: skip
        rows = [_bar([_cell(value, c) for value, c in zip(row, self.columns, strict=True)]) for row in self.rows]
        title = _center(self.title, len(rule)).rstrip()
        return [title, rule, *headings, rule, *rows, rule, self._sums(), rule, *self.legend, ""]

    def _sums(self) -> str:
        cells = [_pad(f"共{len(self.rows):>4}条", self.columns[0].size)]
        for place, column in enumerate(self.columns[1:], 1):
            total = sum(value for row in self.rows if isinstance(value := row[place], int | float))
            cells.append(
                _right(format(total, column.is_summed), column.size) if column.is_summed else " " * column.size
            )
        return _bar(cells)


def statement_of(settled: SettledDay) -> str:
    """The whole text."""
    lines = [
        _center("模拟柜台 Simulated Counter", 100),
        _right(f"制表时间 Creation Date：{settled.day}", 100),
        RULE,
        _center("交易结算单(盯市) Settlement Statement(MTM)", 100),
        RULE,
        f"客户号 Client ID：  {_pad(settled.portfolio.investor_id, 16)}客户名称 Client Name：{settled.client_name}",
        f"日期 Date：{settled.day}",
        "",
        "",
        "",
        _center("资金状况  币种：人民币  Account Summary  Currency：CNY", 100),
        RULE,
        *_account(settled),
        "",
    ]
    for section in (_transfers, _trades, _closed, _details, _positions):
        table = section(settled)
        lines += table.lines() if table.rows else []
    lines.append("本结算单由模拟柜台生成，只供测试。如有异议，请在下一交易日开市前提出，否则视为确认。")
    return "\r\n".join(line.rstrip() for line in lines) + "\r\n"


def _account(settled: SettledDay) -> list[str]:
    portfolio = settled.portfolio
    equity, margin = portfolio.balance(settled.settlement_ticks), settled.margin
    figures: list[tuple[str, float, str, float]] = [
        ("期初结存 Balance b/f：", portfolio.previous_balance, "基础保证金 Initial Margin：", 0.0),
        ("出 入 金 Deposit/Withdrawal：", portfolio.deposit - portfolio.withdraw, "期末结存 Balance c/f：", equity),
        ("平仓盈亏 Realized P/L：", portfolio.close_profit, "质 押 金 Pledge Amount：", 0.0),
        (
            "持仓盯市盈亏 MTM P/L：",
            portfolio.position_profit(settled.settlement_ticks),
            "客户权益 Client Equity：：",
            equity,
        ),
        ("期权执行盈亏 Exercise P/L：", 0.0, "货币质押保证金占用 FX Pledge Occ.：", 0.0),
        ("手 续 费 Commission：", portfolio.commission, "保证金占用 Margin Occupied：", margin),
        ("行权手续费 Exercise Fee：", 0.0, "交割保证金 Delivery Margin：", 0.0),
        ("交割手续费 Delivery Fee：", 0.0, "多头期权市值 Market value(long)：", 0.0),
        ("货币质入 New FX Pledge：", 0.0, "空头期权市值 Market value(short)：", 0.0),
        ("货币质出 FX Redemption：", 0.0, "市值权益 Market value(equity)：", equity),
        ("质押变化金额 Chg in Pledge Amt：", 0.0, "可用资金 Fund Avail.：", max(0.0, equity - margin)),
        ("权利金收入 Premium received：", 0.0, "风 险 度 Risk Degree：", 100 * margin / equity if equity > 0 else 0.0),
        ("权利金支出 Premium paid：", 0.0, "应追加资金 Margin Call：", max(0.0, margin - equity)),
    ]
    lines = [f"{_figure(a, x, 46)}  {_figure(b, y, 52)}" for a, x, b, y in figures]
    lines[11] += "%"
    return [*lines, _figure("货币质押变化金额 Chg in FX Pledge:", 0.0, 46)]


def _transfers(settled: SettledDay) -> Table:
    columns = (
        Column("发生日期", "Date"),
        Column("出入金类型", "Type", 24),
        Column("入金", "Deposit", 16, ".2f"),
        Column("出金", "Withdrawal", 16, ".2f"),
        Column("说明", "Note", 42),
    )
    rows: list[list[str | float]] = [[t.date, "银期转账", t.deposit, t.withdrawal, ""] for t in settled.transfers]
    legend = ["出入金---Deposit/Withdrawal     银期转账---Bank-Futures Transfer"]
    return Table("出入金明细 Deposit/Withdrawal", columns, rows, legend)


def _trades(settled: SettledDay) -> Table:
    columns = (
        Column("成交日期", "Date"),
        Column("交易所", "Exchange"),
        Column("品种", "Product", 18),
        Column("合约", "Instrument", 16),
        Column("买/卖", "B/S"),
        Column("投/保", "S/H", 12),
        Column("成交价", "Price", 10),
        Column("手数", "Lots", 6, "d"),
        Column("成交额", "Turnover", 14, ".2f"),
        Column("开平", "O/C", 18),
        Column("手续费", "Fee", 10, ".2f"),
        Column("平仓盈亏", "Realized P/L", 12, ".2f"),
        Column("权利金收支", "Premium Received/Paid", 0, ".2f"),
        Column("成交序号", "Trans.No.", 12),
    )
    legend = [*_LEGEND, "开---Open  平---Close  平今---Close Today  平昨---Close Prev."]
    rows = [_trade_row(settled.day, trade) for trade in settled.trades]
    return Table("成交记录 Transaction Record", columns, rows, legend)


def _trade_row(day: str, trade: Trade) -> list[str | float]:
    instrument = trade.leg.instrument
    return [
        day,
        EXCHANGES[instrument.exchange_id],
        instrument.product.name,
        instrument.instrument_id,
        _side(trade.leg.side),
        HEDGES[trade.order.hedge_flag],
        f"{instrument.price(trade.ticks):.3f}",
        trade.volume,
        instrument.turnover(trade.ticks, trade.volume),
        OFFSETS[trade.order.offset],
        trade.commission,
        sum((part.profit for part in trade.closed), 0.0),
        0.0,
        trade.trade_id.strip(),
    ]


def _closed(settled: SettledDay) -> Table:
    columns = (
        Column("平仓日期", "Close Date"),
        Column("交易所", "Exchange"),
        Column("品种", "Product", 18),
        Column("合约", "Instrument", 16),
        Column("开仓日期", "Open Date"),
        Column("买/卖", "B/S"),
        Column("手数", "Lots", 10, "d"),
        Column("开仓价", "Pos. Open Price"),
        Column("昨结算", "Prev. Sttl", 16),
        Column("成交价", "Trans. Price"),
        Column("平仓盈亏", "Realized P/L", 12, ".2f"),
        Column("权利金收支", "Premium Received/Paid", 0, ".2f"),
    )
    rows: list[list[str | float]] = [
        [
            settled.day,
            EXCHANGES[instrument.exchange_id],
            instrument.product.name,
            instrument.instrument_id,
            part.open_date,
            _side(trade.leg.side),
            part.volume,
            f"{instrument.price(part.open_ticks):.3f}",
            f"{instrument.price(instrument.reference_ticks):.3f}",
            f"{instrument.price(trade.ticks):.3f}",
            part.profit,
            0.0,
        ]
        for trade in settled.trades
        for instrument in [trade.leg.instrument]
        for part in trade.closed
    ]
    return Table("平仓明细 Position Closed", columns, rows, _LEGEND)


def _details(settled: SettledDay) -> Table:
    columns = (
        Column("交易所", "Exchange"),
        Column("品种", "Product", 18),
        Column("合约", "Instrument", 16),
        Column("开仓日期", "Open Date"),
        Column("投/保", "S/H", 12),
        Column("买/卖", "B/S"),
        Column("持仓量", "Positon", 7, "d"),
        Column("开仓价", "Pos. Open Price"),
        Column("昨结算", "Prev. Sttl", 16),
        Column("结算价", "Settlement Price"),
        Column("浮动盈亏", "Accum. P/L", 12, ".2f"),
        Column("盯市盈亏", "MTM P/L", 12, ".2f"),
        Column("保证金", "Margin", 12, ".2f"),
        Column("期权市值", "Market Value(Options)", 0, ".2f"),
    )
    held = settled.portfolio.positions.items()
    rows = [row for key, position in held for row in _lot_rows(key, position, settled.settlement_ticks)]
    return Table("持仓明细 Positions Detail", columns, rows, _LEGEND)


def _lot_rows(key: PositionKey, position: Position, settlement_ticks: LastTicks) -> list[list[str | float]]:
    instrument, at = position.instrument, settlement_ticks(key.instrument_id)
    sign = 1 if key.side is BookSide.BUY else -1
    rows: list[list[str | float]] = []
    for lot in position.lots:
        worth = instrument.turnover(at, lot.volume)
        basis = lot.ticks if lot.is_today else instrument.reference_ticks
        rows.append(
            [
                EXCHANGES[instrument.exchange_id],
                instrument.product.name,
                instrument.instrument_id,
                lot.open_date,
                HEDGES[key.hedge_flag],
                _side(key.side),
                lot.volume,
                f"{instrument.price(lot.ticks):.3f}",
                f"{instrument.price(instrument.reference_ticks):.3f}",
                f"{instrument.price(at):.3f}",
                sign * (worth - instrument.turnover(lot.ticks, lot.volume)),
                sign * (worth - instrument.turnover(basis, lot.volume)),
                instrument.margin(at, lot.volume),
                0.0,
            ]
        )
    return rows


def _positions(settled: SettledDay) -> Table:
    columns = (
        Column("品种", "Product", 18),
        Column("合约", "Instrument", 16),
        Column("买持", "Long Pos.", 13, "d"),
        Column("买均价", "Avg Buy Price"),
        Column("卖持", "Short Pos.", 14, "d"),
        Column("卖均价", "Avg Sell Price"),
        Column("昨结算", "Prev. Sttl"),
        Column("今结算", "Sttl Today"),
        Column("持仓盯市盈亏", "MTM P/L", 12, ".2f"),
        Column("保证金占用", "Margin Occupied", 15, ".2f"),
        Column("投/保", "S/H", 12),
        Column("多头期权市值", "Market Value(Long)", 0, ".2f"),
        Column("空头期权市值", "Market Value(Short)", 0, ".2f"),
    )
    held = settled.portfolio.positions
    contracts = dict.fromkeys((key.instrument_id, key.hedge_flag) for key, p in held.items() if p.total)
    rows = [_position_row(settled, name, hedge_flag) for name, hedge_flag in contracts]
    return Table("持仓汇总 Positions", columns, rows)


def _position_row(settled: SettledDay, name: str, hedge_flag: str) -> list[str | float]:
    keys = [PositionKey(name, side, hedge_flag) for side in (BookSide.BUY, BookSide.SELL)]
    held = [(key, settled.portfolio.positions[key]) for key in keys if key in settled.portfolio.positions]
    instrument, at = held[0][1].instrument, settled.settlement_ticks(name)
    lots = {key.side: position.total for key, position in held}
    average = {key.side: _average(position) for key, position in held}
    return [
        instrument.product.name,
        name,
        lots.get(BookSide.BUY, 0),
        f"{average.get(BookSide.BUY, 0.0):.3f}",
        lots.get(BookSide.SELL, 0),
        f"{average.get(BookSide.SELL, 0.0):.3f}",
        f"{instrument.price(instrument.reference_ticks):.3f}",
        f"{instrument.price(at):.3f}",
        sum(position.profit(key.side, at) for key, position in held),
        instrument.margin(at, sum(lots.values())),
        HEDGES[hedge_flag],
        0.0,
        0.0,
    ]


def _average(position: Position) -> float:
    """Of the opening prices."""
    return position.open_cost / position.total / position.instrument.product.multiplier if position.total else 0.0


_LEGEND = (
    "能源中心---INE  上期所---SHFE  中金所---CFFEX  大商所---DCE  郑商所---CZCE  广期所---GFEX",
    "买---Buy  卖---Sell  投机---Speculation  套保---Hedge  套利---Arbitrage",
)


def _side(side: BookSide) -> str:
    return "买" if side is BookSide.BUY else "卖"


def _cell(value: str | float, column: Column) -> str:
    if isinstance(value, str):
        is_number = value.replace(".", "", 1).replace("-", "", 1).isdigit() and "." in value
        align: Callable[[str, int], str] = _right if is_number else _pad
        return align(value, column.size)
    return _right(format(value, column.is_summed or ".2f"), column.size)


def _figure(label: str, value: float, width: int) -> str:
    return label + _right(f"{value:.2f}", width - _bytes(label))


def _bytes(words: str) -> int:
    """How wide a text is: two for each Chinese character."""
    return len(words.encode("gb18030", "replace"))


def _pad(words: str, width: int) -> str:
    return words + " " * (width - _bytes(words))


def _right(words: str, width: int) -> str:
    return " " * (width - _bytes(words)) + words


def _center(words: str, width: int) -> str:
    room = max(0, width - _bytes(words))
    return " " * (room // 2) + words + " " * (room - room // 2)


def _bar(cells: Sequence[str]) -> str:
    return "|" + "|".join(cells) + "|"
