"""One day, whatever counter is behind the relay: the same account, positions, trades and orders in the end; in both modes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from relay.counter.port import Mode
from simcounter import demo_accounts
from tests.e2e.one_day import DayEnd, Funds, Held, Ordered, Traded, World, spend_day
from tests.e2e.relay_process import TlsFiles
from tests.e2e.secrecy import leaks
from tests.e2e.site import INVESTORS, Site
from tests.e2e.systems import System, system_site, terminal_collectors

pytestmark = pytest.mark.asyncio(loop_scope="session")

INVESTOR = INVESTORS[1]
"""holds ten lots of rb2701 bought and five of m2701 sold from yesterday"""
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
    assert {"SHFE", "DCE", "CZCE", "CFFEX"} <= offered.exchanges.keys()
    assert stand.called("ReqOrderInsert") == len(END.orders)
    assert _books(stand) == (END.funds.margin, END.funds.commission, 10 + 30)


def _books(site: Site) -> tuple[float, float, int]:
    """Margin, commission and lots of rb2701 as the counter has them."""
    portfolio = site.counter.kernel.desk.portfolios[INVESTOR]
    lots = sum(position.total for key, position in portfolio.positions.items() if key.instrument_id == "rb2701")
    return round(portfolio.margin, 2), round(portfolio.commission, 2), lots
