"""Two relay processes of one firm in front of one counter: CTS's and UFX's, each as its adapter speaks to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from ctprelay.ctp.v1 import structs_pb2 as ctp
from relay.counter.ctp.order_map.in_database import OrdersInDatabase
from relay.counter.ctp.order_map.tables import OrderTables
from relay.counter.port import CallOutcome, Mode, TerminalCall
from relay.refusals.refusal import Refused
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from tests.relay.counter.cts.rig import BROKER, DAY, Rig, Terminal
from tests.relay.counter.translated.played_native import cancel, insert
from tests.relay.counter.ufx.rig import UfxRig
from tests.relay.counter.ufx.t2.conftest import counter_config

__all__ = ["counter_config"]
PRICE = 3490.0
"""below the market, within its limits"""
_RIGS: dict[str, type[Rig]] = {"cts": Rig, "ufx": UfxRig}


@asynccontextmanager
async def firm(config: CounterConfig, mode: Mode, directory: Path, engine: Engine) -> AsyncIterator[list[Rig]]:
    """Both processes, connected."""
    async with SimulatedCounter(config) as counter, AsyncExitStack() as stack:
        rigs = []
        for number in (7, 8):
            tables = OrderTables(BROKER, number)
            shared = stack.enter_context(OrdersInDatabase(engine, tables, answer_seconds=30))
            own = directory / str(number)
            own.mkdir()
            rigs.append(_RIGS[config.system](counter, mode, own, {}, number=number, shared=shared))
        for rig in rigs:
            await rig.counter.start()
            stack.callback(rig.order_map.close)
            stack.push_async_callback(rig.counter.stop)
        for rig in rigs:
            await rig.until(lambda rig=rig: rig.counter.ready, "it is connected")  # type: ignore[misc]
        yield rigs
        for rig in rigs:
            for terminal in rig.terminals:
                await terminal.leave()


async def reason_of(order: Any) -> str:
    with pytest.raises(Refused) as refused:
        await order
    return refused.value.refusal.reason


def order(request_id: int, key: str = "", price: float = PRICE) -> TerminalCall:
    return insert(request_id, key, limit_price=price)


async def placed_by(rigs: list[Rig], terminals: list[Terminal]) -> int:
    """Orders that the counter got: after one more of each, so that nothing that was sent before is on its way."""
    for terminal in terminals:
        own = terminal.link.attached.front_id, (await terminal.call(order(100, price=PRICE - 20))).order_ref
        await terminal.wait("OnRtnOrder", lambda said, own=own: _name(said.rtn_order) == own)  # type: ignore[misc]
    count: int = rigs[0].simulated.control.status()["by_method"].get("ReqOrderInsert", 0)
    return count - len(terminals)


def _name(said: ctp.Order) -> tuple[int, str]:
    return (said.front_id, said.order_ref) if said.order_sys_id else (0, "")


async def repeated_at_the_other(one: Terminal, other: Terminal) -> None:
    """With the same order and with another one."""
    first = await one.call(order(1, "K1"))
    again = await other.call(order(1, "K1"))
    reason = await reason_of(other.call(order(2, "K1", PRICE - 10)))

    assert (again.first_front_id, again.first_session_id) == (one.link.attached.front_id, one.link.attached.session_id)
    assert again.first_order_ref == first.order_ref
    assert reason == "order_key_reused"


async def sent_to_both_at_once(terminals: list[Terminal]) -> None:
    """One of them sends it, and the other one knows of it, then or a moment later."""
    calls = (terminal.call(order(3, "K2")) for terminal in terminals)
    raced: list[Any] = await asyncio.gather(*calls, return_exceptions=True)
    again = [await terminal.call(order(4, "K2")) for terminal in terminals]

    assert sum(isinstance(one, CallOutcome) and not one.first_order_ref for one in raced) == 1
    assert {one.refusal.reason for one in raced if isinstance(one, Refused)} <= {"order_key_in_doubt"}
    assert len({(one.first_front_id, one.first_session_id, one.first_order_ref) for one in again}) == 1


async def refused_without_the_database(engine: Engine, one: Terminal, other: Terminal) -> None:
    """A new key is; what was ordered here under a key is known all the same."""
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE order_key RENAME TO away"))
    reason = await reason_of(other.call(order(5, "K3")))
    known = await one.call(order(5, "K1"))

    assert reason == "shared_orders_unavailable"
    assert known.first_order_ref


async def canceled_at_the_other(one: Terminal, other: Terminal) -> None:
    """By front, session and reference; at CTS nothing brought the order there before."""
    at, ref = one.link.attached, (await one.call(order(6, "K4", PRICE - 30))).order_ref
    resting = await one.order_with("3", ref)
    named = {"front_id": at.front_id, "session_id": at.session_id, "order_ref": ref}
    await other.call(cancel(7, 30.0, **named))
    found = await other.wait("OnRtnOrder", lambda said: said.rtn_order.order_sys_id == resting.order_sys_id)
    told = await other.wait("OnRtnOrder", lambda said: said.rtn_order.order_status == ord("5"))

    assert (found.rtn_order.front_id, found.rtn_order.order_ref) == (at.front_id, ref)
    assert told.rtn_order.order_sys_id == resting.order_sys_id


@pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("system", ["cts", "ufx"])
async def test_keys_and_cancels_hold_at_both_relays(
    system: str, mode: Mode, counter_config: CounterConfig, tmp_path: Path, sqlite_engine: Engine
) -> None:
    """A key repeated at the other relay, sent to both at once, and without the database; a cancel of the other's order."""
    config = replace(counter_config, system=system, trading_day=DAY if system == "cts" else counter_config.trading_day)
    async with firm(config, mode, tmp_path, sqlite_engine) as rigs:
        terminals = [await rig.attach() for rig in rigs]
        await repeated_at_the_other(*terminals)
        await sent_to_both_at_once(terminals)
        await canceled_at_the_other(*terminals)
        await refused_without_the_database(sqlite_engine, *terminals)

        assert await placed_by(rigs, terminals) == 3
