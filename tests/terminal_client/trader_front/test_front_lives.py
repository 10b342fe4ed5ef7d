"""What a front lives through: RESUME, slow callbacks, another trading day, relays of which one is down; and its numbers."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import threading

from ctpabi.api.spi import RawEvent
from ctprelay.ctp.v1 import events_pb2, structs_pb2
from ctprelay.v1 import terminal_pb2 as pb
from relay.refusals.all_reasons import rows
from terminal_client.trader_front import ResumeType
from terminal_client.trader_front.error_ids import REASONS
from tests.e2e.site import eventually
from tests.terminal_client.scripted_relay import ScriptedRelay, result
from tests.terminal_client.trader_front.program import QUICK, SmallProgram, error, fields
from tests.terminal_client.trader_front.test_front import Start, order_event, start

__all__ = ["start"]


async def test_resume_gives_no_notice_twice(start: Start, relay: ScriptedRelay) -> None:
    """The day's replay at a second login has what came before under new references; only what is new is delivered."""
    first = {"order_sys_id": "11", "exchange_id": "SHFE"}
    relay.before_login_ends = [order_event("1", **first)]
    program = start()

    def begin() -> None:
        program.connect(ResumeType.RESUME)
        program.log_in()
        program.wait_for("OnRtnOrder")

    def again() -> RawEvent:
        program.wait_for("OnFrontConnected", 2)
        program.log_in(2)
        return program.wait_for("OnRtnOrder", 2)

    await asyncio.to_thread(begin)
    relay.before_login_ends = [order_event("9", **first), order_event("10", order_sys_id="12", exchange_id="SHFE")]
    relay.resumable = False
    relay.break_streams()

    assert fields(await asyncio.to_thread(again))["OrderSysID"] == "12"
    assert program.names().count("OnRtnOrder") == 2


class HeldProgram:
    """A program whose first OnRtnOrder takes until it may go on."""

    def __init__(self, program: SmallProgram) -> None:
        self.program = program
        self.go_on, self.stuck = threading.Event(), threading.Event()
        program.during = self._wait_in_the_first

    def _wait_in_the_first(self, item: RawEvent) -> None:
        if item.callback.name == "OnRtnOrder" and not self.stuck.is_set():
            self.stuck.set()
            self.go_on.wait(20)

    def begin(self) -> None:
        self.program.connect(ResumeType.QUICK)
        self.program.log_in()

    def orders(self) -> list[str]:
        """The references of those whose callback is over."""
        return [fields(item)["OrderRef"] for item in self.program.heard if item.callback.name == "OnRtnOrder"]


async def test_callbacks_that_are_too_slow_begin_the_session_again(start: Start, relay: ScriptedRelay) -> None:
    """The queue is full: the program gets what waits in it and nothing behind the gap, then OnFrontDisconnected."""
    relay.deaf = True  # so that the session is still there while it is ended
    held = HeldProgram(start(deadlines=dataclasses.replace(QUICK, callback_capacity=3)))
    front, orders = held.program.front, held.orders

    await asyncio.to_thread(held.begin)
    relay.notice(order_event("1"))
    assert await asyncio.to_thread(held.stuck.wait, 20)
    for number in range(2, 8):
        relay.notice(order_event(str(number)))
    say(relay, pb.SessionStatus(state=pb.SessionStatus.STATE_LIVE, trading_day="20261124"))
    await eventually(
        "the front has heard all of it",
        lambda: front.trading_day == "20261124" or relay.received[-1].HasField("logout"),
    )
    held.go_on.set()
    await eventually("its end", lambda: relay.received[-1].HasField("logout") or orders().count("7") == 1)
    await eventually("what waited in the queue", lambda: len(orders()) >= 4)
    relay.notice(order_event("8"))
    relay.send(pb.RelayMessage(goodbye=pb.Goodbye(kind=pb.Goodbye.KIND_LOGGED_OUT, reason="logged out")))
    lost = await asyncio.to_thread(held.program.wait_for, "OnFrontDisconnected")

    assert (orders(), lost.reason) == (["1", "2", "3", "4"], 0x1001)
    await asyncio.to_thread(held.program.wait_for, "OnFrontConnected", 2)


def say(relay: ScriptedRelay, status: pb.SessionStatus) -> None:
    """Send a status to every session, numbered as events are."""
    for session in relay.sessions.values():
        session.sent.append(pb.RelayMessage(sequence=len(session.sent) + 1, status=status))
        session.outbox.put_nowait(session.sent[-1])


async def test_another_trading_day_is_a_login_of_its_own(start: Start, relay: ScriptedRelay) -> None:
    """So that the program confirms the settlement of the new day; GetTradingDay is the new one."""
    program = start()

    def begin() -> None:
        assert program.front.trading_day == "19800100"
        program.connect()
        program.log_in()

    await asyncio.to_thread(begin)
    status = pb.SessionStatus(state=pb.SessionStatus.STATE_LIVE, trading_day="20261124", trading_day_changed=True)
    say(relay, status)
    lost = await asyncio.to_thread(program.wait_for, "OnFrontDisconnected")

    assert (lost.reason, program.front.trading_day) == (0x2001, "20261124")
    await asyncio.to_thread(program.wait_for, "OnFrontConnected", 2)


async def test_the_next_relay_is_tried_where_one_is_down(start: Start) -> None:
    """Fronts are tried in turn, as the program registered them."""
    with socket.socket() as unanswered:
        unanswered.bind(("127.0.0.1", 0))
        down = f"relay://127.0.0.1:{unanswered.getsockname()[1]}"
        deadlines = dataclasses.replace(QUICK, login_seconds=0.5)
        program = start(deadlines=deadlines)

        def begin() -> None:
            program.front.connect([down, program.address])
            program.wait_for("OnFrontConnected")
            assert program.front.front_info()[0] == program.address

        await asyncio.to_thread(begin)


async def test_a_cancel_of_nothing_has_both_callbacks(start: Start, relay: ScriptedRelay) -> None:
    """The relay refuses it itself: OnRspOrderAction and OnErrRtnOrderAction, each with 25, as at a front."""
    refusal = pb.Rejected(source=pb.SOURCE_RELAY, reason="order_not_found", message="撤单找不到相应报单", code=25)
    relay.answers["order_action"] = lambda call: [result(call, -100, rejected=refusal)]
    program = start()

    def session() -> None:
        program.connect()
        program.log_in()
        assert program.call("ReqOrderAction", 5, OrderRef="7", InstrumentID="rb2701", ActionFlag="0") == 0
        answer, notice = program.wait_for("OnRspOrderAction"), program.wait_for("OnErrRtnOrderAction")
        assert error(answer)[0] == error(notice)[0] == 25
        assert (answer.request_id, fields(notice)["OrderRef"]) == (5, "7")

    await asyncio.to_thread(session)


async def test_a_burst_of_requests_keeps_its_order(start: Start, relay: ScriptedRelay) -> None:
    """Two hundred requests of one thread leave as they were called, each once."""
    relay.answers["qry_trade"] = lambda call: [result(call), row(call)]
    program = start()

    def session() -> None:
        program.connect()
        program.log_in()
        for number in range(10, 210):
            assert program.call("ReqQryTrade", number, InstrumentID=str(number)) == 0
        program.wait_for("OnRspQryTrade", 200)

    await asyncio.to_thread(session)

    assert [call.request.qry_trade.instrument_id for call in relay.calls] == [str(n) for n in range(10, 210)]


def row(call: pb.Call) -> events_pb2.Event:
    return events_pb2.Event(request_id=call.request_id, is_last=True, rsp_qry_trade=structs_pb2.Trade(trade_id="1"))


def test_every_reason_of_the_relays_has_a_number() -> None:
    """CTP's own, or a row here: what a program gets is decided, not left over."""
    missing = {row.reason for row in rows() if not row.columns.code} - REASONS

    assert missing == set()


async def test_a_front_leaves_a_relay_that_is_replaced(start: Start, relay: ScriptedRelay) -> None:
    """At its own moment, where a new process serves at the address; otherwise the session goes on until the relay ends it."""
    program = start()

    def begin() -> None:
        program.connect()
        program.log_in()

    await asyncio.to_thread(begin)
    relay.send(pb.RelayMessage(leave_notice=pb.LeaveNotice(reason="停机 / stop")))
    relay.notice(order_event("1"))
    await asyncio.to_thread(program.wait_for, "OnRtnOrder")
    stayed = not any(message.HasField("logout") for message in relay.received)
    relay.send(pb.RelayMessage(leave_notice=pb.LeaveNotice(successor=True, reason="更新 / update")))
    lost = await asyncio.to_thread(program.wait_for, "OnFrontDisconnected")
    await asyncio.to_thread(program.wait_for, "OnFrontConnected", 2)

    assert (stayed, lost.reason) == (True, 0x1001)
    assert relay.received[-1].HasField("logout")
