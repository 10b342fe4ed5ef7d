"""CTS's rows, as CTP's values. Pure.

A number may come as a number or as text; what is neither, or no quantity there can be, makes the row unreadable, and it is
left out by name of the field: half a row would be a wrong one. Quantities say what an order's status is: `knockQty`,
`withdrawQty` and `validFlag` are in the public client, the numbers of `orderStatus` are not.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any

from relay.counter.cts.wire import text_of
from relay.counter.cts.words import HEDGES_BACK, OFFSETS_BACK, PRICES_BACK, SIDES_BACK, ExchangeLetters
from relay.counter.translated.days import day_in
from relay.counter.translated.names import read_key
from relay.counter.translated.values import OrderState, SentName, TradeState, Values

MOST = 2**31 - 1
_HIGHEST = 1e15
_INVALID = {"1", "2"}
_WAITING = "-1"
"""validFlag"""
_TODAY_APART = frozenset({"SHFE", "INE"})
"""where CTP shows today's and yesterday's lots in rows of their own"""

Row = Mapping[str, Any]


class UnreadableRow(ValueError):
    """A field is not what it must be; the text names it, not its value."""


def amount(row: Row, name: str, default: float | None = None) -> float:
    """A price or an amount of money."""
    value = row.get(name)
    if default is not None and (value is None or value == ""):
        return default
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or abs(number) > _HIGHEST:
        raise UnreadableRow(f"{name} is no number")
    return number


def quantity(row: Row, name: str, default: int | None = None) -> int:
    """Lots: a whole number, 0 or more."""
    number = amount(row, name, None if default is None else float(default))
    if number != int(number) or not 0 <= number <= MOST:
        raise UnreadableRow(f"{name} is no quantity")
    return int(number)


def _word(row: Row, name: str, words: Mapping[str, str]) -> str:
    found = words.get(text_of(row, name))
    if found is None:
        raise UnreadableRow(f"{name} is none of CTS's words")
    return found


def _id(row: Row, name: str, most: int) -> str:
    text = text_of(row, name).strip()
    if not 0 < len(text) <= most or not text.isascii() or not text.isprintable():
        raise UnreadableRow(f"{name} is no identifier")
    return text


class RowReader:
    """For one adapter."""

    def __init__(self, letters: ExchangeLetters, find_number: Any) -> None:
        """`find_number` gives the name of an order from its number, None where it is not ours."""
        self._letters = letters
        self._find_number = find_number

    def contract(self, row: Row) -> tuple[str, str]:
        """Exchange and number of the order that a row speaks of."""
        return self.exchange(row), _id(row, "contractNum", 20)

    def exchange(self, row: Row) -> str:
        return _word(row, "exchId", self._letters.by_letter)

    def order(self, row: Row) -> OrderState:
        """An orderInfo of 16011. Raises UnreadableRow."""
        exchange, number = self.contract(row)
        date, time = _moment(text_of(row, "orderTime"))
        flag = text_of(row, "validFlag")
        why = text_of(row, "validFlagDesc") if flag in _INVALID else ""
        return OrderState(
            native_id=number,
            exchange_id=exchange,
            instrument_id=_id(row, "stkId", 80),
            direction=_word(row, "bsFlag", SIDES_BACK),
            offset=_word(row, "f_offSetFlag", OFFSETS_BACK),
            hedge=HEDGES_BACK.get(text_of(row, "f_hedgeFlag"), "1"),
            price=amount(row, "futureOrderPrice" if row.get("futureOrderPrice") else "orderPrice"),
            volume=quantity(row, "orderQty"),
            traded=quantity(row, "knockQty", 0),
            canceled=quantity(row, "withdrawQty", 0),
            is_rejected=flag in _INVALID,
            is_confirmed=flag != _WAITING,
            text=why or (text_of(row, "memo") if flag in _INVALID else ""),
            insert_date=date,
            insert_time=time,
            price_type=PRICES_BACK.get(text_of(row, "f_orderPriceType"), "2"),
            name=self._name(row),
        )

    def trade(self, row: Row) -> TradeState:
        """A knockInfo of 16012, or a subKnockInfo of 17002 that is a trade. Raises UnreadableRow."""
        exchange, number = self.contract(row)
        date, time = _moment(text_of(row, "knockTime"))
        volume = quantity(row, "knockQty")
        if not volume:
            raise UnreadableRow("knockQty is 0")
        return TradeState(
            trade_id=_id(row, "knockCode", 20),
            exchange_id=exchange,
            native_id=number,
            instrument_id=_id(row, "stkId", 80),
            direction=_word(row, "bsFlag", SIDES_BACK),
            offset=_word(row, "f_offSetFlag", OFFSETS_BACK),
            hedge=HEDGES_BACK.get(text_of(row, "f_hedgeFlag"), "1"),
            price=amount(row, "knockPrice"),
            volume=volume,
            trade_date=date,
            trade_time=time,
        )

    def _name(self, row: Row) -> SentName | None:
        """Whose it is, by either of the two fields that the relay filled in."""
        found: SentName | None = read_key(text_of(row, "clientId")) or self._find_number(text_of(row, "batchNum"))
        return found

    def positions(self, row: Row, who: Values) -> list[Values]:
        """A positionInfo of 16006: one row, or today's and yesterday's where CTP has two. Raises UnreadableRow."""
        exchange = self.exchange(row)
        today_frozen, old_frozen = (
            quantity(row, "todayOffsFrozPositionQty", 0),
            quantity(row, "ydOffsFrozPositionQty", 0),
        )
        today = quantity(row, "todayPositionUsableQty", 0) + today_frozen
        total = quantity(row, "realTimePositionQty")
        is_long = _word(row, "bsFlag", SIDES_BACK) == "0"
        today_cost, old_cost = amount(row, "todayContractAmt", 0.0), amount(row, "ydContractAmt", 0.0)
        margin, profit = amount(row, "marginUsedAmt", 0.0), amount(row, "realtimePNL", 0.0)
        base: Values = {
            **who,
            "InstrumentID": _id(row, "stkId", 80),
            "ExchangeID": exchange,
            "PosiDirection": "2" if is_long else "3",
            "HedgeFlag": HEDGES_BACK.get(text_of(row, "f_hedgeFlag"), "1"),
            "PreSettlementPrice": amount(row, "preSettlementPrice", 0.0),
            "CloseProfit": amount(row, "closePNL", 0.0),
        }
        frozen = "ShortFrozen" if is_long else "LongFrozen"
        whole = {
            **base,
            "PositionDate": "1",
            "Position": total,
            "TodayPosition": today,
            "YdPosition": total - today,
            frozen: today_frozen + old_frozen,
            "PositionCost": today_cost + old_cost,
            "UseMargin": margin,
            "PositionProfit": profit,
        }
        if exchange not in _TODAY_APART:
            return [whole]
        parts = (("1", today, 0, today_frozen, today_cost), ("2", total - today, total - today, old_frozen, old_cost))
        cost = today_cost + old_cost
        return [
            {
                **whole,
                "PositionDate": date,
                "Position": lots,
                "TodayPosition": lots if date == "1" else 0,
                "YdPosition": old,
                frozen: stuck,
                "PositionCost": part,
                # CTS says margin and profit for both together; each part gets its share of the cost.
                "UseMargin": margin * part / cost if cost else 0.0,
                "PositionProfit": profit * part / cost if cost else 0.0,
            }
            for date, lots, old, stuck, part in parts
            if lots or (date == "1" and not total)
        ]

    @staticmethod
    def funds(row: Row, who: Values, day: str) -> Values:
        """The acctInfo of 16002. Raises UnreadableRow."""
        balance = amount(row, "realtimeAmt")
        moved = amount(row, "cashMovementAmt", 0.0)
        closed, profit, fees = (
            amount(row, "closePNL", 0.0),
            amount(row, "realtimePNL", 0.0),
            amount(row, "commision", 0.0),
        )
        return {
            "BrokerID": who["BrokerID"],
            "AccountID": who["InvestorID"],
            "PreBalance": balance - moved - closed - profit + fees,
            "PreMargin": amount(row, "ydMarginUsedAmt", 0.0),
            "Deposit": max(0.0, moved),
            "Withdraw": max(0.0, -moved),
            "FrozenMargin": amount(row, "tradeFrozenAmt", 0.0),
            "CurrMargin": amount(row, "marginUsedAmt", 0.0),
            "Commission": fees,
            "CloseProfit": closed,
            "PositionProfit": profit,
            "Balance": balance,
            "Available": amount(row, "usableAmt"),
            "WithdrawQuota": max(0.0, amount(row, "usableAmt")),
            "TradingDay": day,
            "CurrencyID": "CNY",
        }

    def instrument(self, row: Row) -> Values:
        """One of the futureList of 11003. Raises UnreadableRow."""
        return {
            "InstrumentID": _id(row, "stkId", 80),
            "ExchangeID": self.exchange(row),
            "InstrumentName": text_of(row, "stkName"),
            "ExchangeInstID": _id(row, "stkId", 80),
            "ProductID": text_of(row, "f_productId")[:80],
            "ProductClass": "1",
            "DeliveryYear": quantity(row, "deliveryYear", 0),
            "DeliveryMonth": quantity(row, "deliveryMonth", 0),
            "MaxMarketOrderVolume": quantity(row, "maxMarketOrderQty", 0),
            "MinMarketOrderVolume": quantity(row, "minMarketOrderQty", 0),
            "MaxLimitOrderVolume": quantity(row, "maxLimitOrderQty", 0),
            "MinLimitOrderVolume": quantity(row, "minLimitOrderQty", 0),
            "VolumeMultiple": quantity(row, "contractTimes"),
            "PriceTick": amount(row, "orderPriceUnit"),
            "ExpireDate": _day(text_of(row, "lastTrdDate")),
            "InstLifePhase": "1",
            "IsTrading": 1,
            "PositionType": "2",
        }


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter in "0123456789")


def _day(text: str) -> str:
    digits = _digits(text)[:8]
    return digits if len(digits) == 8 else ""


def _moment(text: str) -> tuple[str, str]:
    """Date and time as CTP writes them, of HH:MM:SS, HHMMSS or YYYYMMDDHHMMSS with anything between; empty where it is none."""
    digits = _digits(text)
    date, time = (digits[:8], digits[8:14]) if len(digits) >= 14 else ("", digits[:6])
    if len(time) != 6:
        return date, ""
    return date, f"{time[:2]}:{time[2:4]}:{time[4:]}"


def trading_day(text: str) -> dt.date | None:
    """SysDate; None where it is no day."""
    return day_in(_day(text))
