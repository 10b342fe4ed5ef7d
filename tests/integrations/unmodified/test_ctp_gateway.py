"""vn.py's own CtpGateway, unmodified, trades through a relay: `ctp-terminal exec`, in both modes."""

from __future__ import annotations

import pytest

from relay.counter.port import Mode
from tests.e2e.broken_network import Way
from tests.e2e.conftest import StartRelay
from tests.e2e.site import INVESTORS, WILL_FILL, WILL_REST, Site
from tests.e2e.test_market_data import shared_market
from tests.integrations.program import Program
from tests.integrations.unmodified.conftest import StartGateway, setting_for
from tests.integrations.vnpy_gateway.conftest import connect, logged, order_is, send, states_of, trade_of

__all__ = ["shared_market"]

pytestmark = pytest.mark.asyncio(loop_scope="session")

KINDS: list[tuple[dict[str, object], str]] = [
    ({"type": "LIMIT", "price": WILL_FILL}, "ALLTRADED"),
    ({"type": "FAK", "price": WILL_FILL}, "ALLTRADED"),
    ({"type": "FOK", "price": WILL_FILL}, "ALLTRADED"),
    ({"type": "FAK", "price": WILL_REST}, "CANCELLED"),
    ({"type": "FOK", "price": WILL_REST}, "CANCELLED"),
]


async def trade_in_each_kind(vnpy: Program) -> None:
    """Orders that fill, rest and are canceled, and one that is refused."""
    for order, end in KINDS:
        vt_orderid = await send(vnpy, **order)
        await order_is(vnpy, vt_orderid, end)
        if end == "ALLTRADED":
            await trade_of(vnpy, vt_orderid)
        assert states_of(vnpy, vt_orderid)[0] == "SUBMITTING"
    resting = await order_is(vnpy, await send(vnpy, price=WILL_REST), "NOTTRADED")
    await vnpy.ask("cancel", orderid=resting["orderid"])
    await order_is(vnpy, resting["vt_orderid"], "CANCELLED")
    await order_is(vnpy, await send(vnpy, price=1.0), "REJECTED")


async def test_it_trades_and_finds_its_day_again(
    start_site: StartRelay, mode: Mode, start_gateway: StartGateway
) -> None:
    """Contracts, account, positions, an order of each kind, a cancel, a refusal; started anew it has the day's blotter."""
    site = await start_site(mode)  # of its own: the whole blotter is looked at, and other programs leave orders
    async with start_gateway(site) as vnpy:
        await connect(vnpy, setting_for(INVESTORS[1]))
        await vnpy.until("a position", lambda line: line.get("event") == "position" and line["symbol"] == "rb2701")
        await trade_in_each_kind(vnpy)
        first = await vnpy.ask("state")
        await vnpy.ask("close")
    async with start_gateway(site) as vnpy:
        await connect(vnpy, setting_for(INVESTORS[1]))
        await vnpy.until("its trades of the day", lambda line: line.get("event") == "trade")
        again = await vnpy.ask("state")

    contract = first["contracts"]["rb2701.SHFE"]
    assert (contract["size"], contract["product"], "螺纹钢" in contract["name"]) == (10, "FUTURES", True)
    assert first["accounts"][0]["balance"] > first["accounts"][0]["available"] > 0
    assert (first["active"], first["qt"], first["alive"]) == ([], [], True)
    assert len(first["trades"]) == 3
    assert any("行情服务器登录成功" in line["msg"] for line in vnpy.heard("log"))
    assert {row["tradeid"] for row in again["trades"]} >= {row["tradeid"] for row in first["trades"]}


async def test_a_relay_that_comes_back_is_logged_in_to_again(
    start_site: StartRelay, start_gateway: StartGateway, free_port: int
) -> None:
    """By CtpGateway itself, as with the vendor's library; it trades again, and an order from before can be canceled."""
    site = await start_site(Mode.MANY_TO_MANY, listen__address=f"127.0.0.1:{free_port}")
    async with start_gateway(site) as vnpy:
        await connect(vnpy, setting_for(INVESTORS[0]))
        resting = await order_is(vnpy, await send(vnpy, price=WILL_REST), "NOTTRADED")
        after = len(vnpy.lines)
        await site.relay.stop()
        await site.relay.start()
        await logged(vnpy, "交易服务器登录成功", after)
        await logged(vnpy, "合约信息查询成功", after)
        vt_orderid = await send(vnpy, price=WILL_FILL)
        await trade_of(vnpy, vt_orderid)
        await vnpy.ask("cancel", orderid=resting["orderid"])
        await order_is(vnpy, resting["vt_orderid"], "CANCELLED")

        assert any("交易服务器连接断开，原因4097" in line["msg"] for line in vnpy.heard("log"))


async def test_ticks_come(shared_market: tuple[Site, Way], start_gateway: StartGateway) -> None:
    """Through the market data library: the last tick that is known, and a movement, with the contract's name."""
    site, _ = shared_market
    async with start_gateway(site) as vnpy:
        await connect(vnpy, setting_for(INVESTORS[0]))
        await logged(vnpy, "行情服务器登录成功")
        await logged(vnpy, "合约信息查询成功")
        await vnpy.ask("subscribe", symbol="rb2701", exchange="SHFE")
        await vnpy.until("a tick", lambda line: line.get("event") == "tick")
        site.counter.control.move_market("rb2701", 3507.0)
        moved = await vnpy.until(
            "the movement", lambda line: line.get("event") == "tick" and line["last_price"] == 3507.0
        )
        assert (moved["vt_symbol"], moved["name"][:3]) == ("rb2701.SHFE", "螺纹钢")
        assert moved["ask_price_1"] > moved["bid_price_1"] > 0
