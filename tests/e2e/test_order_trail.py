"""Every order leaves a trace: who sent it from which terminal, under both references, and the exchange's number."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest

from ctprelay.ctp.v1 import structs_pb2 as ctp
from tests.e2e.site import INVESTORS, TERMINAL, WILL_REST, Site, buy, eventually, first, log_in, trade
from tests.e2e.test_relay_failover import cancel

pytestmark = pytest.mark.asyncio(loop_scope="session")


def kept(site: Site, session: str) -> list[tuple[str, dict[str, Any]]]:
    """The stream's entries of this terminal session."""
    database = sqlite3.connect(site.relay.state_dir / "relay.sqlite3")
    try:
        rows = database.execute(
            "select kind, data from ledger_order where session = ? order by chain, sequence", (session,)
        ).fetchall()
    finally:
        database.close()
    return [(kind, json.loads(data)) for kind, data in rows]


def newest_session(site: Site) -> str:
    database = sqlite3.connect(site.relay.state_dir / "relay.sqlite3")
    try:
        (found,) = database.execute(
            "select session from ledger where kind = 'terminal_admitted' order by sequence desc limit 1"
        ).fetchone()
    finally:
        database.close()
    return str(found)


async def test_orders_and_cancels_are_in_the_stream(site: Site) -> None:
    """With app id, investor, both names of the order, the exchange's number and the API's return code."""
    async with site.terminal() as terminal:
        info = await log_in(terminal, INVESTORS[0])
        session = newest_session(site)
        orders = terminal.orders()
        done = await trade(terminal)

        def is_own(item: ctp.Order) -> bool:
            name = item.front_id, item.session_id, item.order_ref.strip()
            return name == (info.front_id, info.session_id, done.order_ref.strip()) and bool(item.order_sys_id.strip())

        numbered = await first(orders, is_own)
        resting = await terminal.requests.order_insert(buy(WILL_REST))
        await terminal.requests.order_action(cancel(info, resting.order_ref))
        await eventually("the cancel is kept", lambda: "order_cancel" in [kind for kind, _ in kept(site, session)])
        await eventually(
            "both orders have their numbers",
            lambda: [kind for kind, _ in kept(site, session)].count("order_numbered") == 2,
        )
    found = kept(site, session)
    sent = next(data for kind, data in found if kind == "order_insert")
    number = next(data for kind, data in found if kind == "order_numbered")
    taken_back = next(data for kind, data in found if kind == "order_cancel")

    assert (sent["terminal_app_id"], sent["investor_id"], sent["return_code"]) == (TERMINAL, INVESTORS[0], 0)
    assert (sent["order"]["InstrumentID"], sent["order"]["VolumeTotalOriginal"]) == ("rb2701", 1)
    assert sent["of_terminal"]["Ref"].strip() == done.order_ref.strip()
    assert sent["at_counter"]["FrontID"] != sent["of_terminal"]["FrontID"]
    assert number["of_terminal"]["Ref"] == sent["of_terminal"]["Ref"]
    assert (
        number["OrderSysID"].strip() == numbered.order_sys_id.strip()
    )  # a trade of the day may have the same OrderRef
    assert (taken_back["call"], taken_back["return_code"]) == ("ReqOrderAction", 0)
    assert taken_back["of_terminal"]["OrderRef"].strip() == resting.order_ref.strip()


async def test_what_the_counter_refuses_later_is_in_the_stream_once(site: Site) -> None:
    """An order and a cancel: by whom, with the counter's number and text; it says each of them twice."""
    async with site.terminal() as terminal:
        info = await log_in(terminal, INVESTORS[0])
        session = newest_session(site)
        resting = await terminal.requests.order_insert(buy(WILL_REST))
        site.counter.control.refuse("ReqOrderInsert", 31, "资金不足", times=1)
        site.counter.control.refuse("ReqOrderAction", 26, times=1)
        await terminal.request("order_insert", buy(WILL_REST))
        await terminal.request("order_action", cancel(info, resting.order_ref))
        await eventually("both are kept", lambda: [kind for kind, _ in kept(site, session)].count("order_refused") >= 2)
        await trade(terminal)
    found = [data for kind, data in kept(site, session) if kind == "order_refused"]

    assert [(data["refused"], data["error_id"]) for data in found] == [("ReqOrderInsert", 31), ("ReqOrderAction", 26)]
    assert {(data["terminal_app_id"], data["investor_id"]) for data in found} == {(TERMINAL, INVESTORS[0])}
    assert found[0]["error_msg"] == "资金不足"
