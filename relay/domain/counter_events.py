"""What can happen to a counter session (facts), and what its driver can be told to do (commands)."""

from __future__ import annotations

from dataclasses import dataclass

# Events: facts about the session ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FrontConnected:
    pass


@dataclass(frozen=True, slots=True)
class FrontDisconnected:
    reason: int
    """nReason of OnFrontDisconnected: 4097 read failed, 8193 silent front …"""


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
class Refused:
    """The counter refused to authenticate or to log in."""

    error_id: int
    text: str


@dataclass(frozen=True, slots=True)
class ForcedOut:
    """OnRspUserLogout that nobody asked for."""


@dataclass(frozen=True, slots=True)
class Overrun:
    """More callbacks came than could be handled, and some were lost: only a new session is whole again."""


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """No answer to the step under way in the time allowed; or the pause of WAITING is over."""


@dataclass(frozen=True, slots=True)
class PasswordChanged:
    """The password change that PASSWORD_DUE waited for succeeded."""


@dataclass(frozen=True, slots=True)
class StepFailed:
    """The step under way could not be sent, or the ledger could not take its entry (ledger first)."""

    why: str


Event = (
    FrontConnected
    | FrontDisconnected
    | Authenticated
    | Reported
    | LoggedIn
    | Refused
    | ForcedOut
    | Overrun
    | DeadlinePassed
    | PasswordChanged
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
class TellRecovering:
    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Start the clock: DeadlinePassed is wanted after `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class End:
    """The session is over: release the instance and tell everybody why."""

    step: str
    """connect, authenticate, report, login or session"""
    code: int
    text: str


Command = Authenticate | Report | LogIn | GoLive | AskForPassword | TellRecovering | Wait | End
