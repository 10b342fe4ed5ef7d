"""One investor's session at the relay, as vn.py's gateway needs it: it comes up, stays up, and asks for what is to be shown.

Everything runs on the event loop of one thread. Notices are read in their order, changes of the
connection are read, one question after another is asked of the counter (`inquiry`), and ticks have a stream of their own (`market`).

What may happen in which order:

* A session has its name before it is live; an order is numbered under a name. A new login has another name, and an order that was
  numbered under the old one is refused here, not sent under the new.
* Contracts come first. Until they are known, orders and trades wait in the blotter.
* The client resumes a broken stream by itself, or logs in anew, and the relay then replays the day.
* The first login is tried again for as long as the relay cannot be reached. A refusal ends the session, unless it says when to try
  again: a program that repeats a wrong password locks the account.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Coroutine, Sequence
from typing import Any, Protocol

from ctprelay.ctp.v1 import events_pb2
from ctprelay.ctp.v1 import structs_pb2 as ctp
from terminal_client import (
    Credentials,
    LoginRejected,
    NotConnected,
    RelayTerminal,
    SessionEnded,
    SessionInfo,
    SlowConsumer,
    State,
    Status,
    TerminalError,
    collect,
)
from terminal_client.secret import Secret
from terminal_client.session import LEAVING, Deadlines
from vnpy_relay.blotter import Blotter
from vnpy_relay.inquiry import HOLDINGS, Inquiry, Question
from vnpy_relay.market import MarketSide, TickWindow
from vnpy_relay.names import OrderName
from vnpy_relay.orders_sent import OrdersSent
from vnpy_relay.reach import with_advice
from vnpy_relay.settings import ConnectSetting

log = logging.getLogger(__name__)

PATIENT = Deadlines(busy_seconds=0, give_up_after_seconds=7 * 24 * 3600.0, notice_capacity=1_000_000)
"""over some days without a relay, the first login included (`_log_in`); and the notices of a whole day at once"""
_ANSWER_SECONDS = 120.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 30.0
_ROWS_AT_ONCE = 500


class SessionWindow(TickWindow, Protocol):
    """What the session shows, on its own thread; none of it may wait."""

    def take_name(self, info: SessionInfo) -> None: ...

    def show_contracts(self, rows: Sequence[ctp.Instrument]) -> None: ...

    def show_account(self, row: ctp.TradingAccount) -> None: ...

    def show_positions(self, rows: Sequence[ctp.InvestorPosition]) -> None: ...


class GatewaySession:
    """The session of one `connect`."""

    def __init__(
        self, setting: ConnectSetting, blotter: Blotter, window: SessionWindow, symbols: Collection[str]
    ) -> None:
        """`symbols`: whose ticks are wanted; read when the session begins."""
        self.setting = setting
        self._symbols = symbols
        self._has_contracts = asyncio.Event()
        self._blotter = blotter
        self._window = window
        self._password = setting.password
        self._tasks: set[asyncio.Task[None]] = set()
        self._trading_day = ""
        self._to_confirm = False
        """the settlement statement, once the session is live"""

    async def run(self) -> None:
        """From the login to the end; says why it ended."""
        try:
            await self._run()
        except* (TerminalError, ValueError, OSError) as failures:
            self._window.say(f"会话结束 The session has ended: {_first(failures)}", grave=True)
        except* Exception as failures:
            log.exception("the session at the relay broke down")
            self._window.say(f"内部错误，会话结束 Internal error: {_first(failures)!r}", grave=True)

    async def _run(self) -> None:
        setting = self.setting
        self._terminal = RelayTerminal(
            setting.address,
            app_id=setting.app_id,
            auth_code=setting.auth_code.reveal(),
            tls=setting.tls,
            credentials=self._credentials,
            deadlines=PATIENT,
        )
        self._inquiry = Inquiry(self._ask, self._window.say, setting.refresh_seconds)
        self._orders = OrdersSent(self._terminal, self._blotter, self._window.say)
        self._market = MarketSide(self._terminal, self._symbols, self._window)
        # Subscribed before the login: the day's notices follow it at once.
        notices, statuses = self._terminal.notices(), self._terminal.statuses()
        async with self._terminal:
            await self._log_in()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._inquiry.run())
                group.create_task(self._market.run(self._has_contracts))
                group.create_task(self._read_statuses(statuses))
                group.create_task(self._read_notices(notices))

    # Coming up -------------------------------------------------------------------------------------------------

    async def _credentials(self) -> Credentials:
        """For each login anew: the relay refuses system info that was used before."""
        setting = self.setting
        return Credentials(
            setting.broker_id,
            setting.investor_id,
            self._password,
            await asyncio.to_thread(collect, setting.library, edition=setting.edition),
            confirm_settlement=setting.confirm_settlement,
        )

    async def _log_in(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._terminal.login_with(await self._credentials())
            except NotConnected as error:
                why = with_advice(str(error))
            except LoginRejected as rejection:
                if not rejection.refusal.retry_after_seconds:
                    raise
                why, pause = str(rejection), max(pause, rejection.refusal.retry_after_seconds)
            else:
                return
            self._window.say(f"尚未登录，{pause:g}秒后再试 Not logged in yet, tried again in {pause:g} s: {why}")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _read_statuses(self, statuses: AsyncIterator[Status]) -> None:
        async for status in statuses:
            if status.of == "relay":
                await self._relay_is(status)
            else:
                await self._counter_is(status)
        raise SessionEnded("logged out")

    async def _relay_is(self, status: Status) -> None:
        if status.state == State.RECONNECTING:
            self._inquiry.live.clear()
            self._window.say(f"与中继的连接断开，正在重连 Reconnecting to the relay: {status.reason}")
        if status.state == LEAVING:
            self._window.say(f"中继通知，将自动转移 The relay says, and the session moves by itself: {status.reason}")
        info = self._terminal.info
        if status.state != State.LIVE or info is None:
            return
        self._window.take_name(info)
        self._window.say(
            f"中继{'连接已恢复' if info.resumed else '登录成功'} {'Resumed' if info.resumed else 'Logged in'}:"
            f" {info.investor_id}, 交易日 trading day {info.trading_day}, {info.mode}"
        )
        self._start_day(info.trading_day)
        if info.settlement == "refused":
            self._window.say(
                f"结算单未确认 Settlement not confirmed [{info.settlement_error_id}]: {info.advice}", grave=True
            )
        if status.lost_history:
            self._inquiry.want(Question.DAY)
        if info.must_change_password:
            self._to_confirm = self.setting.confirm_settlement
            await self._password_is_due()
        else:
            self._go_live()
            await self._change_as_set()

    async def _counter_is(self, status: Status) -> None:
        if status.state == "live":
            if status.trading_day:
                self._to_confirm |= status.trading_day_changed and self.setting.confirm_settlement
                self._start_day(status.trading_day)
            self._window.say("柜台会话正常 The session at the counter is live")
            self._go_live()
            return
        self._inquiry.live.clear()
        self._window.say(f"柜台会话中断 The counter is {status.state}: {status.reason}", grave=True)
        if status.cause == "password_due":
            self._to_confirm = self.setting.confirm_settlement
            await self._password_is_due()

    def _start_day(self, trading_day: str) -> None:
        if trading_day != self._trading_day:
            self._trading_day = trading_day
            self._blotter.start_day(trading_day)
            self._inquiry.want(Question.CONTRACTS)

    def _go_live(self) -> None:
        self._inquiry.live.set()
        self._inquiry.want(*HOLDINGS)
        if self._to_confirm:
            self._to_confirm = False
            self._begin(self._confirm())

    async def _confirm(self) -> None:
        try:
            await self._terminal.requests.settlement_info_confirm(ctp.SettlementInfoConfirm())
        except TerminalError as error:
            self._window.say(f"结算单未确认 Settlement not confirmed: {error}", grave=True)

    # What is read and asked ------------------------------------------------------------------------------------

    async def _read_notices(self, notices: AsyncIterator[events_pb2.Event]) -> None:
        while True:
            try:
                async for event in notices:
                    self._notice(event)
                raise SessionEnded("logged out")
            except SlowConsumer as lost:
                self._window.say(f"漏读{lost.lost}条回报，重新查询 {lost.lost} notices missed, asking again")
                self._inquiry.want(Question.DAY)

    def _notice(self, event: events_pb2.Event) -> None:
        match event.WhichOneof("body"):
            case "rtn_order":
                self._blotter.take_order(event.rtn_order)
            case "rtn_trade":
                self._blotter.take_trade(event.rtn_trade)
            case _:
                if not self._orders.take(event):
                    return
        self._inquiry.want(*HOLDINGS)
        self._ask_for_the_day()

    def _ask_for_the_day(self) -> None:
        if self._blotter.wants_day:
            self._inquiry.want(Question.DAY)

    async def _ask(self, question: Question) -> None:
        requests = self._terminal.requests
        match question:
            case Question.CONTRACTS:
                contracts = await requests.qry_instrument(ctp.QryInstrument(), deadline=_ANSWER_SECONDS)
                for first in range(0, len(contracts.rows), _ROWS_AT_ONCE):
                    self._window.show_contracts(contracts.rows[first : first + _ROWS_AT_ONCE])
                    await asyncio.sleep(0)
                self._window.say(f"合约信息查询成功 {len(contracts.rows)} contracts")
                self._blotter.open()
                self._has_contracts.set()
                self._ask_for_the_day()
            case Question.DAY:
                doubtful = self._blotter.doubtful()
                orders = await requests.qry_order(ctp.QryOrder(), deadline=_ANSWER_SECONDS)
                trades = await requests.qry_trade(ctp.QryTrade(), deadline=_ANSWER_SECONDS)
                self._blotter.take_day(orders.rows, trades.rows, doubtful)
            case Question.ACCOUNT:
                for account in (await requests.qry_trading_account(ctp.QryTradingAccount())).rows:
                    self._window.show_account(account)
            case Question.POSITIONS:
                self._window.show_positions((await requests.qry_investor_position(ctp.QryInvestorPosition())).rows)

    # What the gateway asks for, on the session's thread ----------------------------------------------------------

    def want(self, question: Question) -> None:
        """Ask it, when its turn comes."""
        self._inquiry.want(question)

    def subscribe(self, symbol: str) -> None:
        self._market.want([symbol])

    def send_order(self, name: OrderName, body: ctp.InputOrder) -> None:
        self._begin(self._send(name, body))

    def cancel_order(self, body: ctp.InputOrderAction) -> None:
        self._begin(self._orders.cancel(body))

    def change_password(self, old: Secret, new: Secret) -> None:
        self._begin(self._change_password(old, new))

    async def _send(self, name: OrderName, body: ctp.InputOrder) -> None:
        await self._orders.send(name, body)
        self._ask_for_the_day()

    async def _password_is_due(self) -> None:
        if self._has_new_password():
            await self._change_as_set()
        else:
            self._window.say(
                "柜台要求修改密码：请在连接窗口填写「新密码」后再次连接"
                " The counter demands another password: fill in 「新密码」 and connect again",
                grave=True,
            )

    def _has_new_password(self) -> bool:
        new = self.setting.new_password
        return bool(new) and new.reveal() != self._password.reveal()

    async def _change_as_set(self) -> None:
        if self._has_new_password():
            await self._change_password(self._password, self.setting.new_password)

    async def _change_password(self, old: Secret, new: Secret) -> None:
        body = ctp.UserPasswordUpdate(old_password=old.reveal(), new_password=new.reveal())
        try:
            await self._terminal.requests.user_password_update(body)
        except TerminalError as error:
            self._window.say(f"密码未修改 The password was not changed: {error}", grave=True)
            return
        self._password = new
        self._window.say(
            "密码已修改：请把连接窗口的「密码」改为新密码，并清空「新密码」"
            " The password was changed: put it into 「密码」 and clear 「新密码」"
        )

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Work of its own beside the readers; tasks begin in the order of these calls."""
        task = asyncio.get_running_loop().create_task(work, name="vnpy-relay-request")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _first(failures: BaseExceptionGroup[Exception]) -> Exception:
    """One of them: the readers of one session end for one reason."""
    failure: BaseException = failures
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    assert isinstance(failure, Exception)  # noqa: S101 — except* took no others
    return failure
