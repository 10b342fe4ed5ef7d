"""What every counter session of this process has in common: the binding, the fronts, who the relay is, how fast."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ctpabi.api.binding import Binding
from ctpabi.api.trader import RESTART, TraderApi
from relay.counter.breaker import Breaker
from relay.counter.ctp.session.login_gate import LoginGate
from relay.counter.ctp.session.login_steps import CounterCredentials, LoginSteps
from relay.counter.ctp.session.offered import offered
from relay.counter.ctp.session.patience import Patience
from relay.counter.ctp.session.session import CtpSession, SessionTools
from relay.counter.port import Evidence, TerminalReport
from relay.counter.registered import RegisteredCounter
from relay.logs.alarms import Alarms


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
        breaker: Breaker | None = None,
        alarms: Alarms | None = None,
    ) -> None:
        """`breaker` and `alarms` are the process's; None makes them this connector's own."""
        self.binding = binding
        self.alarms = alarms or Alarms()
        self._address = address
        self.evidence = evidence
        self.registered = RegisteredCounter(offered(binding.catalog))
        self.gate = LoginGate(address.inits_per_second, breaker or Breaker(), self.alarms)
        self._tools = SessionTools(self.gate, self.alarms, address.patience, self._mates)
        self._open: dict[str, CtpSession] = {}

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
        await self.gate.first_turn()
        self._open[session.name] = session
        session.open(self._address.fronts, RESTART)

    async def close(self, session: CtpSession) -> None:
        """Log out, release, and remove the flow files, which only hold positions the relay never resumes from."""
        self._open.pop(session.name, None)
        await session.close()
        await asyncio.to_thread(shutil.rmtree, self._address.flow_dir / session.name, ignore_errors=True)
