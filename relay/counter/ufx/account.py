"""One terminal's account at UFX: logged in with the terminal's information, subscribed, asked and traded on.

In many-to-many the terminal's investor is the operator; in many-to-one the relay's operator logs in once more for each
terminal, with that terminal's information, and trades the investor's account. Pushes name the order by third_reff, so it makes no
difference under which token it was sent.

The day is read after every login and after pushes may have been lost: subscribed first, then queried, so that nothing falls
between. A token that died is replaced once: RECOVERING, one login, LIVE; where that is refused, the link ends. An order that the
counter answers with a dead token is in doubt until the day was read under the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog

from relay.counter.port import LinkCause, NativeError, TerminalLogin
from relay.counter.translated.complaints import Complaints
from relay.counter.translated.desk import AccountDesk
from relay.counter.translated.link import TranslatedLink
from relay.counter.translated.native import Row
from relay.counter.translated.values import (
    AnswerLost,
    KnownOrder,
    NativeRefused,
    NewOrder,
    NotSent,
    OrderState,
    TradeState,
    Values,
)
from relay.counter.ufx.day_reading import DayReading
from relay.counter.ufx.days import TradingDays
from relay.counter.ufx.described import trades_futures
from relay.counter.ufx.from_native import UfxRowReader, UfxRowUnreadable, text_of
from relay.counter.ufx.line import UfxLine
from relay.counter.ufx.orders import TokenOrders
from relay.counter.ufx.queries import TokenQueries, say_unreadable
from relay.counter.ufx.replies import FUNCTION_LEVEL, UfxRow
from relay.counter.ufx.to_native import LOCAL, Trader, order_refusal, order_row
from relay.counter.ufx.token import UfxToken
from relay.counter.ufx.words import CANCEL_FAILED, TRADED, MarketNumbers, Ufx
from relay.refusals import counter_reasons, relay_reasons
from relay.refusals.refusal import LedgerUnavailable, Refusal, Refused
from relay.settings.ufx_section import UfxSettings
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AccountTools:
    """What all accounts of a process share."""

    settings: UfxSettings
    markets: MarketNumbers
    reader: UfxRowReader
    days: TradingDays
    came_back: Callable[[UfxAccount], None]
    """called when an account is live again after a break, before its terminal hears of it"""
    complaints: Complaints = field(default_factory=lambda: Complaints(say_unreadable))


class UfxAccount:
    """A `translated.native.NativeSession`, and a user of the line."""

    def __init__(
        self, line: UfxLine, token: UfxToken, login: TerminalLogin, desk: AccountDesk, tools: AccountTools
    ) -> None:
        self.token = token
        self.link: TranslatedLink | None = None
        """given by the mode, once there is one"""
        self.portfolios: list[UfxRow] = []
        self.day_changed = False
        self._day = ""
        """the latest login's"""
        self._line = line
        self._desk = desk
        self._tools = tools
        self._session = login.session
        investor = login.report.investor
        self._investor_id = investor.investor_id
        who: Values = {"BrokerID": investor.broker_id, "InvestorID": investor.investor_id}
        self._queries = TokenQueries(token, tools.reader, who, tools.complaints)
        self._orders = TokenOrders(self, token, tools.reader.closes, tools.complaints)
        self._subscribed = False
        self._way = 0
        """which the subscription is of"""
        self._is_in = False
        self._renewing = False
        self._reading = DayReading(self, line, desk, self._queries, tools.days, login.session)
        self._tasks = Tasks()

    @property
    def live(self) -> bool:
        return self._is_in and self._line.live

    @property
    def day(self) -> str:
        """The latest login's."""
        return self._day

    @property
    def questions(self) -> asyncio.Lock:
        return self._reading.questions

    @property
    def account_code(self) -> str:
        """UFX's, of the account that is traded."""
        return self._queries.account_code

    # The way in -----------------------------------------------------------------------------------------------

    async def log_in(self) -> None:
        """Token, accounts, topic, the day so far. Raises Refused, AnswerLost, NotSent."""
        password = await self.token.log_in()
        try:
            before = self.account_code
            await self._find_account()
            if before != self.account_code:
                self._line.hearers.remove(before, self._investor_id, self)
            await self._find_day()
            self._line.hearers.add(self.account_code, self._investor_id, self)
            await self._line.subscribe(self.token.owner.operator_no, password)
            self._way = self._line.way
            self._subscribed = True
            await self._reading.read()
        except NativeRefused as refused:
            raise Refused(counter_reasons.refused_in_own_words(refused.error)) from None
        self._is_in = True

    async def _find_day(self) -> None:
        """Another terminal of the account may have brought the desk to it: what counts is this one's own day before."""
        if not self._tools.days.knows(self.account_code):
            self._tools.days.heard(self.account_code, await self._queries.dates())
        day = self._tools.days.today()
        self._tools.reader.of_day(day)
        self._desk.begin_day(day)
        self.day_changed, self._day = self._day not in {"", day}, day

    async def _find_account(self) -> None:
        """The account of the investor's name; or the only one, where it is the investor's own login."""
        accounts = [text_of(row, "account_code") for row in await self._queries.rows(Ufx.ACCOUNTS, {})]
        self.portfolios = await self._queries.rows(Ufx.PORTFOLIOS, {})
        own = self.token.owner.operator_no == self._investor_id
        if self._investor_id in accounts:
            self._queries.account_code = self._investor_id
        elif own and len(accounts) == 1:
            self._queries.account_code = accounts[0]
        else:
            raise Refused(relay_reasons.account_not_at_counter())
        mine = [row for row in self.portfolios if text_of(row, "account_code") == self.account_code]
        if mine and not any(map(trades_futures, mine)):
            raise Refused(relay_reasons.account_not_at_counter())
        self.portfolios = mine

    # As a user of the line ------------------------------------------------------------------------------------

    async def log_in_again(self) -> None:
        """See `LineUser`."""
        await self.log_in()

    def broke(self, reason: str, cause: LinkCause) -> None:
        """See `LineUser`."""
        was, self._is_in = self._is_in, False
        self._subscribed = False
        self._tools.days.forget(self.account_code)
        self.token.forget()
        if was and self.link is not None:
            self.link.recovering(reason, cause)

    def back(self) -> None:
        """See `LineUser`."""
        if self.link is not None and self._is_in:
            self._tools.came_back(self)
            self.link.live(day_changed=self.day_changed)

    def over(self, reason: str, cause: LinkCause) -> None:
        """See `LineUser`."""
        self._is_in = False
        if self.link is not None:
            self.link.end(reason, cause)

    def heard(self, row: UfxRow) -> None:
        """See `PushHearer`."""
        try:
            kind = text_of(row, "msgtype")
            if kind == TRADED:
                self._heard_trade(self._tools.reader.trade(row))
            elif kind == CANCEL_FAILED:
                error = NativeError(CANCEL_FAILED, self._cause(row), FUNCTION_LEVEL)
                self._desk.cancel_failed(*self._tools.reader.contract(row), error)
            else:
                self.heard_order(self._tools.reader.push(row))
        except UfxRowUnreadable as error:
            self._tools.complaints.unreadable("push", error)
            self.read_soon()

    def heard_order(self, state: OrderState) -> None:
        """See `OrderOwner`."""
        self._desk.heard_order(state)

    def _heard_trade(self, trade: TradeState) -> None:
        if self._desk.heard_trade(trade):
            self.read_soon()
        whole = self._tools.reader.closes.whole((trade.exchange_id, trade.native_id))
        if whole is not None:
            self.heard_order(whole)

    def _cause(self, row: UfxRow) -> str:
        return self.token.without_token(text_of(row, "fail_cause"))

    def missed(self, operator_no: str) -> None:
        """See `PushHearer`."""
        if operator_no in {"", self.token.owner.operator_no}:
            self.read_soon()

    def read_soon(self) -> None:
        """See `OrderOwner`."""
        self._reading.read_soon()

    async def sweep(self) -> None:
        """See `DayReading`."""
        await self._reading.sweep()

    # The token ------------------------------------------------------------------------------------------------

    async def keep_alive(self) -> bool:
        """10000; where it is refused, the token is dead. False: no answer came."""
        try:
            reply = await self.token.send(Ufx.HEARTBEAT)
        except NotSent:
            return True
        except AnswerLost:
            _log.info("ufx_heartbeat_lost", session=self._session)
            return False
        if reply.error is not None:
            await self.renew(reply.error)
        return True

    async def renew(self, error: NativeError) -> None:
        """The token is dead: one new login; see the module."""
        if self._renewing or not self._is_in:
            return
        self._renewing, self._is_in, way = True, False, self._line.way
        why = f"[{error.code}] {error.text}"
        _log.warning("ufx_token_dead", session=self._session, code=error.code)
        if self.link is not None:
            self.link.recovering(relay_reasons.counter_unavailable(why=why).told_text, LinkCause.CONNECTION_LOST)
        try:
            await self._log_in_anew()
        except (Refused, LedgerUnavailable) as refused:
            self.over(
                getattr(refused, "refusal", relay_reasons.ledger_unavailable()).told_text, LinkCause.COUNTER_REFUSED
            )
        except AnswerLost:
            self._line.break_off("the counter does not answer", way)
        except NotSent:
            pass  # the connection is gone, and comes back with a login
        else:
            self.back()
            if self._desk.doubts():
                self.read_soon()
        finally:
            self._renewing = False

    async def _log_in_anew(self) -> None:
        """Once more where it is not answered: whether the counter is there, one lost answer does not say."""
        async with self._line.renewals:
            await self._unsubscribe()
            try:
                await self.log_in()
            except AnswerLost:
                await self._unsubscribe()
                await self.log_in()

    def look_at(self, error: NativeError | None) -> None:
        """Whether an answer says that the token is dead."""
        if error is not None and self.token.is_dead(error):
            self._tasks.start(self.renew(error), f"token of {self._session}")

    async def leave(self) -> None:
        """The terminal is gone."""
        await self._reading.stop()
        await self._tasks.cancel()
        self._is_in = False
        self._line.hearers.remove(self.account_code, self._investor_id, self)
        with contextlib.suppress(NotSent):
            await self._unsubscribe()
        await self.token.log_out()

    async def _unsubscribe(self) -> None:
        if self._subscribed:
            self._subscribed = False
            await self._line.unsubscribe(self.token.owner.operator_no, self._way)

    # Orders ---------------------------------------------------------------------------------------------------

    def check_order(self, values: Values) -> Refusal | None:
        """See `translated.native.NativeSession`."""
        return order_refusal(values, self._tools.markets, self._tools.settings)

    def place(self, order: NewOrder) -> Awaitable[str]:
        """91004."""
        if not self.live:
            raise NotSent
        trader = Trader(self.token.owner.operator_no, self.account_code)
        return self._orders.place(order, order_row(order, trader, self._tools.markets, self._tools.settings))

    def cancel(self, order: KnownOrder) -> Awaitable[OrderState | None]:
        """91105; what became of the order is asked afterwards."""
        if not self.live:
            raise NotSent
        return self._canceled(self._orders.cancel(order))

    async def _canceled(self, taken: Awaitable[Sequence[str]]) -> OrderState | None:
        parts = await taken
        try:
            async with self.questions:
                return [await self._queries.order(number) for number in parts][-1]
        except (AnswerLost, NotSent, NativeRefused):
            self.read_soon()  # the cancel was taken all the same
            return None

    # Queries --------------------------------------------------------------------------------------------------

    def ask(self, method: str, values: Values) -> Awaitable[Sequence[Row]]:
        """See `translated.native.NativeSession`; the desk holds `questions` meanwhile."""
        if not self.live:
            raise NotSent
        if method in LOCAL:
            return self._exchanges()
        return self._asked(self._queries.answer(method, values, self._desk.book.trading_day))

    async def _asked(self, answer: Awaitable[Sequence[Row]]) -> Sequence[Row]:
        try:
            return await answer
        except NativeRefused as refused:
            self.look_at(refused.error)
            raise

    async def _exchanges(self) -> list[Row]:
        """ReqQryExchange, from what the login said."""
        offered = self.link.attached.offered if self.link is not None else None
        return [
            {"ExchangeID": exchange.code, "ExchangeName": exchange.name.split(" ")[0], "ExchangeProperty": "0"}
            for exchange in (offered.exchanges if offered is not None else ())
            if exchange.code in self._tools.markets.by_name
        ]
