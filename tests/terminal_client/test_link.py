"""What becomes of a session whose stream breaks: resumed, replaced by a new login, or ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from ctprelay.ctp.v1 import events_pb2, structs_pb2
from ctprelay.v1 import terminal_pb2 as pb
from terminal_client import (
    Collected,
    LoginRejected,
    NoAnswer,
    OutcomeUnknown,
    RelayTerminal,
    SessionEnded,
    State,
    link,
)
from terminal_client.backoff import retried
from terminal_client.farewells import Farewell
from terminal_client.session import Deadlines
from tests.e2e.site import eventually
from tests.terminal_client.conftest import QUICK
from tests.terminal_client.scripted_relay import LOGIN, Provider, ScriptedRelay, ServedRelay, numbered, result

Connect = Callable[..., RelayTerminal]


def order_notice(ref: str) -> events_pb2.Event:
    return events_pb2.Event(is_last=True, rtn_order=structs_pb2.Order(order_ref=ref))


def trade_answer(call: pb.Call) -> events_pb2.Event:
    return events_pb2.Event(request_id=call.request_id, is_last=True, rsp_qry_trade=structs_pb2.Trade(trade_id="7"))


async def test_a_broken_stream_is_resumed_without_losing_or_doubling(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """After a break the terminal gets what it missed, once, and does not log in again."""
    terminal = connect()
    orders, statuses = terminal.orders(), terminal.statuses()
    await terminal.login(*LOGIN, collected)
    relay.notice(order_notice("1"))
    assert (await anext(orders)).order_ref == "1"

    relay.miss(order_notice("2"))
    relay.break_streams()
    assert (await anext(orders)).order_ref == "2"
    relay.notice(order_notice("3"))
    assert (await anext(orders)).order_ref == "3"

    assert [(await anext(statuses)).state for _ in range(3)] == ["live", "reconnecting", "live"]
    assert len(relay.logins) == 1
    assert relay.received[-1].resume.after_sequence == 1
    assert terminal.info is not None
    assert terminal.info.resumed


async def test_events_sent_twice_are_delivered_once(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """A replay that overlaps what was already delivered changes nothing."""
    terminal = connect()
    orders = terminal.orders()
    await terminal.login(*LOGIN, collected)
    session = next(iter(relay.sessions.values()))
    relay.notice(order_notice("1"))
    session.outbox.put_nowait(session.sent[0])
    relay.notice(order_notice("2"))

    assert [(await anext(orders)).order_ref for _ in range(2)] == ["1", "2"]
    assert relay.streams == 1


async def test_a_gap_is_filled_by_resuming(relay: ScriptedRelay, connect: Connect, collected: Collected) -> None:
    """An event whose number is not the next one makes the terminal fetch what is missing."""
    terminal = connect()
    orders = terminal.orders()
    await terminal.login(*LOGIN, collected)

    relay.miss(order_notice("1"))
    relay.notice(order_notice("2"))

    assert [(await anext(orders)).order_ref for _ in range(2)] == ["1", "2"]
    assert relay.streams == 2


async def test_a_sent_query_is_answered_after_the_resume(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """A request known to be sent keeps waiting over a break: its answer is replayed."""
    relay.answers["qry_trade"] = lambda call: [result(call), order_notice("sent")]
    terminal = connect()
    orders = terminal.orders()
    await terminal.login(*LOGIN, collected)
    async with asyncio.TaskGroup() as group:
        query = group.create_task(terminal.requests.qry_trade(structs_pb2.QryTrade()))
        assert (await anext(orders)).order_ref == "sent"
        relay.miss(trade_answer(relay.calls[0]))
        relay.break_streams()

    assert query.result().row.trade_id == "7"
    assert len(relay.calls) == 1


async def test_an_order_swallowed_by_a_break_is_never_sent_again(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """Without the relay's word the order's outcome is unknown, and it is up to the caller to ask."""
    relay.answers["order_insert"] = lambda call: []
    terminal = connect()
    statuses = terminal.statuses()
    await terminal.login(*LOGIN, collected)

    async def order() -> None:
        with pytest.raises(OutcomeUnknown, match="broke"):
            await terminal.requests.order_insert(structs_pb2.InputOrder())

    async with asyncio.TaskGroup() as group:
        group.create_task(order())
        await relay.until(lambda: bool(relay.calls))
        relay.break_streams()
    assert [(await anext(statuses)).state for _ in range(3)] == ["live", "reconnecting", "live"]
    relay.answers["qry_trade"] = lambda call: [result(call), trade_answer(call)]
    await terminal.requests.qry_trade(structs_pb2.QryTrade())

    assert [call.request.WhichOneof("body") for call in relay.calls] == ["order_insert", "qry_trade"]


async def test_a_refused_resume_becomes_a_new_login(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """When the relay does not have the session any more, fresh credentials are asked for and used."""
    provider = Provider(collected)
    terminal = connect(credentials=provider)
    statuses, orders = terminal.statuses(), terminal.orders()
    await terminal.login(*LOGIN, collected)
    first = terminal.info
    relay.notice(order_notice("1"))
    assert (await anext(orders)).order_ref == "1"

    relay.resumable = False
    relay.break_streams()
    assert [(await anext(statuses)).state for _ in range(3)] == ["live", "reconnecting", "live"]
    relay.notice(order_notice("2"))

    assert (await anext(orders)).order_ref == "2"
    assert provider.asked == 1
    assert relay.logins[1].login_remark == "login 1"
    assert first is not None
    assert terminal.info is not None
    assert terminal.info.session_id != first.session_id
    assert terminal.last_sequence == 1


async def test_requests_of_the_replaced_session_fail(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """Answers of a session that is gone cannot come: its requests fail at once, not at their deadline."""
    relay.answers["qry_trade"] = lambda call: [result(call), order_notice("sent")]
    terminal = connect(credentials=Provider(collected))
    orders = terminal.orders()
    await terminal.login(*LOGIN, collected)

    async def query() -> None:
        with pytest.raises(NoAnswer, match="replaced"):
            await terminal.requests.qry_trade(structs_pb2.QryTrade())

    async with asyncio.TaskGroup() as group:
        group.create_task(query())
        assert (await anext(orders)).order_ref == "sent"
        relay.resumable = False
        relay.break_streams()


async def test_without_credentials_a_refused_resume_ends_the_session(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """Nobody to ask for credentials: readers are told that the session is over."""
    terminal = connect()
    orders = terminal.orders()
    await terminal.login(*LOGIN, collected)

    relay.resumable = False
    relay.break_streams()

    with pytest.raises(SessionEnded, match="no credentials"):
        await anext(orders)
    assert terminal.state is State.ENDED


async def test_a_wrong_password_is_not_tried_again(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """A refusal that waiting does not cure ends the session: retrying would lock the account."""
    provider = Provider(collected)
    terminal = connect(credentials=provider)
    orders = terminal.orders()
    await terminal.login(*LOGIN, collected)

    relay.resumable = False
    relay.login_refusals = [pb.Rejected(source=pb.SOURCE_COUNTER, reason="wrong_password", code=3)] * 5
    relay.break_streams()

    with pytest.raises(LoginRejected, match="wrong_password"):
        await anext(orders)
    assert provider.asked == 1


async def test_a_refusal_that_passes_is_tried_again(
    relay: ScriptedRelay, connect: Connect, collected: Collected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the relay says when to come back, the terminal comes back, not earlier."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(link, "retried", partial(retried, sleep=sleep))
    terminal = connect(credentials=Provider(collected))
    statuses = terminal.statuses()
    await terminal.login(*LOGIN, collected)

    relay.resumable = False
    relay.login_refusals = [pb.Rejected(source=pb.SOURCE_COUNTER, reason="not_ready", code=7, retry_after_seconds=60)]
    relay.break_streams()

    assert [(await anext(statuses)).state for _ in range(3)] == ["live", "reconnecting", "live"]
    assert any(60 <= pause < 61 for pause in slept)
    assert len(relay.logins) == 3


async def test_a_draining_relay_is_left_and_logged_in_to_again(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """A relay that is being emptied says so; the terminal logs in anew instead of resuming."""
    provider = Provider(collected)
    terminal = connect(credentials=provider)
    statuses = terminal.statuses()
    await terminal.login(*LOGIN, collected)

    relay.send(pb.RelayMessage(goodbye=pb.Goodbye(kind=pb.Goodbye.KIND_RELAY_STOPPING)))

    assert [(await anext(statuses)).state for _ in range(3)] == ["live", "reconnecting", "live"]
    assert provider.asked == 1
    assert not any(message.HasField("resume") for message in relay.received)


async def test_without_credentials_a_stopping_relay_ends_the_session_by_its_kind(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """The error and the last status say that the relay stopped, and that credentials are missing."""
    terminal = connect()
    statuses = terminal.statuses()
    await terminal.login(*LOGIN, collected)

    relay.send(pb.RelayMessage(goodbye=pb.Goodbye(kind=pb.Goodbye.KIND_RELAY_STOPPING)))

    assert [(await anext(statuses)).cause for _ in range(3)] == ["", "relay_stopping", "relay_stopping"]
    with pytest.raises(SessionEnded, match="no credentials") as ended:
        await anext(statuses)
    assert ended.value.kind is Farewell.RELAY_STOPPING


async def test_credentials_are_asked_for_when_somebody_is_there_to_log_in_to(
    served: ServedRelay, relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """While the relay is away nobody is bothered for a password; once it is back, once."""
    provider = Provider(collected)
    terminal = connect(credentials=provider)
    statuses = terminal.statuses()
    await terminal.login(*LOGIN, collected)

    relay.resumable = False  # where the goodbye is cut off, the terminal tries to resume first
    relay.send(pb.RelayMessage(goodbye=pb.Goodbye(kind=pb.Goodbye.KIND_RELAY_STOPPING)))
    await served.stop()
    assert [(await anext(statuses)).state for _ in range(2)] == ["live", "reconnecting"]
    await asyncio.sleep(0.2)  # long enough for many tries of the test's back-off; without any, nothing is asked either
    asked_meanwhile = provider.asked
    await served.start()

    assert (await anext(statuses)).state == "live"
    assert (asked_meanwhile, provider.asked) == (0, 1)


async def test_a_terminal_cut_for_reading_slowly_resumes(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """The relay cuts the stream, not the session: what was not read is fetched again."""
    terminal = connect()
    orders = terminal.orders()
    await terminal.login(*LOGIN, collected)

    relay.miss(order_notice("1"))
    relay.send(pb.RelayMessage(goodbye=pb.Goodbye(kind=pb.Goodbye.KIND_SLOW_READER, reason="too slow")))

    assert (await anext(orders)).order_ref == "1"
    assert len(relay.logins) == 1


async def test_a_session_the_relay_rejects_is_over(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """A refusal in the middle of a session ends it with the relay's reason, also where credentials are at hand."""
    provider = Provider(collected)
    terminal = connect(credentials=provider)
    orders = terminal.orders()
    await terminal.login(*LOGIN, collected)

    relay.send(pb.RelayMessage(rejected=pb.Rejected(source=pb.SOURCE_RELAY, reason="message_too_large")))

    with pytest.raises(SessionEnded, match="message_too_large"):
        await anext(orders)
    assert provider.asked == 0


async def test_reconnecting_is_given_up_in_the_end(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """A relay that stays away ends the session after the time set for it."""
    deadlines = Deadlines(
        first_retry_seconds=0.01, longest_retry_seconds=0.02, give_up_after_seconds=0.3, login_seconds=0.1
    )
    terminal = connect(deadlines=deadlines)
    orders = terminal.orders()
    await terminal.login(*LOGIN, collected)

    relay.silent = True
    relay.break_streams()

    with pytest.raises(SessionEnded, match="gave up"):
        await anext(orders)


async def test_closing_while_reconnecting_ends_quietly(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """Leaving during a break waits for nobody."""
    terminal = connect()
    orders, statuses = terminal.orders(), terminal.statuses()
    await terminal.login(*LOGIN, collected)
    relay.silent = True
    relay.break_streams()
    assert [(await anext(statuses)).state for _ in range(2)] == ["live", "reconnecting"]

    await terminal.close()

    assert [order async for order in orders] == []
    assert terminal.state is State.ENDED


LEAVE = pb.LeaveNotice(leave_after_milliseconds=10, gone_after_milliseconds=60_000, reason="请离开 / leave")


async def test_a_terminal_moves_before_the_relay_stops(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """It logs in anew beside the session it has, over a connection of its own, and logs that one out: it is live all the time."""
    provider = Provider(collected)
    terminal = connect(credentials=provider)
    statuses, orders = terminal.statuses(), terminal.orders()
    await terminal.login(*LOGIN, collected)
    (old,) = relay.sessions.values()
    relay.send(pb.RelayMessage(leave_notice=LEAVE))
    said = [await anext(statuses) for _ in range(3)]
    await relay.until(lambda: any(message.logout.moved for message in relay.received))
    (new,) = [session for session in relay.sessions.values() if session is not old]
    new.outbox.put_nowait(numbered(new, order_notice("new")))
    order = await anext(orders)
    await eventually("the old session has its goodbye", old.outbox.empty)
    relay.answers["qry_trade"] = lambda call: [result(call), trade_answer(call)]
    reply = await terminal.requests.qry_trade(structs_pb2.QryTrade())

    assert reply.row.trade_id == "7"
    assert [(status.of, status.state) for status in said] == [
        ("relay", "live"),
        ("relay", "leaving"),
        ("relay", "live"),
    ]
    assert (said[1].reason, said[1].cause, said[1].leave_after_seconds) == (LEAVE.reason, "relay_stopping", 0.01)
    assert terminal.state is State.LIVE
    assert [login.login_remark for login in relay.logins] == ["", "login 1"]
    assert order.order_ref == "new"


async def test_what_was_asked_is_answered_before_the_session_is_left(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """The answer of a query under way comes on the old session."""
    relay.answers["qry_trade"] = lambda call: [result(call)]
    terminal = connect(credentials=Provider(collected))
    await terminal.login(*LOGIN, collected)
    (old,) = relay.sessions.values()
    async with asyncio.TaskGroup() as group:
        query = group.create_task(terminal.requests.qry_trade(structs_pb2.QryTrade()))
        await relay.until(lambda: bool(relay.calls))
        relay.send(pb.RelayMessage(leave_notice=LEAVE))
        await eventually("the new login", lambda: len(relay.logins) == 2)
        old.outbox.put_nowait(numbered(old, trade_answer(relay.calls[0])))

    assert query.result().row.trade_id == "7"


async def test_a_move_that_is_refused_leaves_the_session_there(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """The relay that stops may be the only one: it is tried again, and the session goes on."""
    terminal = connect(credentials=Provider(collected))
    statuses = terminal.statuses()
    await terminal.login(*LOGIN, collected)
    relay.login_refusals = [pb.Rejected(source=pb.SOURCE_RELAY, reason="relay_draining", retry_after_seconds=1)]
    relay.send(pb.RelayMessage(leave_notice=LEAVE))
    await eventually("the refused login", lambda: len(relay.logins) >= 2)
    relay.answers["qry_trade"] = lambda call: [result(call), trade_answer(call)]
    reply = await terminal.requests.qry_trade(structs_pb2.QryTrade())

    assert reply.row.trade_id == "7"
    assert [(await anext(statuses)).state for _ in range(3)] == ["live", "leaving", "live"]
    assert len(relay.logins) == 3


async def test_a_terminal_without_credentials_stays(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """It is told, and nothing is done without its program."""
    terminal = connect()
    statuses, orders = terminal.statuses(), terminal.orders()
    await terminal.login(*LOGIN, collected)
    relay.send(pb.RelayMessage(leave_notice=LEAVE))
    assert [(await anext(statuses)).state for _ in range(2)] == ["live", "leaving"]
    relay.notice(order_notice("1"))

    assert (await anext(orders)).order_ref == "1"
    assert relay.streams == 1


@pytest.mark.parametrize("reason", ["relay_draining", "relay_full"])
async def test_a_first_login_waits_for_a_busy_relay(
    relay: ScriptedRelay, connect: Connect, collected: Collected, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    """It is tried again after the relay's pause, with system info collected anew, and the user hears why."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(link, "retried", partial(retried, sleep=sleep))
    busy = pb.Rejected(source=pb.SOURCE_RELAY, reason=reason, message="满 / busy", retry_after_seconds=30)
    relay.login_refusals = [busy, busy]
    terminal = connect(credentials=Provider(collected))
    statuses = terminal.statuses()
    await terminal.login(*LOGIN, collected)
    said = [await anext(statuses) for _ in range(3)]

    assert [(status.state, status.cause) for status in said] == [("logging in", reason)] * 2 + [("live", "")]
    assert [login.login_remark for login in relay.logins] == ["", "login 1", "login 2"]
    assert all(30 <= pause < 31 for pause in slept)


async def test_a_login_does_not_wait_for_ever(relay: ScriptedRelay, connect: Connect, collected: Collected) -> None:
    """After `busy_seconds` the refusal is the answer; another refusal is at once."""
    full = pb.Rejected(source=pb.SOURCE_RELAY, reason="relay_full")
    relay.login_refusals = [full] * 100
    with pytest.raises(LoginRejected, match="relay_full"):
        await connect(deadlines=replace(QUICK, busy_seconds=0.05)).login(*LOGIN, collected)
    tries = len(relay.logins)
    with pytest.raises(LoginRejected):
        await connect(deadlines=replace(QUICK, busy_seconds=0)).login(*LOGIN, collected)

    assert tries > 1
    assert len(relay.logins) == tries + 1
