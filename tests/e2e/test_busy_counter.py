"""A counter that takes few packages a second, and clears its flow: whose orders get through, and as whose."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable

import pytest

from ctprelay.ctp.v1 import enums_pb2 as enums
from ctprelay.ctp.v1 import structs_pb2 as ctp
from relay.counter.port import Mode
from simcounter.config import CounterConfig
from terminal_client import CallRefused, RelayTerminal
from tests.e2e.conftest import StartRelay
from tests.e2e.site import INVESTORS, WILL_REST, buy, counter_state, first

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_orders_of_others_go_on_while_one_terminal_floods_and_keep_their_names(start_site: StartRelay) -> None:
    """Twenty packages a second, one terminal asks for forty quotes; then the counter clears its flow."""
    site = await start_site(
        Mode.MANY_TO_ONE, config=CounterConfig(packets_per_second=20), limits__orders_per_second=1000
    )
    async with (
        site.logged_in(INVESTORS[0]) as busy,
        site.logged_in(INVESTORS[1]) as calm,
        asyncio.TaskGroup() as background,
    ):
        assert calm.info is not None
        notices, of_busy = calm.orders(), busy.orders()
        waits = asyncio.Event()
        flood = background.create_task(_flood(busy, waits))
        await waits.wait()

        await _cancel_in_time(busy)
        own = {(calm.info.front_id, calm.info.session_id, str(number)) for number in range(1, 6)}
        for number in range(1, 6):
            order = buy(WILL_REST)
            order.order_ref = str(number)
            await calm.request("order_insert", order, deadline=30, valid_for=20)
            assert _name(await first(notices, lambda item: bool(item.order_sys_id.strip()))) in own
        flood.cancel()

        statuses, notices = calm.statuses(), calm.orders()
        site.counter.control.flow_clearing()
        await counter_state(statuses, "live")
        await calm.request("order_action", _cancel_of("5"), deadline=30, valid_for=20)
        shown = [await first(notices, lambda _: True)]
        while shown[-1].order_status != enums.ORDER_STATUS_CANCELED:
            shown.append(await first(notices, lambda _: True))
        assert _name(shown[-1]) == (calm.info.front_id, calm.info.session_id, "5")
        # The replay brings them under new names, which no terminal is shown.
        assert {_name(item) for item in shown} <= own
        assert len(of_busy) == 0


def _cancel_of(ref: str) -> ctp.InputOrderAction:
    """In the terminal's own name for it."""
    return ctp.InputOrderAction(
        order_ref=ref, exchange_id="SHFE", instrument_id="rb2701", action_flag=enums.ACTION_FLAG_DELETE
    )


async def _flood(terminal: RelayTerminal, waits: asyncio.Event) -> None:
    """Forty requests for quotes a second; `waits` is set when one had to wait."""

    async def ask() -> None:
        body = ctp.InputForQuote(exchange_id="SHFE", instrument_id="rb2701")
        with contextlib.suppress(CallRefused):
            reply = await terminal.request("for_quote_insert", body, deadline=60, valid_for=2)
            if reply.outcome.queue_position:
                waits.set()

    async with asyncio.TaskGroup() as calls:
        while True:
            calls.create_task(ask())
            await asyncio.sleep(0.025)


async def _cancel_in_time(terminal: RelayTerminal) -> None:
    """An order that waits behind the flood is taken out by its cancel."""
    order = buy(WILL_REST)
    order.order_ref = "70"
    async with asyncio.TaskGroup() as calls:
        insert = calls.create_task(_refusal(terminal.request("order_insert", order, deadline=60, valid_for=30)))
        await asyncio.sleep(0)  # the insert goes first
        cancel = await terminal.request("order_action", _cancel_of("70"), deadline=60, valid_for=30)

    assert cancel.outcome.return_code == 0
    assert insert.result() == "cancelled_before_sent"


async def _refusal(call: Awaitable[object]) -> str:
    with pytest.raises(CallRefused) as refused:
        await call
    return refused.value.refusal.reason


def _name(order: ctp.Order) -> tuple[int, int, str]:
    return order.front_id, order.session_id, order.order_ref.strip()
