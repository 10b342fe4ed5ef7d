"""The life of one counter session: in which order to authenticate, report and log in, and what to do when it breaks.

A counter session is one user's way to the counter through the CTP API. Events are facts about it, commands are what
its driver must do next. Both modes are the same machine; they differ only in where the report comes
(CTP facts 18, 20 and 30):

    many-to-many   authenticate -> report (Register) -> log in
    many-to-one    authenticate -> log in as operator -> submit every terminal again

What holds between two events:

* The wanted state is kept apart from the actual one. The API reconnects by itself after every break, and also after
  a logout that was asked for: only a session that is still wanted logs in again (CTP facts 12 and 13).
* Before the first login an investor's session ends with what stopped it, and the terminal repeats. Afterwards, and
  for the operator always, the session goes on by itself. The operator's session never ends by a refusal, because no
  terminal of the firm can do anything about it.
* A login whose answer did not come in time may have succeeded. The counter does not answer a second login of a
  session that is logged in, so either the late answer still comes, on the same connection to the same request, or
  the instance is renewed before the next try (`unclear`, CTP fact 22).
* Every login but the first of an instance waits for its turn (QUEUED). Pauses grow with each failure in a row; a
  session that has lived for `Patience.steady` seconds starts over.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from ctpabi.facts.errors import LoginVerdict, verdict_of
from ctpabi.facts.return_codes import NOT_PERMITTED
from relay.counter.ctp.session.events import (
    Alarm,
    Authenticate,
    Authenticated,
    Command,
    CounterSessionEnded,
    DeadlinePassed,
    Event,
    ForcedOut,
    FrontConnected,
    FrontDisconnected,
    GoLive,
    LoggedIn,
    LogIn,
    Overrun,
    PasswordChanged,
    PasswordRead,
    ReadAgain,
    ReadPassword,
    Renew,
    RenewalWanted,
    Report,
    Reported,
    SessionPasswordDue,
    SessionRecovering,
    StepFailed,
    StepRefused,
    StepUnanswered,
    TakeTurn,
    TurnCame,
    Wait,
)
from relay.counter.ctp.session.password_tries import PasswordTries
from relay.counter.ctp.session.patience import Patience
from relay.logs.alarms import AlarmName


class LifeState(Enum):
    CONNECTING = auto()
    """waiting for OnFrontConnected, at first or after a break"""
    QUEUED = auto()
    """waiting for its turn among the logins of this process"""
    AUTHENTICATING = auto()
    REPORTING = auto()
    LOGGING_IN = auto()
    LIVE = auto()
    PASSWORD_DUE = auto()
    """an investor's login was refused until the password is changed: the session only serves that change (CTP fact 25)"""
    NEEDS_PASSWORD = auto()
    """the operator's password was refused or must be changed: its file is read again from time to time"""
    WAITING = auto()
    """a pause before the next try"""
    ENDED = auto()


Decision = tuple[Command, ...]


class UnexpectedEvent(Exception):
    """An event this state has no rule for: a fault in the driver, not in the counter."""


BREAK_SECONDS = 0.2  # within this the API tells of a break that made it answer one of NOT_PERMITTED
MOST_REFUSALS = 10  # in a row: then an investor's session ends, where they are not known to be temporary
ALARM_AT = 3
"""refusals in a row of the operator that are an alarm, where they may pass by themselves"""

_STEPS = {LifeState.AUTHENTICATING: "authenticate", LifeState.REPORTING: "report", LifeState.LOGGING_IN: "login"}
_APP_TYPE = {True: "3", False: "2"}
_APP_TYPE_NAMES = {"1": "a direct terminal", "2": "a many-to-many relay", "3": "an operator relay"}
_PAUSED = (LifeState.WAITING, LifeState.QUEUED)


class SessionMachine:
    """The machine. `on` takes one event and returns what to do; it never waits, and raises only for a fault in its driver."""

    def __init__(self, *, operator: bool, patience: Patience) -> None:
        self._operator = operator
        self._patience = patience
        self.state = LifeState.CONNECTING
        self.trading_day = ""
        self.ever_live = False
        """whether the first login succeeded: before that, failures end an investor's session"""
        self.step = ""
        """the step that was sent last"""
        self._report_code = 0
        self.connected = False
        self.has_turn = True
        """the coming connection may log in at once: the turn was waited for before the instance was opened"""
        self.unclear = False
        """the counter may hold this connection for logged in, or have lost count of its steps: renew it before a try"""
        self.failures = 0
        """breaks and refusals in a row, since the session last was steady: the pauses grow with them"""
        self._refusals = 0
        """refusals of passing kinds in a row, since the last login"""
        self._tries = PasswordTries()
        self._rules: dict[tuple[LifeState, type], Callable[..., Decision]] = {
            (LifeState.CONNECTING, FrontConnected): self._connected_now,
            (LifeState.CONNECTING, DeadlinePassed): self._no_front,
            (LifeState.QUEUED, TurnCame): self._turn_came,
            (LifeState.AUTHENTICATING, Authenticated): self._authenticated,
            (LifeState.AUTHENTICATING, StepRefused): self._refused,
            (LifeState.AUTHENTICATING, DeadlinePassed): self._no_answer,
            (LifeState.AUTHENTICATING, StepFailed): self._step_failed,
            (LifeState.REPORTING, Reported): self._reported,
            (LifeState.REPORTING, DeadlinePassed): self._not_permitted_after_all,
            (LifeState.REPORTING, StepFailed): self._step_failed,
            (LifeState.LOGGING_IN, LoggedIn): self._logged_in,
            (LifeState.LOGGING_IN, StepRefused): self._refused,
            (LifeState.LOGGING_IN, DeadlinePassed): self._no_answer,
            (LifeState.LOGGING_IN, StepFailed): self._step_failed,
            (LifeState.LIVE, ForcedOut): self._forced_out,
            (LifeState.LIVE, DeadlinePassed): self._steady,
            (LifeState.LIVE, RenewalWanted): self._renewal_wanted,
            (LifeState.PASSWORD_DUE, PasswordChanged): self._log_in,
            (LifeState.PASSWORD_DUE, ForcedOut): self._forced_out,
            (LifeState.NEEDS_PASSWORD, DeadlinePassed): self._look_for_password,
            (LifeState.NEEDS_PASSWORD, PasswordRead): self._password_read,
            (LifeState.WAITING, DeadlinePassed): self._go_on,
            (LifeState.WAITING, PasswordRead): self._asked_to_go_on,
            # What was sent before the pause may still be answered, on the same connection: then that is the answer.
            **{(state, Authenticated): self._authenticated for state in _PAUSED},
            **{(state, LoggedIn): self._logged_in for state in _PAUSED},
            **{(state, StepRefused): self._refused for state in _PAUSED},
        }

    def start(self) -> Decision:
        """What to do once the instance exists and Init was called."""
        return (Wait(self._patience.connect),)

    def on(self, event: Event) -> Decision:
        """Decide; raises UnexpectedEvent for an event this state cannot have."""
        if self.state is LifeState.ENDED:
            return ()
        match event:
            case FrontDisconnected():
                return self._disconnected(event)
            case Overrun():
                return self._end("overrun", 0, "more callbacks came than could be handled")
            case ReadAgain():
                return (ReadPassword(asked=True),) if self._operator else ()
            case PasswordRead(changed=True):
                self._tries.replaced()
            case _:
                pass
        rule = self._rules.get((self.state, type(event)))
        if rule is not None:
            return rule(event)
        if isinstance(event, FrontConnected):
            self.connected = True
        elif not self._came_too_late(event):
            raise UnexpectedEvent(f"{type(event).__name__} while {self.state.name}")
        return ()

    def _came_too_late(self, event: Event) -> bool:
        """Whether it belongs to something that is over, so that nothing is to be done about it."""
        if isinstance(event, StepFailed):
            return self.state in {LifeState.CONNECTING, LifeState.WAITING, LifeState.QUEUED, LifeState.NEEDS_PASSWORD}
        return isinstance(event, PasswordRead | PasswordChanged | ForcedOut | RenewalWanted | TurnCame)

    # Connecting, and whose turn it is ------------------------------------------------------------------------

    def _connected_now(self, _: FrontConnected) -> Decision:
        self.connected = True
        if self.has_turn:
            self.has_turn = False
            return self._authenticate()
        return self._queue()

    def _queue(self) -> Decision:
        self.state = LifeState.QUEUED
        return (TakeTurn(),)

    def _go_on(self, _: Event) -> Decision:
        """The pause is over."""
        if self.connected:
            return self._queue()
        self.state = LifeState.CONNECTING
        return (Wait(self._patience.connect),)

    def _turn_came(self, _: TurnCame) -> Decision:
        if not self.unclear:
            return self._authenticate()
        self.state, self.connected, self.unclear, self.has_turn = LifeState.CONNECTING, False, False, True
        return Renew(), Wait(self._patience.connect)

    def _authenticate(self) -> Decision:
        self.state, self.step = LifeState.AUTHENTICATING, "authenticate"
        return Authenticate(), Wait(self._patience.answer)

    def _no_front(self, _: DeadlinePassed) -> Decision:
        wait = Wait(self._patience.connect)  # the API itself keeps trying to connect
        if self.ever_live:
            return (wait,)
        if self._operator:
            return SessionRecovering("no front answered"), wait
        return self._end("connect", 0, "no front answered")

    # The steps -----------------------------------------------------------------------------------------------

    def _authenticated(self, event: Authenticated) -> Decision:
        self.unclear = False
        if event.app_type != _APP_TYPE[self._operator]:
            return self._wrong_app_type(event)
        if self._operator:
            return self._log_in(event)
        self.state = LifeState.REPORTING
        return (Report(),)

    def _wrong_app_type(self, event: Authenticated) -> Decision:
        got = _APP_TYPE_NAMES.get(event.app_type, f"type {event.app_type!r}")
        wanted = _APP_TYPE_NAMES[_APP_TYPE[self._operator]]
        text = f"the relay app id belongs to {got}, this mode needs {wanted}"
        alarm = Alarm(AlarmName.RELAY_APP_TYPE_WRONG, 0, text)
        if not self._operator:
            return alarm, *self._end("app_type", 0, text)
        return alarm, *self._pause(self._patience.stopped, SessionRecovering(text, "app_type"))

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
            return self._fail(self._patience.pause, SessionRecovering("the connection broke before the report"))
        self._report_code = event.return_code
        return (Wait(BREAK_SECONDS),)

    def _not_permitted_after_all(self, _: DeadlinePassed) -> Decision:
        return self._end("report", self._report_code, "")

    def _log_in(self, _: Event) -> Decision:
        self.state, self.step = LifeState.LOGGING_IN, "login"
        return LogIn(), Wait(self._patience.answer)

    def _logged_in(self, event: LoggedIn) -> Decision:
        day_changed = self.ever_live and event.trading_day != self.trading_day
        self.state, self.trading_day, self.ever_live = LifeState.LIVE, event.trading_day, True
        self.unclear, self._refusals = False, 0
        self._tries.accepted()
        return GoLive(day_changed), Wait(self._patience.steady)

    def _steady(self, _: DeadlinePassed) -> Decision:
        self.failures = 0
        return ()

    # Refusals ------------------------------------------------------------------------------------------------

    def _refused(self, event: StepRefused) -> Decision:
        # After a refused operator login the relay must authenticate again, or every later Submit fails (CTP fact 23); every pause
        # leads back to authentication for that reason.
        self.unclear = False
        verdict = verdict_of(event.error_id)
        if self._operator:
            return self._operator_refused(event, verdict)
        if verdict is LoginVerdict.PASSWORD_DUE and self.step == "login":
            self.state = LifeState.PASSWORD_DUE
            return (SessionPasswordDue(event.error_id, event.text),)
        if not self.ever_live:
            return self._end(self.step, event.error_id, event.text)  # the first try is the terminal's to repeat
        outdated = verdict is LoginVerdict.WRONG_PASSWORD and event.outdated
        if outdated or verdict in {LoginVerdict.RETRY, LoginVerdict.STOP_RELAY}:
            return self._fail(self._patience.pause, self._told(event))
        if verdict is LoginVerdict.PASSING and self._refusals < MOST_REFUSALS:
            self._refusals += 1
            self.unclear = True
            return self._fail(self._patience.pause, self._told(event))
        return self._end(self.step, event.error_id, event.text)

    def _operator_refused(self, event: StepRefused, verdict: LoginVerdict) -> Decision:
        told, pause = self._told(event), self._patience.pause
        match verdict:
            case LoginVerdict.RETRY | LoginVerdict.STOP_RELAY:
                return self._fail(pause, told)
            case LoginVerdict.PASSING:
                self.unclear, self._refusals = True, self._refusals + 1
                decision = self._fail(pause, told)
                if self._refusals % ALARM_AT:
                    return decision
                return self._alarm(AlarmName.OPERATOR_REFUSED, event), *decision
            case LoginVerdict.WRONG_PASSWORD:
                self._tries.refused()
                decision = self._fail(pause, told)
                self.state = LifeState.NEEDS_PASSWORD
                text = f"{event.text} ({self._tries.in_a_row} in a row)"
                return Alarm(AlarmName.OPERATOR_PASSWORD_REFUSED, event.error_id, text), *decision
            case LoginVerdict.PASSWORD_DUE:
                self._tries.due()
                decision = self._pause(self._patience.password, told)
                self.state = LifeState.NEEDS_PASSWORD
                return self._alarm(AlarmName.OPERATOR_PASSWORD_DUE, event), *decision
            case LoginVerdict.STOP_INVESTOR:
                return self._alarm(AlarmName.OPERATOR_REFUSED, event), *self._pause(self._patience.stopped, told)

    def _told(self, event: StepRefused) -> SessionRecovering:
        return SessionRecovering(event.text, self.step, event.error_id)

    def _alarm(self, name: AlarmName, event: StepRefused) -> Alarm:
        return Alarm(name, event.error_id, event.text)

    def _look_for_password(self, _: DeadlinePassed) -> Decision:
        return ReadPassword(), Wait(self._patience.password)

    def _password_read(self, event: PasswordRead) -> Decision:
        return self._go_on(event) if self._tries.allows(asked=event.asked) else ()

    def _asked_to_go_on(self, event: PasswordRead) -> Decision:
        return self._go_on(event) if event.asked else ()

    # Breaks, and steps without an answer -----------------------------------------------------------------------

    def _no_answer(self, _: DeadlinePassed) -> Decision:
        self.unclear = True
        step = StepUnanswered(_STEPS[self.state], self._patience.answer)
        return step, *self._try_again_or_end("the counter did not answer in time")

    def _step_failed(self, event: StepFailed) -> Decision:
        self.unclear = event.answered
        return self._try_again_or_end(event.why)

    def _try_again_or_end(self, why: str) -> Decision:
        step = _STEPS[self.state]
        if self.ever_live or self._operator:
            return self._fail(self._patience.pause, SessionRecovering(f"{step}: {why}"))
        return self._end(step, 0, why)

    def _disconnected(self, event: FrontDisconnected) -> Decision:
        was = self.state
        self.connected = self.unclear = False  # the login, if there was one, is gone with the connection
        if was in {LifeState.CONNECTING, LifeState.WAITING, LifeState.NEEDS_PASSWORD}:
            return ()  # the API tries the next front by itself; the deadline of this step, or the pause, decides
        if was is LifeState.PASSWORD_DUE or not (self.ever_live or self._operator):
            return self._end("connect", event.reason, f"the front closed the connection ({event.reason})")
        told = SessionRecovering(f"front disconnected ({event.reason})")
        if was is LifeState.QUEUED or self.failures == 0:
            self.failures += was is not LifeState.QUEUED
            self.state = LifeState.CONNECTING
            return told, Wait(self._patience.connect)
        return self._fail(self._patience.flap, told)

    def _forced_out(self, _: ForcedOut) -> Decision:
        why = "the counter logged this session out"
        if not self._operator:
            return self._end("session", 0, why)  # another login would end the session that forced this one out
        self.unclear = True
        alarm = Alarm(AlarmName.OPERATOR_FORCED_OUT, 0, why)
        return alarm, *self._fail(self._patience.pause, SessionRecovering(why))

    def _renewal_wanted(self, event: RenewalWanted) -> Decision:
        self.unclear = True
        return SessionRecovering(event.why), *self._queue()

    def _fail(self, pause: float, told: SessionRecovering) -> Decision:
        """One more failure in a row, after the first: wait the longer before the next try."""
        grown = pause * 2.0 ** min(max(self.failures - 1, 0), 16)
        self.failures += 1
        return self._pause(min(grown, max(pause, self._patience.longest)), told)

    def _pause(self, seconds: float, told: SessionRecovering) -> Decision:
        self.state = LifeState.WAITING
        return told, Wait(seconds)

    def _end(self, step: str, code: int, text: str) -> Decision:
        self.state = LifeState.ENDED
        return (CounterSessionEnded(step, code, text),)
