"""The day's settlement statement, confirmed in the investor's name for a terminal that asks for it with its login.

CTP fact 74 says why one must be confirmed, and that it is the investor's decision.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from ctpabi.facts.errors import NEVER_ANSWERED
from relay.counter.ctp.orders.driver import OrderDriver
from relay.counter.ctp.orders.link import CtpLink
from relay.counter.port import Confirmation, Evidence
from relay.refusals.refusal import Refused
from relay.tasks import Tasks

_CONFIRM_SECONDS = 2.0
"""how long a login waits for its settlement confirmation"""


class StatementConfirming:
    """Confirms statements, and says in the ledger and in the login what came of it."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._tasks = Tasks()

    async def confirm(self, driver: OrderDriver, link: CtpLink) -> None:
        """Confirm it; the link's login says what came of it.

        Not confirmed is no reason to refuse the login, nor to hold it up: the terminal may read the statement and
        confirm itself. An answer that comes later is in the ledger only. While a password change is due the counter
        has not logged anybody in yet, so nothing is sent.
        """
        if link.attached.must_change_password:
            return
        confirming = self._tasks.start(self._ask(driver, link), f"settlement confirmation {link.session}")
        done, _ = await asyncio.wait({confirming}, timeout=_CONFIRM_SECONDS)
        error_id = confirming.result() if done else NEVER_ANSWERED
        outcome = Confirmation.CONFIRMED if error_id == 0 else Confirmation.REFUSED
        if error_id < 0:
            outcome, error_id = Confirmation.UNKNOWN, 0
        link.attached = replace(link.attached, confirmation=outcome, confirmation_error_id=error_id)

    async def _ask(self, driver: OrderDriver, link: CtpLink) -> int:
        try:
            error_id = await driver.ask_itself(link, "ReqSettlementInfoConfirm")
        except Refused as refused:
            error_id = refused.refusal.code or NEVER_ANSWERED
        await self._evidence.record("settlement_confirm", link.session, {"error_id": error_id})
        return error_id
