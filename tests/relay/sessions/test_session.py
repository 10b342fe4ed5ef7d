"""One logged-in terminal: its calls, its events, its streams that break and come back, and its one end."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from ctprelay.ctp.v1.requests_pb2 import Request
from ctprelay.ctp.v1.structs_pb2 import QryOrder
from ctprelay.v1 import terminal_pb2 as pb
from relay.counter.port import CallOutcome, CounterDescription, CounterEvent, LinkState, LinkStatus
from relay.refusals import call_reasons
from relay.sessions.endings import Ending, EndKind
from relay.sessions.outbox import Outbox
from relay.sessions.session import TerminalSession
from tests.relay.evidence import KeptEvidence
from tests.relay.hand_loop import HandLoop, settled
from tests.relay.sessions.played_counter import LINGER_SECONDS, House, PlayedLink, applicant, kinds, query, read


@pytest.fixture
def house(kept: KeptEvidence) -> House:
    return House(kept)


async def opened(house: House) -> tuple[TerminalSession, PlayedLink, Outbox]:
    """A session on its first stream, its welcome read."""
    session = await house.sessions.admit(applicant())
    outbox = Outbox(1_000_000)
    session.attach(outbox)
    await read(outbox)
    return session, house.counter.links[-1], outbox


# Calls ---------------------------------------------------------------------------------------------------------


async def test_every_call_is_answered_once(house: House) -> None:
    """With the terminal's own request id."""
    session, link, outbox = await opened(house)

    session.call(query(41))
    await settled()

    (answer,) = await read(outbox)
    assert (answer.call_result.request_id, answer.call_result.return_code) == (41, 0)
    assert [call.request_id for call in link.calls] == [41]


async def test_a_refused_call_is_answered_with_the_refusal(house: House) -> None:
    """-100 is no code of CTP's."""
    session, link, outbox = await opened(house)
    link.refusal = call_reasons.deadline_passed()

    session.call(query(41))
    await settled()

    (answer,) = await read(outbox)
    assert answer.call_result.return_code == -100
    assert answer.call_result.rejected.reason == "deadline_passed"


async def test_a_call_the_ledger_cannot_announce_is_refused_by_name(house: House) -> None:
    """The session goes on: the ledger may come back."""
    session, link, outbox = await opened(house)
    link.ledger_away = True

    session.call(query(41))
    await settled()

    (answer,) = await read(outbox)
    assert answer.call_result.rejected.reason == "ledger_unavailable"
    assert not session.ending


async def test_a_call_the_relay_fails_at_is_answered_too(house: House) -> None:
    """A terminal that gets no answer waits for ever; the session goes on."""
    session, link, outbox = await opened(house)
    link.faulty = True

    session.call(query(41))
    await settled()

    (answer,) = await read(outbox)
    assert answer.call_result.request_id == 41
    assert answer.call_result.rejected.reason == "outcome_unknown"
    assert not session.ending


async def test_a_call_that_makes_no_sense_never_reaches_the_counter(house: House) -> None:
    """Without a request id of its own there is no answer to wait for. It counts: administrators see who sends such calls."""
    session, link, outbox = await opened(house)

    for call in (query(0), query(-5)):
        session.call(call)
    await settled()

    answers = await read(outbox)
    assert [a.call_result.rejected.reason for a in answers] == ["request_malformed"] * 2
    assert link.calls == []
    assert session.activity.calls == 2


async def test_a_request_the_counter_does_not_offer_never_reaches_its_adapter(house: House) -> None:
    """Refused with a reason of its own; what is offered passes, and so does everything before the counter has said."""
    session, link, outbox = await opened(house)
    session.call(query(1))
    await settled()
    link.attached = replace(link.attached, offered=CounterDescription("played", "1", requests=frozenset({"qry_order"})))

    session.call(query(2))
    session.call(pb.Call(request_id=3, request=Request(qry_order=QryOrder())))
    await settled()

    told = {answer.call_result.request_id: answer.call_result.rejected.reason for answer in await read(outbox)}
    assert told == {1: "", 2: "not_offered_by_counter", 3: ""}
    assert [call.request_id for call in link.calls] == [1, 3]


async def test_the_relays_time_limit_stands_where_the_terminal_names_none(house: House) -> None:
    """In seconds below, in milliseconds on the wire."""
    session, link, _ = await opened(house)

    session.call(query(1))
    session.call(query(2, valid_for_milliseconds=250, client_order_key="k"))
    await settled()

    assert [call.valid_for for call in link.calls] == [3.0, 0.25]
    assert link.calls[1].client_order_key == "k"


async def test_from_the_moment_a_session_ends_nothing_more_of_it_is_sent(house: House) -> None:
    """Neither what waits in the relay, before anything else has its turn in the loop, nor what comes afterwards."""
    session, link, outbox = await opened(house)
    link.busy = asyncio.Event()
    session.call(query(1))
    (waiting,) = session._calls

    session.end_soon(Ending(EndKind.DISABLED))
    given_up = waiting.cancelled() or bool(waiting.cancelling())  # type: ignore[attr-defined]  # a task here
    session.call(query(2))
    link.busy.set()
    await asyncio.wait_for(session.ended.wait(), 5)

    assert given_up
    assert link.sent == []
    assert [call.request_id for call in link.calls] == [1]
    answers = await read(outbox)
    assert [a.call_result.rejected.reason for a in answers if a.HasField("call_result")] == ["session_gone"]


async def test_more_calls_than_may_wait_are_refused_at_once(house: House) -> None:
    """One terminal's memory in the relay is bounded."""
    session, link, outbox = await opened(house)
    link.busy = asyncio.Event()

    for number in range(1, 1026):
        session.call(query(number))
    await settled()
    refused = await read(outbox)
    link.busy.set()
    await settled()

    assert [(m.call_result.request_id, m.call_result.rejected.reason) for m in refused] == [(1025, "too_many_calls")]
    assert len(await read(outbox)) == 1024
    assert len(session._calls) == 0


# Events --------------------------------------------------------------------------------------------------------


async def test_what_became_of_a_call_comes_before_its_notices(house: House) -> None:
    """The link may give a notice in the moment in which it comes, before the loop says that the call's result is there."""
    session, link, outbox = await opened(house)
    result: asyncio.Future[CallOutcome] = asyncio.get_running_loop().create_future()
    link.results.append(result)
    session.call(query(41))
    await settled()

    result.set_result(CallOutcome(0))
    link.say_at_once(CounterEvent("OnRtnOrder", b""))
    await settled()

    assert [message.WhichOneof("body") for message in await read(outbox)] == ["call_result", "event"]


async def test_what_is_known_at_once_is_said_at_once(house: House) -> None:
    """A call that was sent needs no turn of the loop to be answered."""
    session, link, outbox = await opened(house)
    result: asyncio.Future[CallOutcome] = asyncio.get_running_loop().create_future()
    result.set_result(CallOutcome(0))
    link.results.append(result)

    session.call(query(41))

    assert outbox.waiting[0] == 1
    assert session.queues.calls == 0


async def test_events_are_numbered_without_gaps(house: House) -> None:
    """A terminal sees by the number that it missed nothing; a change of state is an event too."""
    _, link, outbox = await opened(house)

    link.notice(1)
    link.say(LinkStatus(LinkState.RECOVERING, "front disconnected"))
    link.notice(2)
    await settled()

    messages = await read(outbox)
    assert kinds(messages) == ["event", "status", "event"]
    assert [message.sequence for message in messages] == [1, 2, 3]


async def test_the_welcome_says_what_the_counter_said(house: House) -> None:
    """And how to come back."""
    session = await house.sessions.admit(applicant())
    outbox = Outbox(1_000_000)
    session.attach(outbox)

    (welcome,) = await read(outbox)

    assert welcome.logged_in.trading_day == "20261123"
    assert welcome.logged_in.resume_token == session.resume_token
    assert welcome.logged_in.linger_seconds == LINGER_SECONDS
    assert not welcome.logged_in.resumed


# Streams -------------------------------------------------------------------------------------------------------


async def test_a_terminal_that_comes_back_gets_what_it_missed_and_then_what_is_new(house: House) -> None:
    """Nothing twice, nothing missing, in order."""
    session, link, first = await opened(house)
    link.notice(1)
    await settled()
    session.detach(first)
    link.notice(2)
    link.notice(3)
    await settled()

    second = Outbox(1_000_000)
    session.attach(second, after_sequence=1)
    link.notice(4)
    await settled()

    messages = await read(second)
    assert kinds(messages) == ["logged_in", "event", "event", "event"]
    assert messages[0].logged_in.resumed
    assert not messages[0].logged_in.lost_history
    assert [message.sequence for message in messages[1:]] == [2, 3, 4]


async def test_a_terminal_that_stayed_away_too_long_is_told_that_history_is_lost(house: House) -> None:
    """It must query its orders anew instead of believing what it has."""
    session, link, first = await opened(house)
    session.detach(first)
    for number in range(1, 11):
        link.notice(number)
    await settled()

    second = Outbox(1_000_000)
    session.attach(second, after_sequence=1)

    messages = await read(second)
    assert messages[0].logged_in.lost_history
    assert [message.sequence for message in messages[1:]] == [6, 7, 8, 9, 10]


async def test_of_two_streams_the_later_has_the_session_and_the_other_is_told(house: House) -> None:
    """A half-dead connection must not keep a terminal out; and its end must not end the session."""
    session, link, first = await opened(house)
    second, third = Outbox(1_000_000), Outbox(1_000_000)
    session.attach(second, after_sequence=0)
    session.attach(third, after_sequence=0)

    session.detach(first)
    session.detach(second)
    link.notice(1)
    await settled()

    for old in (first, second):
        assert (await read(old))[-1].goodbye.kind == pb.Goodbye.KIND_TAKEN_OVER
    assert kinds(await read(third)) == ["logged_in", "event"]
    assert session._linger is None


async def test_a_session_nobody_comes_back_to_ends_after_the_linger_time(house: House, kept: KeptEvidence) -> None:
    """Until then it is kept; then it is logged out at the counter."""
    loop = HandLoop()
    session, link, outbox = await opened(house)
    session.detach(outbox)

    await loop.move(LINGER_SECONDS - 1)
    assert not session.ending
    await loop.move(2)

    assert link.detached == [Ending(EndKind.LINGER_OVER).text]
    assert kept.data("terminal_logout")["kind"] == "linger_over"
    assert len(house.sessions) == 0


async def test_a_terminal_that_came_back_is_not_ended_by_the_old_linger_time(house: House) -> None:
    """The timer belongs to the stream that broke."""
    loop = HandLoop()
    session, link, outbox = await opened(house)
    session.detach(outbox)
    await loop.move(LINGER_SECONDS - 1)
    session.attach(Outbox(1_000_000), after_sequence=0)

    await loop.move(LINGER_SECONDS * 2)

    assert link.detached == []


async def test_a_stream_that_breaks_while_its_session_ends_leaves_nothing_to_wait_for(house: House) -> None:
    """A timer would keep the session, and all that waits in it, for the linger time."""
    session, _, outbox = await opened(house)

    session.end_soon(Ending(EndKind.RELAY_STOPPING))
    session.detach(outbox)
    await asyncio.wait_for(session.ended.wait(), 5)

    assert session.linger_left is None


async def test_a_session_that_ends_while_it_lingers_waits_for_nothing_more(house: House) -> None:
    """The timer of the linger time would keep it for an hour."""
    session, _, outbox = await opened(house)
    session.detach(outbox)
    timer = session._linger
    session.end_soon(Ending(EndKind.KICKED))
    await asyncio.wait_for(session.ended.wait(), 5)

    assert timer is not None
    assert timer.cancelled()


async def test_the_events_of_a_session_are_counted_once(house: House) -> None:
    """It is what a person sees of a session: its orders, trades and changes of state."""
    session, link, _ = await opened(house)

    link.notice(1)
    link.say(LinkStatus(LinkState.RECOVERING, "front disconnected"))
    await settled()

    assert session.activity.events == 2


# The end -------------------------------------------------------------------------------------------------------


async def test_a_session_that_ended_keeps_no_events(house: House) -> None:
    """Nobody resumes it, and who still knows it may be a while."""
    session, link, _ = await opened(house)
    link.notice(1)
    await settled()
    assert session.queues.journal_events == 1

    await session.end(Ending(EndKind.LOGGED_OUT))

    assert (session.queues.journal_events, session.queues.journal_bytes) == (0, 0)


async def test_the_counters_end_is_the_sessions_end_and_is_told(house: House) -> None:
    """Status first, then goodbye with the reason."""
    session, link, outbox = await opened(house)

    link.say(LinkStatus(LinkState.ENDED, "forced out"))
    await asyncio.wait_for(session.ended.wait(), 5)

    messages = await read(outbox)
    assert kinds(messages) == ["status", "goodbye"]
    assert messages[1].goodbye.reason == "forced out"
    assert link.detached == ["forced out"]


async def test_two_reasons_to_end_are_one_end(house: House, kept: KeptEvidence) -> None:
    """Logout and linger and drain may come together."""
    session, link, _ = await opened(house)

    await asyncio.wait_for(
        asyncio.gather(session.end(Ending(EndKind.LOGGED_OUT)), session.end(Ending(EndKind.RELAY_STOPPING))), 5
    )
    session.end_soon(Ending(EndKind.LINGER_OVER))
    await settled()

    assert link.detached == [Ending(EndKind.LOGGED_OUT).text]
    assert kept.kinds.count("terminal_logout") == 1


async def test_a_call_under_way_does_not_outlive_its_session(house: House) -> None:
    """It could be sent after the logout, in the name of a terminal that is gone."""
    session, link, outbox = await opened(house)
    link.busy = asyncio.Event()
    session.call(query(1))
    await settled()

    await asyncio.wait_for(session.end(Ending(EndKind.LOGGED_OUT)), 5)
    link.busy.set()
    await settled()

    assert kinds(await read(outbox)) == ["goodbye"]
    assert link.sent == []
    assert len(session._calls) == 0


async def test_a_session_ends_without_the_ledger_too(house: House, kept: KeptEvidence) -> None:
    """A terminal must be able to leave; the gap shows in the ledger."""
    session, link, _ = await opened(house)
    kept.available = False

    await asyncio.wait_for(session.end(Ending(EndKind.LOGGED_OUT)), 5)

    assert link.detached == [Ending(EndKind.LOGGED_OUT).text]
    assert len(house.sessions) == 0


async def test_the_resume_token_is_not_shown(house: House) -> None:
    """Whoever has it has the session."""
    session, _, _ = await opened(house)

    shown = repr(session) + repr(session.identity)

    assert repr(session.resume_token) not in shown
    assert session.resume_token.hex() not in shown


_ORDERS = ["order_insert", "quote_insert", "exec_order_insert", "option_self_close_insert", "comb_action_insert"]


@pytest.mark.parametrize(("name", "is_order"), [*((name, True) for name in _ORDERS), ("order_action", False)])
async def test_what_counts_as_an_order_of_the_day(house: House, name: str, is_order: bool) -> None:
    """The operator's list of sessions says how many each has sent; a cancel is none."""
    session, _, _ = await opened(house)
    request = Request()
    getattr(request, name).SetInParent()

    session.call(pb.Call(request_id=1, request=request))
    await settled()

    assert session.activity.orders_today == is_order
    assert session.activity.calls == 1


@pytest.mark.parametrize("outcome", [CallOutcome(-2), CallOutcome(0, first_order_ref="7")])
async def test_an_order_that_was_not_sent_is_none_of_the_day(house: House, outcome: CallOutcome) -> None:
    """The library did not take it, or its key names an order that was sent before."""
    session, link, _ = await opened(house)
    request = Request()
    request.order_insert.SetInParent()
    link.results.append(answer := asyncio.get_running_loop().create_future())
    answer.set_result(outcome)

    session.call(pb.Call(request_id=1, request=request))
    await settled()

    assert session.activity.orders_today == 0
