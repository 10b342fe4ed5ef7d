"""One terminal's account on a session: logged in with the terminal's information, asked and traded on.

Two terminals of one account are two of these, each with the f_TerminalId that its own login got, which goes with each of
its orders. The ledger has an entry before each login, and before each one that carries the terminal's information.

The day is read after every login: subscribed first, then all orders and trades are queried, so that nothing falls between.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog

from relay.counter.cts.from_native import UnreadableRow, trading_day
from relay.counter.cts.line import RootNetLine
from relay.counter.cts.looking import OrderLooks
from relay.counter.cts.queries import AccountQueries, QueryTools
from relay.counter.cts.session import RootNetSession
from relay.counter.cts.to_native import LOCAL, cancel_info, order_info, order_refusal
from relay.counter.cts.wire import (
    ACCOUNT_LOGIN,
    CANCEL,
    COLLECT_FIRST,
    MAX_TEXT,
    ORDER,
    SUBSCRIBE,
    CtsReply,
    error_of,
    object_in,
    text_of,
)
from relay.counter.port import Evidence, LinkCause, NativeError, TerminalLogin
from relay.counter.translated.days import CHINA, is_too_far_ahead
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
    Values,
)
from relay.refusals import counter_reasons, login_reasons, relay_reasons
from relay.refusals.refusal import Refusal, Refused
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)
_LEAVE_SECONDS = 2.0
_WANTED, _NOT_WANTED = 0, 1
"""subType"""
KIND = "cts:"
"""before the vendor's name, in the kind of collected information"""


class RootNetAccount:
    """A `translated.native.NativeSession`, and a user of its session."""

    def __init__(
        self,
        session: RootNetSession,
        login: TerminalLogin,
        desk: AccountDesk,
        evidence: Evidence,
        tools: QueryTools,
        came_back: Callable[[RootNetAccount], None],
    ) -> None:
        """`came_back` is called when the account is live again after a break, before its terminal hears of it."""
        self.session = session
        self.link: TranslatedLink | None = None
        """given by the mode, once there is one"""
        self.info: Mapping[str, Any] = {}
        """acctInfo of the latest login"""
        self.day_changed = False
        self._day = ""
        """the latest login's"""
        self._login = login
        self._desk = desk
        self._came_back = came_back
        self._evidence = evidence
        self._tools = tools
        self._acct_id = login.report.investor.investor_id
        self._who: Values = {"BrokerID": login.report.investor.broker_id, "InvestorID": self._acct_id}
        self._terminal_id = ""
        self._is_in = False
        self._line: RootNetLine | None = None
        """what the latest login went over; the next step of it goes over no other"""
        self._queries = AccountQueries(session, self._who, tools)
        self._is_day_due = False
        """whether the day is to be read again, and nothing of that is asked yet"""
        self._looks = OrderLooks(self._queries, session.questions, desk, tools.settings.check_order_seconds)
        self._tasks = Tasks()

    @property
    def live(self) -> bool:
        return self._is_in and self.session.live

    @property
    def day(self) -> str:
        """The latest login's."""
        return self._day

    @property
    def acct_id(self) -> str:
        """See `session.SessionUser`."""
        return self._acct_id

    @property
    def questions(self) -> asyncio.Lock:
        return self.session.questions

    # The way in -----------------------------------------------------------------------------------------------

    async def log_in(self) -> None:
        """Log in, with the terminal's information where it is asked for, and read the day. Raises Refused, AnswerLost, NotSent."""
        self._line = self.session.way_in()
        reply = await self._try_login({}, "counter_login", {})
        if reply.code == COLLECT_FIRST and not reply.ok:
            reply = await self._log_in_collected(reply)
        await self._answered(reply)
        if not reply.ok:
            raise Refused(self._refusal(reply))
        self.info = object_in(reply.data, "acctInfo")
        self._terminal_id = text_of(self.info, "f_TerminalId")
        day = self._day_of_login()
        self._desk.begin_day(day)
        # Another terminal of the account may have brought the desk to the new day: what counts is this one's own day before.
        self.day_changed, self._day = self._day not in {"", day}, day
        self._check_way()
        await self._subscribe(_WANTED)
        try:
            await self._read_day()
        except NativeRefused as refused:
            raise Refused(counter_reasons.refused_in_own_words(refused.error)) from None
        self._check_way()
        self._is_in = True

    def _day_of_login(self) -> str:
        """The counter's; one far ahead is not begun, since every right day after it would look older. Raises Refused."""
        day = trading_day(text_of(self.info, "sysDate")) or trading_day(self.session.greeting.sys_date)
        if day is None:
            raise Refused(relay_reasons.counter_unavailable(why="(sysDate is no day)"))
        today = dt.datetime.now(CHINA).date()
        if is_too_far_ahead(day, today):
            _log.error("cts_day_not_believed", session=self.session.name, sys_date=str(day), today=str(today))
            raise Refused(relay_reasons.counter_unavailable(why=f"(sysDate {day} is too far ahead of {today})"))
        return day.strftime("%Y%m%d")

    def _check_way(self) -> None:
        """A login that a break came between is not gone on with: before the operator, it would count as a wrong password."""
        if self.session.way_in() is not self._line:
            raise NotSent

    async def _log_in_collected(self, asked: CtsReply) -> CtsReply:
        """The counter wants the terminal's information, collected for this vendor."""
        vendor = text_of(object_in(asked.data, "acctInfo"), "appVendor")
        report = self._login.report
        collected = report.collected_of(f"{KIND}{vendor}") if vendor else None
        if collected is None:
            raise Refused(login_reasons.collected_info_missing(kind=f"{KIND}{vendor}"))
        fields = {
            "F_TerminalOut": collected.info.decode("ascii", "replace"),
            "AppId": report.app_id,
            "operationMAC": report.mac_address,
        }
        reply = await self._try_login(fields, "terminal_report", report.as_evidence())
        said = {"return_code": 0} if reply.ok else {"return_code": 1, "native": self._error(reply).as_evidence()}
        await self._evidence.record("terminal_report_result", self._login.session, {"call": "10011", **said})
        if reply.code == COLLECT_FIRST and not reply.ok:
            raise Refused(self._refusal(reply))
        return reply

    async def _try_login(self, fields: Mapping[str, Any], kind: str, shown: Mapping[str, object]) -> CtsReply:
        who = {"call": "10011", "user_id": self._acct_id, "broker_id": self._who["BrokerID"]}
        await self._evidence.record(kind, self._login.session, {**who, **shown})
        self._check_way()
        request = {"acctId": self._acct_id, "password": self.session.hidden(self._login.password), **fields}
        return await self.session.ask(ACCOUNT_LOGIN, request)

    async def _answered(self, reply: CtsReply) -> None:
        said = {"error_id": 0} if reply.ok else {"error_id": 1, "native": self._error(reply).as_evidence()}
        day = trading_day(text_of(object_in(reply.data, "acctInfo"), "sysDate")) if reply.ok else None
        facts = {"call": "10011", **said, **({"trading_day": day.strftime("%Y%m%d")} if day else {})}
        await self._evidence.record("counter_login_answer", self._login.session, facts)

    def _refusal(self, reply: CtsReply) -> Refusal:
        """Without codes in the settings every refused login counts as a wrong password; what comes after it does not.

        Nor does a login that is asked for the terminal's information once more: the counter says nothing of its password.
        """
        codes = self._tools.settings.wrong_password_codes
        wrong = reply.code in codes or (not codes and reply.msg_type == ACCOUNT_LOGIN)
        wrong = wrong and reply.code != COLLECT_FIRST
        return counter_reasons.refused_in_own_words(self._error(reply), wrong_login=wrong)

    def _error(self, reply: CtsReply) -> NativeError:
        """Of a request that had the password."""
        password = self._login.password
        try:
            return error_of(reply, (password, self.session.hidden(password)))
        except NotSent:  # the connection is gone, and what the password was on it
            return error_of(reply, (password,))

    async def _subscribe(self, sub_type: int) -> None:
        request = {
            "acctId": self._acct_id,
            "password": self.session.hidden(self._login.password),
            "subType": sub_type,
            "clientId": "ALL",
        }
        reply = await self.session.ask(SUBSCRIBE, request)
        if not reply.ok:
            raise Refused(self._refusal(reply))

    async def _read_day(self) -> None:
        """Only doubts from before the first question are decided, and only where every row could be read."""
        async with self.session.questions:
            self._is_day_due = False
            doubts = self._desk.doubts()
            orders, trades, is_whole = await self._queries.day()
        await self._desk.rebuilt(orders, trades, doubts if is_whole else ())

    # As a user of the session ---------------------------------------------------------------------------------

    async def log_in_again(self) -> None:
        """See `session.SessionUser`."""
        await self.log_in()

    def broke(self, reason: str, cause: LinkCause) -> None:
        """See `session.SessionUser`."""
        was, self._is_in = self._is_in, False
        if was and self.link is not None:
            self.link.recovering(reason, cause)

    def back(self) -> None:
        """See `session.SessionUser`."""
        if self.link is not None and self._is_in:
            self._came_back(self)
            self.link.live(day_changed=self.day_changed)

    def over(self, reason: str, cause: LinkCause) -> None:
        """See `session.SessionUser`."""
        self._is_in = False
        if self.link is not None:
            self.link.end(reason, cause)

    def heard(self, row: Mapping[str, Any]) -> None:
        """A push of this account: a trade, or a word that something became of an order."""
        try:
            if text_of(row, "returnType") in self._tools.settings.trade_return_types:
                for contract in self._desk.heard_trade(self._tools.reader.trade(row)):
                    self._looks.look_at(contract)
            else:
                self._looks.look_at(self._tools.reader.contract(row))
        except UnreadableRow as error:
            self._tools.complaints.unreadable("17002", error)

    async def leave(self) -> None:
        """The terminal is gone: its trades are not wanted any more, unless another terminal of the account is on the session."""
        if self.live and not self.session.is_shared_by(self):
            try:
                async with asyncio.timeout(_LEAVE_SECONDS):
                    await self._subscribe(_NOT_WANTED)
            except (NotSent, AnswerLost, Refused, TimeoutError):
                _log.info("cts_not_unsubscribed", session=self._login.session)
        self._is_in = False
        await self._looks.stop()
        await self._tasks.cancel()

    # Orders ---------------------------------------------------------------------------------------------------

    def check_order(self, values: Values) -> Refusal | None:
        """See `translated.native.NativeSession`."""
        return order_refusal(values, self._tools.letters)

    def place(self, order: NewOrder) -> Awaitable[str]:
        """15001."""
        settings = self._tools.settings
        with_batch = settings.number_field == "batchNum"
        info = order_info(order, self._tools.letters, settings.currency, with_batch=with_batch)
        return self._placed(self._send(ORDER, {"orderInfo": info}), order.values["ExchangeID"])

    async def _placed(self, answer: asyncio.Future[list[CtsReply]], exchange: str) -> str:
        try:
            reply = (await answer)[-1]
        except AnswerLost:
            self._read_soon()
            raise
        if not reply.ok:
            raise NativeRefused(error_of(reply))
        number = text_of(reply.data, "contractNum").strip()
        if not 0 < len(number) <= 20 or not number.isascii():
            self._tools.complaints.unreadable("15001", "contractNum is no identifier")
            self._read_soon()
            raise AnswerLost
        self._looks.look_at((exchange, number))
        return number

    def cancel(self, order: KnownOrder) -> Awaitable[OrderState | None]:
        """15002; what became of the order is asked afterwards."""
        info = cancel_info(order, self._acct_id, self._tools.letters)
        return self._canceled(self._send(CANCEL, {"orderCancelInfo": info}), order)

    async def _canceled(self, answer: asyncio.Future[list[CtsReply]], order: KnownOrder) -> OrderState | None:
        reply = (await answer)[-1]
        failed = text_of(reply.data, "errorCode") or text_of(reply.data, "ErrorCode")
        if not reply.ok or failed or reply.data.get("failInfo"):
            text = text_of(reply.data, "failInfo") or text_of(reply.data, "errorMsg")
            raise NativeRefused(error_of(reply) if not reply.ok else NativeError(failed[:64], text[:MAX_TEXT]))
        contract = order.state.exchange_id, order.state.native_id
        self._looks.look_at(contract, until_rest=True)
        try:
            async with self.questions:
                return await self._queries.order(contract)
        except (AnswerLost, NotSent, NativeRefused):
            return None  # the cancel was accepted all the same; it is looked at again

    def _send(self, msg_type: int, request: Mapping[str, Any]) -> asyncio.Future[list[CtsReply]]:
        if not self.live:
            raise NotSent
        terminal = {"F_TerminalId": self._terminal_id} if self._terminal_id else {}
        return self.session.send(msg_type, {**request, **terminal})

    def _read_soon(self) -> None:
        """An order's answer was lost though the session may live: read the day again, once for all that are lost by then."""
        if self._is_day_due:
            return
        self._is_day_due = True
        self._tasks.start(self._read_again(), f"day of {self._login.session}")

    async def _read_again(self) -> None:
        try:
            await self._read_day()
        except (AnswerLost, NotSent, NativeRefused):
            self.session.break_off("the counter does not answer")

    # Queries --------------------------------------------------------------------------------------------------

    async def ask_whether_alive(self) -> None:
        """A small question, for a connection on which nothing was said for long."""
        try:
            await self._queries.alive()
        except NativeRefused:
            return  # it is alive
        except (AnswerLost, NotSent):
            self.session.break_off("the counter does not answer")

    def ask(self, method: str, values: Values) -> Awaitable[Sequence[Row]]:
        """See `translated.native.NativeSession`; the desk holds `questions` meanwhile."""
        if not self.live:
            raise NotSent
        if method in LOCAL:
            return self._exchanges()
        return self._queries.answer(method, values, self._desk.book.trading_day)

    async def _exchanges(self) -> list[Row]:
        """ReqQryExchange, from what the login said."""
        offered = self.link.attached.offered if self.link is not None else None
        return [
            {"ExchangeID": exchange.code, "ExchangeName": exchange.name.split(" ")[0], "ExchangeProperty": "0"}
            for exchange in (offered.exchanges if offered is not None else ())
            if exchange.code in self._tools.letters.by_name
        ]
