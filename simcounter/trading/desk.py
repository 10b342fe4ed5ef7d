"""Orders in, returns out: accepts, matches, settles funds and positions, cancels."""

from __future__ import annotations

from collections.abc import Callable

from simcounter.accounts import Directory, Role
from simcounter.config import CounterConfig
from simcounter.errors_text import ErrorId
from simcounter.events import Effect
from simcounter.pace import PerSecond
from simcounter.records import Records
from simcounter.session import Clock, Handler, Session, Stamps, Values
from simcounter.trading import rules
from simcounter.trading.book import Fill, Resting, Side
from simcounter.trading.fills import Fills
from simcounter.trading.instruments import demo_instruments
from simcounter.trading.intake import Intake
from simcounter.trading.market import HOUSE, Market, Markets
from simcounter.trading.order import ACCEPTED, INSERT_REJECTED, Order, OrderStatus
from simcounter.trading.portfolio import OPEN, Lot, Portfolio, PositionKey
from simcounter.trading.rules import Wish

TradingDay = Callable[[], str]
"""the counter's trading day, YYYYMMDD"""


class TradingDesk:
    """All orders, trades, portfolios and markets of one trading day."""

    def __init__(
        self, config: CounterConfig, directory: Directory, records: Records, clock: Clock, trading_day: TradingDay
    ) -> None:
        self._config = config
        self._directory = directory
        self._records = records
        self._clock = clock
        self.trading_day = trading_day
        self.pace = PerSecond(config.orders_per_second, clock)
        self.start_day()

    def start_day(self) -> None:
        """Fresh books, orders and portfolios: what a new trading day begins with."""
        self.markets = Markets(demo_instruments(), self._config.seed, self._config.liquidity)
        self.orders: dict[int, Order] = {}
        self._by_reference: dict[tuple[int, int, str], Order] = {}
        self._by_system_id: dict[tuple[str, str], Order] = {}
        self.portfolios: dict[str, Portfolio] = {}
        stamps = Stamps(self._clock)
        self._stamps = stamps
        self._fills = Fills(self._records, stamps, self.trading_day)
        self._intake = Intake(self._directory.broker_id, self._records, stamps, self.trading_day())
        for user in self._directory.users.values():
            if user.role is Role.INVESTOR:
                self._open_account(user.user_id, user.balance, user.positions)

    def _open_account(self, investor_id: str, balance: float, positions: tuple[tuple[str, str, int], ...]) -> None:
        portfolio = Portfolio(investor_id, balance)
        self.portfolios[investor_id] = portfolio
        for instrument_id, direction, volume in positions:
            instrument = self.markets.instruments[instrument_id]
            position = portfolio.position(PositionKey(instrument_id, Side(direction), "1"), instrument)
            position.open(Lot("0", "", instrument.reference_ticks, volume, is_today=False))

    @property
    def trades(self) -> list[tuple[str, bytes]]:
        """(InvestorID, Trade struct) of the day, in order."""
        return self._fills.trades

    def handlers(self) -> dict[str, Handler]:
        return {"ReqOrderAction": self.action}

    def insert(self, session: Session, values: Values, request_id: int, body: bytes) -> list[Effect]:
        """ReqOrderInsert: refused twice over (OnRsp… and OnErrRtn…), or OnRtnOrder and what follows."""
        identity = rules.identity_error(self._directory, session, values)
        error_id = identity or self._insert_error(session, values)
        if error_id:
            investor_id = "" if identity else values["InvestorID"]
            return self._records.refusal(
                session, "ReqOrderInsert", values, request_id, error_id, investor_id=investor_id
            )
        market = self.markets.by_id[values["InstrumentID"]]
        wish = rules.wish_of(market.instrument, values)
        order = self._accept(session, values, wish, body)
        effects: list[Effect] = [order.notice()]
        why = rules.exchange_refusal(wish, values)
        if why:
            self._release(order)
            order.become(OrderStatus.CANCELED, why, OrderSubmitStatus=INSERT_REJECTED)
            return [*effects, order.notice()]
        self._number(order)
        return effects + self._execute(market, order, values)

    def _insert_error(self, session: Session, values: Values) -> int:
        portfolio = self.portfolios[values["InvestorID"]]
        unconfirmed = self._config.settlement_confirm_required and portfolio.confirmed_on != self.trading_day()
        error_id = rules.reference_error(session, values["OrderRef"])
        error_id = error_id or rules.instrument_error(self.markets, values)
        error_id = error_id or rules.field_error(values)
        if error_id:
            return error_id
        if unconfirmed:
            return ErrorId.SETTLEMENT_INFO_NOT_CONFIRMED
        if self.pace.exceeds(session.user.user_id if session.user is not None else ""):
            return ErrorId.ORDER_FREQ_LIMIT
        wish = rules.wish_of(self.markets.instruments[values["InstrumentID"]], values)
        return rules.risk_error(self.markets, portfolio, wish)

    def _accept(self, session: Session, values: Values, wish: Wish, body: bytes) -> Order:
        """Registers the order, unknown to the exchange yet, and freezes what it may cost."""
        order = self._intake.order(session, values, wish, body, len(self.orders) + 1)
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
        position = portfolio.position(order.position_key, order.instrument)
        order.frozen_today = position.freeze(order.offset, order.volume)
        order.frozen_yesterday = order.volume - order.frozen_today

    def _release(self, order: Order) -> None:
        """Gives back what a canceled or rejected order still reserved."""
        portfolio = self.portfolios[order.investor_id]
        portfolio.frozen_margin -= order.frozen_margin
        portfolio.frozen_commission -= order.frozen_commission
        order.frozen_margin = order.frozen_commission = 0.0
        if order.offset != OPEN:
            portfolio.position(order.position_key, order.instrument).thaw(order.frozen_today, order.frozen_yesterday)
            order.frozen_today = order.frozen_yesterday = 0

    def _number(self, order: Order) -> None:
        """The exchange has taken the order: it gets the OrderSysID, right-aligned in its field."""
        self._by_system_id[order.instrument.exchange_id, str(order.key)] = order
        order.pen.put(order.body, OrderSysID=f"{order.key:>20}", OrderSubmitStatus=ACCEPTED)

    def _execute(self, market: Market, order: Order, values: Values) -> list[Effect]:
        market.refill()
        available = market.book.available(order.side, order.limit_ticks)
        needed = {rules.COMPLETE_VOLUME: order.volume, rules.MINIMUM_VOLUME: values["MinVolume"]}
        if available < needed.get(values["VolumeCondition"], 0):
            return self._cancel(order)
        effects = self._trade_all(order, market.trade(order.side, order.limit_ticks, order.volume))
        if not order.remaining:
            return effects
        if values["TimeCondition"] == rules.IMMEDIATE:
            return effects + self._cancel(order)
        order.resting = Resting(order.key, order.side, order.limit_ticks, order.remaining)
        market.book.rest(order.resting)
        if not order.traded:
            order.become(OrderStatus.QUEUEING)
            effects.append(order.notice())
        return effects

    def _trade_all(self, order: Order, fills: list[Fill]) -> list[Effect]:
        effects: list[Effect] = []
        for fill in fills:
            effects += self._fills.trade(order, self.portfolios[order.investor_id], fill.ticks, fill.volume)
            if fill.key != HOUSE:
                effects += self._fill_resting(fill)
        return effects

    def _fill_resting(self, fill: Fill) -> list[Effect]:
        waiting = self.orders[fill.key]
        return self._fills.trade(waiting, self.portfolios[waiting.investor_id], fill.ticks, fill.volume)

    def move_market(self, instrument_id: str, price: float) -> list[Effect]:
        """The market goes to `price`; resting orders on the way are filled."""
        market = self.markets.by_id[instrument_id]
        fills = market.move(market.instrument.ticks(price))
        return [effect for _, fill in fills for effect in self._fill_resting(fill)]

    def action(self, session: Session, values: Values, request_id: int) -> list[Effect]:
        """ReqOrderAction: cancels by OrderSysID or by FrontID, SessionID and OrderRef."""
        identity = rules.identity_error(self._directory, session, values)
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
