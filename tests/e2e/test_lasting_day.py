"""The trading day changes under a running relay: terminals get the new day, and nothing of yesterday is taken for today's."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from ctprelay.ctp.v1 import enums_pb2 as enums
from ctprelay.ctp.v1 import structs_pb2 as ctp
from relay.counter.port import Mode
from simcounter.config import CounterConfig
from simcounter.session import CHINA
from terminal_client import RelayTerminal
from tests.e2e.conftest import StartRelay
from tests.e2e.order_notices import refusal_of
from tests.e2e.own_site import own_site
from tests.e2e.relay_process import TlsFiles
from tests.e2e.site import (
    INVESTORS,
    WILL_FILL,
    WILL_REST,
    Site,
    buy,
    counter_state,
    first,
    log_in,
    trade,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

INVESTOR = INVESTORS[0]
SETTLEMENT_NOT_CONFIRMED = 42
TODAY, TOMORROW = "20261126", "20261127"
"""before the last day of every contract that is traded here"""
FRIDAY_NIGHT = dt.datetime(2026, 11, 20, 21, 5, tzinfo=CHINA)
MONDAY = "20261123"
both_modes = pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)


@both_modes
async def test_the_day_changes_while_a_terminal_is_online(start_site: StartRelay, mode: Mode) -> None:
    """It gets the new day; references start anew, and the statement is to be confirmed again."""
    site = await start_site(mode, config=CounterConfig(trading_day=TODAY))
    async with site.terminal() as terminal:
        before = await log_in(terminal, INVESTOR)
        used = [await resting_order(terminal) for _ in range(3)]
        statuses, orders = terminal.statuses(), terminal.orders()

        site.counter.control.trading_day(TOMORROW)
        status = await counter_state(statuses, "live")
        notices = terminal.notices()
        await terminal.requests.order_insert(buy())
        refused, _ = await refusal_of(notices)
        await terminal.requests.settlement_info_confirm(ctp.SettlementInfoConfirm())
        again = await terminal.requests.order_insert(buy(WILL_REST))
        shown = await first(orders, lambda order: order.order_ref.strip() == again.order_ref.strip())

    assert (status.trading_day, status.trading_day_changed) == (TOMORROW, True)
    assert refused == SETTLEMENT_NOT_CONFIRMED
    assert int(again.order_ref) <= int(used[-1])
    assert (shown.front_id, shown.session_id) == (before.front_id, before.session_id)
    assert shown.trading_day == TOMORROW


@both_modes
async def test_yesterdays_orders_are_not_shown(start_site: StartRelay, mode: Mode) -> None:
    """Neither to the terminal that sent them nor to one that logs in today, as notices or as an answer."""
    site = await start_site(mode, config=CounterConfig(trading_day=TODAY))
    async with site.terminal() as stays:
        await log_in(stays, INVESTOR)
        await resting_order(stays)
        await trade(stays)
        statuses, orders = stays.statuses(), stays.orders()
        site.counter.control.settlement_price("rb2701", WILL_FILL - 1)  # tomorrow's market is where today's was
        site.counter.control.trading_day(TOMORROW)
        await counter_state(statuses, "live")

        async with site.terminal() as comes:
            days, trades = comes.orders(), comes.trades()
            await log_in(comes, INVESTOR)
            asked = await comes.requests.qry_order(ctp.QryOrder())
            done = await trade(comes)
            assert (await first(trades, lambda _: True)).trade_id == done.trade_id
            for notices in (days, orders):
                assert (await first(notices, lambda _: True)).trading_day == TOMORROW
    assert asked.rows == ()


async def test_the_same_day_goes_on_after_a_front_restart(site: Site) -> None:
    """No change is sent, and references go on."""
    async with site.logged_in(INVESTORS[3]) as terminal:
        used = await resting_order(terminal)
        statuses = terminal.statuses()
        site.counter.control.drop()
        status = await counter_state(statuses, "live")
        again = await resting_order(terminal)

    assert not status.trading_day_changed
    assert int(again) == int(used) + 1


@both_modes
async def test_a_night_sessions_order_belongs_to_the_next_trading_day(
    mode: Mode, tls: TlsFiles, tmp_path: Path
) -> None:
    """Sent on Friday night, it is Monday's: after a restart of everything but the counter it has its old name."""
    async with own_site(mode, tls, tmp_path, CounterConfig(trading_day=MONDAY), lambda: FRIDAY_NIGHT) as site:
        async with site.terminal() as terminal:
            orders = terminal.orders()
            evening = await log_in(terminal, INVESTOR)
            sent = await terminal.requests.order_insert(buy(WILL_REST))
            order = await first(orders, lambda order: order.order_ref.strip() == sent.order_ref.strip())
        await site.relay.kill()
        await site.relay.start()

        async with site.terminal() as terminal:
            orders = terminal.orders()
            morning = await log_in(terminal, INVESTOR)
            again = await first(orders, lambda order: order.order_status == enums.ORDER_STATUS_NO_TRADE_QUEUEING)

    assert (evening.trading_day, order.trading_day, order.insert_date) == (MONDAY, MONDAY, "20261120")
    assert morning.trading_day == MONDAY
    assert (again.front_id, again.session_id, again.order_ref.strip()) == (
        evening.front_id,
        evening.session_id,
        sent.order_ref.strip(),
    )


async def resting_order(terminal: RelayTerminal) -> str:
    """Its reference, once it is in the book."""
    with_orders = terminal.orders()
    sent = await terminal.requests.order_insert(buy(WILL_REST))
    await first(with_orders, lambda order: order.order_ref.strip() == sent.order_ref.strip())
    with_orders.close()
    return sent.order_ref
