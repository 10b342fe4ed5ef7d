"""Many-to-many: every terminal has a counter session of its own, logged in as the investor.

The terminal is reported with RegisterUserSystemInfo between authentication and login, by the session itself.
"""

from __future__ import annotations

from relay.counter.ctp.modes.connection import Connector, CtpMode
from relay.counter.ctp.modes.statement import StatementConfirming
from relay.counter.ctp.orders.driver import OrderDriver
from relay.counter.ctp.orders.link import CtpLink, Detach
from relay.counter.ctp.orders.tools import DriverTools
from relay.counter.ctp.orders.view import identity_of
from relay.counter.port import CounterLink, CounterSituation, Mode, TerminalLogin
from relay.refusals.refusal import Refusal
from relay.tasks import Tasks


class ManyToMany(CtpMode):
    """One driver with one link for each terminal."""

    mode = Mode.MANY_TO_MANY

    def __init__(self, connector: Connector, tools: DriverTools) -> None:
        super().__init__(connector, tools)
        self._statements = StatementConfirming(connector.evidence)
        self._undoing = Tasks()

    @property
    def ready(self) -> bool:
        """Unless the counter refuses the relay itself: whether it is there shows at each terminal's own login."""
        return self.why_not_ready is None

    @property
    def why_not_ready(self) -> Refusal | None:
        """What stopped all logins, where something did."""
        return self._connector.gate.why_closed

    def reload(self) -> None:
        """Nothing to do: the investors bring their passwords themselves."""

    def situation(self) -> CounterSituation:
        """Whether logins are tried at all; the sessions are the terminals' own."""
        why = self.why_not_ready
        return self._situation("open" if why is None else "stopped", 0.0, why)

    def reconnect_operator(self, why: str) -> bool:
        """There is none."""
        del why
        return False

    async def start(self) -> None:
        """Nothing to do: sessions are opened as terminals come."""

    async def attach(self, login: TerminalLogin) -> CounterLink:
        """Open a session for this terminal and log it in; raises Refused with whatever stopped it."""
        report = login.report
        session = self._connector.session(
            login.session,
            user_id=report.investor.investor_id,
            password=login.password,
            report=report,
            one_time_password=login.one_time_password,
        )
        driver = OrderDriver(session, self._tools)
        link = driver.add(login.session, identity_of(login), self._hang_up(driver), from_now=login.from_now)
        try:
            await self._connector.open(session)
            driver.start()
            await driver.first_login()
            if login.confirm_settlement:
                await self._statements.confirm(driver, link)
        except BaseException:
            await self._undoing.finish(self._close(driver), f"login of {login.session} undone")
            raise
        return link

    async def _close(self, driver: OrderDriver) -> None:
        await driver.stop()
        await self._connector.close(driver.session)

    def _hang_up(self, driver: OrderDriver) -> Detach:
        async def hang_up(link: CtpLink, _reason: str) -> None:
            driver.remove(link)
            await self._close(driver)

        return hang_up

    async def stop(self) -> None:
        """The last session ended with its terminal; what logins left behind is still closed."""
        await self._undoing.over()
