"""What is known of one terminal session besides who it is: what its login brought, and what it did since."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from relay.counter.port import CTP, CallOutcome, LinkState, TerminalLogin

_ORDERS = frozenset(
    {"order_insert", "quote_insert", "exec_order_insert", "option_self_close_insert", "comb_action_insert"}
)
"""members of ctp.v1.Request that are orders"""


@dataclass(frozen=True, slots=True)
class LoginFacts:
    """What the terminal's login brought, as it was reported and as the terminal said it."""

    port: int = 0
    logged_in_at: dt.datetime | None = None
    wechat: bool = False
    login_remark: str = ""
    collector_code: int = 0
    collector_version: str = ""
    client_version: str = ""
    collected: tuple[str, ...] = ()
    """kinds of what the terminal's collectors gave"""


def login_facts(login: TerminalLogin, collector_code: int, collector_version: str, client_version: str) -> LoginFacts:
    """What is kept of a login; nothing secret, and not the system info."""
    report = login.report
    return LoginFacts(
        report.port,
        report.logged_in_at,
        report.wechat,
        report.remark,
        collector_code,
        collector_version,
        client_version,
        ((CTP,) if report.system_info else ()) + tuple(one.kind for one in report.collected),
    )


@dataclass(slots=True)
class SessionActivity:
    """Counted while the session lives. Times are the loop's, in seconds."""

    changed_at: float
    """when it last became live, recovering, lingering or ending"""
    link: LinkState = LinkState.LIVE
    why: str = ""
    """of RECOVERING and ENDED"""
    calls: int = 0
    events: int = 0
    orders_today: int = 0
    resumes: int = 0
    began_at: float = field(init=False)

    def __post_init__(self) -> None:
        self.began_at = self.changed_at

    def link_changed(self, state: LinkState, why: str, now: float, *, day_changed: bool) -> None:
        """The session at the counter says how it is."""
        if state is not self.link:
            self.changed_at = now
        self.link, self.why = state, why
        if day_changed:
            self.orders_today = 0

    def called(self, name: str | None, outcome: CallOutcome) -> None:
        """A call left the relay; `name` is the request's in ctp.v1.Request."""
        self.orders_today += name in _ORDERS and outcome.return_code == 0 and not outcome.first_order_ref


@dataclass(frozen=True, slots=True)
class SessionQueues:
    """What waits in one session at the moment."""

    calls: int
    messages: int
    bytes: int
    journal_events: int
    journal_bytes: int
