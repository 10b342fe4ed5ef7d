"""What can happen to a counter session (events), what its driver has to do (commands), and what it gives (items)."""

from __future__ import annotations

from dataclasses import dataclass

from ctpabi.api.spi import RawEvent
from relay.counter.port import Attached, LinkCause
from relay.logs.alarms import AlarmName
from relay.refusals import counter_reasons, relay_reasons
from relay.refusals.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Event:
    """A fact about the session."""


class FrontConnected(Event):
    pass


@dataclass(frozen=True, slots=True)
class FrontDisconnected(Event):
    reason: int
    """nReason of OnFrontDisconnected: 4097 read failed, 8193 silent front … (CTP fact 16)"""


@dataclass(frozen=True, slots=True)
class Authenticated(Event):
    app_type: str
    """'2' investor relay, '3' operator relay"""


@dataclass(frozen=True, slots=True)
class Reported(Event):
    return_code: int


@dataclass(frozen=True, slots=True)
class LoggedIn(Event):
    trading_day: str


@dataclass(frozen=True, slots=True)
class StepRefused(Event):
    """The counter refused to authenticate or to log in."""

    error_id: int
    text: str
    outdated: bool = False
    """the relay has another password by now than the one that was refused"""


class ForcedOut(Event):
    """OnRspUserLogout that was not asked for (CTP fact 27)."""


class Overrun(Event):
    """More callbacks came than could be handled, and some were lost: only a new session is whole again."""


class DeadlinePassed(Event):
    """No answer to the step under way in the time allowed; the pause is over; or the session has lived for a while."""


class PasswordChanged(Event):
    """The password change that PASSWORD_DUE waited for succeeded."""


@dataclass(frozen=True, slots=True)
class PasswordRead(Event):
    """The file with the operator's password was read again."""

    changed: bool
    """it holds another password than the one in use"""
    asked: bool = False
    """a person asked for it (SIGHUP)"""


class ReadAgain(Event):
    """A person asks to read the operator's password again."""


class TurnCame(Event):
    """It is this session's turn to log in."""


@dataclass(frozen=True, slots=True)
class Rang:
    """What a decision waited for has come: its timer, or its turn. Out of date once another decision was taken."""

    decision: int
    meaning: DeadlinePassed | TurnCame


@dataclass(frozen=True, slots=True)
class RenewalWanted(Event):
    """Only another instance of the API helps this session, for instance because it takes no query any more."""

    why: str


@dataclass(frozen=True, slots=True)
class StepFailed(Event):
    """The step under way could not be sent, or the ledger could not take its entry (ledger first)."""

    why: str
    answered: bool = False
    """the counter did answer, but the answer could not be written: what it said does not count"""


@dataclass(frozen=True, slots=True)
class Command:
    """What the driver does next."""


class Authenticate(Command):
    pass


class Report(Command):
    pass


class LogIn(Command):
    pass


@dataclass(frozen=True, slots=True)
class GoLive(Command):
    """Tell everybody the session is live; in many-to-one submit every terminal that is online again."""

    day_changed: bool


@dataclass(frozen=True, slots=True)
class ReadPassword(Command):
    """Read the file with the operator's password again; PasswordRead is wanted."""

    asked: bool = False


class TakeTurn(Command):
    """Queue up for the next login of this process; TurnCame is wanted. Over when the state changes."""


class Renew(Command):
    """Log out as far as that is possible, release the instance and connect another one."""


@dataclass(frozen=True, slots=True)
class Alarm(Command):
    """A person must know of this."""

    name: AlarmName
    code: int
    text: str


@dataclass(frozen=True, slots=True)
class StepUnanswered(Command):
    """The counter, to which the session is connected, left a step of the login without an answer for so long."""

    step: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Wait(Command):
    """Start the clock: DeadlinePassed is wanted after `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class SessionLive:
    """Logged in; `attached` has the counter's own front, session and greatest reference (CTP fact 28)."""

    attached: Attached
    day_changed: bool


@dataclass(frozen=True, slots=True)
class SessionPasswordDue(Command):
    """The login was refused until the password is changed, in this very session."""

    error_id: int
    text: str


@dataclass(frozen=True, slots=True)
class SessionRecovering(Command):
    """The session broke, or could not log in yet, and tries again by itself."""

    reason: str
    step: str = ""
    """authenticate, login or app_type where the counter refused"""
    code: int = 0
    """CTP's ErrorID, or 0"""

    @property
    def refusal(self) -> Refusal:
        """What a terminal is told that wants to log in meanwhile."""
        return _refusal(self.step, self.code, self.reason)

    @property
    def cause(self) -> LinkCause:
        """For the terminals there are."""
        return LinkCause.COUNTER_REFUSED if self.step else LinkCause.CONNECTION_LOST


@dataclass(frozen=True, slots=True)
class CounterSessionEnded(Command):
    """The session is over for good."""

    step: str
    """connect, authenticate, app_type, report, login, session (forced out), overrun or fault"""
    code: int
    """CTP's ErrorID, or the report's return code, or 0"""
    text: str

    @property
    def refusal(self) -> Refusal:
        """Why, as the terminal is told."""
        return _refusal(self.step, self.code, self.text)

    @property
    def cause(self) -> LinkCause:
        """For the terminals there are."""
        return _ENDS.get(self.step, LinkCause.COUNTER_REFUSED)


_ENDS = {
    "connect": LinkCause.CONNECTION_LOST,
    "report": LinkCause.REPORT_REFUSED,
    "session": LinkCause.COUNTER_LOGGED_OUT,
    "overrun": LinkCause.RELAY_FAULT,
    "fault": LinkCause.RELAY_FAULT,
}
"""by step; whatever else ends a session is a login the counter refused"""


def _refusal(step: str, code: int, text: str) -> Refusal:
    if step == "report":
        return counter_reasons.report_refused(code)
    if step == "app_type":
        return relay_reasons.relay_misconfigured(why=text)
    if step in {"authenticate", "login"} and code:
        return counter_reasons.counter_refused(code, text)
    return relay_reasons.counter_unavailable(why=text)


def fault() -> CounterSessionEnded:
    """A fault of the relay's own: a session that stood still without a word would keep its terminals waiting."""
    return CounterSessionEnded("fault", 0, "the relay could not go on with this session")


SessionChange = SessionLive | SessionPasswordDue | SessionRecovering | CounterSessionEnded
SessionItem = RawEvent | SessionChange
