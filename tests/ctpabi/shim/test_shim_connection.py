"""Connecting, losing the connection and coming back: what the program sees, what the counter sees."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from ctpabi.shim.wire import FrameType, json_frame
from tests.ctpabi.shim.conftest import Program
from tests.simcounter.scripted_counter import DEADLINE_SECONDS, ScriptedCounter

Start = Callable[..., Program]


def test_a_drop_is_told_and_mended(start: Start, scripted: ScriptedCounter) -> None:
    """OnFrontDisconnected(4097), -1 meanwhile, then OnFrontConnected again and requests work."""
    program = start("""
        query = tdapi.CThostFtdcQryNoticeField()
        api, spy = connect()
        say(api.ReqQryNotice(query, 1))
        say(*spy.wait("OnFrontDisconnected"))
        spy.wait("OnFrontConnected")
        say(api.ReqQryNotice(query, 2), api.GetTradingDay())
    """)
    first = scripted.accept_and_greet(logged_in=True, app_type="2", trading_day="20261123")
    first.receive_call("ReqQryNotice")
    first.close()
    call = scripted.accept_and_greet().receive_call("ReqQryNotice")

    assert call.request_id == 2
    assert program.end().findings == [[0], [4097], [0, "19800100"]]


def test_between_connections_requests_return_minus_one(start: Start, scripted: ScriptedCounter) -> None:
    """From the moment of OnFrontDisconnected on, as with the vendor's library."""
    program = start("""
        class Impatient(Spy):
            def react(self, name, *arguments):
                if name == "OnFrontDisconnected":
                    say(self.api.ReqQryNotice(tdapi.CThostFtdcQryNoticeField(), 1))
        api, spy = connect(spy=Impatient())
        spy.wait("OnFrontDisconnected")
    """)
    scripted.accept_and_greet().close()

    assert program.end().findings == [[-1]]


def test_a_refused_program_is_told_why(start: Start, scripted: ScriptedCounter) -> None:
    """A counter with another catalog refuses the hello: its words on standard error, 4097, and another try later."""
    program = start("""
        api, spy = create()
        say(*spy.wait("OnFrontDisconnected"))
        spy.wait("OnFrontConnected")
        say("connected")
    """)
    refusing = scripted.accept()
    refusing.receive(FrameType.HELLO)
    refusing.send(
        json_frame(FrameType.HELLO, {"ok": False, "why": "这个程序的 openctp-ctp is 6.7.7, the counter's 6.7.11"})
    )
    assert refusing.is_closed()
    scripted.accept_and_greet()

    ended = program.end()
    assert ended.findings == [[4097], ["connected"]]
    assert "refused this program: 这个程序的 openctp-ctp is 6.7.7, the counter's 6.7.11" in ended.errors


def test_fronts_are_a_pool(start: Start, scripted: ScriptedCounter, free_port: int) -> None:
    """Of several registered fronts the next one is tried when one does not answer."""
    program = start(
        f"""
        spy = Spy()
        api = tdapi.CThostFtdcTraderApi.CreateFtdcTraderApi("")
        api.RegisterSpi(spy)
        api.RegisterFront("tcp://127.0.0.1:{free_port}")
        api.RegisterFront("{scripted.front}")
        api.Init()
        spy.wait("OnFrontConnected")
        say("connected")
        """
    )
    scripted.accept_and_greet()

    assert program.end().findings == [["connected"]]


def test_only_loopback_is_ever_connected_to(start: Start) -> None:
    """A broker's address inside a program is refused aloud; nothing leaves the machine."""
    program = start(
        """
        for address in ("tcp://203.0.113.7:10201", "ssl://127.0.0.1:1", "tcp://127.0.0.1:", "tcp://127.0.0.1:70000", "nonsense"):
            api, spy = create(address)
        say(api.ReqQryNotice(tdapi.CThostFtdcQryNoticeField(), 1))
        """,
        front="",
    )

    ended = program.end()
    assert ended.findings == [[-1]]
    assert ended.errors.count("ignored: only tcp://127.0.0.1:PORT is a simulated counter") == 5


def test_addresses_can_be_redirected_from_outside(start: Start, scripted: ScriptedCounter) -> None:
    """With CTP_SIMCOUNTER_FRONT a program with its broker's address inside reaches the counter unchanged."""
    program = start(
        'api, spy = connect("tcp://203.0.113.7:10201"); say("connected")', CTP_SIMCOUNTER_FRONT=scripted.front
    )
    scripted.accept_and_greet()

    assert program.end().findings == [["connected"]]


def test_a_counter_that_talks_nonsense_is_left(start: Start, scripted: ScriptedCounter) -> None:
    """Bytes that are no frames end the connection instead of being read as some."""
    program = start("""
        api, spy = connect()
        say(*spy.wait("OnFrontDisconnected"))
    """)
    connection = scripted.accept_and_greet()
    connection.send_bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    assert program.end().findings == [[4097]]


def test_a_counter_that_drops_at_once_is_not_stormed(start: Start, scripted: ScriptedCounter) -> None:
    """Each useless connection in a row doubles the wait, at most to four times; a useful one resets it."""
    start("api, spy = create(); api.Join()", CTP_SIMCOUNTER_RECONNECT_MS="20")
    began_at = time.monotonic()
    for _ in range(5):
        scripted.accept_and_greet().close()

    assert time.monotonic() - began_at >= 0.020 + 0.040 + 0.080 + 0.080


def test_a_counter_that_stops_reading_does_not_block_for_ever(start: Start) -> None:
    """When the connection is full, a request gives up after a second with -1 and the connection is over."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        program = start(
            """
            api, spy = connect()
            order = tdapi.CThostFtdcInputOrderField()
            while (code := api.ReqOrderInsert(order, 1)) == 0:
                pass
            say(code, *spy.wait("OnFrontDisconnected"))
            """,
            front=f"tcp://127.0.0.1:{listener.getsockname()[1]}",
        )
        listener.settimeout(DEADLINE_SECONDS)
        peer, _ = listener.accept()
        with peer:
            peer.sendall(json_frame(FrameType.HELLO, {"ok": True}).encode())

            assert program.end().findings == [[-1, 4097]]
