"""Rows and pushes of UFX, as orders, trades, positions and funds in CTP's codes. Pure.

What cannot be read is refused by UfxRowUnreadable and goes to the log: a number that is none, a market that is not known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from relay.counter.translated.names import read_key
from relay.counter.translated.values import OrderState, TradeState, Values
from relay.counter.ufx.split_closes import SplitCloses
from relay.counter.ufx.words import (
    CANCEL_PLACED,
    CANCELLED,
    CONFIRMED,
    LONG,
    NOT_SENT,
    OPEN,
    PART_CANCELLED,
    PLACED,
    REJECTED,
    SIDES_BACK,
    STATE_REJECTED,
    STATES_CANCELLED,
    MarketNumbers,
)

Row = Mapping[str, str]
_TODAY_APART = frozenset({"SHFE", "INE"})
_SPECULATION = "1"
OPENS = "0"
"""CombOffsetFlag"""


class UfxRowUnreadable(Exception):
    """The row is not in UFX's form; nothing of it is used."""


class UfxRowReader:
    """Of one process. A close that UFX split is read as one order."""

    def __init__(self, markets: MarketNumbers) -> None:
        self._markets = markets
        self.closes = SplitCloses()
        self._day = ""

    def of_day(self, day: str) -> None:
        """Numbers of the day before mean nothing any more."""
        if day != self._day:
            self._day = day
            self.closes.clear()

    # Orders ---------------------------------------------------------------------------------------------------

    def order(self, row: Row) -> OrderState:
        """A row of 32003. Raises UfxRowUnreadable."""
        word = text_of(row, "entrust_state")
        volume, traded = quantity(row, "entrust_amount"), quantity(row, "deal_amount", 0)
        is_cancelled = word in STATES_CANCELLED or word == PART_CANCELLED
        withdrawn = quantity(row, "withdraw_amount", 0)
        state = replace(
            self._common(row),
            volume=volume,
            traded=traded,
            canceled=(withdrawn or volume - traded) if is_cancelled else 0,
            is_rejected=word == STATE_REJECTED,
            is_confirmed=word != NOT_SENT,
            text=text_of(row, "withdraw_cause") or text_of(row, "revoke_cause"),
            insert_date=_day(text_of(row, "entrust_date")),
            insert_time=_time(text_of(row, "entrust_time")),
        )
        return self._shown(row, state)

    def push(self, row: Row) -> OrderState:
        """A push of types a to e. Raises UfxRowUnreadable."""
        kind = text_of(row, "msgtype")
        if kind not in {PLACED, CONFIRMED, REJECTED, CANCEL_PLACED, CANCELLED}:
            raise UfxRowUnreadable(f"msgtype {kind[:8]!r}")
        state = replace(
            self._common(row),
            volume=quantity(row, "entrust_amount"),
            canceled=quantity(row, "cancel_amount") if kind == CANCELLED else 0,
            is_rejected=kind == REJECTED,
            is_confirmed=kind != PLACED,
            text=text_of(row, "revoke_cause") if kind == REJECTED else "",
            insert_date=_day(text_of(row, "business_date")) if kind == PLACED else "",
            insert_time=_time(text_of(row, "business_time")) if kind == PLACED else "",
        )
        return self._shown(row, state)

    def _common(self, row: Row) -> OrderState:
        return OrderState(
            native_id=_id(row, "entrust_no", 20),
            exchange_id=self.exchange(row),
            instrument_id=_id(row, "stock_code", 80),
            direction=_word(row, "entrust_direction", SIDES_BACK),
            offset=OPENS if text_of(row, "futures_direction") == OPEN else "1",
            hedge=_SPECULATION,
            price=amount(row, "entrust_price"),
            volume=0,
            name=read_key(text_of(row, "third_reff")),
        )

    def _shown(self, row: Row, state: OrderState) -> OrderState:
        """As the order that a terminal sent; another program's as it is."""
        if state.name is None or state.offset == OPENS:
            return state
        return self.closes.order(text_of(row, "third_reff"), state)

    def contract(self, row: Row) -> tuple[str, str]:
        """Exchange and number of the order that a row is about. Raises UfxRowUnreadable."""
        exchange = self.exchange(row)
        return exchange, self.closes.number_of((exchange, _id(row, "entrust_no", 20)))

    def exchange(self, row: Row) -> str:
        """Raises UfxRowUnreadable."""
        number = text_of(row, "market_no")
        name = self._markets.by_number.get(number)
        if name is None:
            raise UfxRowUnreadable(f"market_no {number[:8]!r} is not known")
        return name

    # Trades ---------------------------------------------------------------------------------------------------

    def trade(self, row: Row) -> TradeState:
        """A row of 33003, or a push of type g. Raises UfxRowUnreadable."""
        trade = TradeState(
            trade_id=_id(row, "deal_no", 20),
            exchange_id=self.exchange(row),
            native_id=_id(row, "entrust_no", 20),
            instrument_id=_id(row, "stock_code", 80),
            direction=_word(row, "entrust_direction", SIDES_BACK),
            offset=OPENS if text_of(row, "futures_direction") == OPEN else "1",
            hedge=_SPECULATION,
            price=amount(row, "deal_price"),
            volume=quantity(row, "deal_amount"),
            trade_date=_day(text_of(row, "deal_date")),
            trade_time=_time(text_of(row, "deal_time")),
        )
        if trade.offset == OPENS:
            return trade
        key = text_of(row, "third_reff")
        return self.closes.trade(key if read_key(key) is not None else "", trade)

    @staticmethod
    def fee(row: Row) -> float:
        """What one trade cost. Raises UfxRowUnreadable."""
        return amount(row, "total_fee", 0.0)

    # Positions and funds --------------------------------------------------------------------------------------

    def positions(self, row: Row, who: Values, day: str) -> list[Values]:
        """A row of 31003, as one row or, where the exchange keeps today apart, as two. Raises UfxRowUnreadable."""
        exchange, is_long = self.exchange(row), text_of(row, "position_flag") == LONG
        total, today = quantity(row, "total_amount"), quantity(row, "today_amount", 0)
        cost, frozen = amount(row, "current_cost", 0.0), total - quantity(row, "enable_amount", total)
        base: Values = {
            **who,
            "InstrumentID": _id(row, "stock_code", 80),
            "ExchangeID": exchange,
            "PosiDirection": "2" if is_long else "3",
            "HedgeFlag": _SPECULATION,
            "TradingDay": day,
        }
        stuck = "ShortFrozen" if is_long else "LongFrozen"
        if exchange not in _TODAY_APART:
            lots = {"PositionDate": "1", "Position": total, "TodayPosition": today, "YdPosition": total - today}
            return [{**base, **lots, "PositionCost": cost, "OpenCost": cost, stuck: frozen}]
        rows: list[Values] = []
        for date, lots_held in (("1", today), ("2", total - today)):
            if lots_held:
                part = cost * lots_held / total
                old = {"TodayPosition": lots_held if date == "1" else 0, "YdPosition": 0 if date == "1" else lots_held}
                of_frozen = min(frozen, lots_held)
                frozen -= of_frozen
                held = {"PositionDate": date, "Position": lots_held, "PositionCost": part, "OpenCost": part}
                rows.append({**base, **held, **old, stuck: of_frozen})
        return rows

    @staticmethod
    def funds(row: Row, who: Values, day: str) -> Values:
        """A row of 34003. Raises UfxRowUnreadable."""
        available = amount(row, "enable_deposit_balance")
        return {
            "BrokerID": who["BrokerID"],
            "AccountID": who["InvestorID"],
            "FrozenMargin": amount(row, "futu_temp_occupy_deposit", 0.0),
            "CurrMargin": amount(row, "occupy_deposit_balance", 0.0),
            "Balance": amount(row, "futu_deposit_balance", 0.0),
            "Available": available,
            "WithdrawQuota": max(0.0, available),
            "TradingDay": day,
            "CurrencyID": "CNY",
        }


def text_of(row: Row, name: str) -> str:
    return row.get(name, "").strip()


def quantity(row: Row, name: str, default: int | None = None) -> int:
    """A count of lots. Raises UfxRowUnreadable."""
    number = amount(row, name, None if default is None else float(default))
    if not number.is_integer() or not 0 <= number < 2**31:
        raise UfxRowUnreadable(f"{name} is no count")
    return int(number)


def amount(row: Row, name: str, default: float | None = None) -> float:
    """Raises UfxRowUnreadable."""
    text = text_of(row, name)
    if not text and default is not None:
        return default
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UfxRowUnreadable(f"{name} is no number")
    return number


def _id(row: Row, name: str, longest: int) -> str:
    text = text_of(row, name)
    if not 0 < len(text) <= longest or not text.isascii():
        raise UfxRowUnreadable(f"{name} is no identifier")
    return text


def _word(row: Row, name: str, words: Mapping[str, str]) -> str:
    code = words.get(text_of(row, name))
    if code is None:
        raise UfxRowUnreadable(f"{name} {text_of(row, name)[:8]!r} is not known")
    return code


def _day(text: str) -> str:
    return text if len(text) == 8 and text.isdecimal() else ""


def _time(text: str) -> str:
    """HHMMSS, or with a leading zero lost, as CTP writes it."""
    digits = text.replace(":", "").rjust(6, "0")
    return f"{digits[:2]}:{digits[2:4]}:{digits[4:]}" if digits.isdecimal() and len(digits) == 6 else ""
