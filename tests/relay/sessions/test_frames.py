"""A session's messages on the wire: what a terminal reads is what was meant."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctprelay.ctp.v1 import events_pb2
from ctprelay.v1 import terminal_pb2 as pb
from ctprelay.wire_format import varint
from relay.counter.collected import CTP_WANTED
from relay.counter.port import (
    Attached,
    Board,
    CallOutcome,
    Confirmation,
    CounterDescription,
    Exchange,
    LinkState,
    LinkStatus,
    LoginLevel,
    NativeError,
    OfferedLimit,
    Pushes,
    WantedInfo,
)
from relay.refusals import call_reasons
from relay.refusals.refusal import Refusal, Source
from relay.sessions import frames

ATTACHED = Attached("20261123", "09:00:00", 1_000_000_000, 7, 41, "2", "TradingHosting", 0, must_change_password=131)


def parsed(data: bytes) -> pb.RelayMessage:
    return pb.RelayMessage.FromString(data)


@given(sequence=st.integers(1, 2**64 - 1), wire=st.binary(max_size=300))
def test_a_frame_put_together_by_hand_reads_as_the_librarys(sequence: int, wire: bytes) -> None:
    """Whatever the number and however long the event."""
    event = events_pb2.Event(request_id=1)
    event.rsp_info.error_msg = wire.hex()
    by_library = pb.RelayMessage(sequence=sequence, event=event)

    by_hand = frames.sequence(sequence) + frames.event(event.SerializeToString())

    assert parsed(by_hand) == by_library
    assert pb.RelayBatch.FromString(
        frames.batch([(b"", by_hand), (frames.sequence(sequence), frames.event(event.SerializeToString()))])
    ) == pb.RelayBatch(messages=[by_library] * 2)


@given(st.integers(0, 2**64 - 1))
def test_a_varint_is_protobufs(value: int) -> None:
    """Little ends first, seven bits each."""
    assert parsed(b"\x08" + varint(value)).sequence == value


@pytest.mark.parametrize("source", list(Source))
def test_a_refusal_keeps_all_it_says(source: Source) -> None:
    """Whose it was, its word, CTP's number, the text, the advice and when to come again."""
    refusal = Refusal(source, "stale_system_info", "采集信息过期", "collect again", -6, 30)

    sent = parsed(frames.rejected(refusal)).rejected

    assert pb.Source.Name(sent.source) == f"SOURCE_{source.name}"
    assert (sent.reason, sent.message, sent.advice) == ("stale_system_info", "采集信息过期", "collect again")
    assert (sent.code, sent.retry_after_seconds) == (-6, 30)


@pytest.mark.parametrize("state", list(LinkState))
def test_every_state_of_a_session_has_its_word(state: LinkState) -> None:
    """A new one that nobody translated would be a crash in the pump."""
    sent = parsed(frames.status(LinkStatus(state, "why", ATTACHED, day_changed=True))).status

    assert pb.SessionStatus.State.Name(sent.state) == f"STATE_{state.name}"
    assert (sent.reason, sent.trading_day, sent.trading_day_changed) == ("why", "20261123", True)


def test_a_state_without_a_login_names_no_day() -> None:
    """An empty day is no day."""
    assert parsed(frames.status(LinkStatus(LinkState.RECOVERING))).status.trading_day == ""


def test_the_welcome_carries_what_a_terminal_works_with() -> None:
    """Its numbers, its way back, and that its password is due."""
    welcome = pb.LoggedIn(investor_id="100001", resume_token=b"t" * 32, resumed=True, advice="change it")

    sent = parsed(frames.logged_in(welcome, ATTACHED)).logged_in

    assert (sent.front_id, sent.session_id, sent.max_order_ref) == (1_000_000_000, 7, 41)
    assert (sent.investor_id, sent.resume_token, sent.resumed) == ("100001", b"t" * 32, True)
    assert sent.must_change_password
    assert sent.advice == "change it"


@pytest.mark.parametrize("confirmation", list(Confirmation))
def test_the_welcome_says_what_became_of_the_settlement_confirmation(confirmation: Confirmation) -> None:
    """Without it the day's first order is refused, and nobody knows why."""
    attached = replace(ATTACHED, confirmation=confirmation, confirmation_error_id=26)

    sent = parsed(frames.logged_in(pb.LoggedIn(), attached)).logged_in

    name = pb.SettlementConfirmation.Name(sent.settlement_confirmation)
    assert name == f"SETTLEMENT_CONFIRMATION_{confirmation.value.upper() or 'UNSPECIFIED'}"
    assert sent.settlement_error_id == 26


def test_the_result_of_a_call_says_what_became_of_it() -> None:
    """The reference the relay chose, the first order's, and how long it waited."""
    sent = parsed(frames.call_result(7, CallOutcome(-3, "12", "11", 4, 250, 5, 6))).call_result

    assert (sent.request_id, sent.return_code, sent.order_ref, sent.first_order_ref) == (7, -3, "12", "11")
    assert (sent.first_front_id, sent.first_session_id) == (5, 6)
    assert (sent.queue_position, sent.waited_milliseconds) == (4, 250)
    assert not sent.HasField("rejected")


def test_a_refused_call_is_told_from_one_the_api_refused() -> None:
    """-100 is the relay's; the API's codes are small."""
    sent = parsed(frames.call_refused(7, call_reasons.deadline_passed())).call_result

    assert (sent.request_id, sent.return_code, sent.rejected.reason) == (7, -100, "deadline_passed")


def test_a_welcome_describes_the_counter() -> None:
    """What a terminal shows its user, and what it must not ask; absent where no counter has said anything."""
    boards = (Board("A1", "正股"),)
    offered = CounterDescription(
        "played", "1", (Exchange("SSE", "上交所", boards),), frozenset({"qry_order"}), ("qry_order.memo",), ("queries",)
    )

    described = pb.RelayMessage.FromString(
        frames.logged_in(pb.LoggedIn(), replace(ATTACHED, offered=offered))
    ).logged_in
    silent = pb.RelayMessage.FromString(frames.logged_in(pb.LoggedIn(), ATTACHED)).logged_in

    (exchange,) = described.counter.exchanges
    assert (exchange.code, exchange.boards[0].code, list(described.counter.capabilities)) == ("SSE", "A1", ["queries"])
    assert "order_insert" in described.counter.not_offered
    assert list(described.counter.fields_not_offered) == ["qry_order.memo"]
    assert "qry_order" not in described.counter.not_offered
    assert not silent.HasField("counter")


def test_a_counters_own_error_stands_beside_ctps_number() -> None:
    """In a refusal, and beside an event, where CTP's fields have no place for it."""
    native = NativeError("E2000000", "请采集终端信息", 1)
    event = events_pb2.Event(request_id=1)
    event.rsp_info.error_id = 68
    refusal = Refusal(Source.COUNTER, "refused_by_counter", "no", code=68, native=native)

    sent = parsed(frames.rejected(refusal)).rejected.native
    beside = parsed(frames.sequence(5) + frames.event(event.SerializeToString(), native))

    assert sent == pb.NativeError(code="E2000000", text="请采集终端信息", level=1)
    assert beside == pb.RelayMessage(sequence=5, event=event, native_error=sent)


def test_a_challenge_names_what_the_counter_wants() -> None:
    """Before the terminal collects."""
    sent = parsed(frames.challenge(b"t" * 128, "1", (CTP_WANTED, WantedInfo("hundsun")))).challenge

    assert [(one.kind, one.required, one.encoding, one.shortest, one.longest) for one in sent.wanted] == [
        ("ctp", True, "binary", 264, 273),
        ("hundsun", False, "ascii", 1, 2048),
    ]


def test_all_of_a_description_reaches_the_terminal() -> None:
    """Codes of both sides, levels, limits and what is pushed."""
    offered = CounterDescription(
        "cts",
        "1",
        exchanges=(Exchange("SHFE", "上期所 SHFE", (Board("futures", native_code="9"),), "S", "settings"),),
        requests=frozenset({"order_insert", "qry_exchange"}),
        translated=frozenset({"order_insert"}),
        local=frozenset({"qry_exchange"}),
        product="RootNet 5",
        library_sha256="ab" * 32,
        trading_day="20261126",
        seconds_ahead=-0.5,
        levels=(LoginLevel("connection", up=True), LoginLevel("account", up=True, of_terminal=True)),
        currencies=("CNY",),
        accounts=("100001",),
        wanted=(CTP_WANTED,),
        limits=(OfferedLimit("orders", 50, 1.0),),
        pushes=Pushes(orders=False, trades=True, replay="query"),
        since="2026-11-26T09:00:00+08:00",
    )

    sent = parsed(frames.logged_in(pb.LoggedIn(), replace(ATTACHED, offered=offered))).logged_in.counter

    [exchange] = sent.exchanges
    assert (exchange.code, exchange.native_code, exchange.source) == ("SHFE", "S", "settings")
    assert [(board.code, board.native_code) for board in exchange.boards] == [("futures", "9")]
    assert (list(sent.translated), list(sent.local)) == (["order_insert"], ["qry_exchange"])
    assert (sent.product, sent.library_sha256, sent.trading_day) == ("RootNet 5", "ab" * 32, "20261126")
    assert (sent.seconds_ahead, sent.since) == (-0.5, "2026-11-26T09:00:00+08:00")
    assert [(one.name, one.up, one.of_terminal) for one in sent.levels] == [
        ("connection", True, False),
        ("account", True, True),
    ]
    assert (list(sent.currencies), list(sent.accounts)) == (["CNY"], ["100001"])
    assert [(one.name, one.most, one.seconds) for one in sent.limits] == [("orders", 50, 1.0)]
    assert (sent.pushes.orders, sent.pushes.trades, sent.pushes.replay) == (False, True, "query")
    assert [one.kind for one in sent.wanted] == ["ctp"]
