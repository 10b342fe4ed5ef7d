"""The running sites of the end-to-end tests, and on each a terminal whose every event is watched."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from simcounter import demo_accounts
from tests.contract.watched import MAC_ADDRESS, Watched
from tests.e2e.conftest import mode, shared_site, shim, site, tls
from tests.e2e.site import BROKER, INVESTORS, Site, collect_now

__all__ = ["mode", "shared_site", "shim", "site", "tls"]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def logged_in(shared_site: Site) -> AsyncIterator[Watched]:
    """One terminal for all requests: logging in takes longer than most of them."""
    investor, info = INVESTORS[0], await collect_now()
    async with shared_site.terminal() as terminal:
        password = demo_accounts.password_of(investor)
        await terminal.login(BROKER, investor, password, info, confirm_settlement=True, mac_address=MAC_ADDRESS)
        with Watched.over(shared_site, terminal, investor) as watched:
            yield watched


@pytest_asyncio.fixture(loop_scope="session")
async def watched(site: Site, logged_in: Watched) -> Watched:
    """The watched terminal of a site whose counter behaves well again afterwards."""
    return logged_in
