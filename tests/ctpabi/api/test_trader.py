"""One instance of the vendor's API, through the real binding: bytes out unchanged, and no crash at its end."""

from __future__ import annotations

from pathlib import Path

from ctpabi.shim.wire import FrameType
from relay.counter.ctp.session.user_system_info import report_body
from tests.ctpabi.api.api_process import Start, scripted, start
from tests.relay.counter.ctp.ctp_bodies import CATALOG, request
from tests.relay.counter.ctp.played_api import report
from tests.simcounter.scripted_counter import ScriptedCounter

__all__ = ["scripted", "start"]


def test_a_request_leaves_as_the_bytes_it_was_given(start: Start, scripted: ScriptedCounter) -> None:
    """Chinese text in GB18030 and all: the binding's own setters would have spoiled it."""
    body = bytes(request("ReqUserLogin", BrokerID="9999", UserID="100001", Password="密码", ClientIPPort=50123))
    program = start(f"connect(); say(api.call(method('ReqUserLogin'), bytes.fromhex('{body.hex()}'), 41))")
    connection = scripted.accept_and_greet()

    frame = connection.receive_call("ReqUserLogin")

    assert program.end() == [[0]]
    assert (frame.body, frame.request_id) == (body, 41)


def test_the_same_report_can_be_made_again_and_arrives_unchanged_each_time(
    start: Start, scripted: ScriptedCounter
) -> None:
    """The vendor's call rewrites its argument, and refuses what it rewrote with -6; reconnects need it again."""
    body = report_body(CATALOG, report())
    program = start(
        f"""
        body = bytes.fromhex('{body.hex()}')
        connect()
        say([api.report(method('RegisterUserSystemInfo'), body) for _ in range(3)])
        """
    )
    connection = scripted.accept_and_greet(app_type="2")

    arrived = [connection.receive(FrameType.REPORT).body for _ in range(3)]

    assert program.end() == [[[0, 0, 0]]]
    assert arrived == [body] * 3


def test_the_apis_refusals_are_returned_as_they_are(start: Start, scripted: ScriptedCounter) -> None:
    """-2 and -3 mean different things to the schedule."""
    program = start(
        """
        connect()
        say([api.call(method(name), bytes(400), 1) for name in ("ReqQryNotice", "ReqQryTrade")])
        """
    )
    scripted.accept_and_greet(return_codes={"ReqQryNotice": -3, "ReqQryTrade": -2})

    assert program.end() == [[[-3, -2]]]


def test_what_a_front_allows_is_read(start: Start, scripted: ScriptedCounter) -> None:
    """The schedule of queries is made from it."""
    program = start("connect(); say(api.front_info())")
    scripted.accept_and_greet(front_info={"FTDPkgFreq": 60, "QryFreq": 7})

    assert program.end() == [[[7, 60]]]


def test_a_released_api_answers_like_one_without_a_connection(start: Start, scripted: ScriptedCounter) -> None:
    """A call into freed memory would end the process, and with it everybody's session."""
    program = start(
        """
        connect()
        api.release(); api.release()
        say(api.call(method('ReqQryTrade'), b'', 1), api.report(method('RegisterUserSystemInfo'), b''))
        """
    )
    scripted.accept_and_greet()

    assert program.end() == [[-1, -4]]


def test_a_process_that_ends_with_open_apis_ends_well(start: Start, scripted: ScriptedCounter, tmp_path: Path) -> None:
    """Threads of the library that run on into the interpreter's end abort it; and the flow directory was made."""
    program = start("connect(); say(flow.is_dir())")
    scripted.accept_and_greet()

    assert program.end() == [[True]]
    assert (tmp_path / "not/there/yet").is_dir()


def test_who_connects_does_not_wait_for_another_instances_end(start: Start, scripted: ScriptedCounter) -> None:
    """Release was seen to take two seconds, and the one who connects is the event loop."""
    program = start(
        """
        from ctpabi.api.instance import _lifecycle
        with _lifecycle:  # as while another instance is released
            api.connect([sys.argv[1]], RESTART)
            say(api.call(method('ReqQryTrade'), b'', 1), api.front_info(), events.empty())
        say(wait().callback.name)
        """
    )
    scripted.accept_and_greet()

    assert program.end() == [[-1, [0, 0], True], ["OnFrontConnected"]]


def test_an_api_that_is_released_before_it_was_made_is_never_made(start: Start) -> None:
    """A terminal that goes away at once leaves no connection behind."""
    program = start(
        """
        import threading
        from ctpabi.api.instance import _lifecycle
        with _lifecycle:
            api.connect([sys.argv[1]], RESTART)
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


def test_an_instance_its_owner_forgot_still_answers_the_library(start: Start, scripted: ScriptedCounter) -> None:
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
    connection = scripted.accept_and_greet()
    connection.close()

    assert program.end() == [["forgotten"], ["OnFrontDisconnected"]]


def test_a_process_that_ends_while_an_instance_is_made_ends_well(start: Start) -> None:
    """The end waits for it and releases it: its thread would run on into the interpreter's end."""
    program = start(
        """
        import atexit
        from ctpabi.api import instance
        atexit.register(lambda: say(len(instance._open), api._api is None))  # runs before the instances' own
        with instance._lifecycle:
            api.connect([sys.argv[1]], RESTART)
        atexit.register(instance._release_all)
        """
    )

    assert program.end() == [[0, True]]


def test_two_threads_that_release_at_once_free_it_once(start: Start, scripted: ScriptedCounter) -> None:
    """A second Release of the same instance works on freed memory."""
    program = start(
        """
        import threading
        connect()
        freed = []
        class Counted:
            def __init__(self, api): self._api = api
            def __getattr__(self, name):
                if name == "Release": freed.append(name)
                return getattr(self._api, name)
        api._api = Counted(api._api)
        threads = [threading.Thread(target=api.release) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        say(freed)
        """
    )
    scripted.accept_and_greet()

    assert program.end() == [[["Release"]]]


def test_what_a_report_leaves_in_its_argument_is_given_back(start: Start, scripted: ScriptedCounter) -> None:
    """The unwrapped header says when and by what the bytes were collected."""
    body = report_body(CATALOG, report())
    program = start(
        f"""
        connect()
        code, after = api.unwrap_report(method('RegisterUserSystemInfo'), bytes.fromhex('{body.hex()}'))
        say(code, len(after), after != bytes.fromhex('{body.hex()}'))
        """
    )
    scripted.accept_and_greet(app_type="2")

    assert program.end() == [[0, len(body), True]]


def test_the_library_that_made_an_instance_is_known_by_its_file(start: Start, scripted: ScriptedCounter) -> None:
    """Whatever names the loaded libraries have: a substituted one is recognized."""
    program = start(
        """
        import os
        connect()
        say(str(api.library()) == os.path.realpath(os.environ["LD_PRELOAD"].split(":")[0]), api.version() != "")
        """
    )
    scripted.accept_and_greet()

    assert program.end() == [[True, True]]
