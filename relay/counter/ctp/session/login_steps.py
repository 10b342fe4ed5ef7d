"""The steps towards a live session: what is sent at each of them, what the ledger has before, what the answer says.

This is where the three identities stay apart: the relay's app id in ReqAuthenticate, the investor or operator in
ReqUserLogin, the terminal's app id in the report (`user_system_info`). CTP fact 21 says why.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace

import structlog

from ctpabi.api.spi import RawEvent
from ctpabi.api.trader import TraderApi
from ctpabi.catalog import Catalog
from ctpabi.codec import layout, text
from relay.counter.ctp.lanes.refs import parse_ref
from relay.counter.ctp.session import events
from relay.counter.ctp.session.offered import offered_by_login
from relay.counter.ctp.session.user_system_info import report_body, report_method
from relay.counter.port import Attached, CounterContext, Evidence, TerminalReport
from relay.database.times import COUNTER_ZONE

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class CounterCredentials:
    """Who the relay is at the counter, and who logs in there."""

    broker_id: str
    user_id: str
    """the investor in many-to-many, the operator in many-to-one"""
    password: str = field(repr=False)
    relay_app_id: str
    relay_auth_code: str = field(repr=False)
    user_product_info: str = ""
    one_time_password: str = field(default="", repr=False)


class LoginSteps:
    """Sends the steps of one counter session. Each raises LedgerUnavailable before anything is sent."""

    def __init__(
        self,
        name: str,
        api: TraderApi,
        catalog: Catalog,
        credentials: CounterCredentials,
        evidence: Evidence,
        context: CounterContext,
    ) -> None:
        """`name` is the session's in the ledger."""
        self._name = name
        self._api = api
        self._catalog = catalog
        self.credentials = credentials
        self._evidence = evidence
        self._context = context
        self._app_type = ""
        self._login = b""
        self._report_code = 0

    async def authenticate(self, request_id: int) -> int:
        """ReqAuthenticate with the relay's own app id; returns the API's return code."""
        known = self.credentials
        shown = {"broker_id": known.broker_id, "user_id": known.user_id, "relay_app_id": known.relay_app_id}
        await self._evidence.record("counter_authenticate", self._name, shown)
        values = {
            **self._who(),
            "UserProductInfo": known.user_product_info,
            "AppID": known.relay_app_id,
            "AuthCode": known.relay_auth_code,
        }
        return self._send("ReqAuthenticate", values, request_id)

    async def log_in(self, request_id: int) -> int:
        """ReqUserLogin of the investor, or of the operator; returns the API's return code."""
        known = self.credentials
        shown = {"broker_id": known.broker_id, "user_id": known.user_id}
        await self._evidence.record("counter_login", self._name, shown)
        values = {
            **self._who(),
            "Password": known.password,
            "UserProductInfo": known.user_product_info,
            "OneTimePassword": known.one_time_password,
        }
        code = self._send("ReqUserLogin", values, request_id)
        if code == 0:
            known.one_time_password = ""  # it is good for one login only, and a later one would spend a failure
        return code

    def log_out(self, request_id: int) -> int:
        """ReqUserLogout; returns the API's return code."""
        return self._send("ReqUserLogout", self._who(), request_id)

    async def register(self, report: TerminalReport) -> int:
        """RegisterUserSystemInfo for the terminal of this session; returns its return code."""
        self._report_code = await self._report(self._name, report, operator=False)
        return self._report_code

    async def submit(self, session: str, report: TerminalReport) -> int:
        """SubmitUserSystemInfo for one terminal of an operator's session; returns its return code."""
        return await self._report(session, report, operator=True)

    async def authenticated(self, event: RawEvent) -> events.Event:
        """What OnRspAuthenticate, or OnRspError in its place, says."""
        error_id, message = _error(event)
        if error_id != 0 or event.body is None:
            await self._record_answer("authenticate", {"error_id": error_id, "error_msg": message})
            return events.StepRefused(error_id, message)
        self._app_type = str(layout.get(self._catalog.structs["RspAuthenticate"], event.body, "AppType"))
        await self._record_answer("authenticate", {"error_id": 0, "app_type": self._app_type})
        return events.Authenticated(self._app_type)

    async def logged_in(self, event: RawEvent) -> events.Event:
        """What OnRspUserLogin, or OnRspError in its place, says."""
        error_id, message = _error(event)
        if error_id != 0 or event.body is None:
            await self._record_answer("login", {"error_id": error_id, "error_msg": message})
            return events.StepRefused(error_id, message)
        self._login = event.body
        struct = self._catalog.structs["RspUserLogin"]
        known = {name: layout.get(struct, event.body, name) for name in ("TradingDay", "FrontID", "SessionID")}
        shown = {"trading_day": known["TradingDay"], "front_id": known["FrontID"], "session_id": known["SessionID"]}
        await self._record_answer("login", {"error_id": 0, **shown})
        return events.LoggedIn(str(known["TradingDay"]))

    def live(self, *, day_changed: bool) -> events.SessionLive:
        """The outcome of all steps; what the counter offers is registered."""
        login = layout.unpack(self._catalog.structs["RspUserLogin"], self._login)
        since = dt.datetime.now(COUNTER_ZONE).isoformat(timespec="seconds")
        offers = replace(offered_by_login(self._context.description, self._catalog, self._login), since=since)
        self._context.register(offers)
        attached = Attached(
            trading_day=login["TradingDay"],
            login_time=login["LoginTime"],
            front_id=login["FrontID"],
            session_id=login["SessionID"],
            max_order_ref=_max_order_ref(login["MaxOrderRef"]),
            app_type=self._app_type,
            system_name=login["SystemName"],
            report_return_code=self._report_code,
            offered=offers,
        )
        return events.SessionLive(attached, day_changed)

    def _who(self) -> dict[str, object]:
        return {"BrokerID": self.credentials.broker_id, "UserID": self.credentials.user_id}

    def _send(self, method_name: str, values: dict[str, object], request_id: int) -> int:
        method = self._catalog.methods[method_name]
        return self._api.call(method, layout.pack(self._catalog.structs[method.struct], values), request_id)

    async def _report(self, session: str, report: TerminalReport, *, operator: bool) -> int:
        method = report_method(self._catalog, report, operator=operator)
        await self._evidence.record("terminal_report", session, {"call": method.name, **report.as_evidence()})
        code = self._api.report(method, report_body(self._catalog, report))
        await self._evidence.record("terminal_report_result", session, {"call": method.name, "return_code": code})
        return code

    async def _record_answer(self, step: str, facts: dict[str, object]) -> None:
        await self._evidence.record(f"counter_{step}_answer", self._name, facts)


def _max_order_ref(text: str) -> int:
    """0 where it is no number: the counter then refuses the relay's first references by name, which ends nothing."""
    number = parse_ref(text.encode())
    if number is None:
        _log.warning("max_order_ref_unreadable", text=text)
    return number or 0


def _error(event: RawEvent) -> tuple[int, str]:
    """ErrorID and ErrorMsg, the text decoded."""
    error_id, message = event.error
    return error_id, text.decode(message)
