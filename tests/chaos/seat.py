"""One terminal that trades all day whatever happens, and writes down what it was sent: an investor's program, with keys on its orders."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from ctprelay.ctp.v1 import structs_pb2 as ctp
from simcounter import demo_accounts
from terminal_client import CallRefused, Credentials, RelayTerminal, Tls
from terminal_client.errors import (
    CallNotSent,
    CounterRejected,
    NoAnswer,
    NotConnected,
    OutcomeUnknown,
    SessionEnded,
    TerminalError,
)
from terminal_client.secret import Secret
from terminal_client.session import Deadlines, SessionInfo
from terminal_client.subscriptions import Subscription
from tests.chaos.counter_record import state_of
from tests.chaos.records import NOT_SENT, REPEATED, SENT, UNKNOWN, LoggedIn, Said, TerminalRecord
from tests.e2e.broken_network import Way
from tests.e2e.relay_process import TlsFiles
from tests.e2e.site import AUTH_CODE, BROKER, TERMINAL, WILL_FILL, WILL_REST, buy, collect_now
from tests.stateful.counter_side import trade_name

T = TypeVar("T")
IN_DOUBT = frozenset({"order_key_in_doubt", "shared_orders_unavailable"})
"""refusals after which the same key may be tried again, and must be where it was tried before"""
_DEADLINES = Deadlines(
    login_seconds=45.0,
    answer_seconds=15.0,
    close_seconds=1.0,
    keepalive_seconds=90.0,
    first_retry_seconds=0.05,
    longest_retry_seconds=0.5,
    notice_capacity=1_000_000,
)
_AGAIN_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Wish:
    """An order that was not decided yet."""

    key: str
    order: ctp.InputOrder
    day: str
    is_again: bool = False


@dataclass(eq=False)
class Seat:
    """`record` is all that the checker reads; `pace` is the mean pause between two orders in seconds."""

    name: str
    investor: str
    way: Way
    tls: TlsFiles
    dice: random.Random
    pace: float
    record: TerminalRecord = field(init=False)
    may_trade: bool = False
    read: int = 0
    """notices that belong to no order"""
    _terminal: RelayTerminal | None = None
    _undecided: deque[Wish] = field(default_factory=deque)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _remark: str = ""
    _under_way: int = 0

    def __post_init__(self) -> None:
        self.record = TerminalRecord(self.name, self.investor)

    @property
    def is_live(self) -> bool:
        return self._terminal is not None and self._terminal.state.value == "live"

    @property
    def is_decided(self) -> bool:
        """Of each of its orders it knows what became of it."""
        return not self._undecided and not self._under_way

    # Its session ----------------------------------------------------------------------------------------------

    async def sit(self) -> None:
        """Log in and trade until cancelled; a session that ended for good is followed by another."""
        while True:
            try:
                async with self._session() as terminal:
                    await self._trade(terminal)
            except (TerminalError, OSError):
                await asyncio.sleep(_AGAIN_SECONDS)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[RelayTerminal]:
        terminal = self._terminal = RelayTerminal(
            self.way.address,
            app_id=TERMINAL,
            auth_code=AUTH_CODE,
            tls=Tls(ca_file=self.tls.authority),
            credentials=self._credentials,
            deadlines=_DEADLINES,
        )
        async with terminal:
            readers = [
                asyncio.ensure_future(reader)
                for reader in (
                    self._read(terminal.orders(), self._see_order),
                    self._read(terminal.trades(), self._see_trade),
                    self._read(terminal.notices(), self._see_notice),
                    self._read(terminal.statuses(), self._see_status),
                )
            ]
            try:
                self._logged_in(await terminal.login_with(await self._credentials()))
                yield terminal
            finally:
                await asyncio.sleep(0)
                for reader in readers:
                    reader.cancel()
                await asyncio.gather(*readers, return_exceptions=True)

    async def _credentials(self) -> Credentials:
        self._remark = f"{self.name}-{next(self._numbers)}"
        password = Secret(demo_accounts.password_of(self.investor))
        collected = await collect_now()
        return Credentials(
            BROKER, self.investor, password, collected, confirm_settlement=True, login_remark=self._remark
        )

    def give_up(self) -> int:
        """Ask no more what became of its orders; returns how many stay unknown."""
        left = len(self._undecided)
        self._undecided.clear()
        return left

    # What it sees ---------------------------------------------------------------------------------------------

    async def _read(self, items: Subscription[T], see: Any) -> None:
        try:
            async for item in items:
                see(item)
        except TerminalError:
            return

    def _see_order(self, order: ctp.Order) -> None:
        self._mine(order)
        state = state_of(chr(order.order_status), order.volume_traded)
        self.record.orders[order.trading_day, order.business_unit] = state

    def _see_trade(self, trade: ctp.Trade) -> None:
        self._mine(trade)
        name = trade_name(trade.exchange_id, trade.trade_id, trade.instrument_id, chr(trade.direction))
        self.record.trades[trade.trading_day, name] += 1

    def _see_notice(self, event: Any) -> None:
        body = event.WhichOneof("body")
        self.read += body == "rtn_trading_notice"
        if body in {"err_rtn_order_insert", "rsp_order_insert"}:
            self._mine(getattr(event, body))
            self.record.refused.add(getattr(event, body).business_unit)

    def _mine(self, shown: Any) -> None:
        if shown.investor_id != self.investor:
            self.record.strange.append(f"{type(shown).__name__} of {shown.investor_id} came to {self.investor}")

    def _see_status(self, status: Any) -> None:
        if status.lost_history:
            self._lost()
        if status.state in {"reconnecting", "recovering", "ended"}:
            self.record.interruptions.append(asyncio.get_running_loop().time())
        if (status.of, status.state) == ("relay", "reconnecting"):
            self.record.stream_breaks.append(asyncio.get_running_loop().time())
        terminal = self._terminal
        if (status.of, status.state) != ("relay", "live") or terminal is None or terminal.info is None:
            return
        if terminal.info.resumed:
            self.record.resumes += 1
        else:
            self._logged_in(terminal.info)

    def _lost(self) -> None:
        info = self._terminal.info if self._terminal is not None else None
        if info is not None:
            self.record.lost_days.add(info.trading_day)

    def _logged_in(self, info: SessionInfo) -> None:
        """Once for each login, however often it is heard of."""
        if info.lost_history:
            self.record.lost_days.add(info.trading_day)
        if any(login.remark == self._remark for login in self.record.logins[-1:]):
            return
        name = (info.front_id, info.session_id)
        self.record.logins.append(LoggedIn(self.name, self.investor, self._remark, name, info.trading_day))

    # What it sends --------------------------------------------------------------------------------------------

    async def _trade(self, terminal: RelayTerminal) -> None:
        """Raises SessionEnded when there is nothing more to come of this terminal."""
        while terminal.state.value != "ended":
            if not self.is_live:
                await asyncio.sleep(0.02)
            elif self._undecided:
                await self._place(terminal, self._undecided.popleft())
            elif self.may_trade:
                await self._place(terminal, self._wish(terminal))
                await asyncio.sleep(self.dice.expovariate(1 / self.pace))
            else:
                await asyncio.sleep(0.05)
        raise SessionEnded("it ended")

    def _wish(self, terminal: RelayTerminal) -> Wish:
        key = f"{self.name}-{next(self._numbers)}"
        order = buy(self.dice.choice((WILL_FILL, WILL_REST)))
        order.business_unit = key
        day = terminal.info.trading_day if terminal.info is not None else ""
        return Wish(key, order, day)

    async def _place(self, terminal: RelayTerminal, wish: Wish) -> None:
        if terminal.info is not None and terminal.info.trading_day != wish.day:
            return  # a key holds for a day: it would order anew
        self._under_way += 1
        at = asyncio.get_running_loop().time()
        word, again = UNKNOWN, True
        try:
            word, again = await self._ask(terminal, wish)
        finally:
            until = asyncio.get_running_loop().time()
            self.record.said.append(Said(self.name, self.investor, wish.key, word, at, until, wish.day))
            if again:
                self._undecided.append(replace(wish, is_again=True))
            self._under_way -= 1
        if again:
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _ask(self, terminal: RelayTerminal, wish: Wish) -> tuple[str, bool]:
        """What was heard, and whether to ask again with the same key."""
        try:
            reply = await terminal.request("order_insert", wish.order, client_order_key=wish.key)
        except CallRefused as refused:
            reason = refused.refusal.reason
            return (UNKNOWN if reason in IN_DOUBT else f"{NOT_SENT}: {reason}"), reason in IN_DOUBT
        except (OutcomeUnknown, SessionEnded):
            return UNKNOWN, True
        except (CallNotSent, NotConnected) as error:
            return f"{NOT_SENT}: {type(error).__name__}", wish.is_again
        except (NoAnswer, CounterRejected):
            return UNKNOWN, False  # it was sent; its notices say what became of it
        return (REPEATED if reply.outcome.first_order_ref else SENT), False
