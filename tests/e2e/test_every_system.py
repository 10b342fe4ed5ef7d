"""One day, whatever counter is behind the relay: the same account, positions, trades and orders in the end; in both modes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from relay.counter.port import Mode
from simcounter import demo_accounts
from terminal_client import RelayTerminal
from terminal_client.collectors import Collectors
from tests.e2e.one_day import DayEnd, Funds, Held, Ordered, Traded, World, spend_day
from tests.e2e.relay_process import TlsFiles
from tests.e2e.secrecy import KNOWN, leaks
from tests.e2e.shown_of import shown_of
from tests.e2e.site import BROKER, INVESTORS, Site, collect_now, eventually, many_to_many_only, many_to_one_only, trade
from tests.e2e.systems import System, given_out, system_site, terminal_collectors

pytestmark = pytest.mark.asyncio(loop_scope="session")

INVESTOR, OTHER = INVESTORS[1:3]
"""the first one holds ten lots of rb2701 bought and five of m2701 sold from yesterday"""
BOUGHT = tuple(Traded("rb2701", "DIRECTION_BUY", "OFFSET_FLAG_OPEN", lots, 3501.0) for lots in (1, 29))
END = DayEnd(
    funds=Funds(balance=9_999_594.97, available=9_847_564.97, margin=152_030.00, commission=105.03),
    positions=(Held("m2701", "POSI_DIRECTION_SHORT", 5, 0), Held("rb2701", "POSI_DIRECTION_LONG", 40, 30)),
    trades=BOUGHT,
    heard=BOUGHT,
    orders=(
        Ordered("rb2701", "ORDER_STATUS_ALL_TRADED", 1, 1, 3501.0),
        Ordered("rb2701", "ORDER_STATUS_CANCELED", 40, 29, 3501.0),
    ),
)
"""worked out by hand: of ten million yuan 0.01 % of 30 lots' turnover is paid and 30 × 10 × 1 lost when the price falls from 3501 to 3500;
margin is a tenth of 40 lots' value, and 8 % of five lots of meal"""


@pytest.fixture(scope="module", params=list(System), ids=lambda system: system.value)
def system(request: pytest.FixtureRequest) -> System:
    found: System = request.param
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stand(
    system: System, mode: Mode, tls: TlsFiles, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """A site of this system for all tests of a mode."""
    async with system_site(system, mode, tls, tmp_path_factory.mktemp(system.value)) as site:
        yield site
        assert leaks(site.relay) == []


async def test_the_day_ends_the_same(stand: Site, system: System, tmp_path: Path) -> None:
    """Each trade is heard once across the break, no order is sent twice, and the counter's books say what the terminal was told."""
    control = stand.counter.control
    async with stand.terminal() as terminal:
        offered, end = await spend_day(
            terminal,
            INVESTOR,
            demo_accounts.password_of(INVESTOR),
            terminal_collectors(tmp_path),
            World(control.drop, lambda: control.move_market("rb2701", 3500.0)),
        )

    assert end == END
    assert offered.system == system.counter_system
    assert {"SHFE", "DCE", "CZCE", "CFFEX"} <= {one.code for one in offered.exchanges}
    assert stand.called("ReqOrderInsert") == len(END.orders)
    assert "terminal_logout" in [entry.kind for entry in stand.relay.ledger()]
    assert _books(stand) == (END.funds.margin, END.funds.commission, 10 + 30)


def _books(site: Site) -> tuple[float, float, int]:
    """Margin, commission and lots of rb2701 as the counter has them."""
    portfolio = site.counter.kernel.desk.portfolios[INVESTOR]
    lots = sum(position.total for key, position in portfolio.positions.items() if key.instrument_id == "rb2701")
    return round(portfolio.margin, 2), round(portfolio.commission, 2), lots


@many_to_one_only  # where the relay has the passwords of the operator and of all investors
@pytest.mark.parametrize("system", [System.CTP, System.CTS, System.UFX], indirect=True, scope="module")
async def test_what_is_shown_of_it_has_no_secret(stand: Site, system: System, tmp_path: Path) -> None:
    """While a terminal trades: the console's pages in both languages, status in both forms, /metrics and /readyz; then log and
    state directory, ledger included. What may be shown is found by the same search.
    """
    async with stand.terminal() as terminal:
        await log_in(terminal, OTHER, terminal_collectors(tmp_path))
        await trade(terminal)
        session = [entry.session for entry in stand.relay.ledger() if entry.kind == "terminal_admitted"][-1]
        given = given_out(stand.counter)
        shown = await shown_of(stand.relay, session)
    secrets = [*given, *(known.decode() for known in KNOWN)]

    assert bool(given) is (system is not System.CTP)
    assert [(where, secret) for secret in secrets for where, text in shown.items() if secret in text] == []
    assert leaks(stand.relay, [secret.encode() for secret in given]) == []
    for where in ("zh /", "en /", "status zh", "status en", "status json"):
        assert "SHFE" in shown[where], where
    for where in ("zh /terminals", f"en /terminals/relay/{session}", "en /ledger"):
        assert OTHER in shown[where], where
    assert any("/ledger/entry/" in where and session in text for where, text in shown.items())
    assert OTHER not in shown["/metrics"] + shown["/readyz"]
    assert shown["/readyz"].startswith('{"ready": true')


@many_to_many_only
@pytest.mark.parametrize("system", [System.CTP, System.CTS, System.UFX], indirect=True, scope="module")
async def test_killed_between_the_ledger_and_the_login(stand: Site, tmp_path: Path) -> None:
    """What the counter was asked stands in the ledger, no answer is made up for it, and the next login gets in and trades."""
    collectors, logins = terminal_collectors(tmp_path), stand.called("ReqUserLogin")
    before = {entry.session for entry in stand.relay.ledger()}
    stand.counter.control.ignore("ReqUserLogin")
    async with stand.terminal() as terminal:
        login = asyncio.ensure_future(log_in(terminal, OTHER, collectors))
        await eventually("the login is at the counter", lambda: stand.called("ReqUserLogin") > logins)
        await stand.relay.kill()
        login.cancel()
        await asyncio.gather(login, return_exceptions=True)
    kinds = {entry.kind for entry in stand.relay.ledger() if entry.session not in before}
    stand.counter.control.clear()
    await stand.relay.start()
    async with stand.terminal() as terminal:
        await log_in(terminal, OTHER, collectors)
        await trade(terminal)

    assert "terminal_admitted" in kinds
    assert kinds & {"terminal_report", "counter_login"}
    assert "counter_login_answer" not in kinds


async def log_in(terminal: RelayTerminal, investor_id: str, collectors: Collectors) -> None:
    password = demo_accounts.password_of(investor_id)
    await terminal.login(
        BROKER, investor_id, password, await collect_now(), confirm_settlement=True, collectors=collectors
    )
