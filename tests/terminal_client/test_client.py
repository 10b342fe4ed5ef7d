"""A terminal session against a scripted relay over TLS: logging in, asking, hearing notices."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from ctprelay.ctp.v1 import events_pb2, structs_pb2
from ctprelay.v1 import terminal_pb2 as pb
from terminal_client import (
    CallNotSent,
    CallRefused,
    Collected,
    CollectorFailed,
    CounterRejected,
    LoginRejected,
    NativeWords,
    NoAnswer,
    NotConnected,
    OutcomeUnknown,
    RelayTerminal,
    SessionEnded,
    SlowConsumer,
    State,
    Tls,
    collectors_of,
)
from terminal_client.connection import RelayConnection
from terminal_client.proof import BadAuthCode
from terminal_client.session import Deadlines
from tests.terminal_client.scripted_relay import AUTH_CODE, ScriptedRelay, ServedRelay, result

Connect = Callable[..., RelayTerminal]
PASSWORD = "correct horse 密码"
LOGIN = ("9999", "100001", PASSWORD)


def order_notice(ref: str, status: str = "ORDER_STATUS_UNKNOWN") -> events_pb2.Event:
    return events_pb2.Event(is_last=True, rtn_order=structs_pb2.Order(order_ref=ref, front_id=-7, session_id=1))


async def test_login_sends_the_collected_bytes_unchanged(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """The relay gets the collector's bytes, length, code and version exactly as collected."""
    info = await connect().login(*LOGIN, collected, confirm_settlement=True, mac_address="00:11:22:33:44:55")

    login = relay.logins[0]
    assert login.system_info == collected.system_info
    assert (login.system_info_length, login.collector_code, login.collector_version) == (265, 448, "sfit_test")
    assert (login.broker_id, login.investor_id, login.password) == LOGIN
    assert login.confirm_settlement
    assert login.mac_address == "00:11:22:33:44:55"
    assert (info.front_id, info.session_id, info.max_order_ref, info.mode) == (-7, 1, 100, "many_to_many")
    assert info.counter is not None
    assert list(map(str, info.counter.exchanges)) == ["SHFE", "SSE(A1)", "unmapped=E", "unmapped=G(futures)"]
    assert (info.counter.capabilities, info.counter.not_offered) == (("orders", "queries"), ("qry_offset_setting",))


async def test_a_login_that_waits_says_so_and_is_given_the_time(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """The relay's words are a status; each begins the deadline anew."""
    relay.progress, relay.pause = 4, 0.5
    terminal = connect(deadlines=Deadlines(login_seconds=1.2))
    statuses = terminal.statuses()

    await terminal.login(*LOGIN, collected)

    heard = [(await anext(statuses)).reason for _ in range(4)]
    assert heard == ["4 of 9", "3 of 9", "2 of 9", "1 of 9"]
    assert relay.logins[0].wants_progress


async def test_what_the_counter_wants_is_collected_for_the_login(
    relay: ScriptedRelay, connect: Connect, collected: Collected, tmp_path: Path
) -> None:
    """After the challenge that names it; CTP's bytes stay here where they are not wanted."""
    (tmp_path / "a.txt").write_text("disk=1\n")
    relay.wanted = [pb.WantedInfo(kind="cts:*")]
    terminal = connect()

    await terminal.login(*LOGIN, collected, collectors=collectors_of([f"cts:a={tmp_path}/a.txt"]))

    [login] = relay.logins
    assert login.system_info == b""
    assert list(login.collected) == [
        pb.CollectedInfo(kind="cts:a", info=b"disk=1^", length=7, collector_version="a.txt")
    ]


async def test_what_cannot_be_collected_ends_the_login_before_the_password(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """The terminal can be set up and tried again."""
    relay.wanted = [pb.WantedInfo(kind="hundsun", required=True)]
    terminal = connect()

    with pytest.raises(CollectorFailed, match="hundsun"):
        await terminal.login(*LOGIN, collected)

    assert relay.logins == []
    assert terminal.state is State.IDLE


async def test_a_counters_own_error_reaches_the_program(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """In a refused login, and beside an answer."""
    native = pb.NativeError(code="E2000000", text="请采集终端信息", level=1)
    relay.login_refusals.append(pb.Rejected(source=pb.SOURCE_COUNTER, reason="refused", message="no", native=native))
    terminal = connect()
    with pytest.raises(LoginRejected, match=r"\[E2000000\]") as refused:
        await terminal.login(*LOGIN, collected)
    event = events_pb2.Event(is_last=True, empty=True, rsp_info=structs_pb2.RspInfo(error_id=90, error_msg="CTS:no"))
    event.rsp_qry_trading_account.SetInParent()

    def answer(call: pb.Call) -> list[pb.RelayMessage | events_pb2.Event]:
        event.request_id = call.request_id
        return [result(call), pb.RelayMessage(sequence=1, event=event, native_error=native)]

    relay.answers["qry_trading_account"] = answer
    await terminal.login(*LOGIN, collected)
    with pytest.raises(CounterRejected) as rejected:
        await terminal.request("qry_trading_account", structs_pb2.QryTradingAccount())

    expected = NativeWords("E2000000", "请采集终端信息", 1)
    assert (refused.value.refusal.native, rejected.value.native) == (expected, expected)


async def test_the_auth_code_stays_here(relay: ScriptedRelay, connect: Connect, collected: Collected) -> None:
    """Nothing sent to the relay contains the auth code."""
    await connect().login(*LOGIN, collected)

    assert AUTH_CODE.encode() not in b"".join(message.SerializeToString() for message in relay.received)


async def test_wrong_auth_code_is_rejected_with_advice(connect: Connect, collected: Collected) -> None:
    """A refused login raises with whose refusal it is, the word for programs, and what to do."""
    terminal = connect(auth_code="fedcba9876543210")

    with pytest.raises(LoginRejected) as caught:
        await terminal.login(*LOGIN, collected)

    assert (caught.value.source, caught.value.reason) == ("relay", "terminal_not_accepted")
    assert "check both" in caught.value.advice
    assert terminal.state is State.IDLE


async def test_a_refused_login_may_be_tried_again(relay: ScriptedRelay, connect: Connect, collected: Collected) -> None:
    """After the counter's refusal the same terminal can log in with the right password."""
    relay.login_refusals.append(
        pb.Rejected(source=pb.SOURCE_COUNTER, reason="wrong_password", code=3, message="CTP:不合法的登录")
    )
    terminal = connect()

    with pytest.raises(LoginRejected, match="不合法的登录") as caught:
        await terminal.login(*LOGIN, collected)
    await terminal.login(*LOGIN, collected)

    assert (caught.value.source, caught.value.code) == ("counter", 3)
    assert terminal.state is State.LIVE


async def test_malformed_auth_code_is_named_without_showing_it(connect: Connect) -> None:
    """An auth code of the wrong length is refused before anything is sent, and not repeated in the error."""
    with pytest.raises(BadAuthCode, match="16 ASCII characters; this one has 5") as caught:
        connect(auth_code="short")
    assert "short" not in str(caught.value)


async def test_unknown_authority_is_not_trusted(connect: Connect, collected: Collected) -> None:
    """A relay whose certificate comes from elsewhere gets nothing."""
    terminal = connect(tls=Tls(), deadlines=Deadlines(login_seconds=10))

    with pytest.raises(NotConnected, match="UNAVAILABLE"):
        await terminal.login(*LOGIN, collected)


async def test_the_certificates_name_may_differ_from_the_address(
    served: ServedRelay, relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """A relay reached by another name than its certificate's is trusted only where that name is expected."""

    def by_number(tls: Tls) -> RelayTerminal:
        deadlines = Deadlines(login_seconds=10)
        return RelayTerminal(f"127.0.0.1:{relay.port}", app_id="a", auth_code=AUTH_CODE, tls=tls, deadlines=deadlines)

    async with by_number(Tls(ca_file=served.authority)) as terminal:
        with pytest.raises(NotConnected, match="UNAVAILABLE"):
            await terminal.login(*LOGIN, collected)
    async with by_number(Tls(ca_file=served.authority, server_name="localhost")) as terminal:
        assert (await terminal.login(*LOGIN, collected)).investor_id == "100001"


async def test_plaintext_to_another_machine_is_refused(collected: Collected) -> None:
    """Without TLS only this machine can be reached."""
    terminal = RelayTerminal("relay.example:50051", app_id="a", auth_code=AUTH_CODE, tls=Tls(insecure=True))

    with pytest.raises(ValueError, match="plaintext"):
        await terminal.login(*LOGIN, collected)


async def test_a_silent_relay_does_not_hold_the_login_for_ever(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """A relay that never answers ends the login at its deadline."""
    relay.silent = True
    terminal = connect(deadlines=Deadlines(login_seconds=0.2))

    with pytest.raises(NotConnected, match="no answer to the login"):
        await terminal.login(*LOGIN, collected)


@pytest.mark.parametrize("size", [0, 127, 129])
async def test_a_challenge_of_another_length_is_an_answer_of_no_relay(
    relay: ScriptedRelay, connect: Connect, collected: Collected, size: int
) -> None:
    """Encrypted, it would prove nothing or more than was asked; the login fails in words."""
    relay.challenge_bytes = size

    with pytest.raises(NotConnected, match=f"has {size} bytes"):
        await connect().login(*LOGIN, collected=collected)


async def test_a_query_collects_its_rows(relay: ScriptedRelay, connect: Connect, collected: Collected) -> None:
    """All rows of an answer come back together, in order, typed."""
    relay.answers["qry_instrument"] = lambda call: [
        result(call, queue_position=2, waited_milliseconds=5),
        *(
            events_pb2.Event(
                request_id=call.request_id,
                is_last=i == 2,
                rsp_qry_instrument=structs_pb2.Instrument(instrument_id=f"rb270{i}", instrument_name="螺纹钢"),
            )
            for i in range(3)
        ),
    ]
    terminal = connect()
    await terminal.login(*LOGIN, collected)

    reply = await terminal.requests.qry_instrument(structs_pb2.QryInstrument())

    assert [row.instrument_id for row in reply.rows] == ["rb2700", "rb2701", "rb2702"]
    assert reply.rows[0].instrument_name == "螺纹钢"
    assert (reply.outcome.queue_position, reply.outcome.waited_milliseconds) == (2, 5)


async def test_an_empty_answer_has_no_rows(relay: ScriptedRelay, connect: Connect, collected: Collected) -> None:
    """CTP's NULL answer is an empty reply, not a row of defaults."""
    relay.answers["qry_trade"] = lambda call: [
        result(call),
        events_pb2.Event(request_id=call.request_id, is_last=True, empty=True, rsp_qry_trade=structs_pb2.Trade()),
    ]
    terminal = connect()
    await terminal.login(*LOGIN, collected)

    assert (await terminal.requests.qry_trade(structs_pb2.QryTrade())).rows == ()


@pytest.mark.parametrize("kind", ["rsp_qry_trade", "rsp_error"])
async def test_the_counters_error_is_raised(
    relay: ScriptedRelay, connect: Connect, collected: Collected, kind: str
) -> None:
    """An error id in the answer, or in OnRspError instead of it, fails the request with CTP's number and text."""

    def answer(call: pb.Call) -> list[pb.RelayMessage | events_pb2.Event]:
        event = events_pb2.Event(
            request_id=call.request_id, is_last=True, rsp_info={"error_id": 90, "error_msg": "CTP:查询未就绪"}
        )
        getattr(event, kind).SetInParent()
        return [result(call), event]

    relay.answers["qry_trade"] = answer
    terminal = connect()
    await terminal.login(*LOGIN, collected)

    with pytest.raises(CounterRejected, match="查询未就绪") as caught:
        await terminal.requests.qry_trade(structs_pb2.QryTrade())
    assert caught.value.error_id == 90


async def test_the_relays_refusal_is_raised(relay: ScriptedRelay, connect: Connect, collected: Collected) -> None:
    """A request the relay does not send fails with the relay's reason and advice."""
    relay.answers["qry_user_session"] = lambda call: [
        result(
            call, -100, rejected=pb.Rejected(source=pb.SOURCE_RELAY, reason="not_allowed", message="m", advice="ask")
        )
    ]
    terminal = connect()
    await terminal.login(*LOGIN, collected)

    with pytest.raises(CallRefused) as caught:
        await terminal.requests.qry_user_session(structs_pb2.QryUserSession())
    assert (caught.value.refusal.reason, caught.value.refusal.advice) == ("not_allowed", "ask")


@pytest.mark.parametrize(("code", "text"), [(-1, "no connection"), (-2, "unanswered"), (-3, "per second")])
async def test_a_non_zero_return_code_is_raised(
    relay: ScriptedRelay, connect: Connect, collected: Collected, code: int, text: str
) -> None:
    """What the API did not send is told as not sent, with its code."""
    relay.answers["qry_trade"] = lambda call: [result(call, code)]
    terminal = connect()
    await terminal.login(*LOGIN, collected)

    with pytest.raises(CallNotSent, match=text) as caught:
        await terminal.requests.qry_trade(structs_pb2.QryTrade())
    assert caught.value.return_code == code


async def test_an_order_is_answered_when_it_was_sent(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """An accepted order has no response at CTP: the reply names its reference, notices tell the rest."""
    relay.answers["order_insert"] = lambda call: [result(call, order_ref="101"), order_notice("101")]
    terminal = connect()
    orders = terminal.orders()
    await terminal.login(*LOGIN, collected)

    reply = await terminal.requests.order_insert(
        structs_pb2.InputOrder(instrument_id="rb2701"), client_order_key="k1", valid_for=1.5
    )

    assert reply.order_ref == "101"
    assert (await anext(orders)).order_ref == "101"
    assert (relay.calls[0].client_order_key, relay.calls[0].valid_for_milliseconds) == ("k1", 1500)


async def test_a_query_may_ask_past_the_relays_memory(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """`fresh` travels with the call; without it the relay may answer from what it knows."""
    relay.answers["qry_instrument"] = lambda call: [result(call, return_code=-1)]
    terminal = connect()
    await terminal.login(*LOGIN, collected)

    for fresh in (True, False):
        with pytest.raises(CallNotSent):
            await terminal.requests.qry_instrument(structs_pb2.QryInstrument(), fresh=fresh)

    assert [call.fresh for call in relay.calls] == [True, False]


async def test_a_rejected_order_is_a_notice(relay: ScriptedRelay, connect: Connect, collected: Collected) -> None:
    """The counter's rejection of an order comes after the reply and is not lost."""
    relay.answers["order_insert"] = lambda call: [
        result(call, order_ref="101"),
        events_pb2.Event(
            request_id=call.request_id, is_last=True, rsp_info={"error_id": 31}, rsp_order_insert={"order_ref": "101"}
        ),
    ]
    terminal = connect()
    notices = terminal.notices()
    await terminal.login(*LOGIN, collected)

    await terminal.requests.order_insert(structs_pb2.InputOrder())

    notice = await anext(notices)
    assert (notice.WhichOneof("body"), notice.rsp_info.error_id) == ("rsp_order_insert", 31)


async def test_notices_in_the_batch_of_the_login_are_not_lost(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """The day's earlier notices may travel together with LoggedIn."""
    relay.before_login_ends = [order_notice("1"), order_notice("2")]
    terminal = connect()
    orders = terminal.orders()

    await terminal.login(*LOGIN, collected)

    assert [(await anext(orders)).order_ref, (await anext(orders)).order_ref] == ["1", "2"]


async def test_a_slow_reader_is_told_what_it_lost(relay: ScriptedRelay, connect: Connect, collected: Collected) -> None:
    """A full queue keeps the oldest notices, then says how many are gone, then goes on."""
    terminal = connect()
    slow, quick = terminal.orders(capacity=2), terminal.orders()
    await terminal.login(*LOGIN, collected)
    for ref in "12345":
        relay.notice(order_notice(ref))
    assert [(await anext(quick)).order_ref for _ in range(5)] == list("12345")

    assert [(await anext(slow)).order_ref for _ in range(2)] == ["1", "2"]
    with pytest.raises(SlowConsumer, match="3 notices were dropped"):
        await anext(slow)
    relay.notice(order_notice("6"))
    assert (await anext(slow)).order_ref == "6"


async def test_an_unanswered_request_ends_at_its_deadline(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """Sent but unanswered, and not even known to be sent, are told apart; the session goes on."""
    relay.answers["qry_trade"] = lambda call: [result(call)]
    relay.answers["qry_order"] = lambda call: []
    terminal = connect()
    await terminal.login(*LOGIN, collected)

    with pytest.raises(NoAnswer):
        await terminal.requests.qry_trade(structs_pb2.QryTrade(), deadline=0.2)
    with pytest.raises(OutcomeUnknown):
        await terminal.requests.qry_order(structs_pb2.QryOrder(), deadline=0.2)
    assert terminal.state is State.LIVE


async def test_an_order_that_did_not_leave_is_told_as_not_sent(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """With a relay that takes nothing, the order is taken back at its deadline: certainly not sent, also not later."""
    terminal = connect()
    await terminal.login(*LOGIN, collected)
    stream = terminal._link._stream
    assert stream is not None
    connection = stream._call._road
    assert isinstance(connection, RelayConnection)
    connection.pause_writing()  # as where the socket takes nothing more

    with pytest.raises(NotConnected, match="order_insert was not sent"):
        await terminal.requests.order_insert(structs_pb2.InputOrder(), deadline=0.05)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await terminal.requests.order_insert(structs_pb2.InputOrder())

    assert not stream._unsent


async def test_requests_need_a_login(connect: Connect) -> None:
    """Before the login nothing is sent."""
    with pytest.raises(NotConnected, match="nothing was sent"):
        await connect().requests.qry_trade(structs_pb2.QryTrade())


async def test_statuses_tell_of_relay_and_counter(relay: ScriptedRelay, connect: Connect, collected: Collected) -> None:
    """Losing the counter is told without losing the session."""
    terminal = connect()
    statuses = terminal.statuses()
    await terminal.login(*LOGIN, collected)
    relay.send(
        pb.RelayMessage(sequence=1, status=pb.SessionStatus(state=pb.SessionStatus.STATE_RECOVERING, reason="front"))
    )

    first, second = await anext(statuses), await anext(statuses)

    assert (first.of, first.state, first.trading_day) == ("relay", "live", "20261123")
    assert (second.of, second.state, second.reason) == ("counter", "recovering", "front")


async def test_leaving_logs_out(relay: ScriptedRelay, connect: Connect, collected: Collected) -> None:
    """Leaving the context sends Logout, ends notice readers quietly and fails later requests."""
    async with connect() as terminal:
        notices = terminal.notices()
        await terminal.login(*LOGIN, collected)

    assert relay.received[-1].HasField("logout")
    assert [notice async for notice in notices] == []
    with pytest.raises(SessionEnded):
        await terminal.requests.qry_trade(structs_pb2.QryTrade())


async def test_a_goodbye_ends_the_session(relay: ScriptedRelay, connect: Connect, collected: Collected) -> None:
    """A session the relay ends is over: no reconnecting, and its readers are told why."""
    terminal = connect()
    notices = terminal.notices()
    await terminal.login(*LOGIN, collected)

    relay.send(pb.RelayMessage(goodbye=pb.Goodbye(reason="kicked")))

    with pytest.raises(SessionEnded, match="kicked"):
        await anext(notices)
    assert terminal.state is State.ENDED
    assert relay.streams == 1


async def test_many_requests_at_once_get_their_own_answers(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """Answers that come in another order than the requests find the right one."""
    waiting: list[pb.Call] = []

    def answer(call: pb.Call) -> list[pb.RelayMessage | events_pb2.Event]:
        waiting.append(call)
        if len(waiting) < 20:
            return [result(call)]
        return [result(call), *(own_trade(earlier) for earlier in reversed(waiting))]

    def own_trade(call: pb.Call) -> events_pb2.Event:
        return events_pb2.Event(
            request_id=call.request_id,
            is_last=True,
            rsp_qry_trade=structs_pb2.Trade(trade_id=call.request.qry_trade.trade_id),
        )

    relay.answers["qry_trade"] = answer
    terminal = connect()
    await terminal.login(*LOGIN, collected)

    queries = (terminal.requests.qry_trade(structs_pb2.QryTrade(trade_id=str(i))) for i in range(20))

    assert [reply.row.trade_id for reply in await asyncio.gather(*queries)] == [str(i) for i in range(20)]


async def test_no_secret_in_any_repr_or_log(
    served: ServedRelay, connect: Connect, collected: Collected, caplog: pytest.LogCaptureFixture
) -> None:
    """Password, auth code and resume token appear in no repr, no log and no error."""
    caplog.set_level(logging.DEBUG)
    terminal = connect()
    info = await terminal.login(*LOGIN, collected)
    token = next(iter(served.relay.sessions))

    shown = " ".join([repr(terminal), repr(info), repr(vars(terminal._link)), caplog.text])

    for secret in (PASSWORD, AUTH_CODE, token.hex(), repr(token)):
        assert secret not in shown
