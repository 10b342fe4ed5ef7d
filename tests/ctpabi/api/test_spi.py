"""What the vendor's threads deliver, through the real binding: every shape of callback, copied whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ctpabi.api.api_process import BEGINNING, NATIVE, Process, Start, scripted, starting
from tests.ctpabi.native_library import native_module
from tests.relay.counter.ctp.ctp_bodies import body
from tests.relay.counter.ctp.played_board import event_body
from tests.simcounter.scripted_counter import ScriptedCounter

__all__ = ["scripted"]

TELL = """
connect()
def told(event):
    return [event.callback.name, event.body and event.body.hex(), event.rsp_info and event.rsp_info.hex(),
            event.request_id, event.is_last, event.reason]
say(*[told(wait()) for _ in range({count})])
"""


@pytest.fixture(params=[BEGINNING, NATIVE], ids=["python", "native"])
def start(request: pytest.FixtureRequest, scripted: ScriptedCounter, tmp_path: Path) -> Iterator[Start]:
    """A program that has an `api`, on either road."""
    if request.param == NATIVE:
        native_module()
    yield from starting(lambda source: Process(source, scripted.front, tmp_path, request.param))


def test_every_shape_of_callback_arrives_with_all_it_carries(start: Start, scripted: ScriptedCounter) -> None:
    """Structs byte for byte, NULL as nothing, ids and flags; in the order they were sent."""
    order = event_body("OnRtnOrder", InvestorID="100001", StatusMsg="未成交", LimitPrice=3500.5)
    insert = event_body("OnErrRtnOrderInsert", InvestorID="100001")
    refusal = bytes(body("RspInfo", ErrorID=31, ErrorMsg="CTP:资金不足"))
    program = start(TELL.format(count=6))
    connection = scripted.accept_and_greet()

    connection.event("OnRtnOrder", order)
    connection.event("OnErrRtnOrderInsert", insert, refusal)
    connection.event("OnRspQryTrade", None, None, 7)
    connection.event("OnRspQryOrder", order, refusal, 8, is_last=False)
    connection.event("OnRspError", None, refusal, 9)
    connection.close()

    assert program.end() == [
        [
            ["OnRtnOrder", order.hex(), None, 0, True, 0],
            ["OnErrRtnOrderInsert", insert.hex(), refusal.hex(), 0, True, 0],
            ["OnRspQryTrade", None, None, 7, True, 0],
            ["OnRspQryOrder", order.hex(), refusal.hex(), 8, False, 0],
            ["OnRspError", None, refusal.hex(), 9, True, 0],
            ["OnFrontDisconnected", None, None, 0, True, 0x1001],
        ]
    ]


def test_what_was_delivered_stays_as_it_was(start: Start, scripted: ScriptedCounter) -> None:
    """The library uses one buffer for all callbacks; a kept pointer would read the last one in all."""
    orders = [event_body("OnRtnOrder", OrderSysID=str(number)) for number in range(100)]
    program = start(
        """
        connect()
        kept = [wait() for _ in range(100)]
        say(*[event.body.hex() for event in kept])
        """
    )
    connection = scripted.accept_and_greet()

    for order in orders:
        connection.event("OnRtnOrder", order)

    assert program.end() == [[order.hex() for order in orders]]


def test_after_release_nothing_is_called(start: Start, scripted: ScriptedCounter) -> None:
    """The program goes on, and ends, while the counter still sends; nothing of it arrives."""
    order = event_body("OnRtnOrder", InvestorID="100001")
    program = start(
        """
        import gc
        connect()
        wait()
        api.release()
        while not events.empty():
            events.get()
        put = None
        del api
        gc.collect()
        say("released")
        sys.stdin.readline()
        say(events.qsize())
        """
    )
    connection = scripted.accept_and_greet()
    for _ in range(200):
        connection.event("OnRtnOrder", order)

    assert program.end() == [["released"], [0]]
