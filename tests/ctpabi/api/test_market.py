"""One instance of the vendor's MdApi, through the real binding: bytes out unchanged, and no crash at its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ctpabi.catalog import Interface
from ctpabi.catalog.data import load_catalog
from ctpabi.codec.layout import pack
from ctpabi.shim.wire import FrameType
from tests.ctpabi.api.api_process import MARKET, Process, Start, starting
from tests.simcounter.scripted_counter import ScriptedCounter

CATALOG = load_catalog(Interface.MARKET_DATA)


@pytest.fixture
def front() -> Iterator[ScriptedCounter]:
    with ScriptedCounter(CATALOG) as counter:
        yield counter


@pytest.fixture
def start(front: ScriptedCounter, tmp_path: Path) -> Iterator[Start]:
    """As for the trader's API, with a `MarketApi`."""
    yield from starting(lambda source: Process(source, front.front, tmp_path, MARKET))


def test_what_is_called_leaves_as_the_bytes_it_was_given(start: Start, front: ScriptedCounter) -> None:
    """The login's struct, and the names of instruments."""
    body = pack(CATALOG.structs["ReqUserLogin"], {"BrokerID": "9999", "UserProductInfo": "中继"})
    program = start(
        f"""
        connect()
        say(api.call(method('ReqUserLogin'), bytes.fromhex('{body.hex()}'), 41),
            api.subscribe('SubscribeMarketData', [b'rb2701', b'IF2612']))
        """
    )
    connection = front.accept_and_greet()

    login = connection.receive_call("ReqUserLogin")
    names = connection.receive(FrameType.CALL)

    assert program.end() == [[0, 0]]
    assert (login.body, login.request_id) == (body, 41)
    assert b"rb2701" in names.body
    assert b"IF2612" in names.body


def test_a_released_api_answers_like_one_without_a_connection(start: Start, front: ScriptedCounter) -> None:
    """A call into freed memory would end the process, and with it everybody's orders."""
    program = start(
        """
        connect()
        api.release(); api.release()
        say(api.call(method('ReqUserLogin'), b'', 1), api.subscribe('SubscribeMarketData', [b'rb2701']))
        """
    )
    front.accept_and_greet()

    assert program.end() == [[-1, -1]]


def test_it_may_be_released_in_the_middle_of_ticks(start: Start, front: ScriptedCounter) -> None:
    """The library's thread is calling back at that moment; afterwards it calls no more."""
    program = start(
        """
        import time
        connect()
        say("connected")
        for _ in range(50): wait()
        api.release()
        heard = events.qsize()
        time.sleep(0.05)
        say(events.qsize() == heard)
        """
    )
    connection = front.accept_and_greet()
    depth = pack(CATALOG.structs["DepthMarketData"], {"InstrumentID": "rb2701"})
    for _ in range(3000):
        connection.event("OnRtnDepthMarketData", depth)

    assert program.end() == [["connected"], [True]]


def test_an_api_that_is_released_from_another_thread_before_it_was_made_is_never_made(start: Start) -> None:
    """A relay that stops at once leaves no connection behind."""
    program = start(
        """
        import threading
        from ctpabi.api.instance import _lifecycle
        with _lifecycle:
            api.connect([sys.argv[1]])
            releasing = threading.Thread(target=api.release)
            releasing.start()
            while not api._released: pass
        releasing.join()
        for thread in threading.enumerate():
            if thread.name == "make api": thread.join()
        say(api._api is None, events.empty())
        """
    )

    assert program.end() == [[True, True]]


def test_an_instance_its_owner_forgot_still_answers_the_library(start: Start, front: ScriptedCounter) -> None:
    """RegisterSpi references nothing: a collected Spi would be called all the same, and crash."""
    program = start(
        """
        import gc
        connect()
        del api; gc.collect()
        say("forgotten")
        say(wait().callback.name)
        """
    )
    front.accept_and_greet().close()

    assert program.end() == [["forgotten"], ["OnFrontDisconnected"]]


def test_a_process_that_ends_with_open_apis_ends_well(start: Start, front: ScriptedCounter, tmp_path: Path) -> None:
    """With ticks on their way: threads that run on into the interpreter's end abort it."""
    program = start("connect(); wait(); say(flow.is_dir())")
    connection = front.accept_and_greet()
    depth = pack(CATALOG.structs["DepthMarketData"], {"InstrumentID": "rb2701"})
    for _ in range(1000):
        connection.event("OnRtnDepthMarketData", depth)

    assert program.end() == [[True]]
    assert (tmp_path / "not/there/yet").is_dir()
