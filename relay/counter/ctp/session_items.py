"""What a counter session tells the switchboard: callbacks as they came, and changes of the session itself."""

from __future__ import annotations

from dataclasses import dataclass

from relay.counter.ctp.spi import RawEvent
from relay.domain import reasons
from relay.errors import Refusal


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
    """connect, authenticate, report, login, session (forced out) or overrun"""
    code: int
    """CTP's ErrorID, or the report's return code, or 0"""
    text: str

    @property
    def refusal(self) -> Refusal:
        """Why, as the terminal is told."""
        if self.step == "report":
            return reasons.report_refused(self.code)
        if self.step in {"authenticate", "login"} and self.code:
            return reasons.counter_refused(self.code, self.text)
        return reasons.counter_unavailable(self.text)


SessionChange = SessionLive | SessionPasswordDue | SessionRecovering | SessionEnded
SessionItem = RawEvent | SessionChange
