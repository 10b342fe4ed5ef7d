"""What a login brings along: the day's settlement confirmed or not, the day's notices or only new ones."""

from __future__ import annotations

import asyncio

import pytest

from ctprelay.ctp.v1 import structs_pb2 as ctp
from relay.counter.port import Mode
from simcounter import demo_accounts
from simcounter.errors_text import text_of
from terminal_client import RelayTerminal
from tests.e2e.conftest import StartRelay
from tests.e2e.order_notices import refusal_of
from tests.e2e.site import BROKER, INVESTORS, Site, buy, collect_now, first, log_in, trade

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOT_CONFIRMED = 42


@pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)
async def test_the_settlement_is_confirmed_where_the_terminal_asks_for_it(start_site: StartRelay, mode: Mode) -> None:
    """Only then: without, the counter's 42 is passed on, until the terminal confirms by itself."""
    site = await start_site(mode)
    async with site.terminal() as silent, site.terminal() as asking:
        await plain_login(silent, INVESTORS[0])
        assert site.called("ReqSettlementInfoConfirm") == 0
        await log_in(asking, INVESTORS[1])
        assert site.called("ReqSettlementInfoConfirm") == 1

        assert (await trade(asking)).investor_id == INVESTORS[1]
        notices = silent.notices()
        await silent.requests.order_insert(buy())
        assert await refusal_of(notices) == (NOT_CONFIRMED, text_of(NOT_CONFIRMED))
        await silent.requests.settlement_info_confirm(ctp.SettlementInfoConfirm())
        assert (await trade(silent)).investor_id == INVESTORS[0]

    confirmed = [entry.data["error_id"] for entry in site.relay.ledger() if entry.kind == "settlement_confirm"]
    assert confirmed == [0]


async def test_a_terminal_that_logs_in_later_gets_the_days_notices(site: Site) -> None:
    """Orders and trades of the day, each trade behind its order, then what happens now."""
    investor = INVESTORS[3]
    async with site.logged_in(investor) as earlier:
        before = await trade(earlier)
        async with site.terminal() as terminal:
            orders, trades = terminal.orders(), terminal.trades()
            await log_in(terminal, investor)
            await first(orders, lambda order: order.order_sys_id == before.order_sys_id)
            await first(trades, lambda done: done.trade_id == before.trade_id)
            now = await trade(earlier)
            assert (await first(trades, lambda done: done.trade_id == now.trade_id)).order_sys_id == now.order_sys_id


async def test_a_terminal_that_asks_for_the_present_gets_nothing_earlier(site: Site) -> None:
    """The first order and the first trade it hears of are those made after its login."""
    investor = INVESTORS[3]
    async with site.logged_in(investor) as earlier:
        await trade(earlier)
        await asyncio.sleep(1.1)  # the counter's times are whole seconds: within the login's own second, both are "now"
        async with site.terminal() as terminal:
            orders, trades = terminal.orders(), terminal.trades()
            await plain_login(terminal, investor, live_only=True)
            now = await trade(earlier)
            assert (await first(orders, lambda order: bool(order.order_sys_id))).order_sys_id == now.order_sys_id
            assert (await first(trades, lambda _: True)).trade_id == now.trade_id


async def plain_login(terminal: RelayTerminal, investor_id: str, *, live_only: bool = False) -> None:
    """Without confirming the settlement."""
    password = demo_accounts.password_of(investor_id)
    await terminal.login(BROKER, investor_id, password, await collect_now(), live_only=live_only)
