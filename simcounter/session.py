"""One connection as the kernel sees it, and the clock that is passed in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import IntEnum
from typing import Any

from simcounter.accounts import App, User
from simcounter.events import Effect

CHINA = timezone(timedelta(hours=8))
"""UTC+8: what the regulation and every time field of CTP use"""

Clock = Callable[[], datetime]
"""the current time in UTC+8"""

Values = dict[str, Any]
"""a struct as CTP field name -> value"""


def china_now() -> datetime:
    return datetime.now(CHINA)


class Stamps:
    """Date and time as CTP writes them; formatted once a second, because every return carries them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._second = -1
        self._date = self._time = ""

    def now(self) -> tuple[str, str]:
        """YYYYMMDD and HH:MM:SS."""
        at = self._clock()
        second = int(at.timestamp())
        if second != self._second:
            self._second, self._date, self._time = second, at.strftime("%Y%m%d"), at.strftime("%H:%M:%S")
        return self._date, self._time


class Topic(IntEnum):
    """THOST_TE_RESUME_TYPE."""

    RESTART = 0
    RESUME = 1
    QUICK = 2
    NONE = 3


@dataclass(slots=True)
class Session:
    """Front's and kernel's knowledge of one connection."""

    session_id: int
    front_id: int
    peer_ip: str
    """captured by the front: the outer information of the terminal report"""
    peer_port: int
    private_topic: Topic = Topic.RESTART
    public_topic: Topic = Topic.RESTART
    flow_path: str = ""
    app: App | None = None
    """set by a successful authentication"""
    user: User | None = None
    """set by a successful login"""
    registered: Values | None = field(default=None, repr=False)
    """the report that RegisterUserSystemInfo left for the coming login"""
    reads_for: str = ""
    """the user whose private topic this session reads, kept through the logout"""
    password_due: User | None = None
    """login was refused with 131, 140 or 141: this user may change the password here"""
    login_failed: bool = False
    """a login failed after the authentication: CTP then drops every later Submit of this session"""
    logged_in_at: datetime | None = None
    max_order_ref: int = 0
    product_info: str = ""
    login_remark: str = ""

    @property
    def may_submit(self) -> bool:
        """Only an operator, through a many-to-one relay, authenticated just before the login."""
        return (
            self.user is not None
            and self.user.role == "operator"
            and self.app is not None
            and self.app.app_type == "3"
            and not self.login_failed
        )


Handler = Callable[[Session, Values, int], list[Effect]]
"""one request: session, unpacked struct, nRequestID"""
