"""One account's orders and trades of the trading day: what of each the terminals have not been told yet. Pure.

What is kept: orders by their number at the counter, and by the terminal's name; trades that were told, by what they are
told once by; trades that came before their order.

Three sources say the same things in any order: an order's answer, pushes, and queries. So an order is told when what
it says has changed, and a trade when its key is new. What holds between two calls:

* What was final stays final, and the traded volume never falls: a query may be older than a push that overtook it.
* A trade is told behind its order. One whose order is not known waits; `unknown` names such orders, and a query of
  them lets go what waits.
* The traded volume is the greater of what the counter said and of what the told trades make.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace

from relay.counter.translated.values import KnownOrder, NewOrder, OrderState, SentName, TradeState, Values

MOST_EARLY = 1000
"""trades that may wait for their orders; beyond, the oldest is forgotten, and the next rebuild brings it"""
_REJECTED, _ACCEPTED, _SUBMITTED = "4", "3", "0"
"""CTP's OrderSubmitStatus"""
_WORDS = {"0": "全部成交", "1": "部分成交", "3": "未成交", "5": "已撤单", "a": "报单已提交"}

Notice = tuple[str, Values]
"""callback and its struct's values"""


class AccountBook:
    """Of one account, for one day."""

    def __init__(self, broker_id: str, investor_id: str) -> None:
        self._who: Values = {"BrokerID": broker_id, "InvestorID": investor_id, "UserID": investor_id}
        self.begin_day("")

    def begin_day(self, trading_day: str) -> None:
        """Nothing is known of this day yet."""
        self.trading_day = trading_day
        self._by_native: dict[tuple[str, str], KnownOrder] = {}
        self._by_name: dict[tuple[int, int, str], KnownOrder] = {}
        self._trades: dict[tuple[str, str, str], TradeState] = {}
        self._early: OrderedDict[tuple[str, str, str], TradeState] = OrderedDict()

    def __len__(self) -> int:
        """How many orders are known."""
        return len(self._by_name) + sum(order.name is None for order in self._by_native.values())

    # What is sent ---------------------------------------------------------------------------------------------

    def sent(self, order: NewOrder, sender: str, request_id: int) -> KnownOrder:
        """It is about to be sent; nothing is told of it yet."""
        state = _state_of(order.values)
        known = KnownOrder(state, order.name, order.values, sender, in_doubt=True, request_id=request_id)
        self._by_name[_key(order.name)] = known
        return known

    def accepted(self, order: KnownOrder, native_id: str) -> list[Notice]:
        """The counter took it under this number. A push may have said more already."""
        order.in_doubt = False
        key = order.state.exchange_id, native_id
        known = self._by_native.setdefault(key, order)
        if known is not order:  # a push made it, before the answer said whose it is
            known.name, known.sent, known.sender, known.in_doubt = order.name, order.sent, order.sender, False
            if order.name is not None:
                self._by_name[_key(order.name)] = known
        elif not order.state.native_id:
            order.state = replace(order.state, native_id=native_id, is_confirmed=True)
        return self._say(known) + self._released(key)

    def refused(self, order: KnownOrder) -> None:
        """The counter has no such order."""
        if order.name is not None:
            self._by_name.pop(_key(order.name), None)

    def lost(self, order: KnownOrder) -> list[Notice]:
        """No answer came: it may be at the counter."""
        return self._say(order) if order.in_doubt else []

    def in_doubt(self) -> list[KnownOrder]:
        """Orders of which it is not known whether the counter has them."""
        return [order for order in self._by_name.values() if order.in_doubt]

    def nameless_shapes(self) -> set[tuple[object, ...]]:
        """What orders without a name look like: one in doubt may be one of them, and then nothing is said of either."""
        return {shape_of(known.state) for known in self._by_native.values() if known.name is None}

    # What is heard --------------------------------------------------------------------------------------------

    def order(self, state: OrderState) -> list[Notice]:
        """The counter says this of an order."""
        key = state.exchange_id, state.native_id
        known = self._by_native.get(key)
        if known is None:
            named = self._by_name.get(_key(state.name)) if state.name is not None else None
            known = self._by_native[key] = named or KnownOrder(state, state.name)
        if known.name is None and state.name is not None:
            known.name = state.name
        if known.name is not None:
            self._by_name.setdefault(_key(known.name), known)
        known.in_doubt = False
        known.state = later_state(known.state, state)
        return self._say(known) + self._released(key)

    def trade(self, trade: TradeState) -> list[Notice]:
        """The counter says this of a trade."""
        if trade.key in self._trades:
            return []
        order = self._by_native.get((trade.exchange_id, trade.native_id))
        if order is None:
            self._early[trade.key] = trade  # said again, it may be of an order with another number
            if len(self._early) > MOST_EARLY:
                self._early.popitem(last=False)
            return []
        self._early.pop(trade.key, None)
        return self._tell_trade(order, trade)

    @property
    def unknown(self) -> list[tuple[str, str]]:
        """Exchange and number of orders whose trades wait for them."""
        return list(dict.fromkeys((trade.exchange_id, trade.native_id) for trade in self._early.values()))

    def _released(self, key: tuple[str, str]) -> list[Notice]:
        if not self._early:
            return []
        mine = [trade for trade in self._early.values() if (trade.exchange_id, trade.native_id) == key]
        notices: list[Notice] = []
        for trade in mine:
            del self._early[trade.key]
            notices += self._tell_trade(self._by_native[key], trade)
        return notices

    def _tell_trade(self, order: KnownOrder, trade: TradeState) -> list[Notice]:
        self._trades[trade.key] = trade
        order.from_trades += trade.volume
        return [*self._say(order), ("OnRtnTrade", self._trade_values(order, trade))]

    # What is asked --------------------------------------------------------------------------------------------

    def named(self, front: int, session: int, ref: str) -> KnownOrder | None:
        return self._by_name.get((front, session, ref.strip()))

    def numbered(self, exchange_id: str, native_id: str) -> KnownOrder | None:
        """By the counter's number; where no exchange is named, of any, if it is one alone."""
        wanted = native_id.strip()
        if exchange_id:
            return self._by_native.get((exchange_id, wanted))
        found = [order for (_, number), order in self._by_native.items() if number == wanted]
        return found[0] if len(found) == 1 else None

    def of_cancel(self, values: Values) -> KnownOrder | None:
        """The order that an InputOrderAction names."""
        if values["OrderSysID"].strip():
            return self.numbered(values["ExchangeID"], values["OrderSysID"])
        return self.named(values["FrontID"], values["SessionID"], values["OrderRef"])

    def day(self) -> Iterator[Notice]:
        """Everything there is now, for a terminal that has just come: each order as it is, and then the trades.

        Made as it is taken, since a day may have thousands. Where the day changes meanwhile, the rest is of no day any more.
        """
        orders = {id(order): order.as_it_is() for order in [*self._by_native.values(), *self._by_name.values()]}
        return self._day_of(self.trading_day, list(orders.values()), list(self._trades.values()))

    def _day_of(self, day: str, orders: list[KnownOrder], trades: list[TradeState]) -> Iterator[Notice]:
        for order in orders:
            if self.trading_day == day:
                yield "OnRtnOrder", self.order_values(order)
        for trade in trades:
            if self.trading_day == day:
                yield "OnRtnTrade", self.trade_values(trade)

    def _say(self, order: KnownOrder) -> list[Notice]:
        values = self.order_values(order)
        if order.told == values:
            return []
        order.told = values
        return [("OnRtnOrder", values)]

    def order_values(self, order: KnownOrder) -> Values:
        """The Order struct."""
        state, status = order.state, order.status
        submitted = _REJECTED if state.is_rejected else _ACCEPTED if state.native_id else _SUBMITTED
        return {
            **self._base(order),
            "OrderPriceType": state.price_type,
            "Direction": state.direction,
            "CombOffsetFlag": state.offset,
            "CombHedgeFlag": state.hedge,
            "LimitPrice": state.price,
            "VolumeTotalOriginal": state.volume,
            "VolumeTraded": order.traded,
            "VolumeTotal": max(0, state.volume - order.traded),
            "OrderStatus": status,
            "OrderSubmitStatus": submitted,
            "StatusMsg": state.text or _WORDS[status],
            "InsertDate": state.insert_date,
            "InsertTime": state.insert_time,
            "TimeCondition": order.sent.get("TimeCondition") or "3",
            "VolumeCondition": order.sent.get("VolumeCondition") or "1",
            "ContingentCondition": "1",
            "ForceCloseReason": "0",
            "RequestID": order.sent.get("RequestID", 0),
        }

    def action_values(self, order: KnownOrder) -> Values:
        """The OrderAction struct of its cancel."""
        return {**self._base(order), "ActionFlag": "0"}

    def _base(self, order: KnownOrder) -> Values:
        state, name = order.state, order.name
        own: Values = {"FrontID": name.front, "SessionID": name.session, "OrderRef": name.ref} if name else {}
        return {
            **self._who,
            **own,
            "TradingDay": self.trading_day,
            "InstrumentID": state.instrument_id,
            "ExchangeID": state.exchange_id,
            "OrderSysID": state.native_id,
            "OrderLocalID": state.native_id[:12],
        }

    def trade_values(self, trade: TradeState) -> Values:
        """The Trade struct; without a reference where its order is not known."""
        order = self._by_native.get((trade.exchange_id, trade.native_id))
        return self._trade_values(order or KnownOrder(_order_of(trade), None), trade)

    def _trade_values(self, order: KnownOrder, trade: TradeState) -> Values:
        base = {name: value for name, value in self._base(order).items() if name not in {"FrontID", "SessionID"}}
        return {
            **base,
            "TradeID": trade.trade_id,
            "Direction": trade.direction,
            "OffsetFlag": trade.offset,
            "HedgeFlag": trade.hedge,
            "Price": trade.price,
            "Volume": trade.volume,
            "TradeDate": trade.trade_date,
            "TradeTime": trade.trade_time,
            "TradeType": "0",
            "PriceSource": "0",
        }


def _key(name: SentName) -> tuple[int, int, str]:
    return name.front, name.session, name.ref.strip()


def shape_of(state: OrderState) -> tuple[object, ...]:
    """By what two orders may be taken for one."""
    return state.exchange_id, state.instrument_id, state.direction, state.offset, state.price, state.volume


def _state_of(values: Values) -> OrderState:
    return OrderState(
        native_id="",
        exchange_id=values["ExchangeID"],
        instrument_id=values["InstrumentID"],
        direction=values["Direction"],
        offset=values["CombOffsetFlag"][:1],
        hedge=values["CombHedgeFlag"][:1],
        price=values["LimitPrice"],
        volume=values["VolumeTotalOriginal"],
        is_confirmed=False,
        price_type=values["OrderPriceType"],
    )


def _order_of(trade: TradeState) -> OrderState:
    of = trade.native_id, trade.exchange_id, trade.instrument_id, trade.direction, trade.offset, trade.hedge
    return OrderState(*of, price=trade.price, volume=0)


def later_state(before: OrderState, now: OrderState) -> OrderState:
    """What is known now: nothing that was known becomes less."""
    return replace(
        now,
        traded=max(before.traded, now.traded),
        canceled=max(before.canceled, now.canceled),
        is_rejected=before.is_rejected or now.is_rejected,
        is_confirmed=before.is_confirmed or now.is_confirmed,
        text=now.text or before.text,
        insert_date=now.insert_date or before.insert_date,
        insert_time=now.insert_time or before.insert_time,
    )
