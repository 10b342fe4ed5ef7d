"""vn.py's own CtpGateway, unmodified, trades through a relay: `ctp-terminal exec`, in both modes."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from relay.counter.port import Mode
from simcounter import demo_accounts
from tests.e2e.broken_network import Way
from tests.e2e.conftest import StartRelay
from tests.e2e.site import AUTH_CODE, BROKER, INVESTORS, TERMINAL, WILL_FILL, WILL_REST, Site
from tests.e2e.test_market_data import shared_market
from tests.integrations.program import Program, program
from tests.integrations.vnpy_gateway.conftest import TRADER, connect, logged, order_is, send, states_of, trade_of

__all__ = ["shared_market"]

pytestmark = pytest.mark.asyncio(loop_scope="session")
BROKERS_FRONT = "203.0.113.7:41205"
StartGateway = Callable[[Site], AbstractAsyncContextManager[Program]]


@pytest.fixture
def start_gateway(programs_python: Path, tmp_path: Path) -> StartGateway:
    """`async with start_gateway(site) as vnpy`: MainEngine with a CtpGateway, not connected yet."""

    @asynccontextmanager
    async def start(site: Site) -> AsyncIterator[Program]:
        folder = tmp_path / "vnpy"
        folder.mkdir(exist_ok=True)
        config = folder / "terminal.toml"
        lines = [f'relay = "127.0.0.1:{site.relay.port}"', f'ca_file = "{site.tls.authority}"', ""]
        config.write_text("\n".join(lines), encoding="utf-8")
        command = ("-m", "terminal_client.cli.app", "--config", str(config), "exec", "--", str(programs_python))
        async with program(Path(sys.executable), folder, *command, str(TRADER), "vnpy_ctp:CtpGateway") as vnpy:
            await vnpy.until("that it runs", lambda line: line.get("answers") == "start")
            try:
                yield vnpy
            finally:  # it ends by itself: the program is the carrier's child, which a kill would leave alone
                with contextlib.suppress(AssertionError, OSError):
                    await vnpy.say("close")
                    await vnpy.end()

    return start


def setting_for(investor_id: str) -> dict[str, Any]:
    """What this investor's user fills into CtpGateway's dialog: the broker's fronts, as ever."""
    return {
        "用户名": investor_id,
        "密码": demo_accounts.password_of(investor_id),
        "经纪商代码": BROKER,
        "交易服务器": BROKERS_FRONT,
        "行情服务器": BROKERS_FRONT,
        "产品名称": TERMINAL,
        "授权编码": AUTH_CODE,
    }


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


async def test_it_trades_and_finds_its_day_again(site: Site, start_gateway: StartGateway) -> None:
    """Contracts, account, positions, an order of each kind, a cancel, a refusal; started anew it has the day's blotter."""
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
