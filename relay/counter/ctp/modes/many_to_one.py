"""Many-to-one: one operator session for all terminals of this process, each reported with SubmitUserSystemInfo.

The relay alone knows whether an investor is who it says (`relay.admission` checked that before). After every new
login of the operator each terminal that is online is submitted again; until then nothing is sent for it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import structlog

from ctpabi.facts.return_codes import NOT_PERMITTED
from relay.counter.ctp.modes.connection import Connector, CtpMode
from relay.counter.ctp.modes.statement import StatementConfirming
from relay.counter.ctp.orders.driver import OrderDriver
from relay.counter.ctp.orders.link import CtpLink
from relay.counter.ctp.orders.tools import DriverTools
from relay.counter.ctp.orders.view import identity_of
from relay.counter.ctp.session.machine import BREAK_SECONDS
from relay.counter.port import (
    CounterLink,
    CounterSituation,
    LinkCause,
    LinkState,
    LinkStatus,
    Mode,
    TerminalLogin,
    TerminalReport,
)
from relay.logs.alarms import AlarmName
from relay.refusals import counter_reasons, relay_reasons
from relay.refusals.refusal import LedgerUnavailable, Refusal, Refused, Source
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)
_SUBMITS_AT_A_TIME = 32
_RETRY_SECONDS = 5.0
ReadPassword = Callable[[], str]


class ManyToOne(CtpMode):
    """One driver, one operator session, a link for every terminal."""

    mode = Mode.MANY_TO_ONE

    def __init__(
        self,
        connector: Connector,
        tools: DriverTools,
        *,
        operator_id: str,
        password: str,
        read_password: ReadPassword | None = None,
    ) -> None:
        """`read_password` reads the operator's password again; called in a thread, it may block and raise."""
        super().__init__(connector, tools)
        self._statements = StatementConfirming(connector.evidence)
        self._operator_id = operator_id
        self._password = password
        self._read_password = read_password
        self._reports: dict[str, TerminalReport] = {}
        self._driver: OrderDriver | None = None
        self._tasks = Tasks()
        self._why_not = relay_reasons.counter_unavailable(why="the operator is not logged in")

    @property
    def ready(self) -> bool:
        """Whether the operator is logged in."""
        return self._driver is not None and self._driver.session.live

    @property
    def why_not_ready(self) -> Refusal | None:
        """What a terminal that came now would be told; None while the operator is logged in."""
        if self.ready:
            return None
        driver = self._driver
        return self._why_not if driver is None else _as_the_terminals_hear(driver.why_not)

    async def start(self) -> None:
        """Begin to log the operator in, and to keep it logged in."""
        self._tasks.start(self._keep_operator(), "operator session")

    def reload(self) -> None:
        """The operator's password was replaced, or a person mended what the counter refused: try again now."""
        if self._driver is not None:
            self._driver.session.read_password_again()

    def situation(self) -> CounterSituation:
        """The operator's session."""
        if self._driver is None:
            return self._situation("connecting", 0.0, self.why_not_ready, self._operator_id)
        session = self._driver.session
        seconds = asyncio.get_running_loop().time() - session.changed_at
        return self._situation(session.state.name.lower(), seconds, self.why_not_ready, self._operator_id)

    def reconnect(self, why: str) -> int:
        """Also where the operator waits for something: it tries at once."""
        if self._driver is None:
            return 0
        if not super().reconnect(why):
            self._driver.session.read_password_again()
        return 1

    def reconnect_operator(self, why: str) -> bool:
        """Read the password first, then renew: a session that is live logs in with what was read."""
        if self._driver is not None:
            self._driver.session.read_password_again()
            self._driver.session.renew(why)
        return True

    async def attach(self, login: TerminalLogin) -> CounterLink:
        """Submit this terminal's report on the operator's session; raises Refused."""
        driver = self._live_driver()
        await driver.recall(login.report.investor.investor_id)
        if self._live_driver() is not driver:
            raise Refused(relay_reasons.counter_unavailable(why="the operator's session broke during the login"))
        during = driver.logins
        code = await _submit(driver, login.session, login.report)
        self._connector.watch.reported(code)
        if driver.logins != during or driver is not self._driver or not driver.session.live:
            raise Refused(relay_reasons.counter_unavailable(why="the operator's session broke during the report"))
        if code != 0:
            self._not_permitted(login.session, code)
            raise Refused(counter_reasons.report_refused(code))
        self._reports[login.session] = login.report
        link = driver.add(login.session, identity_of(login, self._operator_id), self._hang_up, from_now=login.from_now)
        try:
            if login.confirm_settlement:
                await self._statements.confirm(driver, link)
        except BaseException:
            await link.detach("the login was abandoned")
            raise
        return link

    def _live_driver(self) -> OrderDriver:
        driver, why_not = self._driver, self.why_not_ready
        if driver is None or why_not is not None:
            raise Refused(why_not or self._why_not)
        return driver

    async def stop(self) -> None:
        """Log the operator out."""
        await self._tasks.cancel()

    async def _hang_up(self, link: CtpLink, _reason: str) -> None:
        self._reports.pop(link.session, None)
        if self._driver is not None:
            self._driver.remove(link)

    # The operator --------------------------------------------------------------------------------------------

    async def _keep_operator(self) -> None:
        """One session after another, for as long as the relay runs."""
        for number in itertools.count(1):
            try:
                await self._serve_with(f"operator-{number}")
            except OSError as error:  # no room for the flow files, for instance
                _log.error("operator_session_failed", error=str(error))
            await asyncio.sleep(_RETRY_SECONDS)

    async def _serve_with(self, name: str) -> None:
        """One session of the operator, until it ends: by a flood or by a fault, never by a refusal."""
        session = self._connector.session(
            name, user_id=self._operator_id, password=self._password, report=None, read_password=self._read_password
        )
        driver = self._driver = OrderDriver(session, self._tools, on_live=self._submit_again)
        try:
            await self._connector.open(session)
            driver.start()
            await driver.ended.wait()
        finally:
            self._password = session.steps.credentials.password
            await driver.stop()
            await self._connector.close(session)
        _log.error("operator_session_ended", reason=driver.why_not.reason, message=driver.why_not.message)

    # Reports after a login -----------------------------------------------------------------------------------

    async def _submit_again(self, driver: OrderDriver) -> None:
        left = await self._submit_all(driver, list(driver))
        if left:
            self._tasks.start(self._submit_later(driver, driver.logins, left), "reports that could not be made")

    async def _submit_all(self, driver: OrderDriver, links: list[CtpLink]) -> list[CtpLink]:
        """Report these terminals; returns those whose report could not be made now."""
        limit = asyncio.Semaphore(_SUBMITS_AT_A_TIME)

        async def submit(link: CtpLink) -> bool:
            async with limit:
                return await self._submit_one(driver, link)

        made = await asyncio.gather(*(submit(link) for link in links))
        return [link for link, is_made in zip(links, made, strict=True) if not is_made]

    async def _submit_later(self, driver: OrderDriver, during: int, links: list[CtpLink]) -> None:
        """Try again until every report of this login stands; the next login starts over with all of them."""
        while links:
            await asyncio.sleep(_RETRY_SECONDS)
            if driver.logins != during or not driver.session.live:
                return
            left = await self._submit_all(driver, links)
            if driver.logins != during:
                return
            for link in links:
                if link.route.reported:
                    link.put(LinkStatus(LinkState.LIVE, "", link.attached))
            links = left

    async def _submit_one(self, driver: OrderDriver, link: CtpLink) -> bool:
        """Returns whether nothing more is to be done for this login; nothing is sent for the terminal before that."""
        report, during = self._reports.get(link.session), driver.logins
        if report is None:
            return True
        try:
            code = await driver.session.steps.submit(link.session, report)
            self._connector.watch.reported(code)
        except LedgerUnavailable:
            _log.warning("report_delayed", session=link.session, why="the ledger cannot be written")
            return False
        if driver.logins != during:
            return True  # another login has begun, and makes its own report
        link.route.reported = code == 0
        if code in NOT_PERMITTED:
            # It was permitted at the first login. Mostly the connection has broken again, and the next login submits it.
            if driver.session.live:
                self._not_permitted(link.session, code)
            return False
        if code != 0 and driver.session.live:  # otherwise the next login of the operator submits it again
            why = counter_reasons.report_refused(code).told_text
            link.put(LinkStatus(LinkState.ENDED, why, cause=LinkCause.REPORT_REFUSED))
        return True

    def _not_permitted(self, session: str, code: int) -> None:
        if code in NOT_PERMITTED:
            self._connector.alarms.sound(AlarmName.REPORT_NOT_PERMITTED, session=session, return_code=code)


async def _submit(driver: OrderDriver, session: str, report: TerminalReport) -> int:
    """SubmitUserSystemInfo; when it returns, a break that made the API refuse is known to the session as well."""
    code = await driver.session.steps.submit(session, report)
    if code in NOT_PERMITTED and driver.session.live:
        # An API that lost its connection forgets whose it is at once, and tells of the loss a moment later.
        await asyncio.sleep(BREAK_SECONDS)
    return code


def _as_the_terminals_hear(refusal: Refusal) -> Refusal:
    """What the counter said to the operator must not be taken for an answer to the investor."""
    return counter_reasons.operator_refused(refusal) if refusal.source is Source.COUNTER else refusal
