"""What a counter session tells its driver: callbacks as they came, and changes of the session itself."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from ctpabi.api.spi import RawEvent
from ctpabi.catalog import Catalog
from ctpabi.codec import layout
from relay.counter.ctp.lanes.refs import BadRef, parse_ref
from relay.counter.ctp.session.offered import offered
from relay.counter.port import Attached, LinkCause
from relay.refusals import counter_reasons, relay_reasons
from relay.refusals.refusal import Refusal

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SessionLive:
    """Logged in; `login` is CThostFtdcRspUserLoginField's bytes (CTP fact 28)."""

    login: bytes
    app_type: str
    report_return_code: int
    day_changed: bool

    def attached(self, catalog: Catalog) -> Attached:
        """The login's answer, with the counter's own front, session and greatest reference."""
        login = layout.unpack(catalog.structs["RspUserLogin"], self.login)
        return Attached(
            trading_day=login["TradingDay"],
            login_time=login["LoginTime"],
            front_id=login["FrontID"],
            session_id=login["SessionID"],
            max_order_ref=_max_order_ref(login["MaxOrderRef"]),
            app_type=self.app_type,
            system_name=login["SystemName"],
            report_return_code=self.report_return_code,
            offered=offered(catalog, self.login),
        )


def _max_order_ref(text: str) -> int:
    """0 where it is no number: the counter then refuses the relay's first references by name, which ends nothing."""
    try:
        return parse_ref(text.encode())
    except BadRef:
        _log.warning("max_order_ref_unreadable", text=text)
        return 0


@dataclass(frozen=True, slots=True)
class SessionPasswordDue:
    """The login was refused until the password is changed, in this very session."""

    error_id: int
    text: str


@dataclass(frozen=True, slots=True)
class SessionRecovering:
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
class CounterSessionEnded:
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
