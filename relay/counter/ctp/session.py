"""One counter session: the pure machine of `domain.counter_session`, driven with a real API instance.

Everything from the API comes through one inbox and is handled in the order it came. Lifecycle answers feed the
machine; all other callbacks wait behind an unfinished lifecycle step, so that the login's answer is always
seen before the notices that follow it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ctpabi.catalog import Method
from relay.counter.ctp.api import TraderApi
from relay.counter.ctp.login_steps import LoginSteps
from relay.counter.ctp.session_items import SessionEnded, SessionItem, SessionPasswordDue, SessionRecovering, fault
from relay.counter.ctp.spi import Put, RawEvent
from relay.counter.inbox import Inbox
from relay.counter.port import TerminalReport
from relay.domain import counter_events as fact
from relay.domain.counter_session import CounterSession, Decision, Patience, State
from relay.errors import LedgerUnavailable
from relay.tasks import Tasks


@dataclass(frozen=True, slots=True)
class _Alarm:
    """The timer of one decision rang; out of date once another decision was taken."""

    decision: int


_LIFECYCLE = frozenset(
    {"OnFrontConnected", "OnFrontDisconnected", "OnRspAuthenticate", "OnRspUserLogin", "OnRspUserLogout"}
)
_INBOX_LIMIT = 200_000
_LOGOUT_SECONDS = 1.0


class CtpSession:
    """One API instance and its way to being live; `next_batch` gives everything that happens, in order."""

    def __init__(
        self,
        name: str,
        api: Callable[[Put], TraderApi],
        steps: Callable[[TraderApi], LoginSteps],
        report: TerminalReport | None,
        patience: Patience,
    ) -> None:
        """`report` is the terminal's whose session this is; None makes it an operator's."""
        self.name = name
        self._report = report
        self._machine = CounterSession(operator=report is None, patience=patience)
        self._loop = asyncio.get_running_loop()
        self._inbox: Inbox[RawEvent] = Inbox(self._loop, self._burst, _INBOX_LIMIT)
        self._api = api(self._inbox.put)
        self.steps = steps(self._api)
        self._queue: deque[RawEvent | fact.Event | _Alarm] = deque()
        self._queue_filled = asyncio.Event()
        self._out: deque[SessionItem] = deque()
        self._out_ready = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._decisions = 0
        self._logged_out = asyncio.Event()
        self._last_request_id = 0
        self._pending_step = 0
        self._tasks = Tasks()

    @property
    def live(self) -> bool:
        """Whether it is logged in now."""
        return self._machine.state is State.LIVE

    def open(self, fronts: Sequence[str], private_topic: int) -> None:
        """Start the API's threads and the driver."""
        self._tasks.start(self._drive(), f"counter session {self.name}")
        self._apply_timer(self._machine.start())
        self._api.connect(fronts, private_topic)

    def call(self, method: Method, body: bytes | bytearray, request_id: int) -> int:
        """Send one request whose answers will carry `request_id`; returns 0, -1, -2 or -3."""
        return self._api.call(method, body, request_id)

    def next_request_id(self) -> int:
        """An nRequestID no unanswered request of this session has."""
        self._last_request_id = self._last_request_id % 0x7FFFFFFF + 1
        return self._last_request_id

    def front_info(self) -> tuple[int, int]:
        """See `TraderApi.front_info`."""
        return self._api.front_info()

    def password_changed(self, password: str) -> None:
        """The counter accepted a new password: use it from now on, and log in if the login waited for it."""
        self.steps.credentials.password = password
        if self._machine.state is State.PASSWORD_DUE:
            self._step(fact.PasswordChanged())

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
        self._machine.state = State.ENDED
        await asyncio.to_thread(self._api.release)

    async def _log_out(self) -> None:
        self._machine.state = State.ENDED
        self._logged_out.clear()
        if self.steps.log_out(self.next_request_id()) == 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._logged_out.wait(), _LOGOUT_SECONDS)

    # From the inbox ------------------------------------------------------------------------------------------

    def _burst(self, events: list[RawEvent]) -> None:
        for event in events:
            name = event.callback.name
            if name in {"OnRspUserLogout", "OnFrontDisconnected"}:
                self._logged_out.set()
            if name in _LIFECYCLE or self._queue or self._answers_step(event):
                self._step(event)
            elif name != "OnHeartBeatWarning":
                self._out.append(event)
        if self._out:
            self._out_ready.set()
        if self._inbox.overflowed:
            self._step(fact.Overrun())

    def _answers_step(self, event: RawEvent) -> bool:
        return event.callback.name == "OnRspError" and event.request_id == self._pending_step != 0

    def _step(self, event: RawEvent | fact.Event | _Alarm) -> None:
        self._queue.append(event)
        self._queue_filled.set()

    # The driver ----------------------------------------------------------------------------------------------

    async def _drive(self) -> None:
        try:
            while self._machine.state is not State.ENDED:
                if not self._queue:
                    self._queue_filled.clear()
                    await self._queue_filled.wait()
                # Looked at first and taken off afterwards: events that come meanwhile must queue behind it.
                await self._take(self._queue[0])
                self._queue.popleft()
        except Exception:
            self._machine.state = State.ENDED
            self._emit(fault())
            raise

    async def _take(self, step: RawEvent | fact.Event | _Alarm) -> None:
        known = await self._fact(step)
        if known is not None:
            await self._carry_out(self._machine.on(known))
        elif isinstance(step, RawEvent) and step.callback.name not in _LIFECYCLE:
            self._emit(step)

    async def _carry_out(self, decision: Decision) -> None:
        self._apply_timer(decision)
        for command in decision:
            try:
                await self._do(command)
            except LedgerUnavailable:
                self._step(fact.StepFailed("the ledger cannot be written"))
                return

    def _apply_timer(self, decision: Decision) -> None:
        if not decision:
            return
        self._decisions += 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for command in decision:
            if isinstance(command, fact.Wait):
                self._timer = self._loop.call_later(command.seconds, self._step, _Alarm(self._decisions))

    async def _do(self, command: fact.Command) -> None:
        match command:
            case fact.Authenticate():
                await self._step_with(self.steps.authenticate)
            case fact.Report():
                await self._register()
            case fact.LogIn():
                await self._step_with(self.steps.log_in)
            case fact.GoLive(day_changed):
                self._emit(self.steps.live(day_changed=day_changed))
            case fact.AskForPassword(error_id, why):
                self._emit(SessionPasswordDue(error_id, why))
            case fact.TellRecovering(reason):
                self._emit(SessionRecovering(reason))
            case fact.End(step, code, why):
                self._emit(SessionEnded(step, code, why))
            case fact.Wait():
                pass  # the timer is set already

    def _emit(self, item: SessionItem) -> None:
        self._out.append(item)
        self._out_ready.set()

    # Steps and answers ---------------------------------------------------------------------------------------

    async def _step_with(self, send: Callable[[int], Awaitable[int]]) -> None:
        self._pending_step = self.next_request_id()
        if (code := await send(self._pending_step)) != 0:
            self._step(fact.StepFailed(f"the API returned {code}"))

    async def _register(self) -> None:
        if self._report is None:
            raise TypeError("an operator session has no report of its own")
        code = await self.steps.register(self._report)
        # Right behind the step under way: nothing that came meanwhile may be handled in between.
        self._queue.insert(1, fact.Reported(code))

    async def _fact(self, event: RawEvent | fact.Event | _Alarm) -> fact.Event | None:
        if isinstance(event, _Alarm):
            return fact.DeadlinePassed() if event.decision == self._decisions else None
        if not isinstance(event, RawEvent):
            return event
        match event.callback.name:
            case "OnFrontConnected":
                return fact.FrontConnected() if self._machine.state is State.CONNECTING else None
            case "OnFrontDisconnected":
                self._pending_step = 0
                return fact.FrontDisconnected(event.reason)
            case "OnRspUserLogout":
                return fact.ForcedOut() if self._machine.state is State.LIVE else None
            case "OnRspAuthenticate" | "OnRspUserLogin" | "OnRspError" if event.request_id == self._pending_step:
                self._pending_step = 0
                readers = {State.AUTHENTICATING: self.steps.authenticated, State.LOGGING_IN: self.steps.logged_in}
                read = readers.get(self._machine.state)  # None: its time was over before it came
                return await read(event) if read else None
        return None  # an answer to a step that is over: late, and of no use
