"""91004 and 91105: a UFX order becomes the kernel's, and the kernel's effects become pushes.

A closing order at an exchange that keeps today's positions apart closes today's first, and is two entrusts of one batch
where today's are not enough.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from simcounter.events import Effect, TopicNotice
from simcounter.kernel import Kernel
from simcounter.records import Records
from simcounter.session import Session, Values
from simcounter.trading.book import BookSide
from simcounter.trading.portfolio import CLOSE_TODAY, OPEN, PositionKey
from simcounter.ufx import codes
from simcounter.ufx.answers import UfxAnswer, refusal_of, refused
from simcounter.ufx.rows import NativeEntrust, UfxRow, account_of, common_row, entrust_row, state_of
from simcounter.ufx.tokens import IssuedToken

_CLOSE = "1"
_MAX_EXTSYSTEM_ID = 99_999_999
_MAX_REFERENCE = 255
_MAX_CANCELS = 100

Row = Mapping[str, str]


class UfxOrders:
    """Entrusts of the day, and what the kernel knows of them."""

    def __init__(self, kernel: Kernel, records: Records) -> None:
        self._kernel = kernel
        self._records = records
        self.native: dict[int, NativeEntrust] = {}
        """by the desk's number of the order, which is the entrust_no"""
        self._last_batch = 0

    def start_day(self) -> None:
        self.native.clear()
        self._last_batch = 0

    def native_of(self, key: int) -> NativeEntrust:
        """Orders of other fronts have one too, without references."""
        return self.native.setdefault(key, NativeEntrust())

    def ask(self, session: Session, method: str, values: Values) -> list[Effect]:
        """One request to the kernel."""
        body = self._records.pack(self._records.catalog.methods[method].struct, values)
        return self._kernel.handle_request(session, method, body, 0)

    # Orders ---------------------------------------------------------------------------------------------------

    def insert(self, token: IssuedToken, rows: Sequence[Row]) -> UfxAnswer:
        """91004, of one row."""
        row = rows[0]
        account = account_of(row)
        portfolio = self._kernel.desk.portfolios.get(account)
        values = _input_order(row)
        if portfolio is None:
            return refused(codes.NO_SUCH_ACCOUNT)
        if values is None:
            return refused(codes.BAD_FIELD)
        portfolio.confirmed_on = self._kernel.access.trading_day
        values |= {"BrokerID": self._kernel.accounts.broker_id, "InvestorID": account}
        self._last_batch += 1
        answers, effects = list[UfxRow](), list[Effect]()
        for offset, volume in self._parts(account, values):
            part = {**values, "CombOffsetFlag": offset, "VolumeTotalOriginal": volume}
            found = self.ask(token.session, "ReqOrderInsert", part)
            refusal = refusal_of(found)
            if refusal is not None and not answers:
                return refusal
            effects += found
            if refusal is None:
                answers.append(self._take(token, row, found))
        return UfxAnswer(rows=answers, effects=effects)

    def _take(self, token: IssuedToken, row: Row, effects: list[Effect]) -> UfxRow:
        first = next(effect for effect in effects if isinstance(effect, TopicNotice))
        key = key_of(self._records.unpack("Order", first.body))
        native = NativeEntrust(
            token.operator_no, self._last_batch, row.get("extsystem_id", ""), row.get("third_reff", "")
        )
        self.native[key] = native
        return {"batch_no": self._last_batch, "entrust_no": key, "extsystem_id": native.extsystem_id}

    def _parts(self, account: str, values: Values) -> list[tuple[str, int]]:
        """CTP's CombOffsetFlag and lots of each entrust."""
        volume: int = values["VolumeTotalOriginal"]
        instrument = self._kernel.desk.markets.instruments.get(values["InstrumentID"])
        if values["CombOffsetFlag"] == OPEN or instrument is None or not instrument.product.tells_today_from_yesterday:
            return [(values["CombOffsetFlag"], volume)]
        held = BookSide.SELL if values["Direction"] == "0" else BookSide.BUY
        key = PositionKey(values["InstrumentID"], held, values["CombHedgeFlag"])
        position = self._kernel.desk.portfolios[account].positions.get(key)
        today = min(volume, position.closable(CLOSE_TODAY) if position is not None else 0)
        parts = [(CLOSE_TODAY, today), (_CLOSE, volume - today)]
        return [part for part in parts if part[1]]

    def cancel(self, token: IssuedToken, rows: Sequence[Row]) -> UfxAnswer:
        """91105: each row for itself."""
        answers, effects = list[UfxRow](), list[Effect]()
        for row in rows[:_MAX_CANCELS]:
            answer, found = self._cancel(token, row)
            answers.append(answer)
            effects += found
        return UfxAnswer(rows=answers, effects=effects)

    def _cancel(self, token: IssuedToken, row: Row) -> tuple[UfxRow, list[Effect]]:
        number = row.get("entrust_no", "")
        order = self._kernel.desk.orders.get(int(number)) if number.isdecimal() and len(number) < 10 else None
        result: UfxRow = {"entrust_no": number, "success_flag": "2", "fail_cause": "", "entrust_state": ""}
        if order is None:
            return {**result, "fail_cause": "委托不存在"}, []
        action = {
            "BrokerID": self._kernel.accounts.broker_id,
            "InvestorID": order.investor_id,
            "ActionFlag": "0",
            "OrderSysID": str(order.system_id),
            "ExchangeID": order.instrument.exchange_id,
            "InstrumentID": order.instrument.instrument_id,
        }
        effects = self.ask(token.session, "ReqOrderAction", action)
        refusal = refusal_of(effects)
        if refusal is not None:
            return {**result, "fail_cause": refusal.text}, refusal.effects
        return {**result, "success_flag": "1", "entrust_state": state_of(order, "")}, effects

    # Pushes ---------------------------------------------------------------------------------------------------

    def pushes(self, notice: TopicNotice) -> list[UfxRow]:
        """What `ufx_topic` says to this notice; empty for most."""
        if notice.callback == "OnRtnOrder":
            return self._order_pushes(self._records.unpack("Order", notice.body))
        if notice.callback == "OnRtnTrade":
            return self._trade_pushes(self._records.unpack("Trade", notice.body))
        if notice.callback == "OnErrRtnOrderAction":
            return self._failed_cancel(notice, self._records.unpack("OrderAction", notice.body))
        return []

    def _order_pushes(self, values: Values) -> list[UfxRow]:
        key = key_of(values)
        order, native = self._kernel.desk.orders[key], self.native_of(key)
        row = {**common_row(order, native), "confirm_no": str(values["OrderSysID"]).strip()}
        row |= {"business_date": values["InsertDate"], "business_time": values["InsertTime"].replace(":", "")}
        status = values["OrderStatus"]
        if status == "a":
            return [{"msgtype": codes.PLACED, **row, "entrust_state": codes.NOT_SENT}]
        if status == "5" and values["OrderSubmitStatus"] == "4":
            cause = {"entrust_state": codes.STATE_REJECTED, "revoke_cause": values["StatusMsg"]}
            return [{"msgtype": codes.REJECTED, **row, **cause}]
        pushes: list[UfxRow] = []
        if not native.confirmed:
            native.confirmed = True
            pushes.append({"msgtype": codes.CONFIRMED, **row, "entrust_state": codes.SENT})
        if status == "5":
            left, state = values["VolumeTotal"], codes.STATE_CANCELLED
            state = codes.PART_CANCELLED if values["VolumeTraded"] else state
            pushes += [
                {"msgtype": codes.CANCEL_PLACED, **row, "entrust_state": "a"},
                {"msgtype": codes.CANCELLED, **row, "cancel_amount": left, "entrust_state": state},
            ]
        return pushes

    def _trade_pushes(self, values: Values) -> list[UfxRow]:
        key = key_of(values)
        order, native = self._kernel.desk.orders[key], self.native_of(key)
        price, volume = float(values["Price"]), int(values["Volume"])
        deal = {
            "deal_no": str(values["TradeID"]).strip(),
            "deal_amount": volume,
            "deal_price": price,
            "deal_balance": price * volume * order.instrument.product.multiplier,
            "total_deal_amount": order.traded,
            "deal_date": values["TradeDate"],
            "deal_time": values["TradeTime"].replace(":", ""),
            "entrust_state": codes.ALL_TRADED if not order.remaining else codes.PART_TRADED,
        }
        return [{"msgtype": codes.TRADED, **common_row(order, native), "stock_code": values["InstrumentID"], **deal}]

    def _failed_cancel(self, notice: TopicNotice, values: Values) -> list[UfxRow]:
        number = str(values.get("OrderSysID", "")).strip()
        exchange = values.get("ExchangeID", "")
        found = [
            order
            for order in self._kernel.desk.orders.values()
            if str(order.system_id) == number and order.instrument.exchange_id == exchange
        ]
        cause = notice.rsp_info.error_msg if notice.rsp_info is not None else ""
        return [
            {"msgtype": codes.CANCEL_FAILED, **common_row(order, self.native_of(order.key)), "fail_cause": cause}
            for order in found[:1]
        ]

    def entrust(self, key: int) -> UfxRow:
        """A row of 32003."""
        order = self._kernel.desk.orders[key]
        return entrust_row(order, self._records.unpack("Order", bytes(order.body)), self.native_of(key))


def key_of(values: Mapping[str, Any]) -> int:
    """The desk's number of an order, from its Order or Trade struct; it is UFX's entrust_no."""
    return int(values["OrderLocalID"])


def _input_order(row: Row) -> Values | None:
    """The kernel's InputOrder; None where a word is not UFX's."""
    try:
        price, volume = float(row["entrust_price"]), int(row["entrust_amount"])
        values = {
            "ExchangeID": codes.MARKETS_BACK[row["market_no"]],
            "InstrumentID": row["stock_code"],
            "Direction": {codes.BUY: "0", codes.SELL: "1"}[row["entrust_direction"]],
            "CombOffsetFlag": {codes.OPEN: OPEN, codes.CLOSE: _CLOSE}[row["futures_direction"]],
        }
        number = int(row.get("extsystem_id") or 1)
    except (KeyError, ValueError, OverflowError):
        return None
    if row.get("price_type") != codes.LIMIT_PRICE or not math.isfinite(price) or not 0 < volume < 2**31:
        return None
    if not 0 < number <= _MAX_EXTSYSTEM_ID or len(row.get("third_reff", "")) > _MAX_REFERENCE:
        return None
    if not 0 < len(values["InstrumentID"]) <= 80:
        return None
    kinds = {"VolumeCondition": "1", "ContingentCondition": "1", "ForceCloseReason": "0", "MinVolume": 1}
    limit = {"OrderPriceType": "2", "TimeCondition": "3", "CombHedgeFlag": "1"}
    return {**values, **kinds, **limit, "LimitPrice": price, "VolumeTotalOriginal": volume}
