"""Moments in which a wrong word would cost money or a lock: each is played against the simulated counter."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from relay.counter.cts import account, machine
from relay.counter.cts.line import FIRST_REQUEST
from relay.counter.port import LinkCause, Mode
from relay.faults.table import Fault
from relay.refusals import relay_reasons
from relay.refusals.refusal import Refused
from tests.relay.counter.cts.rig import DAY, INVESTOR, OTHER, rig
from tests.relay.counter.translated.played_native import cancel, insert

both_modes = pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)
MANY, ONE = Mode.MANY_TO_MANY, Mode.MANY_TO_ONE
KNOCK: dict[str, Any] = {"acctId": INVESTOR, "exchId": "S", "stkId": "rb2701", "bsFlag": "B", "f_offSetFlag": "OPEN"}


async def test_a_refused_operator_waits_for_a_person(tmp_path: Path) -> None:
    """Every further try with the same password might be the one that locks the account."""
    async with rig(ONE, tmp_path, start=False, reconnect_seconds=0.01) as made:
        made.command("cts_refuse", msg_type=10021, code="E77", times=0)
        await made.counter.start()
        await made.until(lambda: made.counter.situation().state == "stopped", "it waits")
        tried = made.simulated.front.counts.connections
        await asyncio.sleep(0.2)
        assert made.simulated.front.counts.connections == tried == 1
        made.command("cts_clear")
        made.counter.reload()
        await made.until(lambda: made.counter.ready, "the operator is logged in")


async def test_an_operator_refused_for_another_reason_is_tried_again(tmp_path: Path) -> None:
    """Where the settings name what a wrong password is."""
    async with rig(ONE, tmp_path, start=False, wrong_password_codes=("E3",)) as made:
        made.command("cts_refuse", msg_type=10021, code="E77", times=2)
        await made.counter.start()
        await made.until(lambda: made.counter.ready, "the operator is logged in")


@pytest.mark.parametrize("password", ["密码", None], ids=["not_ascii", "unreadable"])
async def test_an_operator_whose_password_cannot_be_used_waits_for_a_person(
    tmp_path: Path, password: str | None
) -> None:
    """And logs in when it was mended: the session does not die of it."""
    async with rig(ONE, tmp_path, start=False) as made:
        right = made.parts.operator_password()
        wrong = [password]

        def read() -> str:
            if wrong and wrong[0] is None:
                raise OSError(13, "Permission denied")
            return wrong[0] or right if wrong else right

        made.use_operator_password(read)
        await made.counter.start()
        await made.until(lambda: made.counter.situation().state == "stopped", "it waits")
        assert made.faults.stands(Fault.OPERATOR_REFUSED)
        wrong.clear()
        made.counter.reload()
        await made.until(lambda: made.counter.ready, "the operator is logged in")


@both_modes
async def test_forced_out_on_the_way_back_stays_out(mode: Mode, tmp_path: Path) -> None:
    """10001 while the accounts log in again after a break is as much a person's decision as later."""
    async with rig(mode, tmp_path, reconnect_seconds=0.01) as made:
        terminal = await made.attach()
        made.command("cts_raw", msg_type=10011, text=FORCED)
        made.command("drop", user_id=INVESTOR)
        ended = await terminal.wait("ended")
        tried = made.simulated.front.counts.connections
        await asyncio.sleep(0.1)
        assert made.simulated.front.counts.connections == tried

    assert ended.cause is LinkCause.COUNTER_LOGGED_OUT


FORCED = (
    '{"head":{"msgType":10001,"sessionId":"1","requestId":0},"respond":{"successFlg":0,"lastFlag":true},"data":{}}\n'
)


async def test_forced_out_during_a_login_ends_it(tmp_path: Path) -> None:
    """And is not taken for a wrong password."""
    async with rig(MANY, tmp_path) as made:
        made.command("cts_raw", msg_type=10011, text=FORCED)
        with pytest.raises(Refused) as refused:
            await made.attach()

    assert refused.value.refusal.reason == "counter_unavailable"


def test_a_session_that_the_counter_hangs_up_on_is_not_asked_for_again() -> None:
    """A counter may end the connection instead of saying that it knows no such session."""
    way = machine.LineMachine(has_operator=False, is_kept=False)
    failed = machine.Failed(relay_reasons.counter_unavailable())
    assert way.feed(machine.Begin()) == machine.Connect()
    assert way.feed(machine.Done()) == machine.Greet(resume=False)
    way.feed(machine.Done())
    assert way.feed(machine.Done()) == machine.Stay()
    for resume in (True, False):
        assert way.feed(failed) == machine.Pause()
        way.feed(machine.PauseOver())
        assert way.feed(machine.Done()) == machine.Greet(resume)


async def test_a_terminal_that_leaves_while_it_is_refused_takes_nobody_with_it(tmp_path: Path) -> None:
    """The operator's session goes on for the others."""
    async with rig(ONE, tmp_path, reconnect_seconds=0.01) as made:
        mine, other = await made.attach(), await made.attach(OTHER)
        made.command("cts_refuse", msg_type=10011, code="E5")
        made.command("cts_delay", msg_type=10011, seconds=0.3)
        asked = made.simulated.front.counts.by_method
        before = asked["ReqUserLogin"]
        made.command("drop")
        await made.until(lambda: asked["ReqUserLogin"] == before + 2, "the operator is in, and the first account asks")
        await mine.leave()
        await other.wait("live")


async def test_one_terminal_of_an_account_that_leaves_does_not_make_the_other_deaf(tmp_path: Path) -> None:
    """On an operator's session both have one subscription at the counter."""
    async with rig(ONE, tmp_path, check_order_seconds=0.0) as made:
        one, two = await made.attach(), await made.attach()
        await one.leave()
        await two.call(insert(1, limit_price=3501.0, volume_total_original=1))
        await two.wait("OnRtnTrade")


async def test_a_day_that_was_asked_for_earlier_decides_no_doubt(tmp_path: Path) -> None:
    """An order sent while the day is read is not in what was read: it must not be said to be missing."""
    async with rig(MANY, tmp_path, check_order_seconds=0.0, reconnect_seconds=1.5) as made:
        one = await made.attach()
        made.command("cts_delay", msg_type=16012, seconds=0.4)
        asked = made.simulated.front.counts.by_method
        async with asyncio.TaskGroup() as joining:
            joining.create_task(made.attach())
            await made.until(lambda: asked.get("ReqQryTrade", 0) == 2, "the second terminal has read the orders")
            made.command("cts_cut", msg_type=15001)
            outcome = await one.call(insert(1, limit_price=3400.0))
            await one.order_with("a", outcome.order_ref)
        await one.order_with("3", outcome.order_ref)

    assert "OnRspOrderInsert" not in [name for name, _ in one.got]


async def test_a_day_with_a_row_that_cannot_be_read_decides_no_doubt(tmp_path: Path) -> None:
    """The order that is looked for may be that row."""
    async with rig(MANY, tmp_path, check_order_seconds=0.0) as made:
        terminal = await made.attach()
        made.command("cts_cut", msg_type=15001)
        row = {**KNOCK, "contractNum": "1", "orderQty": "many", "orderPrice": 3400.0}
        made.command("cts_alter", msg_type=16011, changes={"data.orderInfo": [row]})
        outcome = await terminal.call(insert(1, limit_price=3400.0))
        await terminal.wait("live")
        await terminal.order_with("a", outcome.order_ref)

    assert "OnRspOrderInsert" not in [name for name, _ in terminal.got]


@pytest.mark.parametrize("rule", ["refuse", "ignore"])
async def test_a_cancel_is_not_refused_because_the_look_after_it_is(tmp_path: Path, rule: str) -> None:
    """The counter took the cancel; what became of the order is asked again."""
    async with rig(MANY, tmp_path, answer_seconds=0.3) as made:
        terminal = await made.attach()
        numbers = {"front_id": terminal.link.attached.front_id, "session_id": terminal.link.attached.session_id}
        ref = (await terminal.call(insert(1, limit_price=3400.0))).order_ref
        await terminal.order_with("3", ref)
        await asyncio.sleep(0.15)
        made.command(f"cts_{rule}", msg_type=16011, **({"code": "E8"} if rule == "refuse" else {}))
        await terminal.call(cancel(2, order_ref=ref, **numbers))
        await terminal.order_with("5", ref)

    names = [name for name, _ in terminal.got]
    assert not {"OnRspOrderAction", "OnErrRtnOrderAction", "OnRspError"} & set(names)


async def test_a_cancel_that_failed_without_a_code_is_refused(tmp_path: Path) -> None:
    """failInfo alone says so."""
    async with rig(MANY, tmp_path) as made:
        terminal = await made.attach()
        numbers = {"front_id": terminal.link.attached.front_id, "session_id": terminal.link.attached.session_id}
        ref = (await terminal.call(insert(1, limit_price=3400.0))).order_ref
        await terminal.order_with("3", ref)
        made.command("cts_alter", msg_type=15002, changes={"data.failInfo": "已成交"})
        await terminal.call(cancel(2, order_ref=ref, **numbers))
        await terminal.wait("OnRspOrderAction")


@both_modes
async def test_every_terminal_of_an_account_hears_of_the_new_day(mode: Mode, tmp_path: Path) -> None:
    """The second that is back finds the account at the new day already."""
    async with rig(mode, tmp_path) as made:
        terminals = [await made.attach(), await made.attach(), await made.attach(OTHER)]
        made.simulated.control.trading_day("20261124")
        for terminal in terminals:
            back = await terminal.wait("live")
            assert back.day_changed
            assert back.attached.trading_day == terminal.link.attached.trading_day == "20261124"


@pytest.mark.parametrize("price", [1.7976931348623157e308, -1e16])
async def test_a_price_that_is_none_is_refused(tmp_path: Path, price: float) -> None:
    """CTP's mark for none among them; before anything is sent, and the session goes on."""
    async with rig(MANY, tmp_path) as made:
        terminal = await made.attach()
        with pytest.raises(Refused, match="value_not_offered_by_counter"):
            await terminal.call(insert(1, limit_price=price))
        assert "ReqOrderInsert" not in made.simulated.front.counts.by_method
        await terminal.call(insert(2, limit_price=3400.0))


async def test_an_order_that_is_looked_at_in_vain_takes_no_other_with_it(tmp_path: Path) -> None:
    """A refused look is one order's affair."""
    async with rig(MANY, tmp_path, check_order_seconds=0.1) as made:
        terminal = await made.attach()
        made.command("cts_refuse", msg_type=16011, code="E8", times=2)
        made.command("cts_push", acct_id=INVESTOR, values={**KNOCK, "contractNum": "99", "returnType": "0"})
        outcome = await terminal.call(insert(1, limit_price=3400.5))
        await terminal.order_with("5", outcome.order_ref)


@pytest.mark.parametrize("day", ["20261399", "26.11.2026", "00000000"])
async def test_a_day_that_is_none_ends_the_login(tmp_path: Path, day: str) -> None:
    """No file is named after it."""
    async with rig(MANY, tmp_path) as made:
        made.command("cts_alter", msg_type=10000, changes={"data.sysDate": day})
        made.command("cts_alter", msg_type=10011, changes={"data.acctInfo.sysDate": day}, times=2)
        with pytest.raises(Refused, match="counter_unavailable"):
            await made.attach()
        assert made.order_map.trading_day in {"", DAY}


async def test_forced_out_in_the_name_of_a_request_that_waits_ends_it_too(tmp_path: Path) -> None:
    """10001 answers no login, whatever requestId it has."""
    async with rig(MANY, tmp_path) as made:
        made.command(
            "cts_raw", msg_type=10011, text=FORCED.replace('"requestId":0', f'"requestId":{FIRST_REQUEST + 1}')
        )
        with pytest.raises(Refused) as refused:
            await made.attach()

    assert refused.value.refusal.reason == "counter_unavailable"


async def test_a_login_that_a_break_came_between_is_not_gone_on_with(tmp_path: Path) -> None:
    """Before the operator is in again it would be refused, and count as a wrong password."""
    async with rig(ONE, tmp_path, reconnect_seconds=0.01) as made:
        asked, evidence = made.simulated.front.counts.by_method, made.evidence
        record, goes_on = evidence.record, asyncio.Event()

        async def slowly(kind: str, session: str, data: Mapping[str, object]) -> None:
            if kind == "terminal_report":
                await goes_on.wait()
            await record(kind, session, data)

        evidence.record = slowly  # type: ignore[method-assign]
        joining = asyncio.get_running_loop().create_task(made.attach())
        await made.until(lambda: asked.get("ReqUserLogin") == 2, "the operator is in, and the account asks")
        made.command("cts_ignore", msg_type=10021)
        made.command("drop")
        await made.until(lambda: made.counter.situation().state == "logging_in", "the operator logs in again")
        goes_on.set()
        with pytest.raises(Refused) as refused:
            await joining

    assert refused.value.refusal.reason == "counter_unavailable"


async def test_a_refused_subscription_is_no_wrong_password(tmp_path: Path) -> None:
    """The login before it was taken: it counts as one only where the settings name its code."""
    for codes, code in (((), 0), (("E8",), 3)):
        async with rig(MANY, tmp_path / "-".join(codes), wrong_password_codes=codes) as made:
            made.command("cts_refuse", msg_type=10012, code="E8")
            with pytest.raises(Refused) as refused:
                await made.attach()
        assert (refused.value.refusal.reason, refused.value.refusal.code) == ("refused_by_counter", code)


async def test_a_session_on_which_a_login_is_not_answered_is_asked_whether_it_is_alive(tmp_path: Path) -> None:
    """One that is half dead says nothing to the next login either: it is broken off, and comes back."""
    async with rig(ONE, tmp_path, answer_seconds=0.3) as made:
        made.command("cts_ignore", msg_type=10011)
        made.command("cts_ignore", msg_type=11003)
        with pytest.raises(Refused):
            await made.attach()
        await made.until(lambda: made.simulated.front.counts.connections == 2, "there is another connection")
        await made.until(lambda: made.counter.ready, "the operator is logged in")


async def test_a_session_that_answers_outlives_a_login_that_is_not_answered(tmp_path: Path) -> None:
    """What one account's login is not worth to the counter is no affair of the others."""
    async with rig(ONE, tmp_path, answer_seconds=0.3) as made:
        await made.attach(OTHER)
        made.command("cts_ignore", msg_type=10011)
        with pytest.raises(Refused):
            await made.attach()
        await made.until(lambda: "ReqQryInstrument" in made.simulated.front.counts.by_method, "it was asked")
        await made.attach()
        assert made.simulated.front.counts.connections == 1


async def test_an_operator_without_accounts_is_asked_something(tmp_path: Path) -> None:
    """Its connection would be cut in silence otherwise, and the first login of the morning would find out."""
    async with rig(ONE, tmp_path, idle_seconds=0.1, answer_seconds=0.3) as made:
        counts = made.simulated.front.counts
        await made.until(lambda: "ReqQryInstrument" in counts.by_method, "it was asked")
        made.command("cts_ignore", msg_type=11003)
        await made.until(lambda: counts.connections == 2, "there is another connection")
        await made.until(lambda: made.counter.ready, "the operator is logged in")


async def test_a_silent_session_delays_no_question_to_another(tmp_path: Path) -> None:
    """Each is asked by itself."""
    async with rig(MANY, tmp_path, idle_seconds=0.1, answer_seconds=60.0) as made:
        made.command("cts_ignore", msg_type=16002)
        asked = made.simulated.front.counts.by_method
        await made.attach()
        await made.until(lambda: asked.get("ReqQryTradingAccount") == 1, "the first was asked, and has no answer")
        await made.attach(OTHER)
        await made.until(lambda: asked["ReqQryTradingAccount"] > 1, "the second was asked")


@both_modes
async def test_one_login_at_a_new_day_brings_the_sessions_that_outlived_the_old_one(mode: Mode, tmp_path: Path) -> None:
    """They would go on with the book of the day before; those that are at the new day go on."""
    async with rig(mode, tmp_path) as made:
        one = await made.attach()
        made.command("cts_alter", msg_type=10011, changes={"data.acctInfo.sysDate": "20261124"}, times=0)
        two = await made.attach(OTHER)
        back = await one.wait("live")
        tried = made.simulated.front.counts.connections
        three = await made.attach(OTHER)

    assert back.day_changed
    assert {terminal.link.attached.trading_day for terminal in (one, two, three)} == {"20261124"}
    assert "recovering" not in [name for name, _ in three.got]
    assert made.simulated.front.counts.connections == tried + (mode is MANY)


@both_modes
async def test_a_day_far_ahead_is_not_begun(mode: Mode, tmp_path: Path) -> None:
    """Named once, after a break: its terminal ends with why, keeps nothing from coming back, and the orders' file stays."""
    async with rig(mode, tmp_path) as made:
        terminal, other = await made.attach(), await made.attach(OTHER)
        made.command("cts_alter", msg_type=10011, changes={"data.acctInfo.sysDate": "20991231"}, times=2)
        made.command("drop", user_id=INVESTOR)
        ended = await terminal.wait("ended")
        assert made.order_map.trading_day == DAY
        await made.until(lambda: made.counter.ready, "the operator's session is back")
        again = await made.attach()
        other.forget()
        made.command("drop")
        backs = [await one.wait("live") for one in (again, other)]

    assert "2099-12-31" in ended.reason
    assert [back.attached.trading_day for back in backs] == [DAY, DAY]


async def test_a_day_named_by_mistake_does_not_hide_the_right_one(tmp_path: Path) -> None:
    """A login at a newer day than another session has breaks that one off, also where a still newer day was named before."""
    async with rig(MANY, tmp_path) as made:
        one = await made.attach()
        made.command("cts_alter", msg_type=10011, changes={"data.acctInfo.sysDate": "20261125"}, times=2)
        await made.attach(OTHER)
        await one.wait("live")
        one.forget()
        made.command("cts_alter", msg_type=10011, changes={"data.acctInfo.sysDate": "20261124"}, times=0)
        await made.attach(OTHER)
        back = await one.wait("live")

    assert back.attached.trading_day == "20261124"


async def test_a_login_that_is_broken_off_twice_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The relay drains, and the terminal hangs up while its account logs out."""
    recording = asyncio.Event()
    leave, leaving = account.RootNetAccount.leave, asyncio.Event()

    async def slowly(one: account.RootNetAccount) -> None:
        leaving.set()
        await asyncio.sleep(0.01)
        await leave(one)

    async def held(*_: object) -> None:
        recording.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(account.RootNetAccount, "leave", slowly)
    async with rig(MANY, tmp_path) as made:
        monkeypatch.setattr(made.evidence, "record", held)
        attaching = asyncio.ensure_future(made.counter.attach(made.login()))
        await recording.wait()
        attaching.cancel()
        await leaving.wait()
        attaching.cancel()
        await asyncio.wait([attaching])
        await made.counter.stop()

        assert cast("Any", made.counter)._desks._users == {}
