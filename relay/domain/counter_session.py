"""The life of one counter session: in which order to authenticate, report and log in, and what to do when it breaks.

A counter session is one instance of the CTP API. Events are facts about it, commands are what its driver
must do next. Both modes are the same machine; they differ only in where the report comes:

    many-to-many   authenticate -> report (Register) -> log in          (DOMAIN: CTP guide, multi-connection relay)
    many-to-one    authenticate -> log in as operator -> resubmit all   (DOMAIN: CTP guide, operator relay)

The wanted state is kept apart from the actual one, because ReqUserLogout and every network break make the
API reconnect by itself: only a session that is still wanted logs in again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from relay.domain.counter_events import (
    AskForPassword,
    Authenticate,
    Authenticated,
    Command,
    DeadlinePassed,
    End,
    Event,
    ForcedOut,
    FrontConnected,
    FrontDisconnected,
    GoLive,
    LoggedIn,
    LogIn,
    Overrun,
    PasswordChanged,
    Refused,
    Report,
    Reported,
    StepFailed,
    TellRecovering,
    Wait,
)
from relay.domain.login_errors import LoginVerdict, verdict_of


class State(Enum):
    CONNECTING = auto()
    """waiting for OnFrontConnected, at first or after a break"""
    AUTHENTICATING = auto()
    REPORTING = auto()
    LOGGING_IN = auto()
    LIVE = auto()
    PASSWORD_DUE = auto()
    """the login was refused with 131, 140 or 141: the session only serves a password change"""
    WAITING = auto()
    """refused for a passing reason: trying again after a pause"""
    ENDED = auto()


Decision = tuple[Command, ...]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each step may take, in seconds."""

    connect: float = 10.0
    answer: float = 10.0
    pause: float = 5.0
    """between tries after a passing refusal"""


class UnexpectedEvent(Exception):
    """An event this state has no rule for: a fault in the driver, not in the counter."""


NOT_PERMITTED = frozenset({-3, -4})
"""return codes of Register and Submit: nothing is wrong with the report, but whoever sends it may not"""
BREAK_SECONDS = 0.2
"""within this the API tells of a break that made it answer one of NOT_PERMITTED"""

_STEPS = {State.AUTHENTICATING: "authenticate", State.REPORTING: "report", State.LOGGING_IN: "login"}
_APP_TYPE = {True: "3", False: "2"}
_APP_TYPE_NAMES = {"1": "a direct terminal", "2": "a many-to-many relay", "3": "an operator relay"}


class CounterSession:
    """The machine. `on` takes one event and returns what to do; it never waits and never raises for bad luck."""

    def __init__(self, *, operator: bool, patience: Patience) -> None:
        self._operator = operator
        self._patience = patience
        self.state = State.CONNECTING
        self.trading_day = ""
        self._report_code = 0
        self.ever_live = False
        """whether the first login succeeded: before that, failures end the session; after it, it recovers"""
        self._rules: dict[tuple[State, type], Callable[..., Decision]] = {
            (State.CONNECTING, FrontConnected): self._authenticate,
            (State.CONNECTING, DeadlinePassed): self._no_front,
            (State.CONNECTING, StepFailed): self._nothing,
            (State.WAITING, StepFailed): self._nothing,
            (State.AUTHENTICATING, Authenticated): self._authenticated,
            (State.AUTHENTICATING, Refused): self._authentication_refused,
            (State.AUTHENTICATING, DeadlinePassed): self._no_answer,
            (State.AUTHENTICATING, StepFailed): self._step_failed,
            (State.REPORTING, Reported): self._reported,
            (State.REPORTING, DeadlinePassed): self._not_permitted_after_all,
            (State.REPORTING, StepFailed): self._step_failed,
            (State.LOGGING_IN, LoggedIn): self._logged_in,
            (State.LOGGING_IN, Refused): self._login_refused,
            (State.LOGGING_IN, DeadlinePassed): self._no_answer,
            (State.LOGGING_IN, StepFailed): self._step_failed,
            (State.WAITING, DeadlinePassed): self._authenticate,
            (State.LIVE, ForcedOut): self._forced_out,
            (State.PASSWORD_DUE, PasswordChanged): self._log_in_again,
            (State.LOGGING_IN, PasswordChanged): self._nothing,
            (State.LIVE, PasswordChanged): self._nothing,
            (State.PASSWORD_DUE, ForcedOut): self._forced_out,
        }

    def start(self) -> Decision:
        """What to do once the instance exists and Init was called."""
        return (Wait(self._patience.connect),)

    def on(self, event: Event) -> Decision:
        """Decide; raises UnexpectedEvent for an event this state cannot have."""
        if self.state is State.ENDED:
            return ()
        if isinstance(event, FrontDisconnected):
            return self._disconnected(event)
        if isinstance(event, Overrun):
            return self._end("overrun", 0, "more callbacks came than could be handled")
        rule = self._rules.get((self.state, type(event)))
        if rule is None:
            raise UnexpectedEvent(f"{type(event).__name__} while {self.state.name}")
        return rule(event)

    def _nothing(self, _: Event) -> Decision:
        return ()  # it came too late to matter: the step it belonged to is over

    def _authenticate(self, _: Event) -> Decision:
        self.state = State.AUTHENTICATING
        return Authenticate(), Wait(self._patience.answer)

    def _authenticated(self, event: Authenticated) -> Decision:
        wanted = _APP_TYPE[self._operator]
        if event.app_type != wanted:
            got = _APP_TYPE_NAMES.get(event.app_type, f"type {event.app_type!r}")
            return self._end(
                "authenticate", 0, f"the relay app id belongs to {got}, this mode needs {_APP_TYPE_NAMES[wanted]}"
            )
        if self._operator:
            return self._log_in(event)
        self.state = State.REPORTING
        return (Report(),)

    def _reported(self, event: Reported) -> Decision:
        if event.return_code in NOT_PERMITTED:
            return self._not_permitted(event)
        if event.return_code != 0:
            return self._end("report", event.return_code, "")
        return self._log_in(event)

    def _not_permitted(self, event: Reported) -> Decision:
        # The counter had just said that the app id may report. Either it says otherwise at the report, or the API has
        # lost the connection, and with it who it is; then OnFrontDisconnected is on its way.
        if self.ever_live:
            self.state = State.WAITING
            return TellRecovering("the connection broke before the report"), Wait(self._patience.pause)
        self._report_code = event.return_code
        return (Wait(BREAK_SECONDS),)

    def _not_permitted_after_all(self, _: DeadlinePassed) -> Decision:
        return self._end("report", self._report_code, "")

    def _log_in(self, _: Event) -> Decision:
        self.state = State.LOGGING_IN
        return LogIn(), Wait(self._patience.answer)

    def _log_in_again(self, event: Event) -> Decision:
        return self._log_in(event)

    def _logged_in(self, event: LoggedIn) -> Decision:
        day_changed = self.ever_live and event.trading_day != self.trading_day
        self.state, self.trading_day, self.ever_live = State.LIVE, event.trading_day, True
        return (GoLive(day_changed),)

    def _authentication_refused(self, event: Refused) -> Decision:
        return self._refused("authenticate", event)

    def _login_refused(self, event: Refused) -> Decision:
        if verdict_of(event.error_id) is LoginVerdict.PASSWORD_DUE and not self._operator:
            self.state = State.PASSWORD_DUE
            return (AskForPassword(event.error_id, event.text),)
        return self._refused("login", event)

    def _refused(self, step: str, event: Refused) -> Decision:
        # The first try is the terminal's to repeat. Later ones are ours, except where repeating locks an account.
        # After a refused operator login the relay must authenticate again, or every later Submit fails; WAITING
        # leads back to authentication for that reason.
        if verdict_of(event.error_id) is LoginVerdict.RETRY and (self.ever_live or self._operator):
            self.state = State.WAITING
            return TellRecovering(event.text), Wait(self._patience.pause)
        return self._end(step, event.error_id, event.text)

    def _no_front(self, _: DeadlinePassed) -> Decision:
        if self.ever_live or self._operator:
            return (Wait(self._patience.connect),)  # the API itself keeps trying to connect
        return self._end("connect", 0, "no front answered")

    def _no_answer(self, _: DeadlinePassed) -> Decision:
        return self._try_again_or_end("the counter did not answer in time")

    def _step_failed(self, event: StepFailed) -> Decision:
        return self._try_again_or_end(event.why)

    def _try_again_or_end(self, why: str) -> Decision:
        step = _STEPS[self.state]
        if self.ever_live or self._operator:
            self.state = State.WAITING
            return TellRecovering(f"{step}: {why}"), Wait(self._patience.pause)
        return self._end(step, 0, why)

    def _disconnected(self, event: FrontDisconnected) -> Decision:
        was, self.state = self.state, State.CONNECTING
        if was is State.CONNECTING:
            return ()  # the API tries the next front by itself; the deadline of this step decides
        if was is State.PASSWORD_DUE or not (self.ever_live or self._operator):
            return self._end("connect", event.reason, f"the front closed the connection ({event.reason})")
        return TellRecovering(f"front disconnected ({event.reason})"), Wait(self._patience.connect)

    def _forced_out(self, _: ForcedOut) -> Decision:
        return self._end("session", 0, "the counter logged this session out")

    def _end(self, step: str, code: int, text: str) -> Decision:
        self.state = State.ENDED
        return (End(step, code, text),)
