"""The adapter to CTS, in what both modes have in common: desks, accounts on sessions, the day, and what is said of the counter."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import itertools
from collections.abc import Iterator
from dataclasses import replace

import structlog

from ctpabi.catalog.data import load_catalog
from ctprelay.v1 import terminal_pb2 as pb
from relay.counter.adapter_parts import AdapterParts
from relay.counter.ctp.orders.limits import LinkLimits
from relay.counter.ctp.orders.view import identity_of
from relay.counter.cts.account import RootNetAccount
from relay.counter.cts.described import EXPIRY_STAGES, after_login, before_login, days_left, login_levels, product_of
from relay.counter.cts.from_native import RowReader
from relay.counter.cts.line import FIRST_REQUEST
from relay.counter.cts.liveness import SessionLiveness
from relay.counter.cts.passwords import can_be_hidden
from relay.counter.cts.queries import QueryTools
from relay.counter.cts.session import RootNetSession, SessionParts
from relay.counter.cts.to_native import CARRIED, LOCAL
from relay.counter.cts.words import ExchangeLetters
from relay.counter.port import (
    Attached,
    CounterDescription,
    CounterSituation,
    Mode,
    TerminalLogin,
)
from relay.counter.registered import RegisteredCounter
from relay.counter.translated.days import CHINA
from relay.counter.translated.desks import AccountDesks
from relay.counter.translated.events import EventMaker
from relay.counter.translated.link import TranslatedLink
from relay.counter.translated.names import OrderNames
from relay.counter.translated.notes import NativeOrderNotes
from relay.counter.translated.reading import RequestReader
from relay.counter.translated.tools import DeskTools
from relay.counter.translated.values import AnswerLost, NotSent
from relay.logs.alarms import AlarmName
from relay.refusals import relay_reasons, stream_reasons
from relay.refusals.refusal import Refusal, Refused
from relay.settings.cts_section import CtsSettings
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)


class RootNetMode:
    """What both modes have in common."""

    mode: Mode

    def __init__(self, parts: AdapterParts, settings: CtsSettings) -> None:
        catalog = load_catalog()
        self._parts = parts
        self._settings = settings
        self._broker_id = parts.settings.counter.broker_id
        self._letters = ExchangeLetters.of(settings.exchanges)
        self._names = OrderNames(parts.order_map, parts.number)
        reader, lanes = RequestReader(catalog, CARRIED), itertools.count(1)
        local = frozenset(catalog.methods[name].proto_name for name in LOCAL)
        version = f"{settings.api_type} {settings.api_version}"
        self.registered = RegisteredCounter(
            before_login(self._letters, reader.offered, local, version, has_operator=self.mode is Mode.MANY_TO_ONE)
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
        self._desks = AccountDesks(self._broker_id, tools)
        self._session_parts = SessionParts(settings, parts.evidence, parts.faults, itertools.count(FIRST_REQUEST))
        self._query_tools = QueryTools(settings, self._letters, RowReader(self._letters, self._names.of_number))
        self._accounts: dict[str, RootNetAccount] = {}
        """by terminal session"""
        self._liveness = SessionLiveness(settings.idle_seconds, next(iter(self._letters.by_letter), ""))
        self._tasks = Tasks()
        self._undoing = Tasks()
        """what logins that failed left behind; ends by itself, and is never cancelled"""
        self._day = ""
        self._days_found: set[str] = set()
        """those that sessions were broken off for: each does it once, whichever of them was a mistake"""
        self._warned_on: dt.date | None = None
        self._expiry_stage = 0

    @property
    def orders_today(self) -> int:
        return self._names.used

    def describe(self) -> CounterDescription:
        """What was registered last, with what is so now: which logins are up, and the product from the first greeting on."""
        sessions, said = list(self._sessions()), self.registered.description
        levels = login_levels(
            of_operator=self.mode is Mode.MANY_TO_ONE,
            connected=any(session.connected for session in sessions),
            operator=any(session.lets_in for session in sessions),
            account=any(account.live for account in self._accounts.values()),
        )
        greeted = (product_of(session.greeting) for session in sessions)
        return replace(said, levels=levels, product=said.product or next(filter(None, greeted), ""))

    def check_login(self, login: pb.Login) -> Refusal | None:
        """CTS carries ASCII in passwords, and CTP's spelling of an investor's id."""
        if not can_be_hidden(login.password):
            return stream_reasons.request_malformed(why="password has characters that are not ASCII")
        if login.investor_id and not (login.investor_id.isascii() and login.investor_id.isalnum()):
            return stream_reasons.request_malformed(why="investor_id takes letters and digits alone")
        if len(login.investor_id) > 12:
            return stream_reasons.request_malformed(why="investor_id is longer than 12 bytes")
        return None

    def use_auth_code(self, relay_auth_code: str) -> None:
        """CTS knows no auth code of a relay's."""
        del relay_auth_code

    async def _join(self, session: RootNetSession, login: TerminalLogin) -> TranslatedLink:
        """Log this terminal's account in on a live session, and give it a link. Raises Refused."""
        investor_id = login.report.investor.investor_id
        desk = self._desks.enter(investor_id)
        account = RootNetAccount(session, login, desk, self._parts.evidence, self._query_tools, self._came_back)
        session.joining.append(account)
        try:
            await account.log_in()
            self._parts.passwords.took(investor_id, login.password)
            link = desk.add(login.session, identity_of(login), account, self._gone)
            link.see(self._attached(session, account, investor_id))
            account.link = link
            self._accounts[login.session] = account
            desk.welcome(link, from_now=login.from_now)
            session.users.append(account)
            self._found_day(account)
        except BaseException as error:
            await self._undoing.finish(self._leave(account, investor_id), f"login of {login.session} undone")
            if isinstance(error, AnswerLost | NotSent):
                self._liveness.ask(session)
                raise Refused(relay_reasons.counter_unavailable(why="(it broke during the login)")) from None
            raise
        finally:
            session.joining.remove(account)
        return link

    async def _leave(self, account: RootNetAccount, investor_id: str) -> None:
        await account.leave()
        await self._desks.leave(investor_id)

    def _came_back(self, account: RootNetAccount) -> None:
        """What the counter said before the break may hold no more: it is registered anew, and the terminal's login is the new one."""
        if account.link is not None:
            attached = self._attached(account.session, account, account.acct_id)
            account.link.see(replace(attached, trading_day=account.day))
        self._found_day(account)

    def _found_day(self, account: RootNetAccount) -> None:
        """A session may outlive its day, with the old book: one login at a newer day breaks off all that are behind, once."""
        day = account.day
        behind = {one.session for one in self._accounts.values() if one.live and one.day < day}
        if day not in self._days_found and behind:
            self._days_found.add(day)
            for session in behind:
                session.break_off(f"the trading day is {day}")

    def _attached(self, session: RootNetSession, account: RootNetAccount, investor_id: str) -> Attached:
        now = dt.datetime.now(CHINA)
        desk = self._desks.of(investor_id)
        self._day = desk.book.trading_day if desk is not None else self._day
        self._warn_of_expiry(session, now.date())
        offered = self.registered.description
        changed = after_login(
            offered,
            self._letters,
            session.greeting,
            account.info,
            trading_day=self._day,
            since=now.isoformat(timespec="seconds"),
        )
        offered = replace(offered, **changed)
        self.registered.register(offered)
        return Attached(
            trading_day=self._day,
            login_time=now.strftime("%H:%M:%S"),
            front_id=0,
            session_id=0,
            max_order_ref=0,
            app_type="",
            system_name=session.greeting.server[:40],
            report_return_code=0,
            offered=replace(offered, accounts=(investor_id,)),
        )

    def _warn_of_expiry(self, session: RootNetSession, today: dt.date) -> None:
        """Once a day; with an alarm when 30 days are left, 7, and one."""
        left = days_left(session.greeting, today)
        if left is None or self._warned_on == today:
            return
        before, self._warned_on = self._expiry_stage, today
        self._expiry_stage = min(days for days in EXPIRY_STAGES if left <= days)
        facts = {"expires": session.greeting.expires[:10], "days_left": left}
        if self._expiry_stage == before:
            _log.warning("cts_counter_expires", **facts)
        else:
            self._parts.alarms.sound(AlarmName.COUNTER_EXPIRES, **facts)

    async def _gone(self, link: TranslatedLink, reason: str) -> None:
        """A terminal left."""
        del reason
        account = self._accounts.pop(link.session, None)
        if account is not None:
            with contextlib.suppress(ValueError):
                account.session.users.remove(account)
            await account.leave()
            await self._left(account)
            await self._desks.leave(link.identity.investor_id)

    async def _left(self, account: RootNetAccount) -> None:
        """What else ends with it."""

    async def start(self) -> None:
        """Keep quiet connections alive, and look at what the counter says of its end: no terminal may come for days."""
        self._tasks.start(self._keep_alive(), "quiet connections to CTS")

    async def stop(self) -> None:
        """Ask nothing any more."""
        await self._undoing.over()
        await self._tasks.cancel()
        await self._liveness.stop()

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(self._settings.idle_seconds / 2)
            self._liveness.ask_quiet(self._sessions(), self._accounts.values())
            for session in self._sessions():
                self._warn_of_expiry(session, dt.datetime.now(CHINA).date())

    def _sessions(self) -> Iterator[RootNetSession]:
        return iter({account.session for account in self._accounts.values()})

    def _situation(self, state: str, seconds: float, why: Refusal | None, user_id: str = "") -> CounterSituation:
        sessions = list(self._sessions())
        live = sum(session.live for session in sessions)
        why_text = why.message if why is not None else ""
        return CounterSituation(
            state, seconds, why_text, user_id, (self._settings.address,), len(sessions), live, self._day
        )
