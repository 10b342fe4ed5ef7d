"""Two relay processes of one firm serve the same investors at the same counter."""

from __future__ import annotations

import pytest

from relay.counter.port import Mode
from tests.e2e.conftest import StartPair
from tests.e2e.site import INVESTORS, WILL_REST, buy, first

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.postgres
async def test_two_relays_on_one_database_serve_one_investor(start_pair: StartPair, postgres_url: str) -> None:
    """What is ordered through one is heard through the other; one ledger tells of both logins."""
    one, other = await start_pair(Mode.MANY_TO_MANY, postgres_url)

    async with one.logged_in(INVESTORS[0]) as here, other.logged_in(INVESTORS[0]) as there:
        heard = there.orders()
        await here.requests.order_insert(buy(WILL_REST, volume=7))
        assert (await first(heard, lambda order: bool(order.order_sys_id))).volume_total_original == 7

    for site in (one, other):
        admitted = [entry.data["investor_id"] for entry in site.relay.ledger() if entry.kind == "terminal_admitted"]
        assert admitted == [INVESTORS[0]] * 2


async def test_two_operators_relays_on_databases_of_their_own_serve_one_investor(start_pair: StartPair) -> None:
    """Neither knows of the other; the counter tells both."""
    one, other = await start_pair(Mode.MANY_TO_ONE)

    async with one.logged_in(INVESTORS[0]) as here, other.logged_in(INVESTORS[0]) as there:
        heard = there.orders()
        await here.requests.order_insert(buy(WILL_REST, volume=7))
        assert (await first(heard, lambda order: bool(order.order_sys_id))).volume_total_original == 7
