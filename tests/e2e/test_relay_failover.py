"""A terminal changes from one relay process of the firm to another in the middle of the day."""

from __future__ import annotations

import asyncio

import pytest

from ctprelay.ctp.v1 import enums_pb2 as enums
from ctprelay.ctp.v1 import structs_pb2 as ctp
from relay.counter.port import Mode
from terminal_client import CallRefused, RelayTerminal, SessionInfo
from tests.e2e.conftest import StartPair
from tests.e2e.site import INVESTORS, WILL_REST, buy, first, log_in

pytestmark = pytest.mark.asyncio(loop_scope="session")

ORDER_NOT_FOUND = 25


def cancel(info: SessionInfo, order_ref: str) -> ctp.InputOrderAction:
    """A cancel by the name an order was sent under."""
    return ctp.InputOrderAction(
        order_ref=order_ref,
        front_id=info.front_id,
        session_id=info.session_id,
        exchange_id="SHFE",
        instrument_id="rb2701",
        action_flag=enums.ACTION_FLAG_DELETE,
    )


@pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)
async def test_a_cancel_never_reaches_an_order_of_the_other_relays(start_pair: StartPair, mode: Mode) -> None:
    """Relays that know nothing of each other: an order they do not know is not found, and no other order is canceled."""
    one, other = await start_pair(mode)
    async with one.terminal() as mine, other.terminal() as mate:
        my_name, mates_name = await log_in(mine, INVESTORS[0]), await log_in(mate, INVESTORS[0])
        orders = mate.orders()
        sent = await mine.requests.order_insert(buy(WILL_REST))
        await mate.requests.order_insert(buy(WILL_REST, volume=7))
        await first(orders, lambda order: order.volume_total_original == 7 and bool(order.order_sys_id))
        await one.relay.kill()

    async with other.logged_in(INVESTORS[0]) as mine_again:
        with pytest.raises(CallRefused) as refused:
            await mine_again.requests.order_action(cancel(my_name, sent.order_ref))
        resting = await mine_again.requests.qry_order(ctp.QryOrder())

    assert (my_name.front_id, my_name.session_id) != (mates_name.front_id, mates_name.session_id)
    assert refused.value.refusal.code == ORDER_NOT_FOUND
    assert [order.order_status for order in resting.rows] == [enums.ORDER_STATUS_NO_TRADE_QUEUEING] * 2
    assert other.called("ReqOrderAction") == 0


@pytest.mark.postgres
@pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)
async def test_a_terminal_goes_on_at_the_other_relay(start_pair: StartPair, postgres_url: str, mode: Mode) -> None:
    """With a database between them: its orders keep their names, its keys order once, its cancels find their order."""
    one, other = await start_pair(mode, postgres_url)
    async with one.terminal() as terminal:
        name = await log_in(terminal, INVESTORS[0])
        plain = await terminal.requests.order_insert(buy(WILL_REST))
        keyed = await terminal.request("order_insert", buy(WILL_REST, volume=2), client_order_key="K1")
        async with one.logged_in(INVESTORS[0]) as mate:
            raced = await _at_once(terminal, mate)
        await one.relay.kill()

    async with other.terminal() as terminal:
        orders = terminal.orders()
        here = await log_in(terminal, INVESTORS[0])
        seen = await first(orders, lambda order: order.volume_total_original == 1 and bool(order.order_sys_id))
        again = await terminal.request("order_insert", buy(WILL_REST, volume=2), client_order_key="K1")
        repeated = [await _order(terminal, key, volume) for key, volume in (*_SAME, *_DIFFERING)]
        await terminal.requests.order_action(cancel(name, plain.order_ref))
        canceled = await first(orders, lambda order: order.order_status == enums.ORDER_STATUS_CANCELED)

    assert (here.front_id, here.session_id) != (name.front_id, name.session_id)
    assert (seen.front_id, seen.session_id, seen.order_ref.strip()) == (*_lane(name), plain.order_ref)
    assert (again.outcome.first_front_id, again.outcome.first_session_id) == _lane(name)
    assert again.outcome.first_order_ref == keyed.order_ref
    assert (canceled.front_id, canceled.session_id, canceled.order_ref.strip()) == (*_lane(name), plain.order_ref)
    _each_key_orders_once(raced, repeated)
    assert other.called("ReqOrderInsert") == 4


_SAME, _DIFFERING = (("K2", 3), ("K2", 3)), (("K3", 4), ("K3", 5))


async def _at_once(one: RelayTerminal, mate: RelayTerminal) -> list[str]:
    """Two sessions of one investor at one relay: one key for the same order, and one for two orders."""
    calls = [_order(terminal, *order) for terminal, order in zip((one, mate) * 2, (*_SAME, *_DIFFERING), strict=True)]
    return await asyncio.gather(*calls)


def _each_key_orders_once(raced: list[str], repeated: list[str]) -> None:
    """At one relay at once, and then at the other, which knows what each key stands for."""
    is_ordered = [not result for result in raced[2:]]
    assert sorted(raced) == ["", "", "order_key_reused", "repeated"]
    assert repeated == ["repeated"] * 2 + ["repeated" if ordered else "order_key_reused" for ordered in is_ordered]


async def _order(terminal: RelayTerminal, key: str, volume: int) -> str:
    """Empty where it was sent, else why not."""
    try:
        sent = await terminal.requests.order_insert(buy(WILL_REST, volume=volume), client_order_key=key)
    except CallRefused as refused:
        return refused.refusal.reason
    return "repeated" if sent.outcome.first_order_ref else ""


def _lane(info: SessionInfo) -> tuple[int, int]:
    return info.front_id, info.session_id
