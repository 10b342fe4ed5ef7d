"""vn.py keeps its orders and trades over everything that breaks between it and the counter."""

from __future__ import annotations

import pytest

from relay.counter.port import Mode
from simcounter import demo_accounts
from tests.e2e.broken_network import way_to
from tests.e2e.conftest import StartRelay
from tests.e2e.site import INVESTORS, WILL_FILL, WILL_REST, Site, eventually, many_to_many_only, many_to_one_only
from tests.integrations.program import Program
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
both_modes = pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)


async def trade(vnpy: Program) -> str:
    """Buy one lot; the order's id when its trade is there."""
    vt_orderid = await send(vnpy, price=WILL_FILL)
    await order_is(vnpy, vt_orderid, "ALLTRADED")
    await trade_of(vnpy, vt_orderid)
    return vt_orderid


@both_modes
async def test_the_relay_is_killed_and_started_again(
    start_site: StartRelay, start_trader: StartTrader, mode: Mode
) -> None:
    """What traded before is not shown again; what was sent before is canceled by its id; what traded meanwhile comes."""
    site = await start_site(mode)
    async with way_to(site.relay.port) as way, start_trader() as vnpy:
        await connect(vnpy, setting_for(site, INVESTORS[0], way.address))
        done, resting = await trade(vnpy), await rest(vnpy)
        missed = await trade_unseen(vnpy, site)
        before = len(vnpy.lines)
        await site.relay.kill()
        await logged(vnpy, "正在重连", before)
        late = await send(vnpy, price=WILL_FILL)
        await order_is(vnpy, late, "REJECTED")

        site.counter.control.clear()
        await site.relay.start()
        way.lead_to(site.relay.port)
        await logged(vnpy, "登录成功", before)
        await trade_of(vnpy, missed, before)
        await vnpy.ask("cancel", orderid=resting.partition(".")[2])
        await order_is(vnpy, resting, "CANCELLED", before)
        again = await trade(vnpy)
        state = await vnpy.ask("state")

    assert [len(trades_of(vnpy, one)) for one in (done, missed, late, again)] == [1, 1, 0, 1]
    assert len({line["vt_tradeid"] for line in vnpy.heard("trade")}) == len(vnpy.heard("trade"))
    assert states_of(vnpy, done).count("ALLTRADED") == 1
    assert state["holdings"]["rb2701.SHFE"] == [3, 0]
    assert (site.called("ReqOrderInsert"), state["active"], state["alive"]) == (4, [], True)


async def rest(vnpy: Program) -> str:
    """An order that waits in the market."""
    vt_orderid = await send(vnpy, price=WILL_REST)
    await order_is(vnpy, vt_orderid, "NOTTRADED")
    return vt_orderid


async def trade_unseen(vnpy: Program, site: Site) -> str:
    """Buy one lot; the counter keeps its trade back."""
    site.counter.control.delay("OnRtnTrade", 3600)
    vt_orderid = await send(vnpy, price=WILL_FILL)
    await order_is(vnpy, vt_orderid, "ALLTRADED")
    return vt_orderid


async def test_the_network_is_cut_again_and_again(site: Site, start_trader: StartTrader) -> None:
    """The session is resumed under its name; ids count on, and every trade comes once."""
    async with way_to(site.relay.port) as way, start_trader() as vnpy:
        await connect(vnpy, setting_for(site, INVESTORS[2], way.address))
        orders = [await trade(vnpy)]
        for _ in range(3):
            after = len(vnpy.lines)
            way.cut()
            await logged(vnpy, "连接已恢复", after)
            orders.append(await trade(vnpy))

    assert len({one.rpartition("_")[0] for one in orders}) == 1
    assert [len(trades_of(vnpy, one)) for one in orders] == [1, 1, 1, 1]


@many_to_one_only
async def test_an_order_whose_answer_was_lost_is_looked_for(site: Site, start_trader: StartTrader) -> None:
    """Whether it was sent is not known when the connection breaks; the counter has it, so it is not refused."""
    async with way_to(site.relay.port) as way, start_trader() as vnpy:
        await connect(vnpy, setting_for(site, INVESTORS[2], way.address))
        sent = site.called("ReqOrderInsert")
        way.hold_answers()
        vt_orderid = await send(vnpy, price=WILL_FILL)
        await eventually("the order is at the counter", lambda: site.called("ReqOrderInsert") == sent + 1)
        way.cut()
        await order_is(vnpy, vt_orderid, "ALLTRADED")
        await logged(vnpy, "去向不明")
        state = await vnpy.ask("state")

    assert "REJECTED" not in states_of(vnpy, vt_orderid)
    assert vt_orderid in [row["vt_orderid"] for row in state["orders"]]


@many_to_one_only
async def test_an_order_that_never_arrived_is_refused(site: Site, start_trader: StartTrader) -> None:
    """Nothing of it reached the relay: the day's orders do not have it, and vn.py does not wait for it for ever."""
    async with way_to(site.relay.port) as way, start_trader() as vnpy:
        await connect(vnpy, setting_for(site, INVESTORS[2], way.address))
        before = site.called("ReqOrderInsert")
        way.hold_requests()
        vt_orderid = await send(vnpy, price=WILL_FILL)
        way.cut()
        await order_is(vnpy, vt_orderid, "REJECTED")
        state = await vnpy.ask("state")

    assert site.called("ReqOrderInsert") == before
    assert state["active"] == []


async def test_another_connect_changes_nothing(site: Site, start_trader: StartTrader) -> None:
    """The user clicks again: the session stays. With another field it is replaced, and no trade is shown twice."""
    setting = setting_for(site, INVESTORS[3])
    async with start_trader() as vnpy:
        await connect(vnpy, setting)
        done = await trade(vnpy)
        after = len(vnpy.lines)
        await vnpy.ask("connect", setting=setting)
        await logged(vnpy, "已在连接", after)
        await vnpy.ask("connect", setting={**setting, "资金持仓刷新秒数": 3})
        await logged(vnpy, "登录成功", after)
        await vnpy.until("contracts", lambda line: "合约信息查询成功" in line.get("msg", ""), after)
        again = await trade(vnpy)

    assert done.rpartition("_")[0] != again.rpartition("_")[0]
    assert [len(trades_of(vnpy, one)) for one in (done, again)] == [1, 1]
    assert states_of(vnpy, done).count("ALLTRADED") == 1


async def test_a_relay_that_is_not_there_is_waited_for(site: Site, start_trader: StartTrader) -> None:
    """The first login is tried again, and `connect` and orders before it return at once."""
    async with way_to(site.relay.port) as way, start_trader() as vnpy:
        way.close()
        asked = await vnpy.ask("connect", setting=setting_for(site, INVESTORS[2], way.address))
        early = await send(vnpy, price=WILL_FILL)
        await logged(vnpy, "尚未登录，")
        way.open()
        await logged(vnpy, "登录成功")

    assert asked["took"] < 1.0
    assert early == ""


UNREACHED: list[tuple[dict[str, str], str]] = [
    ({"CA证书": ""}, "请核对「CA证书」"),
    ({"证书名称": "relay.firm.example"}, "填写「证书名称」"),
    ({"CA证书": "firm-ca.pem"}, "vnpy/firm-ca.pem"),
]


@many_to_one_only
async def test_what_keeps_it_from_the_relay_is_said_by_field(site: Site, start_trader: StartTrader) -> None:
    """In Chinese; a file is named with the folder where it was looked for, which is vn.py's own."""
    async with start_trader() as vnpy:
        for wrong, said in UNREACHED:
            after = len(vnpy.lines)
            await vnpy.ask("connect", setting=setting_for(site, INVESTORS[2], **wrong))
            await logged(vnpy, said, after)


async def test_a_wrong_password_is_tried_once(site: Site, start_trader: StartTrader) -> None:
    """The log says who refused it; the user corrects the field and connects."""
    setting = setting_for(site, INVESTORS[3])
    async with start_trader() as vnpy:
        await vnpy.ask("connect", setting={**setting, "密码": "not-the-password"})
        await logged(vnpy, "会话结束")
        await connect(vnpy, setting)
        await trade(vnpy)

    refused = [line for line in vnpy.heard("log") if "会话结束" in line["msg"]]
    assert len(refused) == 1
    assert "not-the-password" not in str(vnpy.lines)


@many_to_many_only
async def test_a_password_that_is_due_is_changed(site: Site, start_trader: StartTrader) -> None:
    """With 「新密码」 filled in; then it trades."""
    investor, new = INVESTORS[2], "changed-002"
    site.counter.control.account(investor, first_login=True)
    try:
        async with start_trader() as vnpy:
            setting = setting_for(site, investor)
            await vnpy.ask("connect", setting=setting)
            await logged(vnpy, "柜台要求修改密码")
            await connect(vnpy, {**setting, "新密码": new})
            await logged(vnpy, "密码已修改")
            await trade(vnpy)
            await vnpy.ask("call", method="change_password", arguments=[new, demo_accounts.password_of(investor)])
            after = len(vnpy.lines)
            await logged(vnpy, "密码", after)
        assert new not in str(vnpy.lines)
    finally:
        site.counter.accounts.users[investor].change_password(demo_accounts.password_of(investor))


async def test_close_at_any_time(site: Site, start_trader: StartTrader) -> None:
    """Never connected; connected and after the engine has stopped: it returns, logs out, and leaves no thread behind."""
    for is_connected in (False, True):
        async with start_trader() as vnpy:
            if is_connected:
                await connect(vnpy, setting_for(site, INVESTORS[2]))
            closed = await vnpy.ask("close")
            await vnpy.say("close") if not is_connected else None
            status = await vnpy.end()

        assert (status, closed["took"] < 5.0) == (0, True)
        assert vnpy.lines[-1]["threads"] == ["MainThread"]
    ended = [entry for entry in site.relay.ledger() if entry.kind == "terminal_logout"]
    assert ended[-1].data["kind"] == "logged_out"
