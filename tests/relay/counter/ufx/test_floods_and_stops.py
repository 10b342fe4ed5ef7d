"""A flood of pushes through the vendor's library, and an order that is under way when the relay stops."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from relay.counter.port import Mode
from relay.counter.ufx import adapter
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from simcounter.ufx.front import UfxFront
from tests.relay.counter.cts.rig import Terminal
from tests.relay.counter.translated.played_native import cancel, insert
from tests.relay.counter.ufx.rig import INVESTOR, UfxRig, ufx_rig
from tests.relay.counter.ufx.t2.conftest import counter_config

__all__ = ["counter_config"]
FLOOD = int(os.environ.get("CTP_RELAY_UFX_FLOOD", "2000"))
"""pushes; make ufx-flood sends 20,000"""
ORDER, PRICE = 91004, 3490.0
"""the price is below the market, within its limits"""
PUSH = {
    "msgtype": "b", "market_no": "3", "stock_code": "rb2701", "entrust_direction": "1", "futures_direction": "1",
    "entrust_price": "3000", "entrust_amount": "3", "third_reff": "", "account_code": INVESTOR,
}  # fmt: skip


def flood(made: UfxRig, first: int, count: int) -> None:
    """So many entrusts of another program's, each confirmed by a push."""
    front = made.simulated.other
    assert isinstance(front, UfxFront)
    for session, key in front.topics.audience({INVESTOR}):
        for number in range(first, first + count):
            session.connection.send(front.topics.push_frame(session, key, {**PUSH, "entrust_no": str(number)}))


async def test_a_flood_of_pushes_is_told_whole_and_in_order(counter_config: CounterConfig, tmp_path: Path) -> None:
    """Each once; an order in the middle of it is taken and told, and the connection stays."""
    async with ufx_rig(counter_config, Mode.MANY_TO_MANY, tmp_path, sweep_seconds=0) as made:
        terminal = await made.attach()
        flood(made, 90_000_000, FLOOD // 2)
        outcome = await terminal.call(insert(1, limit_price=PRICE))
        flood(made, 90_000_000 + FLOOD // 2, FLOOD - FLOOD // 2)
        async with asyncio.timeout(600):
            while True:
                numbers = [said.rtn_order.order_sys_id for name, said in terminal.got if name == "OnRtnOrder"]
                if str(90_000_000 + FLOOD - 1) in numbers[-10:]:
                    break
                await asyncio.sleep(0.05)
        await terminal.order_with("3", outcome.order_ref)

        theirs = [int(number) for number in numbers if len(number) == 8]
        assert theirs == list(range(90_000_000, 90_000_000 + FLOOD))
        assert not {"recovering", "ended"} & {name for name, _ in terminal.got}
        assert made.simulated.front.counts.connections == 1


async def started(counter: SimulatedCounter, directory: Path) -> tuple[UfxRig, Terminal]:
    """A relay process with a terminal, over what the one before it left on disk."""
    made = UfxRig(counter, Mode.MANY_TO_MANY, directory, {"answer_seconds": 60.0})
    await made.counter.start()
    await made.until(lambda: made.counter.ready, "it is connected")
    return made, await made.attach()


async def test_an_order_under_way_when_the_relay_stops_is_found_afterwards(
    counter_config: CounterConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a night session, whose orders the counter dates a day earlier. The stop waits for no answer. The next relay process shows the order under its name, cancels it, and sends its key no more."""
    monkeypatch.setattr(adapter, "day_of", lambda now, night_from: "20991231")
    async with SimulatedCounter(counter_config) as counter:
        before, terminal = await started(counter, tmp_path)
        before.command("ufx_delay", function=ORDER, seconds=30.0)
        sent = await terminal.call(insert(1, "K1", limit_price=PRICE))
        at = terminal.link.attached
        await before.until(lambda: counter.control.status()["by_method"].get("ReqOrderInsert") == 1, "it is there")
        async with asyncio.timeout(20):  # of the 30 until its answer
            await terminal.leave()
            await before.counter.stop()
        before.order_map.close()

        after, again = await started(counter, tmp_path)
        found = await again.order_with("3")
        repeated = await again.call(insert(1, "K1", limit_price=PRICE))
        await again.call(cancel(2, exchange_id="SHFE", order_sys_id=found.order_sys_id))
        await again.order_with("5")
        await again.leave()
        await after.counter.stop()
        after.order_map.close()

        assert (found.front_id, found.session_id, found.order_ref) == (at.front_id, at.session_id, sent.order_ref)
        assert repeated.first_order_ref == sent.order_ref
        assert counter.control.status()["by_method"]["ReqOrderInsert"] == 1
