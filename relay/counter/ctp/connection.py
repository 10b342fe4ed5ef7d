"""What every counter session of this process has in common: the binding, the fronts, who the relay is, how fast."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from ctpabi.api.binding import Binding
from ctpabi.api.trader import RESTART, TraderApi
from ctpabi.facts.errors import NEVER_ANSWERED
from relay.alarms import Alarms
from relay.counter.ctp.link import CtpLink
from relay.counter.ctp.login_gate import LoginGate
from relay.counter.ctp.login_steps import Credentials, LoginSteps
from relay.counter.ctp.session import CtpSession, SessionTools
from relay.counter.ctp.switchboard import Switchboard
from relay.counter.port import Confirmation, Evidence, TerminalReport
from relay.domain.breaker import Breaker
from relay.domain.patience import Patience
from relay.refusals.refusal import Refused
from relay.tasks import Tasks

_CONFIRM_SECONDS = 2.0
"""how long a login waits for its settlement confirmation"""


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
        self._evidence = evidence
        self.gate = LoginGate(address.inits_per_second, breaker or Breaker(), self.alarms)
        self._tools = SessionTools(self.gate, self.alarms, address.patience, self._mates)
        self._open: dict[str, CtpSession] = {}
        self._tasks = Tasks()

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
        credentials = Credentials(
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
            lambda api: LoginSteps(name, api, binding.catalog, credentials, self._evidence),
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

    async def confirm(self, board: Switchboard, link: CtpLink) -> None:
        """Confirm the settlement statement for a terminal that asked for it; its login says what came of it.

        Not confirmed is no reason to refuse the login, nor to hold it up: the terminal may read the statement and
        confirm itself. An answer that comes later is in the ledger only. While a password change is due the counter
        has not logged anybody in yet, so nothing is sent.
        """
        if link.attached.must_change_password:
            return
        confirming = self._tasks.start(self._confirm(board, link), f"settlement confirmation {link.session}")
        done, _ = await asyncio.wait({confirming}, timeout=_CONFIRM_SECONDS)
        error_id = confirming.result() if done else NEVER_ANSWERED
        outcome = Confirmation.CONFIRMED if error_id == 0 else Confirmation.REFUSED
        if error_id < 0:
            outcome, error_id = Confirmation.UNKNOWN, 0
        link.attached = replace(link.attached, confirmation=outcome, confirmation_error_id=error_id)

    async def _confirm(self, board: Switchboard, link: CtpLink) -> int:
        try:
            error_id = await board.confirm_settlement(link)
        except Refused as refused:
            error_id = refused.refusal.code or NEVER_ANSWERED
        await self._evidence.record("settlement_confirm", link.session, {"error_id": error_id})
        return error_id

    async def close(self, session: CtpSession) -> None:
        """Log out, release, and remove the flow files, which only hold positions the relay never resumes from."""
        self._open.pop(session.name, None)
        await session.close()
        await asyncio.to_thread(shutil.rmtree, self._address.flow_dir / session.name, ignore_errors=True)
