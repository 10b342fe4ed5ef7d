"""One session at one counter over the vendor's API: logging in, logging in again, ending."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import Message

from ctpabi.api import binding
from ctpabi.api.inbox import Inbox
from ctpabi.api.spi import RawEvent
from ctpabi.api.trader import QUICK, RESTART, TraderApi
from ctpabi.catalog import Shape
from ctpabi.catalog.data import load_catalog
from ctpabi.codec.messages import event_bytes, struct_from_message
from ctpabi.facts.errors import LoginVerdict, verdict_of
from ctprelay.ctp.v1 import events_pb2, structs_pb2
from terminal_client.backoff import TryLater, retried
from terminal_client.dispatch import Dispatch, Reply, SendOutcome
from terminal_client.errors import (
    CallFailed,
    CounterRejected,
    LoginRejected,
    NoAnswer,
    NotConnected,
    Refusal,
    SessionEnded,
    TerminalError,
)
from terminal_client.secret import Secret
from terminal_client.session import Deadlines, SessionInfo, State, Status


@dataclass(frozen=True, slots=True)
class Account:
    """Who logs in."""

    broker_id: str
    investor_id: str
    password: Secret


@dataclass(frozen=True, slots=True)
class DirectTarget:
    """Where to, and as which software."""

    fronts: Sequence[str]
    """tcp://host:port"""
    app_id: str
    auth_code: Secret
    flow_folder: Path


class DirectLink:
    """The session; requests go through `send`, everything the counter says to `dispatch`."""

    def __init__(self, counter: DirectTarget, dispatch: Dispatch, deadlines: Deadlines) -> None:
        self.state = State.IDLE
        self.info: SessionInfo | None = None
        self.account: Account | None = None
        self._counter = counter
        self._dispatch = dispatch
        self._deadlines = deadlines
        self._methods = {method.proto_name: method for method in load_catalog().requests}
        self._connected = asyncio.Event()
        self._api: TraderApi | None = None
        self._inbox: Inbox[RawEvent] | None = None
        self._again: asyncio.Task[None] | None = None
        self._letting_go: asyncio.Task[None] | None = None
        self.ended_because = ""

    async def log_in(self, account: Account, *, live_only: bool) -> SessionInfo:
        """Connect, authenticate, log in. LoginRejected or NotConnected, after which it may be tried again."""
        if self.state is not State.IDLE:
            raise NotConnected(f"no login on this terminal now: it is {self.state}")
        inbox = self._inbox = Inbox(asyncio.get_running_loop(), self._burst, self._deadlines.callback_capacity)
        api = self._api = TraderApi(binding.load(), self._counter.flow_folder, inbox.put)
        self.state, self.account = State.LOGGING_IN, account
        topic = QUICK if live_only else RESTART
        api.connect(self._counter.fronts, topic, topic)
        try:
            return await self._log_in(account)
        except BaseException:
            self._api = None
            if self.state is not State.ENDED:
                self.state = State.IDLE
            self._connected.clear()
            await asyncio.to_thread(api.release)
            raise

    async def send(self, name: str, body: Message, seconds: float) -> Reply[Message]:
        """Send one request as it is and wait for its answer."""
        if name not in self._methods:
            raise ValueError(f"there is no request {name}")
        method, content = self._methods[name], struct_from_message(body)
        with self._dispatch.pending(name) as call:
            code = -1 if self._api is None else self._api.call(method, content, call.request_id)
            order_ref = body.order_ref if isinstance(body, structs_pb2.InputOrder) else ""
            self._dispatch.sent(SendOutcome(call.request_id, code, order_ref=order_ref))
            try:
                async with asyncio.timeout(seconds):
                    return await call.done
            except TimeoutError:
                raise NoAnswer(name, f"sent, but not answered within {seconds:g} s") from None

    async def close(self) -> None:
        """Release the API and settle everything; may be called again."""
        self._end("logged out", None)
        if self._letting_go is not None:
            await self._letting_go

    def _end(self, why: str, error: TerminalError | None) -> None:
        """Settle everything now; the API is released behind it."""
        if self._again is not None:
            self._again.cancel()
        self._settle(why, error)
        if self._letting_go is None:
            self._letting_go = asyncio.get_running_loop().create_task(self._let_go(), name="direct-end")

    async def _let_go(self) -> None:
        if self._again is not None:
            await asyncio.gather(self._again, return_exceptions=True)
        if self._api is not None:
            await asyncio.to_thread(self._api.release)

    async def _log_in(self, account: Account) -> SessionInfo:
        seconds = self._deadlines.login_seconds
        self.state = State.LOGGING_IN
        try:
            async with asyncio.timeout(seconds):
                await self._connected.wait()
            await self._authenticate(account)
            answer, due = await self._user_login(account)
        except TimeoutError:
            raise NotConnected(f"no front of {', '.join(self._counter.fronts)} answered within {seconds:g} s") from None
        except CounterRejected as rejection:
            refusal = Refusal("counter", rejection.name, rejection.text, rejection.error_id)
            raise LoginRejected(refusal) from None
        except CallFailed as failure:
            raise NotConnected(str(failure)) from None
        if self.state is State.ENDED:
            raise SessionEnded(self.ended_because)
        self.info = session_of(answer, account, must_change_password=due)
        self._enter(State.LIVE, "logged in")
        return self.info

    async def _authenticate(self, account: Account) -> None:
        counter = self._counter
        body = structs_pb2.ReqAuthenticate(
            broker_id=account.broker_id,
            user_id=account.investor_id,
            app_id=counter.app_id,
            auth_code=counter.auth_code.reveal(),
        )
        await self.send("authenticate", body, self._deadlines.login_seconds)

    async def _user_login(self, account: Account) -> tuple[structs_pb2.RspUserLogin, bool]:
        """The counter's answer, and whether the password must be changed."""
        body = structs_pb2.ReqUserLogin(
            broker_id=account.broker_id, user_id=account.investor_id, password=account.password.reveal()
        )
        try:
            reply = await self.send("user_login", body, self._deadlines.login_seconds)
        except CounterRejected as rejection:
            if verdict_of(rejection.error_id) is not LoginVerdict.PASSWORD_DUE:
                raise
            return structs_pb2.RspUserLogin(), True
        rows = (row for row in reply.rows if isinstance(row, structs_pb2.RspUserLogin))
        return next(rows, structs_pb2.RspUserLogin()), False

    def _burst(self, items: list[RawEvent]) -> None:
        """Everything that waited, on the loop."""
        if self.state is State.ENDED or self._inbox is None:
            return
        for item in items:
            self._take(item)
        if self._inbox.overflowed:
            most = self._deadlines.callback_capacity
            why = f"more than {most} of the counter's callbacks waited and some are lost: log in again, then query"
            self._end(why, SessionEnded(why))

    def _take(self, item: RawEvent) -> None:
        if item.callback.shape is Shape.CONNECTION:
            self._connection(item)
            return
        error_id, message = item.error
        data = event_bytes(
            item.callback,
            item.body,
            error_id=error_id,
            error_msg=message,
            request_id=item.request_id,
            is_last=item.is_last,
        )
        self._dispatch.event(events_pb2.Event.FromString(data))

    def _connection(self, item: RawEvent) -> None:
        if item.callback.name == "OnFrontConnected":
            self._connected.set()
            if self.state is State.RECONNECTING and self.account is not None:
                work = self._log_in_again(self.account)
                self._again = asyncio.get_running_loop().create_task(work, name="direct-login")
        elif item.callback.name == "OnFrontDisconnected":
            self._connected.clear()
            self._dispatch.fail_unanswered(f"the front is disconnected ({item.reason:#x})")
            if self.state is State.LIVE:
                self._enter(State.RECONNECTING, f"front disconnected ({item.reason:#x})")

    async def _log_in_again(self, account: Account) -> None:
        try:
            await retried(lambda: self._try_again(account), self._deadlines)
        except TerminalError as error:
            self._settle(str(error), error)
        except TryLater as failure:
            self._settle(str(failure), SessionEnded(f"gave up reconnecting: {failure}"))

    async def _try_again(self, account: Account) -> None:
        try:
            await self._log_in(account)
        except LoginRejected as rejection:
            if verdict_of(rejection.code) is LoginVerdict.RETRY:
                raise TryLater(str(rejection)) from None
            raise
        except NotConnected as failure:
            raise TryLater(str(failure)) from None

    def _enter(self, state: State, reason: str) -> None:
        self.state = state
        day = self.info.trading_day if self.info is not None else ""
        self._dispatch.statuses.publish(Status("counter", state, reason, trading_day=day))

    def _settle(self, why: str, error: TerminalError | None) -> None:
        if self.state is not State.ENDED:
            self.ended_because = why
            self._enter(State.ENDED, why)
            self._dispatch.end(why, error)


def session_of(answer: structs_pb2.RspUserLogin, account: Account, *, must_change_password: bool) -> SessionInfo:
    """What a direct login gave, in the relay's terms."""
    ref = answer.max_order_ref.strip()
    return SessionInfo(
        broker_id=account.broker_id,
        investor_id=account.investor_id,
        trading_day=answer.trading_day,
        login_time=answer.login_time,
        front_id=answer.front_id,
        session_id=answer.session_id,
        max_order_ref=int(ref) if ref.isdigit() else 0,
        mode="direct",
        relay_app_type="",
        system_name=answer.system_name,
        must_change_password=must_change_password,
        advice="请修改密码 change the password" if must_change_password else "",
        linger_seconds=0,
        resumed=False,
        lost_history=False,
    )
