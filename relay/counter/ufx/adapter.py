"""The adapter to UFX, in what both modes have in common: one connection, a token for each terminal, accounts under them, the day.

In many-to-many the terminal's investor logs in as the operator; in many-to-one the relay's operator does, once for itself and once
for each terminal with that terminal's information, because UFX takes it inside a login and nowhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from ctpabi.catalog.data import load_catalog
from ctprelay.v1 import terminal_pb2 as pb
from relay.counter.adapter_parts import AdapterParts
from relay.counter.ctp.orders.limits import LinkLimits
from relay.counter.ctp.orders.view import identity_of
from relay.counter.port import (
    Attached,
    CounterDescription,
    CounterLink,
    CounterSituation,
    Mode,
    TerminalLogin,
)
from relay.counter.registered import RegisteredCounter
from relay.counter.translated.desk import AccountDesk
from relay.counter.translated.desks import AccountDesks
from relay.counter.translated.events import EventMaker
from relay.counter.translated.link import TranslatedLink
from relay.counter.translated.names import OrderNames
from relay.counter.translated.notes import NativeOrderNotes
from relay.counter.translated.reading import RequestReader
from relay.counter.translated.tools import DeskTools
from relay.counter.translated.values import AnswerLost, NotSent
from relay.counter.ufx.account import AccountTools, UfxAccount
from relay.counter.ufx.days import TradingDays, china_now, day_of
from relay.counter.ufx.described import after_login, before_login, login_levels
from relay.counter.ufx.from_native import UfxRowReader
from relay.counter.ufx.keeping import KeepAlive
from relay.counter.ufx.line import LineParts, UfxLine
from relay.counter.ufx.operator import UfxOperator
from relay.counter.ufx.to_native import CARRIED, LOCAL, login_refusal
from relay.counter.ufx.token import TokenOwner, UfxToken
from relay.counter.ufx.words import MarketNumbers
from relay.refusals import relay_reasons, stream_reasons
from relay.refusals.refusal import Refusal, Refused
from relay.settings.ufx_section import UfxSettings
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)
_LOOK_SECONDS = 1.0
"""between two looks at which tokens were silent for long"""


class UfxMode:
    """What both modes have in common."""

    mode: Mode

    def __init__(self, parts: AdapterParts, settings: UfxSettings, line_parts: LineParts) -> None:
        catalog = load_catalog()
        self._parts = parts
        self._settings = settings
        self._line_parts = line_parts
        self._names = OrderNames(parts.order_map, parts.number)
        self._markets = MarketNumbers.of(settings.markets)
        reader, lanes = RequestReader(catalog, CARRIED), itertools.count(1)
        local = frozenset(catalog.methods[name].proto_name for name in LOCAL)
        library = line_parts.library.version, line_parts.library.sha256
        self.registered = RegisteredCounter(
            before_login(self._markets, reader.offered, local, library, operator=self.mode is Mode.MANY_TO_ONE)
        )
        tools = DeskTools(
            reader=reader,
            events=EventMaker(catalog),
            names=self._names,
            notes=NativeOrderNotes(parts.trail),
            limits=lambda: LinkLimits.of(parts.limits()),
            day_limits=parts.limits,
            alarms=parts.alarms,
            figures=parts.figures,
            next_lane=lambda: next(lanes),
        )
        self._desks = AccountDesks(parts.settings.counter.broker_id, tools)
        self._used_before = parts.order_map.last_used_day()
        self._days = TradingDays(
            lambda: day_of(china_now(), settings.night_from), self._used_day, from_orders=settings.day_from_orders
        )
        self._account_tools = AccountTools(
            settings, self._markets, UfxRowReader(self._markets), self._days, self._came_back
        )
        self._accounts: dict[str, UfxAccount] = {}
        """by terminal session"""
        self._token_numbers = itertools.count(1)
        self._keep = KeepAlive(settings.keep_alive_seconds)
        self._line: UfxLine | None = None
        self._tasks = Tasks()
        self._undoing = Tasks()
        """what logins that failed left behind; ends by itself, and is never cancelled"""

    @property
    def ready(self) -> bool:
        return self._line is not None and self._line.live

    @property
    def why_not_ready(self) -> Refusal | None:
        line = self._line
        if line is None:
            return relay_reasons.counter_unavailable(why="not started")
        return None if line.live else line.why_not or relay_reasons.counter_unavailable(why="not connected")

    @property
    def orders_today(self) -> int:
        return self._names.used

    def describe(self) -> CounterDescription:
        """What was registered last, with the logins that are up now."""
        levels = login_levels(
            of_operator=self.mode is Mode.MANY_TO_ONE,
            connected=self._line is not None and self._line.connected,
            operator=self.ready,
            token=any(account.live for account in self._accounts.values()),
        )
        return replace(self.registered.description, levels=levels)

    def check_login(self, login: pb.Login) -> Refusal | None:
        """What UFX's fields could not carry."""
        for name, value, longest in (("investor_id", login.investor_id, 12), ("password", login.password, 255)):
            if not value.isascii() or not value.isprintable() or len(value) > longest:
                return stream_reasons.request_malformed(why=f"{name} takes up to {longest} printable ASCII characters")
        return None

    def use_auth_code(self, relay_auth_code: str) -> None:
        """UFX knows no auth code of a relay's."""
        del relay_auth_code

    def reload(self) -> None:
        """A person mended something: try now, where it is not live."""
        if self._line is not None and not self._line.live:
            self._line.try_now()

    def situation(self) -> CounterSituation:
        line, why = self._line, self.why_not_ready
        seconds = asyncio.get_running_loop().time() - line.changed_at if line is not None else 0.0
        phase = line.phase if line is not None else "stopped"
        live = sum(account.live for account in self._accounts.values())
        why_text = why.message if why is not None else ""
        day = self.registered.description.trading_day
        return CounterSituation(
            phase, seconds, why_text, self._operator_id(), self._settings.servers, len(self._accounts), live, day
        )

    def _operator_id(self) -> str:
        return ""

    def reconnect(self, why: str) -> int:
        del why
        if self._line is None:
            return 0
        self._line.try_now()
        return 1

    def reconnect_operator(self, why: str) -> bool:
        """In many-to-many there is none."""
        del why
        return False

    async def start(self) -> None:
        """The connection is begun, not awaited."""
        self._line = UfxLine(self._line_parts)
        self._line.begin()
        self._tasks.start(self._keep_alive(), "tokens of UFX kept alive")
        if self._settings.sweep_seconds:
            self._tasks.start(self._sweep(), "days of UFX read again")

    async def stop(self) -> None:
        await self._undoing.over()
        await self._tasks.cancel()
        if self._line is not None:
            await self._line.close()

    # Terminals ------------------------------------------------------------------------------------------------

    async def attach(self, login: TerminalLogin) -> CounterLink:
        """A token with the terminal's information, and the account under it. Raises Refused."""
        line, why_not = self._line, self.why_not_ready or login_refusal(login.report)
        if line is None or why_not is not None:
            raise Refused(why_not or relay_reasons.counter_unavailable())
        investor_id = login.report.investor.investor_id
        desk = self._desks.enter(investor_id)
        operator_no, password = self._who(login)
        token = self._token(line, TokenOwner(login.session, operator_no, password, login.report))
        account = UfxAccount(line, token, login, desk, self._account_tools)
        line.users.append(account)
        try:
            await account.log_in()
            return self._joined(account, login, desk)
        except BaseException as error:
            await self._undoing.finish(self._end(account, investor_id), f"login of {login.session} undone")
            if isinstance(error, AnswerLost | NotSent):
                raise Refused(relay_reasons.counter_unavailable(why="(no answer during the login)")) from None
            raise

    def _joined(self, account: UfxAccount, login: TerminalLogin, desk: AccountDesk) -> TranslatedLink:
        self._took(login)
        link = desk.add(login.session, identity_of(login), account, self._gone)
        link.see(self._attached(account, login.report.investor.investor_id))
        account.link = link
        self._accounts[login.session] = account
        desk.welcome(link, from_now=login.from_now)
        return link

    def _came_back(self, account: UfxAccount) -> None:
        """What the counter said before may hold no more: it is registered anew, and the terminal's login is the new one."""
        if account.link is not None:
            account.link.see(self._attached(account, account.link.identity.investor_id))

    async def _end(self, account: UfxAccount, investor_id: str) -> None:
        if self._line is not None:
            with contextlib.suppress(ValueError):
                self._line.users.remove(account)
        await account.leave()
        if not any(other.account_code == account.account_code for other in self._accounts.values()):
            self._days.forget(account.account_code)
        await self._desks.leave(investor_id)

    def _who(self, login: TerminalLogin) -> tuple[str, Callable[[], Awaitable[str]]]:
        """As which operator this terminal logs in, and with which password."""
        raise NotImplementedError

    def _took(self, login: TerminalLogin) -> None:
        """The counter took the login."""

    def _token(self, line: UfxLine, owner: TokenOwner) -> UfxToken:
        return UfxToken(line, owner, next(self._token_numbers), self._settings, self._parts.evidence)

    def _attached(self, account: UfxAccount, investor_id: str) -> Attached:
        now = china_now()
        offered = after_login(
            self.registered.description,
            self._markets,
            account.portfolios,
            account.token.version,
            account.day,
            now.isoformat(timespec="seconds"),
        )
        self.registered.register(offered)
        return Attached(
            trading_day=account.day,
            login_time=now.strftime("%H:%M:%S"),
            front_id=0,
            session_id=0,
            max_order_ref=0,
            app_type="",
            system_name="UFX",
            report_return_code=0,
            offered=replace(offered, accounts=(investor_id,)),
        )

    async def _gone(self, link: TranslatedLink, reason: str) -> None:
        """A terminal left."""
        del reason
        account = self._accounts.pop(link.session, None)
        if account is not None:
            await self._end(account, link.identity.investor_id)

    # Tokens ---------------------------------------------------------------------------------------------------

    async def _keep_alive(self) -> None:
        loop, look = asyncio.get_running_loop(), min(_LOOK_SECONDS, self._settings.keep_alive_seconds / 4)
        while True:
            await asyncio.sleep(look)
            if not self.ready:
                continue
            self._turn_day()
            by_token = {account.token: account for account in self._kept() if account.token.is_in}
            for token in self._keep.due(by_token, loop.time(), look):
                account = by_token[token]  # type: ignore[index]
                token.used_at = loop.time()  # type: ignore[misc]
                self._tasks.start(account.keep_alive(), "one token kept alive")

    def _turn_day(self) -> None:
        """All begin the new day together, with new logins: tokens of the day before may be dead, and the library does not say so."""
        today = self._days.today()
        if self._line is not None and any(account.day != today for account in self._accounts.values() if account.live):
            self._line.break_off("a new trading day", self._line.way)

    def _used_day(self) -> str:
        """The day under which this relay has sent orders, before its restart too."""
        return max(self._used_before, self._parts.order_map.trading_day if self._names.used else "")

    def _kept(self) -> list[UfxAccount | UfxOperator]:
        return list(self._accounts.values())

    async def _sweep(self) -> None:
        """Each account once in `sweep_seconds`, one after the other; terminals of one account share its day."""
        while True:
            accounts = list({account.account_code: account for account in self._accounts.values()}.values())
            for account in accounts:
                await asyncio.sleep(self._settings.sweep_seconds / len(accounts))
                await account.sweep()
            if not accounts:
                await asyncio.sleep(self._settings.sweep_seconds)
