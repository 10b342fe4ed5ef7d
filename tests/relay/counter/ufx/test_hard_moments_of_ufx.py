"""Moments in which a wrong word would cost money or a lock: each is played against the simulated UFX."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from ctprelay.ctp.v1 import requests_pb2
from ctprelay.ctp.v1 import structs_pb2 as ctp
from relay.counter.port import Mode, TerminalCall
from relay.counter.ufx import account, adapter
from relay.counter.ufx.days import china_now, day_of
from relay.faults.table import Fault
from simcounter.config import CounterConfig
from simcounter.ufx.pack import encode_pack, table_of
from tests.relay.counter.cts.rig import Terminal
from tests.relay.counter.translated.played_native import cancel, insert
from tests.relay.counter.ufx.rig import INVESTOR, OTHER, UfxRig, ufx_rig
from tests.relay.counter.ufx.t2.conftest import counter_config

__all__ = ["counter_config"]
MANY, ONE = Mode.MANY_TO_MANY, Mode.MANY_TO_ONE
HEARTBEAT, ORDERS, POSITIONS, ORDER = 10000, 32003, 31003, 91004
PRICE = 3490.0
"""below the market, within its limits"""
ENTRUST = {
    "entrust_no": "77", "market_no": "3", "stock_code": "rb2701", "entrust_direction": "1", "futures_direction": "1",
    "entrust_price": "3000", "entrust_amount": "3", "deal_amount": "0", "entrust_state": "4", "third_reff": "",
}  # fmt: skip
HELD = {"market_no": "3", "stock_code": "rb2701", "position_flag": "1", "total_amount": "5"}


def said(*rows: dict[str, str]) -> str:
    """An answer of these rows, in hexadecimal."""
    return encode_pack([table_of([{"ErrorCode": "0"}]), table_of(list(rows))]).hex()


def called(rig: UfxRig, method: str) -> int:
    count: int = rig.simulated.control.status()["by_method"].get(method, 0)
    return count


def names(terminal: Terminal) -> list[str]:
    return [name for name, _ in terminal.got]


async def test_an_order_whose_answer_never_comes_is_found_and_never_sent_again(
    counter_config: CounterConfig, tmp_path: Path
) -> None:
    """Ignored, or cut in the middle of the answer: each is decided by the day, and its key is used once."""
    async with ufx_rig(counter_config, MANY, tmp_path, answer_seconds=1.0) as made:
        terminal = await made.attach()
        made.command("ufx_ignore", function=ORDER)
        await terminal.call(insert(1, key="never-there", limit_price=PRICE))
        refused = await terminal.wait("OnRspOrderInsert")
        made.command("ufx_cut", function=ORDER)
        await terminal.call(insert(2, key="cut", limit_price=PRICE))
        await terminal.wait("recovering")
        await terminal.wait("live")
        found = await terminal.order_with("3")
        again = await terminal.call(insert(3, key="cut", limit_price=PRICE))

        assert refused.request_id == 1
        assert again.first_order_ref == found.order_ref
        assert called(made, "ReqOrderInsert") == 1


async def test_a_day_that_cannot_be_read_whole_decides_no_doubt(counter_config: CounterConfig, tmp_path: Path) -> None:
    """A row that cannot be read may be that order: its terminal must not be led to send it again."""
    async with ufx_rig(counter_config, MANY, tmp_path, answer_seconds=1.0) as made:
        terminal = await made.attach()
        made.command("ufx_content", function=ORDERS, content=said({**ENTRUST, "market_no": "99"}), times=0)
        made.command("ufx_ignore", function=ORDER)
        trades = called(made, "ReqQryTrade")
        await terminal.call(insert(1, limit_price=PRICE))
        await terminal.order_with("a")
        await made.until(lambda: called(made, "ReqQryTrade") > trades, "the day was read")
        await terminal.rows(requests_pb2.Request(qry_trading_account=ctp.QryTradingAccount()), "OnRspQryTradingAccount")
        assert "OnRspOrderInsert" not in names(terminal)
        made.command("ufx_clear")
        made.command("ufx_kick", operator_no=INVESTOR)
        await terminal.wait("OnRspOrderInsert")


async def test_a_cancel_that_was_taken_is_no_refused_one(counter_config: CounterConfig, tmp_path: Path) -> None:
    """Though the look at the order after it is refused."""
    async with ufx_rig(counter_config, MANY, tmp_path) as made:
        terminal = await made.attach()
        await terminal.call(insert(1, limit_price=PRICE))
        order = await terminal.order_with("3")
        made.command("ufx_refuse", function=ORDERS, code=9)
        await terminal.call(cancel(2, exchange_id="SHFE", order_sys_id=order.order_sys_id))
        await terminal.order_with("5")
        await made.until(lambda: called(made, "ReqQryOrder") > 3, "it was looked at")

        assert not {"OnRspOrderAction", "OnErrRtnOrderAction"} & set(names(terminal))


async def test_what_traded_while_the_message_center_had_forgotten_us_is_told(
    counter_config: CounterConfig, tmp_path: Path
) -> None:
    """The library begins its session anew and says nothing: the day is read again now and then. An unanswered one breaks nothing."""
    async with ufx_rig(counter_config, MANY, tmp_path, sweep_seconds=0.3, answer_seconds=1.0) as made:
        terminal = await made.attach()
        await terminal.call(insert(1, limit_price=PRICE))
        order = await terminal.order_with("3")
        assert made.command("ufx_forget_sessions") == 1
        made.command("ufx_ignore", function=ORDERS)
        made.command("move_market", instrument_id="rb2701", price=PRICE - 1)
        trade = await terminal.wait("OnRtnTrade")

        assert trade.rtn_trade.order_sys_id == order.order_sys_id
        assert "recovering" not in names(terminal)


@pytest.mark.parametrize("mode", [MANY, ONE], ids=lambda mode: mode.value)
async def test_rows_of_another_account_are_shown_to_no_terminal(
    counter_config: CounterConfig, mode: Mode, tmp_path: Path
) -> None:
    """Asked for one account, a counter may answer with all of its operator's."""
    async with ufx_rig(counter_config, mode, tmp_path) as made:
        terminal = await made.attach()
        orders = [{**ENTRUST, "account_code": OTHER}, {**ENTRUST, "account_code": INVESTOR, "entrust_no": "78"}]
        held = [{**HELD, "account_code": OTHER}, {**HELD, "account_code": INVESTOR, "stock_code": "rb2705"}]
        made.command("ufx_content", function=ORDERS, content=said(*orders), times=0)
        made.command("ufx_content", function=POSITIONS, content=said(*held), times=0)
        shown = await terminal.rows(requests_pb2.Request(qry_order=ctp.QryOrder()), "OnRspQryOrder")
        positions = await terminal.rows(
            requests_pb2.Request(qry_investor_position=ctp.QryInvestorPosition()), "OnRspQryInvestorPosition"
        )

        assert [row.rsp_qry_order.order_sys_id for row in shown] == ["78"]
        assert {row.rsp_qry_investor_position.instrument_id for row in positions} == {"rb2705"}


async def test_a_refused_operator_waits_for_a_person(counter_config: CounterConfig, tmp_path: Path) -> None:
    """Every further try with the same password might be the one that locks the operator; nor does a missing file end all."""
    async with ufx_rig(counter_config, ONE, tmp_path, start=False, reconnect_seconds=0.01) as made:
        right, answers = made.parts.operator_password(), ["wrong", "", "right"]

        def read() -> str:
            now = answers.pop(0) if len(answers) > 1 else answers[0]
            if not now:
                raise OSError(13, "Permission denied")
            return right if now == "right" else now

        made.use_operator_password(read)
        await made.counter.start()
        await made.until(lambda: made.counter.situation().state == "stopped", "it waits")
        tried = called(made, "ReqUserLogin")
        await asyncio.sleep(0.3)
        assert (called(made, "ReqUserLogin"), len(answers)) == (tried, 2)
        assert made.faults.stands(Fault.OPERATOR_REFUSED)
        made.counter.reload()
        await made.until(lambda: len(answers) == 1, "it is tried again")
        await made.until(lambda: made.counter.situation().state == "stopped", "it waits again")
        made.counter.reload()
        await made.until(lambda: made.counter.ready, "the operator is logged in")
        assert not made.faults.stands(Fault.OPERATOR_REFUSED)


async def test_an_operator_lost_to_the_ledger_comes_back(counter_config: CounterConfig, tmp_path: Path) -> None:
    """Its dead token cannot be replaced while the ledger takes no entry: the line begins anew until it can."""
    async with ufx_rig(counter_config, ONE, tmp_path, keep_alive_seconds=0.2) as made:
        made.evidence.denied = "counter_login"
        made.command("ufx_end_tokens")
        await made.until(lambda: not made.counter.ready, "the operator is out")
        made.evidence.denied = ""
        await made.until(lambda: made.counter.ready, "the operator is back")


async def test_every_terminal_of_an_account_hears_of_a_new_day(
    counter_config: CounterConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it begins, and not the first one alone that brings the account to it."""
    async with ufx_rig(counter_config, MANY, tmp_path) as made:
        terminals = [await made.attach(), await made.attach()]
        monkeypatch.setattr(adapter, "day_of", lambda now, night_from: "20991231")
        states = [await terminal.wait("live") for terminal in terminals]

        assert [state.day_changed for state in states] == [True, True]
        assert {terminal.link.attached.trading_day for terminal in terminals} == {"20991231"}


async def test_many_tokens_that_die_together_make_no_storm(
    counter_config: CounterConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty terminals find it out at once: each is replaced by one login, a few at a time."""
    busy = most = 0
    log_in = account.UfxAccount.log_in

    async def counted(self: account.UfxAccount) -> None:
        nonlocal busy, most
        busy, most = busy + 1, max(most, busy + 1)
        try:
            await log_in(self)
        finally:
            busy -= 1

    async with ufx_rig(counter_config, ONE, tmp_path) as made:
        terminals = [await made.attach(OTHER if number % 2 else INVESTOR) for number in range(50)]
        logins = len(made.command("ufx_logins"))
        monkeypatch.setattr(account.UfxAccount, "log_in", counted)
        made.command("ufx_end_tokens")
        request = requests_pb2.Request(qry_trading_account=ctp.QryTradingAccount())
        await asyncio.gather(*(terminal.call(TerminalCall(request, 5, 10.0)) for terminal in terminals))
        for terminal in terminals:
            await terminal.wait("live")

        assert 0 < most <= 2
        assert len(made.command("ufx_logins")) == logins + 50
        assert sum(name == "ended" for terminal in terminals for name in names(terminal)) == 0


async def test_one_unanswered_reading_breaks_no_connection(counter_config: CounterConfig, tmp_path: Path) -> None:
    """The day is asked again; where something small is not answered either, the connection is given up."""
    async with ufx_rig(counter_config, MANY, tmp_path, answer_seconds=1.0, sweep_seconds=0) as made:
        terminal, other = await made.attach(), await made.attach(OTHER)
        asked, beats = called(made, "ReqQryOrder"), made.simulated.front.counts.connections
        made.command("ufx_ignore", function=ORDERS)
        made.command("ufx_kick", operator_no=INVESTOR)
        await made.until(lambda: called(made, "ReqQryTrade") > 2, "the day was read")
        await made.until(lambda: called(made, "ReqQryOrder") > asked, "it was asked again")
        assert made.simulated.front.counts.connections == beats
        assert "recovering" not in names(terminal) + names(other)
        made.command("ufx_ignore", function=ORDERS)
        made.command("ufx_ignore", function=HEARTBEAT)
        made.command("ufx_kick", operator_no=INVESTOR)
        await other.wait("recovering")
        await other.wait("live")


async def test_an_order_that_met_a_dead_token_is_decided_by_the_day(
    counter_config: CounterConfig, tmp_path: Path
) -> None:
    """Refused with a dead token, though the counter may have it: in doubt, found or not under the next token, and sent once."""
    async with ufx_rig(counter_config, MANY, tmp_path, sweep_seconds=0) as made:
        terminal = await made.attach()
        dead = encode_pack([table_of([{"ErrorCode": "1901", "ErrorMsg": "no such token"}])]).hex()
        made.command("ufx_content", function=ORDER, content=dead)
        await terminal.call(insert(1, key="taken", limit_price=PRICE))
        taken = await terminal.order_with("3")
        await terminal.wait("live")
        made.command("ufx_refuse", function=ORDER, code=1901)
        await terminal.call(insert(2, key="not-taken", limit_price=PRICE))
        refused = await terminal.wait("OnRspOrderInsert")
        await made.until(lambda: names(terminal).count("live") == 2, "it is back")
        again = await terminal.call(insert(3, key="taken", limit_price=PRICE))

        assert refused.request_id == 2
        assert "未到达柜台" in refused.rsp_info.error_msg
        assert again.first_order_ref == taken.order_ref
        assert called(made, "ReqOrderInsert") == 2, "each once"


async def test_the_day_of_the_orders_is_the_day(counter_config: CounterConfig, tmp_path: Path) -> None:
    """Where their rows carry a date, from the login on; and the calendar's again when they are gone."""
    async with ufx_rig(counter_config, MANY, tmp_path, sweep_seconds=0.2) as made:
        rows = said({**ENTRUST, "account_code": INVESTOR, "entrust_date": "20200102"})
        made.command("ufx_content", function=ORDERS, content=rows, times=0)
        terminal = await made.attach()
        before = terminal.link.attached.trading_day
        made.command("ufx_clear")
        back = await terminal.wait("live")

        assert before == "20200102"
        assert back.day_changed
        assert terminal.link.attached.trading_day == day_of(china_now(), "20:00")


async def test_a_login_that_is_broken_off_twice_leaves_nothing_behind(
    counter_config: CounterConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The relay drains, and the terminal hangs up while its account logs out."""
    recording = asyncio.Event()
    leave, leaving = account.UfxAccount.leave, asyncio.Event()

    async def slowly(one: account.UfxAccount) -> None:
        leaving.set()
        await asyncio.sleep(0.01)
        await leave(one)

    async def held(*_: object) -> None:
        recording.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(account.UfxAccount, "leave", slowly)
    async with ufx_rig(counter_config, MANY, tmp_path) as made:
        monkeypatch.setattr(made.evidence, "record", held)
        attaching = asyncio.ensure_future(made.counter.attach(made.login()))
        await recording.wait()
        attaching.cancel()
        await leaving.wait()
        attaching.cancel()
        await asyncio.wait([attaching])
        await made.counter.stop()

        assert cast("Any", made.counter)._desks._users == {}


@pytest.mark.parametrize("readings", [1, 2])
async def test_what_trades_during_a_login_is_told_once(
    counter_config: CounterConfig, tmp_path: Path, readings: int
) -> None:
    """Before the topic is subscribed, and after: then its push overtakes the answer that has the order as it was."""
    async with ufx_rig(counter_config, MANY, tmp_path) as made:
        first = await made.attach()
        await first.call(insert(1, limit_price=PRICE))
        await first.order_with("3")
        await first.leave()
        made.command("ufx_delay", function=ORDERS, seconds=0.3, times=3)
        before = called(made, "ReqQryOrder")
        attaching = asyncio.ensure_future(made.attach())
        await made.until(lambda: called(made, "ReqQryOrder") >= before + readings, "the day is asked for")
        made.command("move_market", instrument_id="rb2701", price=PRICE - 1)
        terminal = await attaching
        order = await terminal.order_with("0")
        rows = await terminal.rows(requests_pb2.Request(qry_trade=ctp.QryTrade()), "OnRspQryTrade")

        assert order.volume_traded == order.volume_total_original
        assert names(terminal).count("OnRtnTrade") == 1
        assert len(rows) == 1


async def test_lost_answers_are_looked_for_together(counter_config: CounterConfig, tmp_path: Path) -> None:
    """A counter that answers no order of fifty is asked for its day a few times, not fifty."""
    async with ufx_rig(counter_config, MANY, tmp_path, answer_seconds=1.0) as made:
        terminal = await made.attach()
        made.command("ufx_ignore", function=ORDER, times=50)
        before = called(made, "ReqQryOrder")
        for number in range(1, 51):
            await terminal.call(insert(number, limit_price=PRICE))
        await made.until(lambda: names(terminal).count("OnRspOrderInsert") == 50, "all are refused")
        await terminal.rows(requests_pb2.Request(qry_trading_account=ctp.QryTradingAccount()), "OnRspQryTradingAccount")
        reads = called(made, "ReqQryOrder") - before

    assert 1 <= reads < 25, reads
