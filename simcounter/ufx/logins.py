"""10001, 10000 and 10002: who logs in with which terminal's information, and how long its token lives.

A login may carry a second table with a row for each upstream counter. Each row is kept, and stored as a report of its own.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from simcounter.accounts import App, AppType
from simcounter.events import Answer, Effect, LoginRecord
from simcounter.kernel import Kernel
from simcounter.records import Records
from simcounter.session import Clock, Session
from simcounter.ufx import codes
from simcounter.ufx.answers import UfxAnswer, refusal_of, refused
from simcounter.ufx.rows import UfxRow
from simcounter.ufx.tokens import IssuedToken, UfxTokens

COUNTERS = {"1": "ctp", "2": "hundsun", "3": "kingstar", "4": "femas"}
"""counter_id -> whose collector's information its row has"""
MAX_TEXT = 1024
MAX_KEPT = 10_000
_NATIVE_CLIENT = App("UFX", AppType.DIRECT, "")

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class UfxLogin:
    """One login that was taken, as its fields were."""

    operator_no: str
    fields: dict[str, str]
    """table 0 without the password"""
    counters: list[dict[str, str]] = field(default_factory=list)
    """table 1"""


class UfxLogins:
    """The requests about sessions."""

    def __init__(self, kernel: Kernel, records: Records, tokens: UfxTokens, clock: Clock) -> None:
        self._kernel = kernel
        self._records = records
        self._tokens = tokens
        self._clock = clock
        self.kept: list[UfxLogin] = []
        """in order, at most MAX_KEPT"""

    def log_in(self, peer: tuple[str, int], rows: Sequence[Row], counters: Sequence[Row]) -> UfxAnswer:
        """10001."""
        if not rows:
            return refused(codes.BAD_FIELD)
        row = rows[0]
        why = _address_refusal(row) or _counters_refusal(counters)
        if why is not None:
            return why
        session = self._kernel.open_session(*peer)
        session.app = _NATIVE_CLIENT
        operator = row.get("operator_no", "")
        values = {"BrokerID": self._kernel.accounts.broker_id, "UserID": operator, "Password": row.get("password", "")}
        body = self._records.pack(self._records.catalog.methods["ReqUserLogin"].struct, values)
        effects = self._kernel.handle_request(session, "ReqUserLogin", body, 0)
        refusal = refusal_of(effects)
        if refusal is not None:
            self._kernel.close_session(session.session_id)
            return refusal
        kept = UfxLogin(operator, {k: v for k, v in row.items() if k != "password"}, [dict(c) for c in counters])
        if len(self.kept) < MAX_KEPT:
            self.kept.append(kept)
        token = self._tokens.issue(operator, session)
        answer: UfxRow = {"user_token": token.value, "version_no": "simulated"}
        others = [e for e in effects if not isinstance(e, Answer | LoginRecord)]
        return UfxAnswer(rows=[answer], effects=[*self._reports(session, kept), *others])

    def _reports(self, session: Session, login: UfxLogin) -> list[Effect]:
        """One for each row; one without information where there was no row."""
        at = self._clock()
        reports: list[Effect] = []
        for row in login.counters or [{}]:
            kind = COUNTERS.get(row.get("counter_id", ""), "missing")
            reports.append(
                LoginRecord(
                    kind=f"ufx {kind}",
                    trading_day=self._kernel.access.trading_day,
                    broker_id=self._kernel.accounts.broker_id,
                    user_id=login.operator_no,
                    front_id=session.front_id,
                    session_id=session.session_id,
                    app_id=login.fields.get("app_id", ""),
                    local_ip=session.peer_ip,
                    local_login_time=at.strftime("%Y-%m-%d %H:%M:%S"),
                    inner_info=_information(row),
                    terminal_app_id=login.fields.get("app_id", ""),
                    terminal_ip=login.fields.get("ip_address", ""),
                    terminal_port=_port(login.fields.get("port_id", "")),
                    remark=row.get("service_errcode", ""),
                )
            )
        return reports

    @staticmethod
    def keep_alive(token: IssuedToken, rows: Sequence[Row]) -> UfxAnswer:
        """10000: the token was used, which is all it does."""
        del token, rows
        return UfxAnswer()


def _address_refusal(row: Row) -> UfxAnswer | None:
    try:
        address = ipaddress.ip_address(row.get("ip_address", ""))
    except ValueError:
        return refused(codes.BAD_ADDRESS)
    return None if address.version == 4 else refused(codes.BAD_ADDRESS)


def _counters_refusal(counters: Sequence[Row]) -> UfxAnswer | None:
    ids = [row.get("counter_id", "") for row in counters]
    if len(ids) != len(set(ids)):
        return refused(codes.BAD_TERMINAL_ROWS, "counter_id")
    for row in counters:
        if row.get("counter_id", "") not in COUNTERS:
            return refused(codes.BAD_TERMINAL_ROWS, "counter_id")
        for name in ("terminal_no", "data_scale"):
            if len(row.get(name, "").encode("gb18030")) > MAX_TEXT:
                return refused(codes.BAD_TERMINAL_ROWS, name)
        if row["counter_id"] == "1" and row.get("terminal_no") and not _information(row):
            return refused(codes.BAD_TERMINAL_ROWS, "terminal_no")
    return None


def _information(row: Row) -> bytes:
    """The collector's bytes: CTP's are Base64 here, the others' text."""
    text = row.get("terminal_no", "")
    if row.get("counter_id") != "1":
        return text.encode("gb18030")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _port(text: str) -> int:
    return int(text) if text.isdigit() and len(text) < 6 else 0
