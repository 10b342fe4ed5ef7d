"""The simulated CTS counter over real TCP: logins, orders, queries, pushes, breaks, and mischief on command."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from simcounter.config import CounterConfig, SettingsError
from simcounter.control_server import texts_of
from simcounter.counter import SimulatedCounter
from simcounter.cts.passwords import hide
from simcounter.settlement import day_report
from tests.simcounter.cts.native_client import INFO, NativeClient, Refusal, client, order

INVESTOR, HOLDER = "100001", "100002"
DAY = "20261123"


@pytest.fixture
async def counter() -> AsyncIterator[SimulatedCounter]:
    async with SimulatedCounter(CounterConfig(system="cts", trading_day=DAY)) as started:
        yield started


def command(counter: SimulatedCounter, name: str, **arguments: Any) -> Any:
    return counter.control.commands()[name](**arguments)


async def trader(asked: NativeClient, acct_id: str = INVESTOR) -> str:
    """Connected, logged in and subscribed; the terminal id for orders."""
    await asked.connect()
    terminal_id: str = (await asked.log_in(acct_id))["f_TerminalId"]
    await asked.subscribe(acct_id)
    return terminal_id


async def test_an_account_logs_in_with_its_terminals_information(counter: SimulatedCounter) -> None:
    """E2000000 names the vendor; with the information there is a terminal id, and the monitoring center hears of it."""
    async with client(counter) as asked:
        greeting = await asked.connect()
        with pytest.raises(Refusal, match="E2000000") as refused:
            await asked.log_in(INVESTOR, info="")
        account = await asked.log_in(INVESTOR)

    assert greeting["sysDate"] == DAY
    assert len(greeting["passkey"]) == 8
    assert refused.value.data == {"acctInfo": {"appVendor": "demo"}}
    assert account["f_TerminalId"]
    assert {"exchId": "S", "regId": "100001S", "regName": "演示客户100001"} in account["regList"]
    (line,) = day_report(counter.tmdb.reports(), counter.monitoring_key)
    (stored,) = counter.tmdb.reports()
    assert (line.kind, line.user_id, line.terminal_app_id) == ("cts", INVESTOR, "demo_terminal_1.0")
    assert stored.inner_info == INFO.encode()


async def test_an_account_without_a_vendor_needs_no_information(counter: SimulatedCounter) -> None:
    """And its orders need no terminal id."""
    command(counter, "cts_vendor", acct_id=INVESTOR, vendor="")
    async with client(counter) as asked:
        await asked.connect()
        account = await asked.log_in(INVESTOR, info="")
        placed = await asked.ask(15001, {"orderInfo": order(INVESTOR)})

    assert "f_TerminalId" not in account
    assert placed["contractNum"] == "1"


async def test_wrong_passwords_are_refused(counter: SimulatedCounter) -> None:
    """Wrong under the right key, right under the wrong key; neither is told that information is wanted."""
    async with client(counter) as asked:
        await asked.connect()
        with pytest.raises(Refusal, match="E1000003"):
            await asked.log_in(INVESTOR, info="", password="wrong")
        with pytest.raises(Refusal, match="E1000003"):
            await asked.ask(10011, {"acctId": INVESTOR, "password": hide("demo-100001", "12345678")})


async def test_an_order_needs_the_terminal_id_of_its_account(counter: SimulatedCounter) -> None:
    """None, another account's, and the right one."""
    async with client(counter) as asked, client(counter) as other:
        own, foreign = await trader(asked), await trader(other, HOLDER)
        for wrong in ("", foreign):
            with pytest.raises(Refusal, match="E2000001"):
                await asked.ask(15001, {"orderInfo": order(INVESTOR), "F_TerminalId": wrong})
        with pytest.raises(Refusal, match="E1900003"):
            await asked.ask(15001, {"orderInfo": order(HOLDER), "F_TerminalId": own})
        await asked.ask(15001, {"orderInfo": order(INVESTOR), "F_TerminalId": own})

    (placed,) = command(counter, "cts_orders")
    assert placed == {"contractNum": "1", "clientId": "R1", "batchNum": "1", "terminalId": own}


async def test_an_order_trades_rests_and_is_canceled(counter: SimulatedCounter) -> None:
    """The answer comes before the push; the rows of orders and trades say what became of both orders."""
    async with client(counter) as asked:
        terminal_id = await trader(asked)
        await asked.ask(15001, {"orderInfo": order(INVESTOR), "F_TerminalId": terminal_id})
        push = await asked.push()
        resting = order(INVESTOR, price=3400.0, qty=3, clientId="R2", batchNum="2")
        placed = await asked.ask(15001, {"orderInfo": resting, "F_TerminalId": terminal_id})
        cancel = {"acctId": INVESTOR, "exchId": "S", "contractNum": placed["contractNum"]}
        await asked.ask(15002, {"orderCancelInfo": cancel, "F_TerminalId": terminal_id})
        with pytest.raises(Refusal, match="E1900007"):
            await asked.ask(15002, {"orderCancelInfo": cancel, "F_TerminalId": terminal_id})
        condition = {"queryCond": {"acctId": INVESTOR}, "maxRowNum": 100, "pageNum": 1, "queryType": 1}
        first, second = (await asked.ask(16011, condition))["orderInfo"]
        (knock,) = (await asked.ask(16012, condition))["knockInfo"]
        (position,) = (await asked.ask(16006, condition))["positionInfo"]
        funds = (await asked.ask(16002, {"acctId": INVESTOR, "currencyId": "00"}))["acctInfo"]

    told = push["data"]["subKnockInfo"]
    assert push["head"]["msgType"] == 17002
    assert (told["clientId"], told["contractNum"], told["knockQty"], told["returnType"]) == ("R1", "1", 1, "2")
    assert (first["knockQty"], first["withdrawQty"], first["batchNum"]) == (1, 0, "1")
    assert (second["knockQty"], second["withdrawQty"], second["validFlag"]) == (0, 3, 0)
    assert "clientId" not in first
    assert knock["knockCode"] == told["knockCode"]
    assert (position["realTimePositionQty"], position["todayPositionUsableQty"]) == (1, 1)
    assert funds["usableAmt"] < funds["realtimeAmt"]


@pytest.mark.parametrize(("changes", "valid"), [({"orderPrice": 3501.5}, 1), ({"orderPrice": 3400}, 0)])
async def test_what_the_exchange_refuses_is_an_invalid_row(
    counter: SimulatedCounter, changes: dict[str, Any], valid: int
) -> None:
    """Accepted by CTS, refused by the exchange: validFlag 1."""
    async with client(counter) as asked:
        terminal_id = await trader(asked)
        await asked.ask(15001, {"orderInfo": order(INVESTOR, **{"price": 0.0, **changes}), "F_TerminalId": terminal_id})
        condition = {"queryCond": {"acctId": INVESTOR}, "queryType": 1}
        (row,) = (await asked.ask(16011, condition))["orderInfo"]

    assert row["validFlag"] == valid


@pytest.mark.parametrize(
    "changes",
    [
        {"exchId": "X"}, {"bsFlag": ""}, {"orderQty": 0}, {"orderQty": "many"}, {"orderPrice": "NaN"},
        {"orderPrice": None}, {"f_offSetFlag": "open"}, {"stkId": "x" * 200}, {"orderQty": 10**12},
    ],
)  # fmt: skip
async def test_an_order_that_is_none_is_refused(counter: SimulatedCounter, changes: dict[str, Any]) -> None:
    """With a code, and the connection lives on."""
    async with client(counter) as asked:
        terminal_id = await trader(asked)
        with pytest.raises(Refusal, match="E1900004"):
            await asked.ask(15001, {"orderInfo": {**order(INVESTOR), **changes}, "F_TerminalId": terminal_id})
        with pytest.raises(Refusal, match="E1900005"):
            await asked.ask(19999, {})


async def test_queries_come_in_pages_and_row_by_row(counter: SimulatedCounter) -> None:
    """queryType 1: a list a page; queryType 0: a row a message, the last one marked; nothing: one empty message."""
    async with client(counter) as asked:
        terminal_id = await trader(asked)
        for number in range(5):
            info = order(INVESTOR, price=3400.0 - number, clientId=f"R{number}", batchNum=str(number))
            await asked.ask(15001, {"orderInfo": info, "F_TerminalId": terminal_id})
        condition = {"queryCond": {"acctId": INVESTOR}, "maxRowNum": 2}
        pages = [
            len((await asked.ask(16011, {**condition, "pageNum": page, "queryType": 1}))["orderInfo"])
            for page in (1, 2, 3, 4)
        ]
        single = await asked.answers(asked.send(16011, {**condition, "pageNum": 1, "queryType": 0}))
        nothing = await asked.ask(16012, {**condition, "queryType": 0})
        futures = (await asked.ask(11003, {"queryCond": {"exchId": "S"}, "maxRowNum": 100}))["futureList"]

    assert pages == [2, 2, 1, 0]
    assert [message["respond"]["lastFlag"] for message in single] == [False, True]
    assert single[0]["data"]["orderInfo"]["batchNum"] == "0"
    assert nothing == {}
    assert {"rb2701", "au2702"} <= {row["stkId"] for row in futures}


async def test_an_operator_opens_the_door_for_its_accounts(counter: SimulatedCounter) -> None:
    """10021, then accounts; two terminals of one account have terminal ids of their own."""
    async with client(counter) as asked:
        await asked.connect()
        with pytest.raises(Refusal, match="E1000003"):
            await asked.ask(10021, {"optId": INVESTOR, "password": hide("demo-100001", asked.passkey)})
        await asked.ask(10021, {"optId": "op0001", "password": hide("demo-op0001", asked.passkey)})
        first = (await asked.log_in(INVESTOR, info="first"))["f_TerminalId"]
        second = (await asked.log_in(INVESTOR, info="second"))["f_TerminalId"]
        for number, terminal_id in enumerate((first, second)):
            info = order(INVESTOR, clientId=f"R{number}")
            await asked.ask(15001, {"orderInfo": info, "F_TerminalId": terminal_id})

    assert [row["terminalId"] for row in command(counter, "cts_orders")] == [first, second]
    assert [row.inner_info for row in counter.tmdb.reports(user_id=INVESTOR)] == [b"first", b"second"]


async def test_a_session_is_resumed_after_a_break(counter: SimulatedCounter) -> None:
    """The account is logged in, its subscription is gone, the passkey is a new one; a refused resume says so."""
    async with client(counter) as before:
        terminal_id = await trader(before)
        session_id, passkey = before.session_id, before.passkey
        assert counter.control.drop(INVESTOR) == 1
        with pytest.raises(EOFError):
            await before.read()
    async with client(counter) as after:
        await after.connect(resume=session_id)
        await after.ask(15001, {"orderInfo": order(INVESTOR), "F_TerminalId": terminal_id})
        rows = await after.ask(16012, {"queryCond": {"acctId": INVESTOR}, "queryType": 1})
    async with client(counter) as refused:
        command(counter, "cts_resume", refused=True)
        with pytest.raises(Refusal, match="E1900002"):
            await refused.connect(resume=session_id)

    assert (after.session_id, after.pushes) == (session_id, [])
    assert after.passkey != passkey
    assert len(rows["knockInfo"]) == 1


async def test_a_session_that_was_ended_is_not_resumed(counter: SimulatedCounter) -> None:
    """By the supervisor, with 10001 unasked; by the client; by the day's change."""
    ended: list[str] = []
    async with client(counter) as asked:
        await trader(asked)
        ended.append(asked.session_id)
        assert counter.control.force_out(INVESTOR) == 1
        said = await asked.push()
        with pytest.raises(EOFError):
            await asked.read()
    async with client(counter) as asked:
        await trader(asked)
        ended.append(asked.session_id)
        await asked.ask(10001, {"APIType": "PyAPI"})
    async with client(counter) as asked:
        await trader(asked)
        ended.append(asked.session_id)
        counter.control.trading_day("20261124")
    for session_id in ended:
        async with client(counter) as asked:
            with pytest.raises(Refusal, match="E1900002"):
                await asked.connect(resume=session_id)

    assert (said["head"]["msgType"], said["data"]) == (10001, {"sysDate": DAY})
    assert counter.kernel.sessions == {}


@pytest.mark.parametrize("line", [b"no json\n", b"[]\n", b'{"head":{"msgType":15001,"requestId":1}}\n', b"\xff\n"])
async def test_a_client_that_speaks_no_cts_is_cut(counter: SimulatedCounter, line: bytes) -> None:
    """Before a session and in it."""
    async with client(counter) as asked:
        asked.writer.write(line)
        with pytest.raises(EOFError):
            await asked.read()


async def test_it_misbehaves_on_command(counter: SimulatedCounter) -> None:
    """Refused, doubled, altered; the kernel's own rules hold too."""
    async with client(counter) as asked:
        await asked.connect()
        command(counter, "cts_refuse", msg_type=10011, code="E7", text="no")
        counter.control.refuse("ReqUserLogin", 75, times=1)
        for code in ("E7", "E1000075"):
            with pytest.raises(Refusal, match=code):
                await asked.log_in(INVESTOR)
        command(counter, "cts_duplicate", msg_type=10011)
        await asked.log_in(INVESTOR)
        again = await asked.read()
        command(counter, "cts_alter", msg_type=10012, changes={"head.requestId": 5, "respond": None})
        asked.send(10012, {"acctId": INVESTOR})
        altered = await asked.read()

    assert again["head"]["msgType"] == 10011
    assert (altered["head"]["requestId"], "respond" in altered) == (5, False)


async def test_it_breaks_off_on_command(counter: SimulatedCounter) -> None:
    """Ignored, replaced by other bytes, cut in the middle of a message."""
    async with client(counter) as asked:
        await trader(asked)
        command(counter, "cts_ignore", msg_type=16011)
        command(counter, "cts_raw", msg_type=16012, text='"\u00ff"\n')
        asked.send(16011, {})
        asked.send(16012, {})
        raw = await asked.reader.readline()
        command(counter, "cts_cut", msg_type=16002)
        asked.send(16002, {"acctId": INVESTOR})
        half = await asked.reader.read()

    assert raw == b'"\xff"\n'
    assert half
    with pytest.raises(json.JSONDecodeError):
        json.loads(half)


async def test_a_trade_may_overtake_its_orders_answer(counter: SimulatedCounter) -> None:
    """And be told twice; a flood comes as many times as asked."""
    async with client(counter) as asked:
        terminal_id = await trader(asked)
        command(counter, "cts_delay", msg_type=15001, seconds=0.2)
        command(counter, "cts_duplicate", msg_type=17002)
        await asked.ask(15001, {"orderInfo": order(INVESTOR), "F_TerminalId": terminal_id})
        assert [push["data"]["subKnockInfo"]["contractNum"] for push in asked.pushes] == ["1", "1"]
        assert command(counter, "cts_flood", acct_id=INVESTOR, values={"a": 1}, count=300) == 300
        asked.pushes.clear()
        for _ in range(300):
            assert (await asked.push())["data"] == {"subKnockInfo": {"a": 1}}


async def test_orders_are_told_where_it_is_asked_for(counter: SimulatedCounter) -> None:
    """A confirmation, a cancel and a refusal by the exchange, by their returnType."""
    command(counter, "cts_tell_orders")
    async with client(counter) as asked:
        terminal_id = await trader(asked)
        resting = await asked.ask(15001, {"orderInfo": order(INVESTOR, 3400.0), "F_TerminalId": terminal_id})
        cancel = {"acctId": INVESTOR, "exchId": "S", "contractNum": resting["contractNum"]}
        await asked.ask(15002, {"orderCancelInfo": cancel, "F_TerminalId": terminal_id})
        await asked.ask(15001, {"orderInfo": order(INVESTOR, 3400.5), "F_TerminalId": terminal_id})
        told = [(await asked.push())["data"]["subKnockInfo"] for _ in range(3)]

    assert [row["returnType"] for row in told] == ["0", "3", "1"]
    assert {row["knockQty"] for row in told} == {0}


async def test_a_front_that_is_down_comes_back_on_its_port(counter: SimulatedCounter) -> None:
    """`pause` and `resume` are those of every counter."""
    port = counter.port
    await counter.control.pause()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    await counter.control.resume()
    async with client(counter) as asked:
        assert (await asked.connect())["passkey"]


def test_a_system_that_cannot_be_played_is_named() -> None:
    """With those that can; commands of a system have kinds like all others."""
    with pytest.raises(SettingsError, match=r"system: xyz is none of ctp, .*cts"):
        SimulatedCounter(CounterConfig(system="xyz"))

    assert texts_of("cts_vendor") == {"acct_id", "vendor"}
