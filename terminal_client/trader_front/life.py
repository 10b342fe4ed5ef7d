"""The life of a front, on its loop's thread: reach the relay, log in, lose the session, begin again.

Theory of operation
-------------------
`run` goes round: reach a relay, OnFrontConnected, wait until the session is lost, OnFrontDisconnected. What the program
asks comes through `submit`, in the order of its calls. Authentication is answered here, because the relay takes the
proof with the login; a login is a task of its own, because collecting takes a tenth of a second.

* A stream that breaks is resumed by the link, and the program sees nothing of it; meanwhile its requests return -1.
  Only where the session can come back by a new login alone does the program get OnFrontDisconnected: it then logs in
  again itself, as it does with the vendor's API (CTP fact 12).
* A relay that is about to stop says so. Where a new process serves at its address, or the program has several
  addresses, the session is lost at the terminal's own moment, and the program logs in there; elsewhere at the relay's end.
* A session that goes on into another trading day, or has lost notices, is ended here for the same reason: the program
  must confirm the settlement of the new day, and read what it missed.
* OnRspUserLogin is emitted before the link's reader has run, so every notice comes after it.
* `connected`, `away` and `trading_day` are read by other threads, and written by the loop's alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ctpabi.api.spi import RawEvent
from ctpabi.catalog import Method
from ctpabi.facts.requests import known_requests
from ctprelay.ctp.v1 import events_pb2
from ctprelay.v1 import terminal_pb2 as pb
from terminal_client.collector import Collected
from terminal_client.conversation import Endpoint, Entrance
from terminal_client.dispatch import SendOutcome
from terminal_client.errors import (
    CollectorFailed,
    LoginRejected,
    NativeWords,
    NotConnected,
    Refusal,
    SessionEnded,
    TerminalError,
)
from terminal_client.farewells import Farewell, NextStep
from terminal_client.link import RelayLink
from terminal_client.secret import Secret
from terminal_client.session import LEAVING, Credentials, Deadlines, SessionInfo, State, Status
from terminal_client.stream import StreamBroken
from terminal_client.subscriptions import Feed
from terminal_client.trader_front import records
from terminal_client.trader_front.answers import CallBook, Delivered, ProgramCall, is_private, is_public, refused
from terminal_client.trader_front.error_ids import FIRST_LOGIN, NO_FUNCTION, NOT_LOGGED_IN
from terminal_client.trader_front.login import LoginAnswer, TerminalIdentity, credentials_of
from terminal_client.trader_front.reach import reach
from terminal_client.trader_front.sessions import BeginSession, FrontSession
from terminal_client.trader_front.settings import FrontSettings, ResumeType

log = logging.getLogger(__name__)
READ_FAILED, HEARTBEAT_LOST, BAD_PACKET = 0x1001, 0x2001, 0x2003
"""reasons of OnFrontDisconnected (CTP fact 16)"""
_ONE_OF_SEVERAL_SECONDS = 10.0
_SECOND = 1.0
_OTHER_LOGINS = frozenset({"ReqUserLoginWithCaptcha", "ReqUserLoginWithText"})
Emit = Callable[[RawEvent], bool]
Submitted = tuple[ProgramCall, pb.TerminalMessage]


def _is_query(method: Method) -> bool:
    return known_requests()[method.name].is_query


@dataclass(frozen=True, slots=True)
class FrontPlan:
    """What a front is made with, once it is started."""

    settings: FrontSettings
    addresses: Sequence[str]
    """host:port of each relay, tried in turn"""
    private: ResumeType
    public: ResumeType
    deadlines: Deadlines
    collect: Callable[[], Collected]
    version: str
    call_soon: Callable[[Callable[[], object]], None]
    """has something called on the loop, from any thread"""
    watchers: list[BeginSession]
    """hear of each session when it has begun"""
    pause_seconds: float = 1.0
    """before the next connection, as the vendor's API pauses"""
    long_pause_seconds: float = 10.0
    """the same, after a farewell that a person should look at"""


class FrontLife:
    """One front, on the loop's thread."""

    def __init__(self, plan: FrontPlan, emit: Emit) -> None:
        self.connected = False
        """whether the relay was reached, and no session is lost since"""
        self.away = False
        """whether the session is there but takes nothing now"""
        self.trading_day = ""
        self.address = ""
        self.session: FrontSession | None = None
        """the one that is logged in"""
        self.book = CallBook()
        self._plan = plan
        self._emit = emit
        self._identity = TerminalIdentity(plan.settings)
        self._delivered = Delivered()
        self._entrance: Entrance | None = None
        self._link: RelayLink | None = None
        self._password_due = False
        self._lost: asyncio.Future[int] | None = None
        self._login: asyncio.Task[None] | None = None
        self._pause = plan.pause_seconds
        self._turn = 0
        self._too_fast = {True: -_SECOND, False: -_SECOND}
        """when the relay last refused a query, or another request, because they came too fast"""

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self._reach()
            self._lost = asyncio.get_running_loop().create_future()
            self.connected, self.away = True, False
            self._tell("OnFrontConnected")
            reason = await self._lost
            await self._leave()
            self._tell("OnFrontDisconnected", reason)
            await asyncio.sleep(self._pause)

    async def close(self) -> None:
        """Log out and let go of everything."""
        self.connected = False
        await self._leave()
        if self._entrance is not None:
            await self._entrance.close()

    async def _reach(self) -> None:
        several = len(self._plan.addresses) > 1
        while True:
            self.address = self._plan.addresses[self._turn % len(self._plan.addresses)]
            self._turn += 1
            if self._entrance is not None:
                await self._entrance.close()
            self._entrance = Entrance(self._endpoint(), self._plan.deadlines)
            try:
                async with asyncio.timeout(_ONE_OF_SEVERAL_SECONDS if several else None):
                    await reach(self._entrance, self.address)
                    return
            except (TimeoutError, StreamBroken) as error:
                log.info("the relay at %s is not reached: %s", self.address, error)

    def _endpoint(self) -> Endpoint:
        plan = self._plan
        return Endpoint(self.address, "", Secret(""), plan.settings.tls, plan.version)

    async def _leave(self) -> None:
        """End the session where there is one, and all that belonged to it."""
        self.connected = False
        login, self._login = self._login, None
        if login is not None and login is not asyncio.current_task():
            login.cancel()
            await asyncio.gather(login, return_exceptions=True)
        link, self._link, self.session = self._link, None, None
        if link is not None:
            await link.close()
        self._identity.forget()
        self._password_due, self.book = False, CallBook()

    def lose(self, reason: int, pause: float = 0.0) -> None:
        """The session, or the connection, is gone for the program."""
        self.connected = False
        self._pause = pause or self._plan.pause_seconds
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(reason)

    def _tell(self, callback: str, reason: int = 0) -> None:
        self._emit(RawEvent(records.callback_named(callback), None, None, reason=reason))

    # What the program asks

    def submit(self, asked: Submitted) -> None:
        """One request of the program's, on the loop, with the Call that carries it, which has no id yet."""
        if not self.connected:
            return
        call, message = asked
        match call.method.name:
            case "ReqAuthenticate":
                self._emit(self._identity.authenticated(call))
            case "ReqUserLogin" | "ReqUserLoginWithOTP":
                self._start(self._log_in(call))
            case "ReqUserLogout" if self._link is not None:
                self._start(self._log_out(call))
            case name if name in _OTHER_LOGINS:
                self._refuse(call, NO_FUNCTION, "中继不支持该登录方式")
            case _ if self._link is None:
                self._refuse(call, NOT_LOGGED_IN, "还没有登录")
            case _:
                self._send(call, message)

    def _refuse(self, call: ProgramCall, error_id: int, words: str) -> None:
        for item in refused(call, Refusal("relay", "", words, error_id)):
            self._emit(item)

    def _send(self, call: ProgramCall, message: pb.TerminalMessage) -> None:
        assert self._link is not None  # noqa: S101 — submit asked
        wire_id = self.book.open_call(call.method, call.body, call.request_id)
        message.call.request_id = wire_id
        try:
            self._link.send(message)
        except TerminalError as error:
            for item in self.book.sent(SendOutcome(wire_id, refusal=Refusal("relay", "session_gone", str(error)))):
                self._emit(item)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        # A second login while one is under way, or after it, is not answered, as at CTP.
        if self._login is not None and not self._login.done():
            work.close()
            return
        self._login = asyncio.get_running_loop().create_task(work, name="front-login")

    async def _log_in(self, call: ProgramCall) -> None:
        if self._link is not None:
            if not self._password_due:
                return
            await self._end_link()
        answer = LoginAnswer(call)
        refusal = self._identity.refusal()
        if refusal is not None:
            self._emit(answer.refused(refusal))
            return
        try:
            collected = await asyncio.to_thread(self._plan.collect)
            credentials = credentials_of(call, collected, live_only=self._plan.private >= ResumeType.QUICK)
            info = await self._open(replace(credentials, collectors=self._plan.settings.collectors))
        except CollectorFailed as failure:
            self._emit(answer.refused(Refusal("collector", failure.reason, f"采集失败：{failure}")))
        except LoginRejected as rejection:
            log.warning("登录被拒绝 the login was refused: %s", rejection)
            self._emit(answer.refused(rejection.refusal))
        except NotConnected as failure:
            log.warning("登录未完成 the login did not come to its end: %s", failure)
            self.lose(READ_FAILED)
        else:
            self._logged_in(info, answer)

    async def _open(self, credentials: Credentials) -> SessionInfo:
        assert self._entrance is not None  # noqa: S101 — reached before
        plan = self._plan
        endpoint = self._entrance.present(*self._identity.shown())
        statuses = Feed[Status](plan.deadlines.notice_capacity)
        link = RelayLink(endpoint, _Hearing(self, statuses), plan.deadlines, None, self._entrance)
        info = await link.log_in(credentials)
        self._link = link
        self.session = FrontSession(link, statuses, endpoint, plan.deadlines, plan.call_soon)
        return info

    def _logged_in(self, info: SessionInfo, answer: LoginAnswer) -> None:
        self.trading_day, self._password_due = info.trading_day, info.must_change_password
        if self._password_due:
            words = "首次登录必须修改密码，或密码已过期、过于简单"
            self._emit(answer.refused(Refusal("counter", "", words, FIRST_LOGIN)))
        else:
            self._emit(answer.succeeded(info))
            if self.session is not None:
                for begin in self._plan.watchers:
                    begin(self.session)

    async def _log_out(self, call: ProgramCall) -> None:
        await self._end_link()
        values = records.values_of(call.method.struct, call.body)
        self._emit(records.made("OnRspUserLogout", values, call.request_id))
        self.lose(READ_FAILED)

    async def _end_link(self) -> None:
        link, self._link, self.session, self._password_due = self._link, None, None, False
        self.book = CallBook()
        if link is not None:
            await link.close()

    # What the link hears, of the present session alone

    def hear_event(self, event: events_pb2.Event, _native: NativeWords | None = None) -> None:
        """A counter's own error has no place in CTP's structs; ErrorID and ErrorMsg say it."""
        if not self.connected:  # what still comes of a session that is lost would come behind a gap
            return
        item = self.book.event(event)
        if item is None or not self._is_wanted(item):
            return
        if not self._emit(item):
            log.error(
                "回调处理过慢，会话重新开始 callbacks are run too slowly: the session begins again, some are lost"
            )
            self.lose(READ_FAILED)

    def _is_wanted(self, item: RawEvent) -> bool:
        plan = self._plan
        if is_private(item.callback):
            if plan.private is ResumeType.RESUME:
                return self._delivered.is_new(self.trading_day, item)
            return plan.private is not ResumeType.NONE
        return plan.public is not ResumeType.NONE or not is_public(item.callback)

    def hear_outcome(self, outcome: SendOutcome) -> None:
        if outcome.refusal is not None and outcome.refusal.reason == "too_fast":
            method = self.book.method_of(outcome.request_id)
            if method is not None:
                self._too_fast[_is_query(method)] = asyncio.get_running_loop().time()
        for item in self.book.sent(outcome):
            self._emit(item)

    def was_too_fast(self, method: Method, now: float) -> bool:
        """Whether the relay refused one of this kind within the last second; `now` is the monotonic clock's."""
        return now - self._too_fast[_is_query(method)] < _SECOND

    def hear_status(self, status: Status) -> None:
        if status.state == LEAVING:
            self._hear_leaving(status)
        elif status.of == "relay":
            self.away = status.state is State.RECONNECTING
        else:
            self.away = status.state != "live" and status.cause != "password_due"
            self._password_due = status.cause == "password_due"
        self.trading_day = status.trading_day or self.trading_day
        if self._link is not None and (status.trading_day_changed or status.lost_history):
            self.lose(HEARTBEAT_LOST)

    def _hear_leaving(self, status: Status) -> None:
        """The relay is about to stop: where there is another place to log in, the program goes there at its own moment."""
        log.warning("中继通知 the relay says: %s", status.reason)
        if status.successor or len(self._plan.addresses) > 1:
            asyncio.get_running_loop().call_later(status.leave_after_seconds, self._move, self._link)

    def _move(self, link: RelayLink | None) -> None:
        if link is not None and link is self._link:
            self.lose(READ_FAILED)

    def hear_lost(self, why: str) -> None:
        for item in self.book.lost(why):
            self._emit(item)

    def hear_end(self, why: str, error: TerminalError | None) -> None:
        self.hear_lost(why)
        kind = error.kind if isinstance(error, SessionEnded) else Farewell.UNKNOWN
        if error is None:  # ended from here
            return
        log.warning("中继会话已结束 the session at the relay ended: %s", error)
        stop = isinstance(error, SessionEnded) and kind is not Farewell.UNKNOWN and kind.next_step is NextStep.STOP
        reasons = {
            Farewell.PROTOCOL_ERROR: BAD_PACKET,
            Farewell.UNKNOWN: HEARTBEAT_LOST,
            Farewell.LINGER_OVER: HEARTBEAT_LOST,
        }
        self.lose(reasons.get(kind, READ_FAILED), self._plan.long_pause_seconds if stop else 0.0)


class _Hearing:
    """Passes on what one link hears, as long as it is the front's."""

    def __init__(self, life: FrontLife, statuses: Feed[Status]) -> None:
        self._life = life
        self._statuses = statuses
        self.event = life.hear_event
        self.sent = life.hear_outcome

    def status(self, status: Status) -> None:
        self._life.hear_status(status)
        self._statuses.publish(status)

    def fail_unsent(self) -> None:
        self._life.hear_lost("中继连接中断，请重新查询")

    def fail_unanswered(self, why: str) -> None:
        self._life.hear_lost(why)

    async def quiet(self, seconds: float) -> None:
        """A front keeps one session at a time: its program logs in again by itself."""

    def end(self, why: str, error: TerminalError | None = None) -> None:
        self._life.hear_end(why, error)
        self._statuses.end(error)
