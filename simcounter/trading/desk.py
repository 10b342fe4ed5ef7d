"""Orders in, returns out: accepts, matches, settles funds and positions, cancels.

What is kept for the day: `orders` by key, and two indexes of them, by front, session and reference and by exchange and
system id; `markets`, the books; `_fills`, the trades. What is carried from day to day: `portfolios`, an investor's money
and positions.

The life of one order, in CTP's two steps:

1. `insert` checks what CTP's own side checks: identity, reference, instrument, fields, price, the settlement
   confirmation, the pace, the risk. A refusal here is OnRspOrderInsert and OnErrRtnOrderInsert, and there is no order.
2. `take_order` accepts it: it is registered, margin and commission or the position to close are frozen, and OnRtnOrder
   goes out without an OrderSysID. Then the exchange may refuse it: canceled, with the reason as its status text.
3. It gets its OrderSysID and meets the book. It trades at once, rests in the book, or is canceled (FAK, FOK, market
   orders without a price to rest at). Each fill is OnRtnOrder and then OnRtnTrade, for both sides of the match.
4. A resting order ends by a fill, by `action`, or with the day.

What holds between two events:

* What an order has frozen is what it may still cost: each fill uses its part, and its end gives back the rest.
  So the available money never counts an amount twice.
* A resting order is in exactly one book, with exactly its remaining volume; a final one is in none.
* An order keeps its key, its TraderID and OrderLocalID and its OrderSysID for the day. FrontID, SessionID and OrderRef
  change only in `clear_flow`, as at CTP.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable

from simcounter.accounts import Accounts, Role, User
from simcounter.config import CounterConfig
from simcounter.errors_text import ErrorId
from simcounter.events import Effect
from simcounter.pace import PerSecond
from simcounter.records import Records
from simcounter.session import Clock, Handler, Session, Stamps, Values
from simcounter.trading import rules
from simcounter.trading.book import BookSide, Fill, Resting
from simcounter.trading.fills import Fills, Trade
from simcounter.trading.instruments import Instrument, next_day, weekday_before
from simcounter.trading.intake import Intake
from simcounter.trading.legs import prices_of
from simcounter.trading.market import HOUSE, Market, Markets
from simcounter.trading.order import ACCEPTED, INSERT_REJECTED, Order, OrderStatus
from simcounter.trading.portfolio import OPEN, Lot, Portfolio, PositionKey
from simcounter.trading.rules import Wish

TradingDay = Callable[[], str]
"""the counter's trading day, YYYYMMDD"""


class TradingDesk:
    """All orders, trades and markets of the trading day, and portfolios that are carried from day to day."""

    def __init__(
        self, config: CounterConfig, accounts: Accounts, records: Records, clock: Clock, trading_day: TradingDay
    ) -> None:
        self._config = config
        self._accounts = accounts
        self._records = records
        self._clock = clock
        self.trading_day = trading_day
        self.first_day = trading_day()
        self.pace = PerSecond(config.orders_per_second, clock)
        self.portfolios: dict[str, Portfolio] = {}
        self._given_settlements: dict[str, int] = {}
        self._begin(config.instruments)
        for user in accounts.users.values():
            if user.role is Role.INVESTOR:
                self.portfolios[user.user_id] = self.opening_portfolio(user)

    def _begin(self, instruments: dict[str, Instrument]) -> None:
        """Fresh books, orders and trades."""
        self.markets = Markets(instruments, self._config.seed, self._config.liquidity)
        self.orders: dict[int, Order] = {}
        self._last_key = 0
        self._by_reference: dict[tuple[int, int, str], Order] = {}
        self._by_system_id: dict[tuple[str, str], Order] = {}
        self._system_ids: Counter[str] = Counter()
        stamps = Stamps(self._clock)
        self._stamps = stamps
        self._fills = Fills(self._records, stamps, self.trading_day)
        self._intake = Intake(self._accounts.broker_id, self._records, stamps, self.trading_day())

    def start_day(self) -> None:
        """After `settle` and with the new trading day set: yesterday's positions and money, at its settlement prices."""
        settlements = self.settlement_prices()
        instruments = next_day(self.markets.instruments, settlements, self.first_day, self.trading_day())
        ticks = self.settlement_ticks
        carried = {name: portfolio.carried(instruments, ticks) for name, portfolio in self.portfolios.items()}
        self.portfolios = carried
        self._given_settlements.clear()
        self._begin(instruments)

    def set_settlement_price(self, instrument_id: str, price: float) -> None:
        """The exchange settles the day at `price`; without it, at the last price."""
        self._given_settlements[instrument_id] = self.markets.instruments[instrument_id].ticks(price)

    def settlement_ticks(self, instrument_id: str) -> int:
        """Today's settlement price, as far as it is known now."""
        given = self._given_settlements.get(instrument_id)
        return self.markets.last_ticks(instrument_id) if given is None else given

    def settlement_prices(self) -> dict[str, float]:
        """Yuan, by InstrumentID."""
        instruments = self.markets.instruments
        return {name: item.price(self.settlement_ticks(name)) for name, item in instruments.items()}

    def opening_portfolio(self, user: User) -> Portfolio:
        """What the settings give an investor on the counter's first day."""
        portfolio = Portfolio(user.user_id, user.balance)
        opened_on = weekday_before(self.first_day)
        for number, (instrument_id, direction, volume) in enumerate(user.positions, 1):
            instrument = self._config.instruments[instrument_id]
            position = portfolio.position(PositionKey(instrument_id, BookSide(direction), "1"), instrument)
            position.open_lot(Lot(f"{number:>20}", opened_on, instrument.reference_ticks, volume, is_today=False))
            position.previous_margin = position.margin
        portfolio.previous_margin = portfolio.margin
        return portfolio

    @property
    def trades(self) -> list[Trade]:
        """Of the day, in order."""
        return self._fills.trades

    def handlers(self) -> dict[str, Handler]:
        return {"ReqOrderAction": self.action}

    def insert(self, session: Session, values: Values, request_id: int, body: bytes) -> list[Effect]:
        """ReqOrderInsert: refused twice over (OnRsp… and OnErrRtn…), or OnRtnOrder and what follows."""
        identity = rules.identity_error(self._accounts, session, values)
        error_id = identity or self._insert_error(session, values)
        if error_id:
            investor_id = "" if identity else values["InvestorID"]
            return self._records.refusal(
                session, "ReqOrderInsert", values, request_id, error_id, investor_id=investor_id
            )
        return self.take_order(session, values, body)

    def take_order(self, session: Session, values: Values, body: bytes) -> list[Effect]:
        """An order that CTP has no objection to; the exchange may have one."""
        market = self.markets.by_id[values["InstrumentID"]]
        wish = rules.wish_of(market, values)
        order = self._accept(session, values, wish, body)
        effects: list[Effect] = [order.notice()]
        why = rules.exchange_refusal(wish, values)
        if why:
            self._release(order)
            order.become(OrderStatus.CANCELED, why, OrderSubmitStatus=INSERT_REJECTED)
            return [*effects, order.notice()]
        self._number(order)
        return effects + self._execute(market, order, values)

    def take_and_cancel_order(self, session: Session, values: Values, body: bytes) -> list[Effect]:
        """An order and its cancel: what it goes through when it does not trade."""
        effects = self.take_order(session, values, body)
        order = self.orders[self._last_key]
        return effects if order.is_final else effects + self._cancel(order)

    def _insert_error(self, session: Session, values: Values) -> int:
        portfolio = self.portfolios[values["InvestorID"]]
        unconfirmed = self._config.settlement_confirm_required and portfolio.confirmed_on != self.trading_day()
        error_id = rules.reference_error(session, values["OrderRef"])
        error_id = error_id or rules.instrument_error(self.markets, values)
        error_id = error_id or rules.field_error(values)
        market = self.markets.by_id.get(values["InstrumentID"])
        if market is not None:
            error_id = error_id or rules.price_type_error(market.instrument, values)
        if error_id or market is None:
            return error_id
        if unconfirmed:
            return ErrorId.SETTLEMENT_INFO_NOT_CONFIRMED
        if self.pace.exceeds(session.user.user_id if session.user is not None else ""):
            return ErrorId.ORDER_FREQ_LIMIT
        return rules.risk_error(self.markets, portfolio, rules.wish_of(market, values))

    def _accept(self, session: Session, values: Values, wish: Wish, body: bytes) -> Order:
        """Registers the order, unknown to the exchange yet, and freezes what it may cost."""
        self._last_key += 1
        order = self._intake.order(session, values, wish, body, self._last_key)
        self.orders[order.key] = order
        self._by_reference[session.front_id, session.session_id, order.order_ref.strip()] = order
        self._freeze(order)
        return order

    def _freeze(self, order: Order) -> None:
        portfolio = self.portfolios[order.investor_id]
        if order.offset == OPEN:
            order.frozen_margin = order.instrument.margin(order.limit_ticks, order.volume)
            order.frozen_commission = order.instrument.commission(order.limit_ticks, order.volume)
            portfolio.frozen_margin += order.frozen_margin
            portfolio.frozen_commission += order.frozen_commission
            return
        for leg in order.legs:
            leg.frozen_today = portfolio.position(leg.position, leg.instrument).freeze(order.offset, order.volume)
            leg.frozen_yesterday = order.volume - leg.frozen_today

    def _release(self, order: Order) -> None:
        """Gives back what a canceled or rejected order still reserved."""
        portfolio = self.portfolios[order.investor_id]
        portfolio.frozen_margin -= order.frozen_margin
        portfolio.frozen_commission -= order.frozen_commission
        order.frozen_margin = order.frozen_commission = 0.0
        if order.offset != OPEN:
            for leg in order.legs:
                portfolio.position(leg.position, leg.instrument).thaw(leg.frozen_today, leg.frozen_yesterday)
                leg.frozen_today = leg.frozen_yesterday = 0

    def _number(self, order: Order) -> None:
        """The exchange has taken the order: it gets the exchange's next OrderSysID, right-aligned in its field."""
        exchange_id = order.instrument.exchange_id
        self._system_ids[exchange_id] += 1
        order.system_id = self._system_ids[exchange_id]
        self._by_system_id[exchange_id, str(order.system_id)] = order
        order.pen.write_fields(order.body, OrderSysID=f"{order.system_id:>20}", OrderSubmitStatus=ACCEPTED)

    def _execute(self, market: Market, order: Order, values: Values) -> list[Effect]:
        market.refill()
        available = market.book.available(order.side, order.limit_ticks)
        needed = {rules.COMPLETE_VOLUME: order.volume, rules.MINIMUM_VOLUME: values["MinVolume"]}
        if available < needed.get(values["VolumeCondition"], 0):
            return self._cancel(order)
        fills = market.trade(order.side, order.limit_ticks, order.volume)
        effects = self._trade_all(order, fills)
        if not order.remaining:
            return effects
        unlimited = values["OrderPriceType"] != rules.LIMIT_PRICE
        if rules.never_waits(values) or (unlimited and not fills):
            return effects + self._cancel(order)
        if unlimited:
            order.limit_ticks = fills[-1].ticks
        order.resting = Resting(order.key, order.side, order.limit_ticks, order.remaining)
        market.book.rest(order.resting)
        if not order.traded:
            order.become(OrderStatus.QUEUEING)
            effects.append(order.notice())
        return effects

    def _trade_all(self, order: Order, fills: list[Fill]) -> list[Effect]:
        effects: list[Effect] = []
        for fill in fills:
            trade_id = self._fills.new_match(order.instrument.exchange_id)
            effects += self._trade(order, fill, trade_id)
            if fill.key != HOUSE:
                effects += self._trade(self.orders[fill.key], fill, trade_id)
        return effects

    def _trade(self, order: Order, fill: Fill, trade_id: str) -> list[Effect]:
        first = self.markets.last_ticks(order.legs[0].instrument.instrument_id)
        leg_ticks = prices_of(order.legs, first, fill.ticks)
        portfolio = self.portfolios[order.investor_id]
        return self._fills.trade(order, portfolio, leg_ticks, fill.volume, trade_id)

    def move_market(self, instrument_id: str, price: float) -> list[Effect]:
        """The market goes to `price`; resting orders on the way are filled."""
        market = self.markets.by_id[instrument_id]
        fills = market.move(market.instrument.ticks(price))
        effects: list[Effect] = []
        for _, fill in fills:
            trade_id = self._fills.new_match(market.instrument.exchange_id)
            effects += self._trade(self.orders[fill.key], fill, trade_id)
        return effects

    def action(self, session: Session, values: Values, request_id: int) -> list[Effect]:
        """ReqOrderAction: cancels by OrderSysID or by FrontID, SessionID and OrderRef."""
        identity = rules.identity_error(self._accounts, session, values)
        order = self._find(values)
        error_id = identity or self._action_error(session, values, order)
        if error_id or order is None:
            investor_id = "" if identity else values["InvestorID"]
            return self._records.refusal(
                session, "ReqOrderAction", values, request_id, error_id, investor_id=investor_id
            )
        return self._cancel(order)

    def _find(self, values: Values) -> Order | None:
        system_id = values["OrderSysID"].strip()
        if system_id:
            return self._by_system_id.get((values["ExchangeID"], system_id))
        return self._by_reference.get((values["FrontID"], values["SessionID"], values["OrderRef"].strip()))

    def _action_error(self, session: Session, values: Values, order: Order | None) -> int:
        if values["ActionFlag"] != "0":
            return ErrorId.BAD_ORDER_ACTION_FIELD
        if order is None or order.investor_id != values["InvestorID"]:
            return ErrorId.ORDER_NOT_FOUND
        if order.is_final:
            return ErrorId.UNSUITABLE_ORDER_STATUS
        limited = self.pace.exceeds(session.user.user_id if session.user is not None else "")
        return ErrorId.ORDER_FREQ_LIMIT if limited else ErrorId.NONE

    def _cancel(self, order: Order) -> list[Effect]:
        if order.resting is not None:
            self.markets.by_id[order.instrument.instrument_id].book.cancel(order.resting)
            order.resting = None
        self._release(order)
        order.become(OrderStatus.CANCELED, CancelTime=self._stamps.now()[1])
        return [order.notice()]

    def clear_flow(self, session_id: int, front_id: int) -> list[Effect]:
        """All orders again, each with its trades, as after a restart that clears the flow.

        FrontID, SessionID and OrderRef are assigned anew, RequestID is 0 and RelativeOrderSysID empty. What the
        exchange knows an order by stays: ExchangeID with TraderID and OrderLocalID, and with OrderSysID. What it
        never took is gone, because the day is read from its flow again.
        """
        self.orders = {key: order for key, order in self.orders.items() if order.system_id}
        self._by_reference.clear()
        for number, order in enumerate(self.orders.values(), 1):
            order.order_ref = str(number)
            order.pen.write_fields(
                order.body, FrontID=front_id, SessionID=session_id, OrderRef=order.order_ref, RequestID=0,
                RelativeOrderSysID="",
            )  # fmt: skip
            self._by_reference[front_id, session_id, order.order_ref] = order
        self._fills.rename()
        trades = defaultdict(list)
        for trade in self.trades:
            trades[trade.order.key].append(trade.notice())
        return [notice for order in self.orders.values() for notice in (order.notice(), *trades[order.key])]
