"""One counter session: the pure machine of `counter.ctp.session.machine`, driven with a real API instance.

Everything from the API comes through one inbox and is handled in the order it came. Lifecycle answers feed the
machine; all other callbacks wait behind an unfinished lifecycle step, so that the login's answer is always
seen before the notices that follow it. The instance may be renewed in the session's life: what the old one said and
was not handled yet is dropped then, and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from ctpabi.api.native_inbox import NewInbox, event_inbox, released
from ctpabi.api.spi import Put, RawEvent
from ctpabi.api.trader import TraderApi
from ctpabi.catalog import Method
from ctpabi.facts.errors import LoginVerdict, verdict_of
from relay.counter.ctp.session import events
from relay.counter.ctp.session.counter_watch import CounterWatch
from relay.counter.ctp.session.events import SessionItem
from relay.counter.ctp.session.login_gate import LoginGate
from relay.counter.ctp.session.login_steps import LoginSteps
from relay.counter.ctp.session.machine import Decision, LifeState, SessionMachine
from relay.counter.ctp.session.patience import Patience
from relay.counter.port import TerminalReport
from relay.counter.right_passwords import RightPasswords
from relay.logs.alarms import AlarmName, Alarms
from relay.refusals.refusal import LedgerUnavailable
from relay.tasks import Tasks

_LIFECYCLE = frozenset(
    {"OnFrontConnected", "OnFrontDisconnected", "OnRspAuthenticate", "OnRspUserLogin", "OnRspUserLogout"}
)
_LOOKED_AT = _LIFECYCLE | {"OnRspError", "OnHeartBeatWarning"}
"""every other callback goes on as it is, unless a step is under way"""
_LOGOUT_SECONDS = 1.0
_Read = Callable[[RawEvent], Awaitable[events.Event]]
_NO_LEDGER = "the ledger cannot be written"


@dataclass(frozen=True, slots=True)
class SessionTools:
    """What a counter session shares with the others of its process."""

    gate: LoginGate
    alarms: Alarms
    patience: Patience
    passwords: RightPasswords
    mates: Callable[[CtpSession], Iterable[CtpSession]]
    """the other sessions of the same user"""
    watch: CounterWatch
    new_inbox: NewInbox = event_inbox


class CtpSession:
    """One user's API instance and its way to being live; `items` has everything that happens, in order."""

    def __init__(
        self,
        name: str,
        api: Callable[[Put], TraderApi],
        steps: Callable[[TraderApi], LoginSteps],
        report: TerminalReport | None,
        tools: SessionTools,
        read_password: Callable[[], str] | None = None,
    ) -> None:
        """`report` is the terminal's whose session this is; None makes it an operator's, with `read_password`."""
        self.name = name
        self._report, self._tools, self._read_password = report, tools, read_password
        self._machine = SessionMachine(operator=report is None, patience=tools.patience)
        self._loop = asyncio.get_running_loop()
        self._new_api, self._new_steps = api, steps
        self._make_instance()
        self._where: tuple[Sequence[str], int] = ((), 0)
        self._queue: deque[RawEvent | events.Event | events.Rang] = deque()
        self._queue_filled = asyncio.Event()
        self.items: deque[SessionItem] = deque()
        """what happened and was not taken yet; nothing comes after CounterSessionEnded"""
        self.on_items: Callable[[], object] = lambda: None
        """called where some came, and must not raise: what the API said goes on from here without a turn of the loop"""
        self._timer: asyncio.TimerHandle | None = None
        self._turn: asyncio.Task[None] | None = None
        self._tasks, self._logged_out = Tasks(), asyncio.Event()
        self._decisions = self._last_request_id = 0
        self._pending: tuple[int, _Read] | None = None
        """the step that may still be answered on this connection: its request id, and who reads the answer"""
        self._password_sent = ""
        self.changed_at = self._loop.time()
        """when `state` last changed"""
        self.password_refused: events.StepRefused | None = None
        """what another session of this user was told about the same password"""

    def _make_instance(self) -> None:
        self._inbox = self._tools.new_inbox(self._loop, self._burst)
        self._api = self._new_api(self._inbox.put)
        self.steps = self._new_steps(self._api)

    @property
    def state(self) -> LifeState:
        """Where it is in its life."""
        return self._machine.state

    @property
    def live(self) -> bool:
        """Whether it is logged in now."""
        return self._machine.state is LifeState.LIVE

    @property
    def connected(self) -> bool:
        """Whether its front is."""
        return self._machine.connected

    def open(self, fronts: Sequence[str], private_topic: int) -> None:
        """Start the API's threads and the driver."""
        self._where = fronts, private_topic
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

    def renew(self, why: str) -> None:
        """Break off and come back with another instance; nothing happens unless the session is live."""
        self._step(events.RenewalWanted(why))

    def read_password_again(self) -> None:
        """A person replaced the operator's password, or mended what the counter refused: try it now."""
        self._step(events.ReadAgain())

    # Passwords -----------------------------------------------------------------------------------------------

    def password_changed(self, password: str) -> None:
        """The counter accepted a new password: all sessions of this user log in with it from now on."""
        self._took(password)
        for session in (self, *self._tools.mates(self)):
            session.use_password(password)

    def use_password(self, password: str) -> None:
        """Log in with this one from now on, and at once if the login waited for it."""
        changed = password != self.steps.credentials.password
        self.steps.credentials.password, self.password_refused = password, None
        if changed and self._machine.state is LifeState.PASSWORD_DUE:
            self._step(events.PasswordChanged())

    def _took(self, password: str) -> None:
        if self._report is not None:
            self._tools.passwords.took(self.steps.credentials.user_id, password)

    def _password_is_right(self) -> None:
        self._took(self._password_sent)
        for session in self._tools.mates(self):
            session.use_password(self._password_sent)

    def _password_is_wrong(self, refused: events.StepRefused) -> None:
        self._tools.passwords.refused(self.steps.credentials.user_id, self._password_sent)
        # The counter locks a user after a few wrong passwords; the user's other sessions need not spend one each.
        for session in self._tools.mates(self):
            if session.steps.credentials.password == self._password_sent:
                session.password_refused = refused

    async def _read_operator_password(self, *, asked: bool) -> None:
        changed, known = False, self.steps.credentials
        if self._read_password is not None:
            try:
                password = await asyncio.to_thread(self._read_password)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with the file, the one in use stays
                self._tools.alarms.sound(AlarmName.OPERATOR_PASSWORD_UNREADABLE, error=str(error))
            else:
                changed, known.password = password != known.password, password
        # Right behind the step under way, as the answer to it.
        self._queue.insert(1, events.PasswordRead(changed, asked))

    # The end -------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Log out where logged in, then release the instance; idempotent."""
        self._stop_waiting()
        await self._tasks.cancel()
        self._tools.gate.decided_nothing(self)
        was_live, self._machine.state = self.live, LifeState.ENDED
        if was_live:
            await self._log_out()
        await released(self._api, self._inbox)
        self.items.clear()
        self._queue.clear()

    async def _log_out(self) -> None:
        self._logged_out.clear()
        if self.steps.log_out(self.next_request_id()) == 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOGOUT_SECONDS):
                    await self._logged_out.wait()

    async def _renew(self) -> None:
        await self._log_out()  # the counter may hold it for logged in, whatever it answered
        await released(self._api, self._inbox)
        under_way, *waiting = self._queue
        self._queue = deque([under_way, *(item for item in waiting if not isinstance(item, RawEvent))])
        self._pending = None
        self._make_instance()
        self._api.connect(*self._where)

    # From the inbox ------------------------------------------------------------------------------------------

    def _burst(self, burst: list[RawEvent]) -> None:
        for event in burst:
            name = event.callback.name
            if name not in _LOOKED_AT and not self._queue:
                self.items.append(event)
                continue
            if name in {"OnRspUserLogout", "OnFrontDisconnected"}:
                self._logged_out.set()
            if name in _LIFECYCLE or self._queue or self._answers_step(event):
                self._step(event)
            elif name != "OnHeartBeatWarning":
                self.items.append(event)
        if self._inbox.overflowed:
            self._step(events.Overrun())
        if self.items:
            self.on_items()

    def _answers_step(self, event: RawEvent) -> bool:
        return event.callback.name == "OnRspError" and self._reader_of(event) is not None

    def _step(self, event: RawEvent | events.Event | events.Rang) -> None:
        self._queue.append(event)
        self._queue_filled.set()

    # The driver ----------------------------------------------------------------------------------------------

    async def _drive(self) -> None:
        try:
            while self._machine.state is not LifeState.ENDED:
                if not self._queue:
                    self._queue_filled.clear()
                    await self._queue_filled.wait()
                # Looked at first and taken off afterwards: events that come meanwhile must queue behind it.
                await self._take(self._queue[0])
                self._queue.popleft()
        except Exception:
            self._machine.state = LifeState.ENDED
            self._emit(events.fault())
            raise

    async def _take(self, step: RawEvent | events.Event | events.Rang) -> None:
        try:
            known = await self._fact(step)
        except LedgerUnavailable:
            known = events.StepFailed(_NO_LEDGER, answered=True)
        if known is not None:
            await self._carry_out(known)
        elif isinstance(step, RawEvent) and step.callback.name not in _LIFECYCLE:
            self._emit(step)

    async def _carry_out(self, known: events.Event) -> None:
        before, decision = self._machine.state, self._machine.on(known)
        self._tools.watch.happened(self.name, known, decision, operator=self._report is None)
        if self._machine.state is not before:
            self.changed_at = self._loop.time()
        if self._machine.state is not before or any(isinstance(command, events.Wait) for command in decision):
            self._apply_timer(decision)
        for command in decision:
            try:
                await self._do(command)
            except LedgerUnavailable:
                self._step(events.StepFailed(_NO_LEDGER))
                return

    def _apply_timer(self, decision: Decision) -> None:
        self._decisions += 1
        self._stop_waiting()
        rang = events.Rang(self._decisions, events.DeadlinePassed())
        for command in decision:
            if isinstance(command, events.Wait):
                self._timer = self._loop.call_later(command.seconds, self._step, rang)

    def _stop_waiting(self) -> None:
        for waiting in (self._timer, self._turn):
            if waiting is not None:
                waiting.cancel()
        self._timer = self._turn = None

    async def _wait_for_turn(self, decision: int) -> None:
        await self._tools.gate.turn(self)
        self._step(events.Rang(decision, events.TurnCame()))

    async def _do(self, command: events.Command) -> None:
        match command:
            case events.Authenticate():
                await self._step_with(self.steps.authenticate, self.steps.authenticated)
            case events.Report():
                await self._register()
            case events.LogIn():
                await self._log_in()
            case events.GoLive(day_changed):
                self._password_is_right()
                self._tools.gate.succeeded()
                self._emit(self.steps.live(day_changed=day_changed))
            case events.TakeTurn():
                name = f"turn of counter session {self.name}"
                self._turn = self._tasks.start(self._wait_for_turn(self._decisions), name)
            case events.Renew():
                await self._renew()
            case events.ReadPassword(asked):
                await self._read_operator_password(asked=asked)
            case _:
                self._tell(command)

    def _tell(self, command: events.Command) -> None:
        match command:
            case events.Alarm(name, code, why):
                self._tools.alarms.sound(name, session=self.name, code=code, text=why)
            case events.SessionPasswordDue() | events.SessionRecovering() | events.CounterSessionEnded():
                self._tools.gate.decided_nothing(self)
                self._emit(command)
            case _:
                pass  # Wait: the timer is set already

    def _emit(self, item: SessionItem) -> None:
        self.items.append(item)
        self.on_items()

    # Steps and answers ---------------------------------------------------------------------------------------

    async def _step_with(self, send: Callable[[int], Awaitable[int]], read: _Read) -> None:
        self._tools.gate.asked()
        request_id = self.next_request_id()
        self._pending = request_id, read
        if (code := await send(request_id)) != 0:
            self._pending = None
            self._step(events.StepFailed(f"the API returned {code}"))

    async def _log_in(self) -> None:
        if self.password_refused is not None:
            self._queue.insert(1, self.password_refused)
            return
        self._password_sent = self.steps.credentials.password
        await self._step_with(self.steps.log_in, self.steps.logged_in)

    async def _register(self) -> None:
        if self._report is None:
            raise TypeError("an operator session has no report of its own")
        code = await self.steps.register(self._report)
        # Right behind the step under way: nothing that came meanwhile may be handled in between.
        self._queue.insert(1, events.Reported(code))

    async def _fact(self, event: RawEvent | events.Event | events.Rang) -> events.Event | None:
        if isinstance(event, events.Rang):
            return event.meaning if event.decision == self._decisions else None
        if not isinstance(event, RawEvent):
            return event
        match event.callback.name:
            case "OnFrontConnected":
                return events.FrontConnected()
            case "OnFrontDisconnected":
                self._pending = None
                return events.FrontDisconnected(event.reason)
            case "OnRspUserLogout":
                return events.ForcedOut() if self._machine.state is LifeState.LIVE else None
            case "OnRspAuthenticate" | "OnRspUserLogin" | "OnRspError":
                return await self._answer(event)
            case _:
                return None

    def _reader_of(self, event: RawEvent) -> _Read | None:
        """Who reads this answer; None where it answers no step, or one that is over."""
        return self._pending[1] if self._pending is not None and self._pending[0] == event.request_id else None

    async def _answer(self, event: RawEvent) -> events.Event | None:
        read = self._reader_of(event)
        if read is None:
            return None
        self._pending = None
        known = await read(event)
        return self._heard(known) if isinstance(known, events.StepRefused) else known

    def _heard(self, refused: events.StepRefused) -> events.Event:
        """A refusal is news for all sessions: of this relay, or of this user."""
        self._tools.gate.refused(refused.error_id, refused.text)
        if verdict_of(refused.error_id) is not LoginVerdict.WRONG_PASSWORD:
            return refused
        if self.steps.credentials.password != self._password_sent:
            return events.StepRefused(refused.error_id, refused.text, outdated=True)
        self._password_is_wrong(refused)
        return refused
