"""Creating, releasing and ending: threads, callbacks and exits that must not hang or crash."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ctpabi.catalog import Catalog
from ctpabi.shim.wire import event_frame
from tests.ctpabi.shim.conftest import Program
from tests.simcounter.scripted_counter import ScriptedCounter

Start = Callable[..., Program]


def test_release_from_inside_a_callback_stops_callbacks(
    start: Start, scripted: ScriptedCounter, catalog: Catalog
) -> None:
    """The callback ends normally, no further one begins, the connection closes and later calls return -1."""
    program = start("""
        class Quitter(Spy):
            def react(self, name, *arguments):
                if name == "OnRtnOrder":
                    self.api.Release()
                    say("released")
        api, spy = connect(spy=Quitter())
        spy.wait("OnRtnOrder")
        api.Join()
        say(api.ReqQryNotice(tdapi.CThostFtdcQryNoticeField(), 1), spy.noted.empty())
        api.Release()
    """)
    connection = scripted.accept_and_greet()
    for _ in range(100):
        connection.event("OnRtnOrder", bytes(catalog.structs["Order"].size))

    assert connection.is_closed()
    ended = program.end()
    assert ended.findings == [["released"], [-1, True]]
    assert ended.status == 0


def test_release_from_another_thread_waits_for_the_running_callback(
    start: Start, scripted: ScriptedCounter, catalog: Catalog, tmp_path: Path
) -> None:
    """When Release returns, the callback that was running has ended and none begins."""
    released = tmp_path / "the counter saw the connection end"
    program = start(f"""
        import pathlib, threading, time
        entered, released = threading.Event(), pathlib.Path({str(released)!r})
        class Slow(Spy):
            def react(self, name, *arguments):
                if name == "OnRtnOrder":
                    entered.set()
                    while not released.exists():
                        time.sleep(0.005)
                    say("callback ended")
        api, spy = connect(spy=Slow())
        entered.wait(DEADLINE_SECONDS)
        api.Release()
        spy.wait("OnRtnOrder")
        say("released", spy.noted.empty())
    """)
    connection = scripted.accept_and_greet()
    for _ in range(10):
        connection.event("OnRtnOrder", bytes(catalog.structs["Order"].size))
    assert connection.is_closed()
    released.touch()

    assert program.end().findings == [["callback ended"], ["released", True]]


def test_join_returns_after_release(start: Start, scripted: ScriptedCounter) -> None:
    """Join blocks one thread until another one releases."""
    program = start("""
        import threading
        api, spy = connect()
        joining = threading.Thread(target=lambda: say("joined", api.Join()))
        joining.start()
        api.Release()
        joining.join(DEADLINE_SECONDS)
    """)
    scripted.accept_and_greet()

    assert program.end().findings == [["joined", 0]]


def test_fifty_instances_in_one_process(start: Start, scripted: ScriptedCounter) -> None:
    """Each has its own connection and thread; after Release all of both are gone."""
    program = start("""
        import os
        def resources():
            return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))
        before = resources()
        instances = [create() for _ in range(50)]
        for api, spy in instances:
            spy.wait("OnFrontConnected")
        during = resources()
        for api, spy in instances:
            api.RegisterSpi(None)
            api.Release()
        say(during[0] - before[0], during[1] - before[1], resources() == before)
    """)
    for _ in range(50):
        scripted.accept_and_greet()

    assert program.end().findings == [[50, 50, True]]


def test_an_exception_in_a_callback_does_not_kill(start: Start, scripted: ScriptedCounter) -> None:
    """The traceback goes to standard error, the next callback comes."""
    program = start("""
        class Failing(Spy):
            def react(self, name, *arguments):
                if name == "OnRtnOrder":
                    raise ValueError("a mistake in a callback")
        api, spy = connect(spy=Failing())
        spy.wait("OnRtnOrder"); spy.wait("OnRtnTrade")
        say("alive")
    """)
    connection = scripted.accept_and_greet()
    connection.event("OnRtnOrder")
    connection.event("OnRtnTrade")

    ended = program.end()
    assert ended.findings == [["alive"]]
    assert "a mistake in a callback" in ended.errors


def test_without_a_spi_events_are_dropped(start: Start, scripted: ScriptedCounter) -> None:
    """RegisterSpi(NULL) is legal at any time; a Spi registered again hears what comes then."""
    program = start("""
        api, spy = connect()
        api.RegisterSpi(None)
        api.ReqUserLogout(tdapi.CThostFtdcUserLogoutField(), 1)
        while api.ReqQryNotice(tdapi.CThostFtdcQryNoticeField(), 2) != 0:
            pass
        while api.ReqQryNotice(tdapi.CThostFtdcQryNoticeField(), 3) != 0:
            pass
        api.RegisterSpi(spy)
        api.ReqUserLogout(tdapi.CThostFtdcUserLogoutField(), 4)
        spy.wait("OnRtnTrade")
        say("heard")
    """)
    connection = scripted.accept_and_greet()
    connection.receive_call("ReqUserLogout")
    connection.event("OnRtnOrder")
    connection.receive_call("ReqQryNotice")
    connection.event("OnRspQryNotice", None, None, 2)
    connection.receive_call("ReqQryNotice")
    connection.receive_call("ReqUserLogout")
    connection.event("OnRtnTrade")

    assert program.end().findings == [["heard"]]


@pytest.mark.parametrize("ending", ["", "sys.exit(7)", "import os; os._exit(7)"])
def test_exit_without_release_is_clean(start: Start, scripted: ScriptedCounter, catalog: Catalog, ending: str) -> None:
    """A program that ends in the middle of a stream of callbacks ends with its own status, not in a crash."""
    program = start(f"""
        class Reader(Spy):
            def react(self, name, *arguments):
                for order in arguments:
                    order.InstrumentID, order.LimitPrice, order.OrderRef  # each gives the GIL up and takes it again
        instances = [create(spy=Reader()) for _ in range(4)]
        for api, spy in instances:
            spy.wait("OnFrontConnected"); spy.wait("OnRtnOrder")
        {ending}
    """)
    connections = [scripted.accept_and_greet() for _ in range(4)]
    order = event_frame(
        catalog.callbacks["OnRtnOrder"].slot, bytes(catalog.structs["Order"].size), None, 0, is_last=True
    )
    with ThreadPoolExecutor(4) as pool:
        # More than the program ever reads: it ends with callbacks under way on all four threads.
        list(pool.map(lambda connection: connection.send_bytes(order.encode() * 20_000), connections))

    ended = program.end()
    assert ended.status == (7 if ending else 0)
    assert "terminate called" not in ended.errors
