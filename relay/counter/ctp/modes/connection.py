"""What both modes have in common, and every counter session of this process: the fronts, who the relay is, how fast."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from ctpabi.api.binding import Binding
from ctpabi.api.native_inbox import event_inbox
from ctpabi.api.trader import RESTART, TraderApi
from ctpabi.catalog import Catalog
from ctpabi.codec import text
from ctprelay.v1 import terminal_pb2 as pb
from relay.counter.breaker import Breaker
from relay.counter.counter_library import CounterLibrary
from relay.counter.ctp.orders.tools import DriverTools
from relay.counter.ctp.session.counter_watch import CounterWatch
from relay.counter.ctp.session.login_gate import LoginGate
from relay.counter.ctp.session.login_steps import CounterCredentials, LoginSteps
from relay.counter.ctp.session.offered import login_levels, offered
from relay.counter.ctp.session.patience import Patience
from relay.counter.ctp.session.session import CtpSession, SessionTools
from relay.counter.port import CounterDescription, CounterSituation, Evidence, Mode, TerminalReport
from relay.counter.registered import RegisteredCounter
from relay.counter.right_passwords import RightPasswords
from relay.faults.faults import Faults
from relay.logs.alarms import Alarms
from relay.refusals import login_reasons, stream_reasons
from relay.refusals.refusal import Refusal

_FIELDS = {
    "investor_id": ("InputOrder", "InvestorID"),
    "password": ("ReqUserLogin", "Password"),
    "one_time_password": ("ReqUserLogin", "OneTimePassword"),
    "mac_address": ("InputOrder", "MacAddress"),
    "login_remark": ("UserSystemInfo", "ClientLoginRemark"),
}
"""member of Login -> the narrowest struct field it goes into"""


@dataclass(frozen=True, slots=True)
class CounterAddress:
    """Which counter, and as whom the relay authenticates there."""

    fronts: tuple[str, ...]
    broker_id: str
    relay_app_id: str
    relay_auth_code: str = field(repr=False)
    production: bool
    """False: the vendor's evaluation edition (评测)"""
    user_product_info: str
    flow_dir: Path
    patience: Patience
    inits_per_second: float


class Connector:
    """Opens counter sessions, paced: a front limits how many connections one address may make a second."""

    def __init__(
        self,
        binding: Binding,
        address: CounterAddress,
        evidence: Evidence,
        *,
        watch: CounterWatch | None = None,
        passwords: RightPasswords | None = None,
        alarms: Alarms | None = None,
        library: CounterLibrary | None = None,
    ) -> None:
        """`library` is the one behind `binding`. `watch`, `passwords` and `alarms` are the process's; None makes them this connector's own."""
        self.binding = binding
        self.alarms = alarms or Alarms()
        self._address = address
        self.evidence = evidence
        self.registered = RegisteredCounter(offered(binding.catalog, library))
        self.watch = watch or CounterWatch(Faults(), Breaker())
        self.gate = LoginGate(address.inits_per_second, self.watch.breaker, self.alarms)
        self._tools = SessionTools(
            self.gate,
            self.alarms,
            address.patience,
            passwords or RightPasswords(),
            self._mates,
            self.watch,
            partial(event_inbox, native=binding.native),
        )
        self._open: dict[str, CtpSession] = {}

    def __iter__(self) -> Iterator[CtpSession]:
        """Those that are open now."""
        return iter(tuple(self._open.values()))

    @property
    def fronts(self) -> tuple[str, ...]:
        return self._address.fronts

    def use_auth_code(self, relay_auth_code: str) -> None:
        """For every session from its next authentication on."""
        self._address = replace(self._address, relay_auth_code=relay_auth_code)
        for session in self:
            session.steps.credentials.relay_auth_code = relay_auth_code

    def _mates(self, session: CtpSession) -> list[CtpSession]:
        user_id = session.steps.credentials.user_id
        return [
            other
            for other in self._open.values()
            if other is not session and other.steps.credentials.user_id == user_id
        ]

    def session(
        self,
        name: str,
        *,
        user_id: str,
        password: str,
        report: TerminalReport | None,
        one_time_password: str = "",
        read_password: Callable[[], str] | None = None,
    ) -> CtpSession:
        """A session that is not open yet, with a flow directory of its own; `report` None makes it an operator's.

        `read_password` reads the operator's password again, from where a person may have replaced it.
        """
        known, binding = self._address, self.binding
        credentials = CounterCredentials(
            broker_id=known.broker_id,
            user_id=user_id,
            password=password,
            relay_app_id=known.relay_app_id,
            relay_auth_code=known.relay_auth_code,
            user_product_info=known.user_product_info,
            one_time_password=one_time_password,
        )
        return CtpSession(
            name,
            lambda put: TraderApi(binding, known.flow_dir / name, put, production=known.production),
            lambda api: LoginSteps(name, api, binding.catalog, credentials, self.evidence, self.registered),
            report,
            self._tools,
            read_password,
        )

    async def open(self, session: CtpSession) -> None:
        """Wait for this session's turn, then connect it.

        It is always sent the whole day: with QUICK, what happens during a break would be lost.
        """
        await self.gate.spaced_turn()
        self._open[session.name] = session
        self.watch.opened(session.name)
        session.open(self._address.fronts, RESTART)

    async def close(self, session: CtpSession) -> None:
        """Log out, release, and remove the flow files, which only hold positions the relay never resumes from."""
        self._open.pop(session.name, None)
        await session.close()
        self.watch.closed(session.name)
        await asyncio.to_thread(shutil.rmtree, self._address.flow_dir / session.name, ignore_errors=True)


class CtpMode:
    """What a `port.Counter` of CTP's says in both modes."""

    mode: Mode

    def __init__(self, connector: Connector, tools: DriverTools) -> None:
        self._connector = connector
        self._tools = tools
        self.tables = tools.tables

    @property
    def orders_today(self) -> int:
        return self._tools.day_use.fullest

    def describe(self) -> CounterDescription:
        sessions = list(self._connector)
        levels = login_levels(
            of_operator=self.mode is Mode.MANY_TO_ONE,
            connected=any(session.connected for session in sessions),
            live=any(session.live for session in sessions),
        )
        return self._tools.described(self._connector.registered.description, levels)

    def use_auth_code(self, relay_auth_code: str) -> None:
        self._connector.use_auth_code(relay_auth_code)

    def reconnect(self, why: str) -> int:
        live = [session for session in self._connector if session.live]
        for session in live:
            session.renew(why)
        return len(live)

    def _situation(self, state: str, seconds: float, why: Refusal | None, user_id: str = "") -> CounterSituation:
        return CounterSituation(
            state,
            seconds,
            why.message if why is not None else "",
            user_id,
            self._connector.fronts,
            len(list(self._connector)),
            sum(session.live for session in self._connector),
            self._tools.order_map.trading_day,
        )

    def check_login(self, login: pb.Login) -> Refusal | None:
        return check_fields(self._connector.binding.catalog, login)


def check_fields(catalog: Catalog, login: pb.Login) -> Refusal | None:
    """Refuse a login with a text that CTP cannot carry, or another spelling of an investor's id.

    The refusal names the member, never its value. An id has one spelling, so that locks, places, orders and entries are one
    investor's: the directory and CTP know ids of plain letters and digits.

    What does not fit is never cut: half a password is another password, and a struct that cannot be packed would only
    be found with a counter session already open.
    """
    for name, (struct, member) in _FIELDS.items():
        most = catalog.structs[struct].field(member).size - 1  # CTP ends every text by a NUL
        try:
            size = len(text.encode(getattr(login, name)))
        except text.UnencodableText as error:
            return stream_reasons.request_malformed(why=f"{name}: {error}")
        if size > most:
            return stream_reasons.request_malformed(why=f"{name} has {size} bytes in GB18030, {most} at most")
    if login.investor_id and not (login.investor_id.isascii() and login.investor_id.isalnum()):
        return stream_reasons.request_malformed(why="investor_id takes letters and digits alone")
    return _check_report(catalog, login)


def _check_report(catalog: Catalog, login: pb.Login) -> Refusal | None:
    """Whether this terminal's report can be made, and its MAC: from CTP 6.7.13 on a relay must fill it in (CTP fact 31)."""
    name = "WechatUserSystemInfo" if login.report_kind == pb.REPORT_KIND_WECHAT else "UserSystemInfo"
    struct = catalog.structs.get(name)
    if struct is None:
        return login_reasons.report_kind_not_offered_by_counter(name=name)
    return login_reasons.mac_address_missing() if struct.has("MAC") and not login.mac_address else None
