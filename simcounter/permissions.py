"""Which terminal reports the kernel keeps and which it drops without a word (CTP fact 45).

A registered report waits in the session until the login succeeds; a submitted one counts at once. A sender without
the right to report gets no answer: the message is dropped, and only `dropped` keeps it, for tests.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from simcounter.accounts import Accounts, AppType
from simcounter.events import LoginRecord
from simcounter.records import Records
from simcounter.session import Session, Values

_CLIENT = ("ClientSystemInfo", "ClientSystemInfoLen")
_WECHAT = ("WechatCltSysInfo", "WechatCltSysInfoLen")


@dataclass(frozen=True, slots=True)
class Dropped:
    """A report that was thrown away."""

    session_id: int
    method: str
    user_id: str
    why: str


class ReportDesk:
    """Register…, Submit… and their WeChat twins."""

    def __init__(self, accounts: Accounts, records: Records) -> None:
        self._accounts = accounts
        self._records = records
        self.dropped: deque[Dropped] = deque(maxlen=1000)

    def accept(self, session: Session, method: str, body: bytes, trading_day: str) -> list[LoginRecord]:
        """One report as the shim sent it; a list of at most one."""
        values = self._records.unpack(self._records.catalog.methods[method].struct, body)
        why = self._refusal(session, method, values["UserID"])
        if why:
            self.dropped.append(Dropped(session.session_id, method, values["UserID"], why))
            return []
        if method.startswith("Register"):
            session.registered = values
            return []
        return [_report("submit", session, values, self._accounts.broker_id, trading_day)]

    def _refusal(self, session: Session, method: str, user_id: str) -> str:
        if method.startswith("Register"):
            if session.app is None or session.app.app_type is not AppType.INVESTOR_RELAY:
                return "not an authenticated many-to-many relay"
            return "already logged in" if session.user is not None else ""
        if session.user is None or not session.may_submit:
            return "not a logged-in operator of a many-to-one relay"
        return "" if self._accounts.may_act_for(session.user, user_id) else "not an investor of this operator"


def login_report(session: Session, broker_id: str, trading_day: str) -> LoginRecord:
    """What a successful login leaves for the monitoring center; the registered report counts from now on."""
    values, session.registered = session.registered, None
    if values is not None:
        return _report("register", session, values, broker_id, trading_day)
    relayed = session.app is not None and session.app.app_type is AppType.INVESTOR_RELAY
    user_id = session.user.user_id if session.user is not None else ""
    return _report("missing" if relayed else "direct", session, {"UserID": user_id}, broker_id, trading_day)


def _report(kind: str, session: Session, values: Values, broker_id: str, trading_day: str) -> LoginRecord:
    info, length = _WECHAT if "WechatCltSysInfoLen" in values else _CLIENT
    logged_in_at = session.logged_in_at.strftime("%Y-%m-%d %H:%M:%S") if session.logged_in_at is not None else ""
    return LoginRecord(
        kind=kind,
        trading_day=trading_day,
        broker_id=broker_id,
        user_id=values["UserID"],
        front_id=session.front_id,
        session_id=session.session_id,
        app_id=session.app.app_id if session.app is not None else "",
        local_ip=session.peer_ip,
        local_login_time=logged_in_at,
        inner_info=bytes(values.get(info, b""))[: max(0, values.get(length, 0))],
        terminal_app_id=values.get("ClientAppID", ""),
        terminal_ip=values.get("ClientPublicIP", ""),
        terminal_port=values.get("ClientIPPort", 0),
        terminal_login_time=values.get("ClientLoginTime", ""),
        remark=values.get("ClientLoginRemark", ""),
    )
