"""The relay's gateway sends what vn.py's own CtpGateway sends: a strategy that changes gateways trades as before."""

from __future__ import annotations

from typing import Any

import pytest

from ctprelay.ctp.v1 import structs_pb2 as ctp
from relay.counter.port import Mode
from tests.e2e.conftest import StartRelay
from tests.e2e.site import INVESTORS, Site
from tests.integrations.program import Program
from tests.integrations.unmodified.conftest import StartGateway, setting_for
from tests.integrations.vnpy_gateway.conftest import StartTrader, connect, order_is, send
from tests.integrations.vnpy_gateway.conftest import setting_for as relay_setting

pytestmark = pytest.mark.asyncio(loop_scope="session")

MEAL = {"symbol": "m2701", "exchange": "DCE"}
ORDERS: list[tuple[dict[str, Any], str]] = [
    ({"type": "LIMIT", "price": 3010.0}, "ALLTRADED"),
    ({"type": "FAK", "price": 3010.0}, "ALLTRADED"),
    ({"type": "FOK", "price": 2990.0}, "CANCELLED"),
    ({"type": "MARKET", "price": 3010.0}, "ALLTRADED"),
    ({"type": "MARKET", "price": 0.0}, "ALLTRADED"),
    ({"type": "MARKET", "price": 3010.0, "direction": "SHORT"}, "ALLTRADED"),
]
NEITHER = ["STOP", "RFQ"]
"""kinds that vn.py has a word for and CTP's gateway does not send"""
SAME = [
    "order_price_type",
    "time_condition",
    "volume_condition",
    "limit_price",
    "direction",
    "comb_offset_flag",
    "comb_hedge_flag",
    "volume_total_original",
    "min_volume",
    "contingent_condition",
    "stop_price",
    "force_close_reason",
    "is_auto_suspend",
    "gtd_date",
    "exchange_id",
    "order_status",
]


async def orders_of(vnpy: Program, site: Site, investor_id: str) -> list[dict[str, Any]]:
    """What the counter has of each of these orders, in their order."""
    for order, end in ORDERS:
        await order_is(vnpy, await send(vnpy, **MEAL, **order), end)
    for kind in NEITHER:
        assert await send(vnpy, **MEAL, type=kind, price=3010.0) == ""
    async with site.logged_in(investor_id) as terminal:
        rows = (await terminal.requests.qry_order(ctp.QryOrder())).rows
    return [{member: getattr(row, member) for member in SAME} for row in rows]


async def test_the_counter_gets_the_same_orders_from_both_gateways(
    start_site: StartRelay, start_gateway: StartGateway, start_trader: StartTrader
) -> None:
    """Of each kind, with the price that a market order names as well; stop orders are sent by neither."""
    site = await start_site(Mode.MANY_TO_MANY)
    async with start_gateway(site) as vnpy:
        await connect(vnpy, setting_for(INVESTORS[0]))
        from_ctp = await orders_of(vnpy, site, INVESTORS[0])
    async with start_trader() as vnpy:
        await connect(vnpy, relay_setting(site, INVESTORS[1]))
        from_relay = await orders_of(vnpy, site, INVESTORS[1])

    assert len(from_ctp) == len(ORDERS)
    assert from_relay == from_ctp
