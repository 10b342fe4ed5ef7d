"""What a counter, or something in its place, can do wrong: each ends in a refusal or a new try, never in a wrong word."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ctprelay.ctp.v1 import requests_pb2
from ctprelay.ctp.v1 import structs_pb2 as ctp
from ctprelay.v1 import terminal_pb2 as pb
from relay.counter.port import CollectedInfo, Mode, TerminalCall
from relay.faults.table import Fault
from relay.refusals.refusal import LedgerUnavailable, Refused, Source
from simcounter.cts.lines import MAX_LINE
from tests.relay.counter.cts.rig import INVESTOR, Rig, Terminal, rig
from tests.relay.counter.translated.played_native import insert

both_modes = pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)
MANY = Mode.MANY_TO_MANY


async def refusal_of(made: Rig, **more: Any) -> str:
    with pytest.raises(Refused) as refused:
        await made.attach(**more)
    return refused.value.refusal.reason


async def orders(terminal: Terminal) -> list[Any]:
    return await terminal.rows(requests_pb2.Request(qry_order=ctp.QryOrder()), "OnRspQryOrder")


@pytest.mark.parametrize("passkey", ["1234567", "123456789", "passwör1", 12345678, "", None])
async def test_a_passkey_that_is_none_ends_the_login(tmp_path: Path, passkey: object) -> None:
    """7, 9, not ASCII, no text, empty, missing; no password is sent under it."""
    async with rig(MANY, tmp_path) as made:
        made.command("cts_alter", msg_type=10000, changes={"data.passkey": passkey})
        assert await refusal_of(made) == "counter_unavailable"
        assert made.faults.stands(Fault.COUNTER_UNREADABLE)
        assert made.simulated.control.status()["by_method"].get("ReqUserLogin", 0) == 0
        await made.attach()
        assert not made.faults.stands(Fault.COUNTER_UNREADABLE)


NO_MESSAGES = {
    "long": "x" * (MAX_LINE + 2),
    "not_utf8": "\u00ff\u00fe\n",
    "not_json": "no json\n",
    "array": "[]\n",
    "empty": "{}\n",
    "head_is_7": '{"head":7}\n',
    "no_id": '{"head":{"msgType":1}}\n',
    "no_respond": '{"head":{"msgType":1,"requestId":2}}\n',
    "no_flag": '{"head":{"msgType":1,"requestId":2},"respond":{}}\n',
    "true": '{"head":{"msgType":true,"requestId":2},"respond":{"successFlg":0}}\n',
    "deep": "[" * 100_000 + "\n",
}


@both_modes
async def test_what_is_no_message_breaks_the_session_and_it_comes_back(tmp_path: Path, mode: Mode) -> None:
    """In the place of an answer to a query: the terminal is told each time, and trades on afterwards."""
    async with rig(mode, tmp_path) as made:
        terminal = await made.attach()
        for text in NO_MESSAGES.values():
            terminal.forget()
            made.command("cts_raw", msg_type=16002, text=text)
            await terminal.link.submit(query())
            await terminal.wait("recovering", lambda said: "unreadable" in said.reason)
            await terminal.wait("OnRspError")
            await terminal.wait("live")
        await terminal.call(insert(5, limit_price=3501.0, volume_total_original=1))
        await terminal.wait("OnRtnTrade")


def query() -> TerminalCall:
    return TerminalCall(requests_pb2.Request(qry_trading_account=ctp.QryTradingAccount()), 77, 5.0)


async def test_messages_that_answer_nothing_are_passed_over(tmp_path: Path) -> None:
    """An id that was never sent, an answer twice, a type that is not known: the session goes on."""
    async with rig(MANY, tmp_path) as made:
        terminal = await made.attach()
        made.command("cts_duplicate", msg_type=16002)
        first = await terminal.rows(query().request, "OnRspQryTradingAccount")
        made.command("cts_raw", msg_type=16012, text=stray(999) + stray(16012))
        await terminal.link.submit(query())
        again = await terminal.rows(query().request, "OnRspQryTradingAccount")

    assert len(first) == len(again) == 1
    assert [name for name, _ in terminal.got if name == "recovering"] == []


def stray(msg_type: int) -> str:
    head = f'{{"msgType":{msg_type},"sessionId":"1","requestId":5}}'
    return f'{{"head":{head},"respond":{{"successFlg":0,"lastFlag":true}},"data":{{}}}}\n'


async def test_an_answer_that_never_ends_is_given_up(tmp_path: Path) -> None:
    """lastFlag never: the terminal gets an end of its query, and the next one is asked."""
    async with rig(MANY, tmp_path, answer_seconds=0.3) as made:
        terminal = await made.attach()
        made.command("cts_last_never", msg_type=16002)
        await terminal.link.submit(query())
        await terminal.wait("OnRspError", lambda said: said.request_id == 77)
        rows = await terminal.rows(query().request, "OnRspQryTradingAccount")

    assert len(rows) == 1


@pytest.mark.parametrize(
    ("prepare", "collected", "expected"),
    [
        ({"data.acctInfo": None}, "demo", "collected_info_missing"),
        ({"data.acctInfo.appVendor": ""}, "demo", "collected_info_missing"),
        ({}, "other", "collected_info_missing"),
        ({}, "", "collected_info_missing"),
    ],
    ids=["no_account", "no_vendor", "another_vendor", "nothing"],
)
async def test_information_that_the_terminal_has_not_ends_the_login(
    tmp_path: Path, prepare: dict[str, Any], collected: str, expected: str
) -> None:
    """E2000000 without a vendor, for a vendor the terminal has not, to a terminal without any."""
    sent = (CollectedInfo(f"cts:{collected}", b"x", 1),) if collected else ()
    async with rig(MANY, tmp_path) as made:
        if prepare:
            made.command("cts_alter", msg_type=10011, changes=prepare)
        assert await refusal_of(made, collected=sent) == expected
        assert made.simulated.tmdb.reports() == []


async def test_a_counter_that_asks_twice_is_not_asked_a_third_time(tmp_path: Path) -> None:
    """E2000000 after the information was sent: the login ends, with the counter's own code, and is no wrong password."""
    async with rig(MANY, tmp_path) as made:
        changes = {"respond.successFlg": 1, "respond.errorCode": "E2000000", "data.acctInfo.appVendor": "demo"}
        made.command("cts_alter", msg_type=10011, changes=changes, times=2)
        with pytest.raises(Refused) as refused:
            await made.attach()

    refusal = refused.value.refusal
    assert refusal.native is not None
    assert (refusal.native.code, refusal.code) == ("E2000000", 0)
    assert [kind for kind, _, _ in made.evidence.entries].count("terminal_report") == 1


async def test_a_refused_login_says_it_in_the_counters_words(tmp_path: Path) -> None:
    """As one that counts as a wrong password, unless the settings name those that do."""
    for codes, code in (((), 3), (("E9",), 0), (("E1000003",), 3)):
        async with rig(MANY, tmp_path / str(code) / "-".join(codes), wrong_password_codes=codes) as made:
            with pytest.raises(Refused) as refused:
                await made.attach(password="wrong")
        refusal = refused.value.refusal
        assert (refusal.reason, refusal.source, refusal.code) == ("refused_by_counter", Source.COUNTER, code)
        assert refusal.native is not None
        assert refusal.native.code == "E1000003"


@pytest.mark.parametrize(
    ("login", "why"),
    [
        ({"password": "pässwort", "investor_id": "1"}, "password"),
        ({"password": "a\0b", "investor_id": "1"}, "password"),
        ({"password": "a", "investor_id": "1 "}, "investor_id"),
        ({"password": "a", "investor_id": "1" * 13}, "investor_id"),
    ],
)
async def test_what_the_counter_cannot_carry_is_refused_before_the_login(
    tmp_path: Path, login: dict[str, Any], why: str
) -> None:
    """By the member's name, never its value."""
    async with rig(MANY, tmp_path) as made:
        refusal = made.counter.check_login(pb.Login(**login))
        assert made.counter.check_login(pb.Login(password="a", investor_id="1")) is None

    assert refusal is not None
    assert why in refusal.message
    assert login[why] not in refusal.message


async def test_an_answer_that_is_cut_leaves_the_order_to_the_day(tmp_path: Path) -> None:
    """The counter has it, the terminal hears unknown, and after the break what it is; it is sent once."""
    async with rig(MANY, tmp_path) as made:
        terminal = await made.attach()
        made.command("cts_cut", msg_type=15001)
        outcome = await terminal.call(insert(1, limit_price=3501.0, volume_total_original=1))
        await terminal.order_with("a")
        await terminal.wait("live")
        order = await terminal.order_with("0", outcome.order_ref)
        assert len(made.command("cts_orders")) == 1

    assert order.session_id == terminal.link.attached.session_id


async def test_an_order_that_was_swallowed_is_refused_after_the_break(tmp_path: Path) -> None:
    """The counter never had it: its terminal hears so, and may send another."""
    async with rig(MANY, tmp_path) as made:
        terminal = await made.attach()
        made.command("cts_ignore", msg_type=15001)
        await terminal.call(insert(1, limit_price=3501.0))
        await made.until(lambda: "ReqOrderInsert" in made.simulated.front.counts.by_method, "it arrived")
        made.command("drop", user_id=INVESTOR)
        said = await terminal.wait("OnRspOrderInsert")
        again = await terminal.call(insert(2, limit_price=3501.0, volume_total_original=1))
        await terminal.order_with("0", again.order_ref)

    assert said.request_id == 1
    assert "未到达柜台" in said.rsp_info.error_msg


async def test_an_order_during_a_break_is_refused_and_never_sent(tmp_path: Path) -> None:
    """Not even later."""
    async with rig(MANY, tmp_path, reconnect_seconds=0.5) as made:
        terminal = await made.attach()
        made.command("drop", user_id=INVESTOR)
        await terminal.wait("recovering")
        with pytest.raises(Refused, match="counter_unavailable"):
            await terminal.call(insert(1))
        await terminal.wait("live")
        assert await orders(terminal) == []


async def test_a_silent_counter_is_given_up_in_time(tmp_path: Path) -> None:
    """An order without an answer: unknown, and the day is read; the counter is silent there too, so the session breaks."""
    async with rig(MANY, tmp_path, answer_seconds=0.3) as made:
        terminal = await made.attach()
        made.simulated.control.ignore("ReqQryOrder", times=1)
        made.command("cts_ignore", msg_type=15001)
        await terminal.call(insert(1))
        await terminal.wait("recovering")
        await terminal.wait("live")
        await terminal.wait("OnRspOrderInsert")


@pytest.mark.parametrize("refused", [False, True], ids=["resumed", "anew"])
async def test_a_session_is_asked_for_again_after_a_break(tmp_path: Path, refused: bool) -> None:
    """By its id; where the counter does not know it any more, a new one is asked for at once."""
    async with rig(MANY, tmp_path) as made:
        terminal = await made.attach()
        made.command("cts_resume", refused=refused)
        before = made.simulated.front.counts.connections
        made.command("drop", user_id=INVESTOR)
        await terminal.wait("live")
        after = made.simulated.front.counts.connections

    assert after - before == (2 if refused else 1)


async def test_a_trade_may_come_before_its_orders_answer(tmp_path: Path) -> None:
    """And twice: it is told once, behind the order, under the terminal's reference."""
    async with rig(MANY, tmp_path) as made:
        terminal = await made.attach()
        made.command("cts_delay", msg_type=15001, seconds=0.2)
        made.command("cts_duplicate", msg_type=17002)
        outcome = await terminal.call(insert(1, limit_price=3501.0, volume_total_original=1))
        trade = await terminal.wait("OnRtnTrade")
        await asyncio.sleep(0.3)

    names = [name for name, _ in terminal.got]
    assert names.index("OnRtnOrder") < names.index("OnRtnTrade")
    assert names.count("OnRtnTrade") == 1
    assert trade.rtn_trade.order_ref == outcome.order_ref


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"futureOrderPrice": "3400.0", "orderQty": "3"}, True),
        ({"orderQty": "3.0"}, True),
        ({"futureOrderPrice": float("nan")}, False),
        ({"futureOrderPrice": "1e300"}, False),
        ({"futureOrderPrice": "many"}, False),
        ({"orderQty": -1}, False),
        ({"orderQty": 2**40}, False),
        ({"bsFlag": "X"}, False),
        ({"exchId": "?"}, False),
        ({"contractNum": ""}, False),
        ({"contractNum": ["1"]}, False),
        ({"knockQty": [1]}, False),
        ({"orderQty": {"a": 1}}, False),
        ({"stkId": "rb\n2701"}, False),
    ],
)
async def test_a_row_is_read_whole_or_not_at_all(tmp_path: Path, changes: dict[str, Any], kept: bool) -> None:
    """Numbers as text are numbers; what is none, or no word of CTS's, leaves out the row, and the session goes on."""
    async with rig(MANY, tmp_path, check_order_seconds=0.0) as made:
        terminal = await made.attach()
        await terminal.call(insert(1, limit_price=3400.0))
        await terminal.order_with("3")
        changed = [{**made_row(), **changes}]
        made.command("cts_alter", msg_type=16011, changes={"data.orderInfo": changed})
        found = await orders(terminal)

    assert len(found) == int(kept)


async def test_a_last_page_that_is_full_is_followed_by_an_empty_one(tmp_path: Path) -> None:
    """And pages that repeat themselves end."""
    async with rig(MANY, tmp_path, max_rows=2, check_order_seconds=0.0) as made:
        terminal = await made.attach()
        for number in range(4):
            await terminal.call(insert(number + 1, limit_price=3400.0 - number))
            await terminal.order_with("3", str(number + 1))
        asked = made.simulated.control.status()["by_method"]["ReqQryOrder"]
        found = await orders(terminal)
        again = made.simulated.control.status()["by_method"]["ReqQryOrder"]
        row = made_row()
        made.command("cts_alter", msg_type=16011, changes={"data.orderInfo": [row, row]}, times=0)
        repeated = await orders(terminal)

    assert (len(found), again - asked) == (4, 3)
    assert len(repeated) == 2


def made_row() -> dict[str, Any]:
    """An order as 16011 shows it."""
    words: dict[str, Any] = {
        "exchId": "S",
        "contractNum": "1",
        "stkId": "rb2701",
        "bsFlag": "B",
        "f_offSetFlag": "OPEN",
    }
    return {**words, "orderQty": 3, "orderPrice": 3400.0, "knockQty": 0, "withdrawQty": 0, "validFlag": 0}


async def test_a_flood_of_pushes_holds_up_nothing(tmp_path: Path) -> None:
    """A thousand times the same trade, and thousands that are none: one is told, and a query is answered."""
    async with rig(MANY, tmp_path, check_order_seconds=0.0, answer_seconds=30.0) as made:
        terminal = await made.attach()
        await terminal.call(insert(1, limit_price=3501.0, volume_total_original=2))
        await terminal.order_with("0")
        knock: dict[str, Any] = {
            "acctId": INVESTOR,
            "exchId": "S",
            "contractNum": "1",
            "stkId": "rb2701",
            "bsFlag": "B",
        }
        knock |= {"f_offSetFlag": "OPEN", "knockQty": 1, "knockPrice": 3500, "knockCode": "7", "returnType": "2"}
        for values in (knock, {**knock, "knockQty": "x"}, {"acctId": INVESTOR}, {}):
            made.command("cts_flood", acct_id=INVESTOR, values=values, count=1000)
        rows = await terminal.rows(query().request, "OnRspQryTradingAccount")

    assert len(rows) == 1
    assert [said.rtn_trade.trade_id for name, said in terminal.got if name == "OnRtnTrade"].count("7") == 1


async def test_nothing_is_sent_that_the_ledger_cannot_announce(tmp_path: Path) -> None:
    """Neither the login nor the terminal's information."""
    async with rig(MANY, tmp_path) as made:
        for denied, sent in (("counter_login", 0), ("terminal_report", 1)):
            made.evidence.denied = denied
            with pytest.raises(LedgerUnavailable):
                await made.attach()
            assert made.simulated.control.status()["by_method"].get("ReqUserLogin", 0) == sent
        assert made.simulated.tmdb.reports() == []


async def test_a_refused_operator_is_tried_again_and_said(tmp_path: Path) -> None:
    """Terminals are refused meanwhile; nothing of the counter's answer is taken for theirs."""
    async with rig(Mode.MANY_TO_ONE, tmp_path, start=False) as made:
        made.command("cts_refuse", msg_type=10021, code="E77", text="柜员密码错误", times=0)
        await made.counter.start()
        await made.until(lambda: made.faults.stands(Fault.OPERATOR_REFUSED), "the operator is refused")
        assert await refusal_of(made) == "counter_unavailable"
        made.command("cts_clear")
        made.counter.reload()
        await made.until(lambda: made.counter.ready, "the operator is logged in")
        assert not made.faults.stands(Fault.OPERATOR_REFUSED)
        await made.attach()


async def test_a_counter_that_is_not_there_is_said_and_found_again(tmp_path: Path) -> None:
    """Many-to-many has no session that would find it: a plain connection does."""
    async with rig(MANY, tmp_path) as made:
        await made.simulated.control.pause()
        assert await refusal_of(made) == "counter_unavailable"
        assert made.faults.stands(Fault.FRONT_DOWN)
        await made.simulated.control.resume()
        await made.until(lambda: not made.faults.stands(Fault.FRONT_DOWN), "the counter is found")
        await made.attach()


async def test_a_quiet_connection_is_asked_something(tmp_path: Path) -> None:
    """One that does not answer any more is broken off, and comes back."""
    async with rig(MANY, tmp_path, idle_seconds=0.2, answer_seconds=0.3) as made:
        terminal = await made.attach()
        asked = made.simulated.control.status()["by_method"].get("ReqQryTradingAccount", 0)
        await made.until(
            lambda: made.simulated.control.status()["by_method"].get("ReqQryTradingAccount", 0) > asked, "it was asked"
        )
        made.command("cts_ignore", msg_type=16002)
        await terminal.wait("recovering")
        await terminal.wait("live")


async def test_no_secret_is_in_what_is_kept(tmp_path: Path) -> None:
    """Neither the password nor what it becomes under a passkey, in the ledger, the orders' stream or a representation."""
    async with rig(Mode.MANY_TO_ONE, tmp_path) as made:
        terminal = await made.attach()
        await terminal.call(insert(1, limit_price=3501.0))
        text = repr((made.evidence.entries, made.notes.kept, vars(terminal.link), made.counter.describe()))

    for secret in ("demo-100001", "demo-op0001"):
        assert secret not in text
