"""A terminal's day at CTS, in both modes: logged in, traded, broken off, back again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ctprelay.ctp.v1 import requests_pb2
from ctprelay.ctp.v1 import structs_pb2 as ctp
from relay.counter.port import LinkCause, Mode
from relay.faults.table import Fault
from relay.refusals.refusal import Refused
from tests.relay.counter.cts.rig import DAY, INFO, INVESTOR, OTHER, Rig, Terminal, rig
from tests.relay.counter.translated.played_native import cancel, insert

both_modes = pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)


@dataclass(frozen=True)
class Traded:
    """What a day's orders were called."""

    terminal: Terminal
    filled: str
    resting: str
    canceled: str


async def trade(made: Rig) -> Traded:
    """An order that fills; one that rests, and fills while the session is broken; one that is canceled after it."""
    terminal = await made.attach()
    numbers = {"front_id": terminal.link.attached.front_id, "session_id": terminal.link.attached.session_id}
    filled = (await terminal.call(insert(1, limit_price=3501.0, volume_total_original=1))).order_ref
    await terminal.order_with("0", filled)
    resting = (await terminal.call(insert(2, limit_price=3400.0, volume_total_original=3))).order_ref
    await terminal.order_with("3", resting)
    made.command("drop", user_id=INVESTOR)
    await terminal.wait("recovering")
    made.command("move_market", instrument_id="rb2701", price=3400.0)
    await terminal.wait("live")
    await terminal.order_with("0", resting)
    canceled = (await terminal.call(insert(3, limit_price=3300.0, volume_total_original=2))).order_ref
    await terminal.order_with("3", canceled)
    await terminal.call(cancel(4, order_ref=canceled, **numbers))
    await terminal.order_with("5", canceled)
    return Traded(terminal, filled, resting, canceled)


@both_modes
async def test_a_terminal_trades_and_hears_what_it_would_of_ctp(mode: Mode, tmp_path: Path) -> None:
    """Each trade once, under its own references, with a break in the middle; the information is reported again after it."""
    async with rig(mode, tmp_path) as made:
        day = await trade(made)
        trades = await day.terminal.rows(requests_pb2.Request(qry_trade=ctp.QryTrade()), "OnRspQryTrade")
        reports = [row.inner_info for row in made.simulated.tmdb.reports(user_id=INVESTOR)]

    told = [said.rtn_trade for name, said in day.terminal.got if name == "OnRtnTrade"]
    assert len({trade.trade_id for trade in told}) == len(told) == len(trades)
    assert {trade.order_ref for trade in told} == {day.filled, day.resting}
    assert sum(trade.volume for trade in told) == 4
    assert [note.kind for note in made.notes.kept].count("order_insert") == 3
    assert reports == [INFO, INFO]
    kinds = made.evidence.kinds("T1")
    assert kinds[:4] == ["counter_login", "terminal_report", "terminal_report_result", "counter_login_answer"]
    assert day.terminal.link.attached.trading_day == DAY


async def test_queries_say_what_the_counter_has(tmp_path: Path) -> None:
    """Orders, funds, positions, contracts, and exchanges without asking the counter."""
    async with rig(Mode.MANY_TO_MANY, tmp_path) as made:
        day = await trade(made)
        ask = day.terminal.rows
        orders = await ask(requests_pb2.Request(qry_order=ctp.QryOrder()), "OnRspQryOrder")
        account = requests_pb2.Request(qry_trading_account=ctp.QryTradingAccount())
        (funds,) = await ask(account, "OnRspQryTradingAccount")
        position = requests_pb2.Request(qry_investor_position=ctp.QryInvestorPosition())
        (held,) = await ask(position, "OnRspQryInvestorPosition")
        exchanges = await ask(requests_pb2.Request(qry_exchange=ctp.QryExchange()), "OnRspQryExchange")
        contract = requests_pb2.Request(qry_instrument=ctp.QryInstrument(exchange_id="SHFE"))
        contracts = await ask(contract, "OnRspQryInstrument")
        portfolio, markets = made.simulated.kernel.desk.portfolios[INVESTOR], made.simulated.kernel.desk.markets

    assert {said.rsp_qry_order.order_ref for said in orders} == {day.filled, day.resting, day.canceled}
    assert funds.rsp_qry_trading_account.balance == pytest.approx(portfolio.balance(markets.last_ticks))
    assert funds.rsp_qry_trading_account.available == pytest.approx(portfolio.available(markets.last_ticks))
    assert held.rsp_qry_investor_position.position == sum(one.total for one in portfolio.positions.values())
    assert {said.rsp_qry_exchange.exchange_id for said in exchanges} == {"SHFE", "DCE", "CZCE", "CFFEX"}
    assert "rb2701" in {said.rsp_qry_instrument.instrument_id for said in contracts}


@both_modes
async def test_terminals_of_one_account_have_their_own_terminal_ids(mode: Mode, tmp_path: Path) -> None:
    """Both hear every trade once, and each order comes with the id of its own terminal."""
    async with rig(mode, tmp_path) as made:
        one, two = await made.attach(info=b"first"), await made.attach(info=b"second")
        await one.call(insert(1, limit_price=3501.0, volume_total_original=1))
        await two.call(insert(1, limit_price=3501.0, volume_total_original=1))
        for terminal in (one, two):
            await terminal.wait("OnRtnTrade", lambda said: said.rtn_trade.trade_id.strip() == "1")
            await terminal.wait("OnRtnTrade", lambda said: said.rtn_trade.trade_id.strip() == "2")
        later = await made.attach(info=b"third")
        await later.wait("OnRtnTrade", lambda said: said.rtn_trade.trade_id.strip() == "2")
        ids = [row["terminalId"] for row in made.command("cts_orders")]
        reports = [row.inner_info for row in made.simulated.tmdb.reports(user_id=INVESTOR)]

    assert len(set(ids)) == 2
    assert [sum(name == "OnRtnTrade" for name, _ in terminal.got) for terminal in (one, two)] == [2, 2]
    assert reports == [b"first", b"second", b"third"]


@both_modes
async def test_nothing_of_another_account_comes_or_goes(mode: Mode, tmp_path: Path) -> None:
    """Neither its trades, nor an order in its name, nor a query."""
    async with rig(mode, tmp_path) as made:
        mine, foreign = await made.attach(), await made.attach(OTHER)
        await foreign.call(insert(1, limit_price=3501.0, volume_total_original=1))
        await foreign.wait("OnRtnTrade")
        for request in (insert(1, investor_id=OTHER), insert(2, account_id=OTHER)):
            with pytest.raises(Refused, match="not_your"):
                await mine.call(request)
        assert [name for name, _ in mine.got if name.startswith("OnRtn")] == []
        await mine.call(insert(3, limit_price=3400.0))
        number = (await mine.order_with("3")).order_sys_id
        knock = {"acctId": OTHER, "exchId": "S", "contractNum": number, "stkId": "rb2701", "bsFlag": "B"}
        knock |= {"f_offSetFlag": "OPEN", "knockQty": 1, "knockPrice": 3400, "knockCode": "999", "returnType": "2"}
        made.command("cts_push", acct_id=OTHER, values=knock)
        made.command("cts_alter", msg_type=16012, changes={"data.knockInfo": [knock]})
        rows = await mine.rows(requests_pb2.Request(qry_trade=ctp.QryTrade()), "OnRspQryTrade")

    assert rows == []
    assert [name for name, _ in mine.got if name == "OnRtnTrade"] == []


@both_modes
async def test_a_session_that_is_forced_out_does_not_come_back(mode: Mode, tmp_path: Path) -> None:
    """10001 unasked: the terminal is told, and in many-to-one a person must ask."""
    async with rig(mode, tmp_path) as made:
        terminal = await made.attach()
        logins = made.simulated.front.counts.connections
        made.command("force_out", user_id=INVESTOR)
        ended = await terminal.wait("ended")
        if mode is Mode.MANY_TO_ONE:
            await made.until(lambda: not made.counter.ready, "it is not ready")
            assert made.counter.situation().state == "stopped"
            assert made.faults.stands(Fault.OPERATOR_FORCED_OUT)
        assert made.simulated.front.counts.connections == logins
        assert made.counter.reconnect("mended") == (1 if mode is Mode.MANY_TO_ONE else 0)
        if mode is Mode.MANY_TO_ONE:
            await made.until(lambda: made.counter.ready, "it is ready again")
        await made.attach()

    assert ended.cause is LinkCause.COUNTER_LOGGED_OUT
    assert "10001" in ended.reason


async def test_a_new_day_begins_with_the_next_login(tmp_path: Path) -> None:
    """Known by sysDate; the old session is not known to the counter any more, and a new one is asked for."""
    async with rig(Mode.MANY_TO_MANY, tmp_path) as made:
        terminal = await made.attach()
        await terminal.call(insert(1, limit_price=3400.0))
        await terminal.order_with("3")
        made.simulated.control.trading_day("20261124")
        back = await terminal.wait("live")
        rows = await terminal.rows(requests_pb2.Request(qry_order=ctp.QryOrder()), "OnRspQryOrder")

    assert back.day_changed
    assert rows == []
    assert terminal.link.attached.offered is not None


async def test_an_order_that_the_exchange_refuses_is_told_as_such(tmp_path: Path) -> None:
    """CTS took it; the next look finds it invalid, with the exchange's words."""
    async with rig(Mode.MANY_TO_MANY, tmp_path) as made:
        terminal = await made.attach()
        await terminal.call(insert(1, limit_price=3400.5))
        order = await terminal.order_with("5")

    assert chr(order.order_submit_status) == "4"
    assert "最小单位" in order.status_msg


@pytest.mark.parametrize("tells_orders", [False, True], ids=["trades", "orders_too"])
async def test_it_makes_no_difference_what_is_pushed(tmp_path: Path, tells_orders: bool) -> None:
    """A counter that pushes confirmations and cancels too: each order's states are the same, told once."""
    async with rig(Mode.MANY_TO_MANY, tmp_path) as made:
        made.command("cts_tell_orders", on=tells_orders)
        terminal = await made.attach()
        body: dict[str, Any] = {
            "front_id": terminal.link.attached.front_id,
            "session_id": terminal.link.attached.session_id,
        }
        outcome = await terminal.call(insert(1, limit_price=3400.0))
        await terminal.order_with("3")
        await terminal.call(cancel(2, order_ref=outcome.order_ref, **body))
        await terminal.order_with("5")
        states = [chr(said.rtn_order.order_status) for name, said in terminal.got if name == "OnRtnOrder"]

    assert [state for place, state in enumerate(states) if states[place - 1 : place] != [state]] == ["3", "5"]
