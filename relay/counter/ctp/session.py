"""One counter session: the pure machine of `domain.counter_session`, driven with a real API instance.

Everything from the API comes through one inbox and is handled in the order it came. Lifecycle answers feed the
machine; all other callbacks wait behind an unfinished lifecycle step, so that the login's answer is always
seen before the notices that follow it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ctpabi import layout, text
from ctpabi.binding import Binding
from ctpabi.catalog import Method
from relay.counter.ctp.api import QUICK, RESTART, TraderApi
from relay.counter.ctp.spi import RawEvent
from relay.counter.ctp.user_system_info import report_body, report_method
from relay.counter.inbox import Inbox
from relay.counter.port import Evidence, TerminalReport
from relay.domain import counter_session as machine
from relay.errors import LedgerUnavailable
from relay.tasks import Tasks


@dataclass(slots=True)
class Credentials:
    """Who the relay is at the counter, and who logs in there."""

    broker_id: str
    user_id: str
    """the investor in many-to-many, the operator in many-to-one"""
    password: str = field(repr=False)
    relay_app_id: str
    relay_auth_code: str = field(repr=False)
    user_product_info: str = ""
    one_time_password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SessionLive:
    """Logged in; `login` is CThostFtdcRspUserLoginField's bytes."""

    login: bytes
    app_type: str
    report_return_code: int
    day_changed: bool


@dataclass(frozen=True, slots=True)
class SessionPasswordDue:
    error_id: int
    text: str


@dataclass(frozen=True, slots=True)
class SessionRecovering:
    reason: str


@dataclass(frozen=True, slots=True)
class SessionEnded:
    step: str
    code: int
    text: str


@dataclass(frozen=True, slots=True)
class _Alarm:
    """The timer of one decision rang; out of date once another decision was taken."""

    decision: int


SessionChange = SessionLive | SessionPasswordDue | SessionRecovering | SessionEnded
SessionItem = RawEvent | SessionChange

_LIFECYCLE = frozenset(
    {"OnFrontConnected", "OnFrontDisconnected", "OnRspAuthenticate", "OnRspUserLogin", "OnRspUserLogout"}
)
_INBOX_LIMIT = 200_000
_LOGOUT_SECONDS = 1.0


class CtpSession:
    """One API instance and its way to being live; `next_batch` gives everything that happens, in order."""

    def __init__(
        self,
        *,
        name: str,
        binding: Binding,
        flow_dir: Path,
        credentials: Credentials,
        report: TerminalReport | None,
        patience: machine.Patience,
        evidence: Evidence,
        from_now: bool = False,
    ) -> None:
        self.name = name
        self._from_now = from_now
        self.credentials = credentials
        self._binding = binding
        self._catalog = binding.catalog
        self._report = report
        self._evidence = evidence
        self._machine = machine.CounterSession(operator=report is None, patience=patience)
        self._loop = asyncio.get_running_loop()
        inbox: Inbox[RawEvent] = Inbox(self._loop, self._burst, _INBOX_LIMIT)
        self._inbox = inbox
        self._api = TraderApi(binding, flow_dir, inbox.put)
        self._steps: deque[RawEvent | machine.Event | _Alarm] = deque()
        self._step_wanted = asyncio.Event()
        self._out: deque[SessionItem] = deque()
        self._out_ready = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._decisions = 0
        self._logged_out = asyncio.Event()
        self._last_request_id = 0
        self._pending_step = 0
        self._login_body = b""
        self._app_type = ""
        self._report_code = 0
        self._tasks = Tasks()

    @property
    def live(self) -> bool:
        return self._machine.state is machine.State.LIVE

    @property
    def state(self) -> machine.State:
        return self._machine.state

    def open(self, fronts: Sequence[str]) -> None:
        """Start the API's threads and the driver."""
        self._tasks.start(self._drive(), f"counter session {self.name}")
        self._apply_timer(self._machine.start())
        self._api.connect(fronts, QUICK if self._from_now else RESTART)

    def call(self, method: Method, body: bytes | bytearray, request_id: int) -> int:
        """Send one request whose answers will carry `request_id`; returns 0, -1, -2 or -3."""
        return self._api.call(method, body, request_id)

    def next_request_id(self) -> int:
        self._last_request_id = self._last_request_id % 0x7FFFFFFF + 1
        return self._last_request_id

    async def submit(self, session: str, report: TerminalReport) -> int:
        """Report one terminal on an operator session; the ledger has it before the counter does."""
        return await self._report_terminal(session, report, operator=True)

    def front_info(self) -> tuple[int, int]:
        return self._api.front_info()

    def password_changed(self, password: str) -> None:
        """The counter accepted a new password: use it from now on, and log in if the login waited for it."""
        self.credentials.password = password
        if self._machine.state is machine.State.PASSWORD_DUE:
            self._step(machine.PasswordChanged())

    async def next_batch(self) -> list[SessionItem]:
        """Everything that happened since the last call, at least one item; after SessionEnded nothing more comes."""
        while not self._out:
            self._out_ready.clear()
            await self._out_ready.wait()
        batch = list(self._out)
        self._out.clear()
        return batch

    async def close(self) -> None:
        """Log out where logged in, then release the instance; idempotent."""
        if self._timer is not None:
            self._timer.cancel()
        await self._tasks.cancel()
        if self.live:
            await self._log_out()
        self._machine.state = machine.State.ENDED
        await asyncio.to_thread(self._api.release)

    async def _log_out(self) -> None:
        known, self._machine.state = self.credentials, machine.State.ENDED
        method = self._catalog.methods["ReqUserLogout"]
        values = {"BrokerID": known.broker_id, "UserID": known.user_id}
        self._logged_out.clear()
        body = layout.pack(self._catalog.structs[method.struct], values)
        if self.call(method, body, self.next_request_id()) == 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._logged_out.wait(), _LOGOUT_SECONDS)

    # From the inbox ------------------------------------------------------------------------------------------

    def _burst(self, events: list[RawEvent]) -> None:
        for event in events:
            name = event.callback.name
            if name in {"OnRspUserLogout", "OnFrontDisconnected"}:
                self._logged_out.set()
            if name in _LIFECYCLE or self._steps or self._answers_step(event):
                self._step(event)
            elif name != "OnHeartBeatWarning":
                self._out.append(event)
        if self._out:
            self._out_ready.set()
        if self._inbox.overflowed:
            self._step(machine.ForcedOut())

    def _answers_step(self, event: RawEvent) -> bool:
        return event.callback.name == "OnRspError" and event.request_id == self._pending_step != 0

    def _step(self, event: RawEvent | machine.Event | _Alarm) -> None:
        self._steps.append(event)
        self._step_wanted.set()

    # The driver ----------------------------------------------------------------------------------------------

    async def _drive(self) -> None:
        while self._machine.state is not machine.State.ENDED:
            if not self._steps:
                self._step_wanted.clear()
                await self._step_wanted.wait()
            # Looked at first and taken off afterwards: events that come meanwhile must queue behind it.
            step = self._steps[0]
            fact = await self._fact(step)
            if fact is not None:
                await self._carry_out(self._machine.on(fact))
            elif isinstance(step, RawEvent) and step.callback.name not in _LIFECYCLE:
                self._emit(step)
            self._steps.popleft()

    async def _carry_out(self, decision: machine.Decision) -> None:
        self._apply_timer(decision)
        for command in decision:
            try:
                await self._do(command)
            except LedgerUnavailable:
                self._step(machine.StepFailed("the ledger cannot be written"))
                return

    def _apply_timer(self, decision: machine.Decision) -> None:
        if not decision:
            return
        self._decisions += 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for command in decision:
            if isinstance(command, machine.Wait):
                self._timer = self._loop.call_later(command.seconds, self._step, _Alarm(self._decisions))

    async def _do(self, command: machine.Command) -> None:
        match command:
            case machine.Authenticate():
                await self._authenticate()
            case machine.Report():
                await self._register()
            case machine.LogIn():
                await self._log_in()
            case machine.GoLive(day_changed):
                self._emit(SessionLive(self._login_body, self._app_type, self._report_code, day_changed))
            case machine.AskForPassword(error_id, why):
                self._emit(SessionPasswordDue(error_id, why))
            case machine.TellRecovering(reason):
                self._emit(SessionRecovering(reason))
            case machine.End(step, code, why):
                self._emit(SessionEnded(step, code, why))
            case machine.Wait():
                pass  # the timer is set already

    def _emit(self, item: SessionItem) -> None:
        self._out.append(item)
        self._out_ready.set()

    # Steps towards live --------------------------------------------------------------------------------------

    async def _authenticate(self) -> None:
        known = self.credentials
        shown = {"broker_id": known.broker_id, "user_id": known.user_id, "relay_app_id": known.relay_app_id}
        await self._evidence.record("counter_authenticate", self.name, shown)
        self._send_step(
            "ReqAuthenticate",
            {
                "BrokerID": known.broker_id,
                "UserID": known.user_id,
                "UserProductInfo": known.user_product_info,
                "AppID": known.relay_app_id,
                "AuthCode": known.relay_auth_code,
            },
        )

    async def _log_in(self) -> None:
        known = self.credentials
        await self._evidence.record(
            "counter_login", self.name, {"broker_id": known.broker_id, "user_id": known.user_id}
        )
        self._send_step(
            "ReqUserLogin",
            {
                "BrokerID": known.broker_id,
                "UserID": known.user_id,
                "Password": known.password,
                "UserProductInfo": known.user_product_info,
                "OneTimePassword": known.one_time_password,
            },
        )

    async def _register(self) -> None:
        if self._report is None:
            raise TypeError("an operator session has no report of its own")
        self._report_code = await self._report_terminal(self.name, self._report, operator=False)
        # Right behind the step under way: nothing that came meanwhile may be handled in between.
        self._steps.insert(1, machine.Reported(self._report_code))

    def _send_step(self, method_name: str, values: dict[str, object]) -> None:
        method = self._catalog.methods[method_name]
        self._pending_step = self.next_request_id()
        code = self.call(method, layout.pack(self._catalog.structs[method.struct], values), self._pending_step)
        if code != 0:
            self._step(machine.StepFailed(f"{method_name} returned {code}"))

    async def _report_terminal(self, session: str, report: TerminalReport, *, operator: bool) -> int:
        method = report_method(self._catalog, report, operator=operator)
        await self._evidence.record("terminal_report", session, {"call": method.name, **report.as_evidence()})
        code = self._api.report(method, report_body(self._catalog, report))
        await self._evidence.record("terminal_report_result", session, {"call": method.name, "return_code": code})
        return code

    # Answers -------------------------------------------------------------------------------------------------

    async def _fact(self, event: RawEvent | machine.Event | _Alarm) -> machine.Event | None:
        if isinstance(event, _Alarm):
            return machine.DeadlinePassed() if event.decision == self._decisions else None
        if not isinstance(event, RawEvent):
            return event
        match event.callback.name:
            case "OnFrontConnected":
                return machine.FrontConnected() if self._machine.state is machine.State.CONNECTING else None
            case "OnFrontDisconnected":
                self._pending_step = 0
                return machine.FrontDisconnected(event.reason)
            case "OnRspUserLogout":
                return machine.ForcedOut() if self._machine.state is machine.State.LIVE else None
            case "OnRspAuthenticate" | "OnRspUserLogin" | "OnRspError" if event.request_id == self._pending_step:
                return await self._answered(event)
        return None  # an answer to a step that is over: late, and of no use

    async def _answered(self, event: RawEvent) -> machine.Event:
        self._pending_step = 0
        error_id, message = rsp_info(event)
        step = "authenticate" if self._machine.state is machine.State.AUTHENTICATING else "login"
        facts: dict[str, object] = {"error_id": error_id, "error_msg": message}
        answer: machine.Event
        if error_id != 0 or event.body is None:
            answer = machine.Refused(error_id, message)
        elif step == "authenticate":
            answer = self._authenticated(event.body)
            facts["app_type"] = answer.app_type
        else:
            answer = self._logged_in(event.body, facts)
        await self._evidence.record(f"counter_{step}_answer", self.name, facts)
        return answer

    def _authenticated(self, body: bytes) -> machine.Authenticated:
        struct = self._catalog.structs["RspAuthenticate"]
        self._app_type = str(layout.get(struct, body, "AppType"))
        return machine.Authenticated(self._app_type)

    def _logged_in(self, body: bytes, facts: dict[str, object]) -> machine.LoggedIn:
        struct = self._catalog.structs["RspUserLogin"]
        for key, name in (("trading_day", "TradingDay"), ("front_id", "FrontID"), ("session_id", "SessionID")):
            facts[key] = layout.get(struct, body, name)
        self._login_body = body
        return machine.LoggedIn(str(facts["trading_day"]))


def rsp_info(event: RawEvent) -> tuple[int, str]:
    """(ErrorID, ErrorMsg) of a callback; (0, "") where the API passed NULL."""
    if event.rsp_info is None:
        return 0, ""
    return int.from_bytes(event.rsp_info[:4], "little", signed=True), text.decode(event.rsp_info[4:])
