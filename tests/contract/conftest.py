"""The running sites of the end-to-end tests, and on each a terminal whose every event is watched."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ctpabi.shim.build import CompilerMissing
from ctpabi.shim.substitute import BindingMissing
from relay.counter.port import Mode
from simcounter import demo_accounts
from simcounter.trading.instruments import products_of
from tests.contract.watched import MAC_ADDRESS, Watched
from tests.e2e.binding_under_test import CHOSEN, shim_of
from tests.e2e.conftest import shared_site, site, tls
from tests.e2e.site import BROKER, INVESTORS, Site, collect_now

__all__ = ["shared_site", "site", "tls"]


@pytest.fixture(scope="session", params=list(Mode), ids=lambda mode: mode.value)
def mode(request: pytest.FixtureRequest) -> Mode:
    """Both, where there is a compiler for the drop-in library under the binding."""
    try:
        shim_of(CHOSEN)
    except (CompilerMissing, BindingMissing) as missing:
        pytest.skip(str(missing))
    found: Mode = request.param
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def logged_in(shared_site: Site) -> AsyncIterator[Watched]:
    """One terminal for all requests: logging in takes longer than most of them."""
    investor, info = INVESTORS[0], await collect_now()
    async with shared_site.terminal() as terminal:
        password = demo_accounts.password_of(investor)
        with Watched.over(shared_site, terminal, investor) as watched:
            await terminal.login(BROKER, investor, password, info, confirm_settlement=True, mac_address=MAC_ADDRESS)
            # The day so far comes in slices behind the login; it is no part of the first test's exchange.
            instruments = shared_site.counter.kernel.desk.markets.instruments.values()
            await watched.have_come("rtn_instrument_status", len(list(products_of(instruments))))
            yield watched


@pytest_asyncio.fixture(loop_scope="session")
async def watched(site: Site, logged_in: Watched) -> Watched:
    """The watched terminal of a site whose counter behaves well again afterwards."""
    return logged_in
