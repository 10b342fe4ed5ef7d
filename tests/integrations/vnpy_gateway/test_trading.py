"""vn.py's own engine trades through the relay, in both modes."""

from __future__ import annotations

import pytest

from relay.counter.port import Mode
from tests.e2e.conftest import StartRelay
from tests.e2e.site import INVESTORS, WILL_FILL, WILL_REST, Site
from tests.integrations.vnpy_gateway.conftest import (
    StartTrader,
    connect,
    logged,
    order_is,
    send,
    setting_for,
    states_of,
    trade_of,
    trades_of,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_contracts_account_and_positions_are_there(
    start_site: StartRelay, mode: Mode, start_trader: StartTrader
) -> None:
    """With Chinese names, each side's yesterday, and what closes both known to vn.py; no window was loaded."""
    site = await start_site(mode)  # of its own: other programs trade with this investor's positions
    async with start_trader() as vnpy:
        await connect(vnpy, setting_for(site, INVESTORS[1]))
        await vnpy.until("both positions", lambda line: line.get("event") == "position" and line["symbol"] == "m2701")
        state = await vnpy.ask("state")

    contract = state["contracts"]["rb2701.SHFE"]
    held = {(row["symbol"], row["direction"]): row for row in state["positions"]}
    assert (contract["size"], contract["product"]) == (10, "FUTURES")
    assert "螺纹钢" in contract["name"]
    assert {"OPTION", "FUTURES"} <= {row["product"] for row in state["contracts"].values()}
    assert (held["rb2701", "LONG"]["volume"], held["rb2701", "LONG"]["yd_volume"]) == (10, 10)
    assert held["m2701", "SHORT"]["volume"] == 5
    assert state["holdings"]["rb2701.SHFE"] == [10, 0]
    assert state["accounts"][0]["balance"] > state["accounts"][0]["available"] > 0
    assert state["exchanges"] == ["CFFEX", "SHFE", "CZCE", "DCE", "INE", "GFEX"]
    assert (state["qt"], state["alive"]) == ([], True)


KINDS: list[tuple[dict[str, object], str]] = [
    ({"type": "LIMIT", "price": WILL_FILL}, "ALLTRADED"),
    ({"type": "FAK", "price": WILL_FILL}, "ALLTRADED"),
    ({"type": "FOK", "price": WILL_FILL}, "ALLTRADED"),
    ({"type": "FAK", "price": WILL_REST}, "CANCELLED"),
    ({"type": "FOK", "price": WILL_REST}, "CANCELLED"),
    ({"type": "MARKET", "symbol": "m2701", "exchange": "DCE"}, "ALLTRADED"),
]
STEPS = ["SUBMITTING", "NOTTRADED", "PARTTRADED", "ALLTRADED", "CANCELLED"]


async def test_an_order_of_each_kind(site: Site, start_trader: StartTrader) -> None:
    """Its id is there at once, its states never go back, its trade comes once and names it."""
    async with start_trader() as vnpy:
        await connect(vnpy, setting_for(site, INVESTORS[0]))
        for order, end in KINDS:
            vt_orderid = await send(vnpy, reference="strategy-1", **order)
            last = await order_is(vnpy, vt_orderid, end)
            if end == "ALLTRADED":
                await trade_of(vnpy, vt_orderid)

            seen = [STEPS.index(state) for state in states_of(vnpy, vt_orderid)]
            assert (seen, seen[0]) == (sorted(seen), 0)
            assert (last["type"], last["reference"]) == (order["type"], "strategy-1")
            assert [trade["volume"] for trade in trades_of(vnpy, vt_orderid)] == ([1] if end == "ALLTRADED" else [])
    assert all(line["tradeid"].count(".") == 0 for line in vnpy.heard("trade"))


async def test_an_order_is_canceled(site: Site, start_trader: StartTrader) -> None:
    """By its id; a second cancel is refused by the counter, which the log says."""
    async with start_trader() as vnpy:
        await connect(vnpy, setting_for(site, INVESTORS[0]))
        vt_orderid = await send(vnpy, price=WILL_REST)
        resting = await order_is(vnpy, vt_orderid, "NOTTRADED")
        await vnpy.ask("cancel", orderid=resting["orderid"])
        await order_is(vnpy, vt_orderid, "CANCELLED")
        await vnpy.ask("cancel", orderid=resting["orderid"])
        await logged(vnpy, "撤单被拒")
        await vnpy.ask("cancel", orderid="no-such-order")
        await logged(vnpy, "不认识的委托号")

        assert (await vnpy.ask("state"))["active"] == []


REFUSED: list[tuple[dict[str, object], str]] = [
    ({"price": 1.0}, "委托被拒"),
    ({"price": WILL_FILL, "symbol": "xx9999"}, "柜台拒绝"),
    ({"price": WILL_FILL, "symbol": "x" * 200}, "中继拒绝"),
]


async def test_a_refused_order_is_shown_as_rejected(site: Site, start_trader: StartTrader) -> None:
    """By relay, counter or exchange; once, with the reason in the log, and nothing stays active."""
    async with start_trader() as vnpy:
        await connect(vnpy, setting_for(site, INVESTORS[0]))
        for order, why in REFUSED:
            after = len(vnpy.lines)
            vt_orderid = await send(vnpy, **order)
            await order_is(vnpy, vt_orderid, "REJECTED")
            await logged(vnpy, why, after)

            assert states_of(vnpy, vt_orderid).count("REJECTED") == 1
            assert set(states_of(vnpy, vt_orderid)) <= {"SUBMITTING", "REJECTED"}
        assert (await vnpy.ask("state"))["active"] == []


NO_ORDERS: list[dict[str, object]] = [
    {"type": "STOP"},
    {"offset": "NONE"},
    {"direction": "NET"},
    {"volume": 1.5},
    {"volume": 0},
    {"exchange": "SSE"},
    {"price": float("nan")},
]


async def test_what_cannot_be_an_order_is_not_sent(site: Site, start_trader: StartTrader) -> None:
    """The id is empty, the log says why, and vn.py's event thread lives."""
    before = site.called("ReqOrderInsert")
    async with start_trader() as vnpy:
        await connect(vnpy, setting_for(site, INVESTORS[0]))
        for order in NO_ORDERS:
            after = len(vnpy.lines)

            assert await send(vnpy, **{"price": WILL_FILL, **order}) == ""
            await logged(vnpy, "委托未发出", after)
        assert (await vnpy.ask("state"))["alive"]
    assert site.called("ReqOrderInsert") == before


async def test_a_closed_position_is_shown_as_zero(site: Site, start_trader: StartTrader) -> None:
    """The counter has no record of it any more; vn.py would keep the last volume for ever."""
    soy: dict[str, object] = {"symbol": "m2701", "exchange": "DCE", "type": "MARKET"}
    async with start_trader() as vnpy:
        await connect(vnpy, setting_for(site, INVESTORS[3]))
        await order_is(vnpy, await send(vnpy, **soy), "ALLTRADED")
        await vnpy.until("the position", lambda line: line.get("event") == "position" and line["volume"] == 1)
        after = len(vnpy.lines)
        await order_is(vnpy, await send(vnpy, **soy, direction="SHORT", offset="CLOSE"), "ALLTRADED")
        zero = await vnpy.until("zero", lambda line: line.get("event") == "position" and line["volume"] == 0, after)

    assert (zero["symbol"], zero["direction"]) == ("m2701", "LONG")
