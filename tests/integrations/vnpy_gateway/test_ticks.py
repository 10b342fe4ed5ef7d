"""vn.py subscribes through a real relay, whose market data is the simulated counter's; in both modes."""

from __future__ import annotations

import pytest

from tests.e2e.broken_network import Way
from tests.e2e.site import INVESTORS, Site
from tests.e2e.test_market_data import shared_market
from tests.integrations.vnpy_gateway.conftest import StartTrader, connect, logged, setting_for

__all__ = ["shared_market"]

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_ticks_come(shared_market: tuple[Site, Way], start_trader: StartTrader) -> None:
    """A snapshot and a movement, with the contract's name; subscribed before the login, so that nothing is missed."""
    site, _ = shared_market
    async with start_trader() as vnpy:
        await vnpy.ask("subscribe", symbol="rb2701", exchange="SHFE")
        await connect(vnpy, setting_for(site, INVESTORS[0]))
        await vnpy.until("a tick", lambda line: line.get("event") == "tick")
        site.counter.control.move_market("rb2701", 3507.0)
        moved = await vnpy.until(
            "the movement", lambda line: line.get("event") == "tick" and line["last_price"] == 3507.0
        )

        await logged(vnpy, "行情已接通")
        assert (await vnpy.ask("state"))["alive"]
    assert (moved["vt_symbol"], moved["name"][:3]) == ("rb2701.SHFE", "螺纹钢")
    assert moved["limit_up"] > moved["last_price"] > moved["limit_down"] > 0
