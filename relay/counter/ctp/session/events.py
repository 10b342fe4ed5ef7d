"""What can happen to a counter session (facts), and what its driver has to do (commands)."""

from __future__ import annotations

from dataclasses import dataclass

from relay.logs.alarms import AlarmName

# Events: facts about the session ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FrontConnected:
    pass


@dataclass(frozen=True, slots=True)
class FrontDisconnected:
    reason: int
    """nReason of OnFrontDisconnected: 4097 read failed, 8193 silent front … (CTP fact 16)"""


@dataclass(frozen=True, slots=True)
class Authenticated:
    app_type: str
    """'2' investor relay, '3' operator relay"""


@dataclass(frozen=True, slots=True)
class Reported:
    return_code: int


@dataclass(frozen=True, slots=True)
class LoggedIn:
    trading_day: str


@dataclass(frozen=True, slots=True)
class StepRefused:
    """The counter refused to authenticate or to log in."""

    error_id: int
    text: str
    outdated: bool = False
    """the relay has another password by now than the one that was refused"""


@dataclass(frozen=True, slots=True)
class ForcedOut:
    """OnRspUserLogout that was not asked for (CTP fact 27)."""


@dataclass(frozen=True, slots=True)
class Overrun:
    """More callbacks came than could be handled, and some were lost: only a new session is whole again."""


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """No answer to the step under way in the time allowed; the pause is over; or the session has lived for a while."""


@dataclass(frozen=True, slots=True)
class PasswordChanged:
    """The password change that PASSWORD_DUE waited for succeeded."""


@dataclass(frozen=True, slots=True)
class PasswordRead:
    """The file with the operator's password was read again."""

    changed: bool
    """it holds another password than the one in use"""
    asked: bool = False
    """a person asked for it (SIGHUP)"""


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """A person asks to read the operator's password again."""


@dataclass(frozen=True, slots=True)
class TurnCame:
    """It is this session's turn to log in."""


@dataclass(frozen=True, slots=True)
class RenewalWanted:
    """Only another instance of the API helps this session, for instance because it takes no query any more."""

    why: str


@dataclass(frozen=True, slots=True)
class StepFailed:
    """The step under way could not be sent, or the ledger could not take its entry (ledger first)."""

    why: str
    answered: bool = False
    """the counter did answer, but the answer could not be written: what it said does not count"""


Event = (
    FrontConnected
    | FrontDisconnected
    | Authenticated
    | Reported
    | LoggedIn
    | StepRefused
    | ForcedOut
    | Overrun
    | DeadlinePassed
    | PasswordChanged
    | PasswordRead
    | ReadAgain
    | TurnCame
    | RenewalWanted
    | StepFailed
)


# Commands: what the driver does next --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Authenticate:
    pass


@dataclass(frozen=True, slots=True)
class Report:
    pass


@dataclass(frozen=True, slots=True)
class LogIn:
    pass


@dataclass(frozen=True, slots=True)
class GoLive:
    """Tell everybody the session is live; in many-to-one submit every terminal that is online again."""

    day_changed: bool


@dataclass(frozen=True, slots=True)
class AskForPassword:
    error_id: int
    text: str


@dataclass(frozen=True, slots=True)
class ReadPassword:
    """Read the file with the operator's password again; PasswordRead is wanted."""

    asked: bool = False


@dataclass(frozen=True, slots=True)
class TakeTurn:
    """Queue up for the next login of this process; TurnCame is wanted. Over when the state changes."""


@dataclass(frozen=True, slots=True)
class Renew:
    """Log out as far as that is possible, release the instance and connect another one."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A person must know of this."""

    name: AlarmName
    code: int
    text: str


@dataclass(frozen=True, slots=True)
class TellRecovering:
    reason: str
    step: str = ""
    """authenticate, login or app_type where the counter refused"""
    code: int = 0


@dataclass(frozen=True, slots=True)
class Wait:
    """Start the clock: DeadlinePassed is wanted after `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class End:
    """The session is over: release the instance and tell everybody why."""

    step: str
    """connect, authenticate, app_type, report, login or session"""
    code: int
    text: str


Command = (
    Authenticate
    | Report
    | LogIn
    | GoLive
    | AskForPassword
    | ReadPassword
    | TakeTurn
    | Renew
    | Alarm
    | TellRecovering
    | Wait
    | End
)
