"""What the kernel decides: callbacks for one session, notices for an investor, and the few things the front must do.

An Answer goes to the session that asked. A TopicNotice goes to everybody who may see the investor: all sessions of
the investor, those of operators of the investor's organization, and those of the user who caused it (the
private topic); or, with neither investor nor user, to every logged-in session (the public topic).
"""

from __future__ import annotations

from dataclasses import dataclass

from simcounter.errors_text import text_of


@dataclass(frozen=True, slots=True)
class RspInfo:
    error_id: int = 0
    error_msg: str = ""

    @classmethod
    def of(cls, error_id: int) -> RspInfo:
        return cls(int(error_id), text_of(error_id))


@dataclass(frozen=True, slots=True)
class Answer:
    """One OnRsp… callback."""

    session_id: int
    callback: str
    body: bytes | None
    """the struct; None is the NULL pointer of an empty query"""
    request_id: int
    rsp_info: RspInfo | None = None
    """None is the NULL pointer, usual in queries"""
    is_last: bool = True


@dataclass(frozen=True, slots=True)
class TopicNotice:
    """One OnRtn… or OnErrRtn… callback."""

    investor_id: str
    callback: str
    body: bytes
    rsp_info: RspInfo | None = None
    """only OnErrRtn… has one"""
    user_id: str = ""
    """the user who sent what this is about"""

    @property
    def is_public(self) -> bool:
        return not self.investor_id and not self.user_id


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The shim must learn the session's state before the callbacks that follow."""

    session_id: int


@dataclass(frozen=True, slots=True)
class ReplayTopics:
    """The session logged in: send it both topics from where its subscriptions start."""

    session_id: int


@dataclass(frozen=True, slots=True)
class Disconnect:
    session_id: int


@dataclass(frozen=True, slots=True)
class LoginRecord:
    """One login as the monitoring center will hear of it. Times are of UTC+8."""

    kind: str
    """direct: no relay. register: many-to-many. submit: many-to-one. missing: a relay logged in without a report."""
    trading_day: str
    broker_id: str
    user_id: str
    """the investor; for the operator's own login, the operator"""
    front_id: int
    session_id: int
    app_id: str
    """what authenticated: the relay's app id, or the direct terminal's"""
    local_ip: str
    """captured by the front: the relay's address"""
    local_login_time: str
    """YYYY-MM-DD HH:MM:SS"""
    inner_info: bytes = b""
    """the collector's bytes, unchanged"""
    terminal_app_id: str = ""
    terminal_ip: str = ""
    terminal_port: int = 0
    terminal_login_time: str = ""
    """HH:MM:SS, as the relay supplied it"""
    remark: str = ""


Effect = Answer | TopicNotice | StateChanged | ReplayTopics | Disconnect | LoginRecord
