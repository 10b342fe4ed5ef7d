"""The relay is killed between an order and its answer: the counter is the order log, and nothing is sent twice."""

from __future__ import annotations

import pytest

from ctprelay.ctp.v1 import enums_pb2 as enums
from ctprelay.ctp.v1 import structs_pb2 as ctp
from relay.counter.port import Mode
from terminal_client import Reply
from tests.e2e.conftest import StartRelay
from tests.e2e.site import INVESTORS, WILL_FILL, WILL_REST, buy, eventually, first, log_in

RESTING = enums.ORDER_STATUS_NO_TRADE_QUEUEING

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)
async def test_the_order_is_known_after_the_next_login(start_site: StartRelay, mode: Mode) -> None:
    """Under the name it was sent by, in its true state; nothing was sent twice, and the ledger is whole."""
    site = await start_site(mode)
    investor = INVESTORS[0]
    site.counter.control.delay("OnRtnOrder", 3600)
    site.counter.control.delay("OnRtnTrade", 3600)
    async with site.terminal() as terminal:
        info = await log_in(terminal, investor)
        resting = await terminal.requests.order_insert(buy(WILL_REST))
        filled = await terminal.requests.order_insert(buy(WILL_FILL))
        await eventually("both are at the counter", lambda: site.called("ReqOrderInsert") == 2)
        before = site.relay.ledger()
        await site.relay.kill()

    site.counter.control.clear()
    await site.relay.start()
    async with site.terminal() as terminal:
        orders, trades = terminal.orders(), terminal.trades()
        await log_in(terminal, investor)
        rests = await first(orders, lambda order: _is(order, resting) and order.order_status == RESTING)
        done = await first(trades, lambda trade: _is(trade, filled))

    assert (rests.front_id, rests.session_id) == (info.front_id, info.session_id)
    assert (done.investor_id, done.volume) == (investor, 1)
    assert site.called("ReqOrderInsert") == 2
    assert site.relay.command("ledger", "verify").returncode == 0
    assert set(map(repr, before)) <= set(map(repr, site.relay.ledger()))


def _is(notice: ctp.Order | ctp.Trade, sent: Reply[ctp.InputOrder]) -> bool:
    return notice.order_ref.strip() == sent.order_ref.strip()
