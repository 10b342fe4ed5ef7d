"""What many counter sessions say of the counter as a whole, by a clock of the test's own."""

from __future__ import annotations

import structlog

from relay.counter.breaker import Breaker
from relay.counter.ctp.session import events
from relay.counter.ctp.session.counter_watch import GRACE_SECONDS, CounterWatch
from relay.faults.faults import Faults
from relay.faults.flapping import MOST_EDGES, QUIET_SECONDS


class Counter:
    """A watch with its clock and its faults."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.faults = Faults()
        self.watch = CounterWatch(self.faults, Breaker(pause_seconds=300), lambda: self.now)

    def event(self, session: str, event: events.Event, *commands: events.Command, operator: bool = False) -> None:
        self.watch.happened(session, event, commands, operator=operator)

    def connected(self, *sessions: str) -> None:
        for session in sessions:
            self.watch.opened(session)
            self.event(session, events.FrontConnected())

    def after(self, seconds: float) -> list[str]:
        """The faults that stand so much later."""
        self.now += seconds
        self.watch.look()
        return [stands.fault.word for stands in self.faults.now()]


def test_the_front_is_down_when_no_session_has_been_connected_for_a_moment() -> None:
    """One that the counter cuts is no fault; neither is a break that the API mends at once."""
    counter = Counter()
    counter.connected("a", "b")
    counter.event("a", events.FrontDisconnected(4097))
    one = counter.after(60)
    counter.event("b", events.FrontDisconnected(4097))
    at_once = counter.after(GRACE_SECONDS / 2)
    all_of_them = counter.after(GRACE_SECONDS)
    counter.event("b", events.FrontConnected())

    assert (one, at_once, all_of_them, counter.after(0)) == ([], [], ["front_down"], [])


def test_a_connection_that_breaks_and_comes_back_is_one_line_each() -> None:
    """The API says every failed try in between as well."""
    counter = Counter()
    counter.connected("a")
    with structlog.testing.capture_logs() as lines:
        for _ in range(5):
            counter.event("a", events.FrontDisconnected(4097))
        counter.now += 7
        counter.event("a", events.FrontConnected())

    assert [(line["event"], line.get("seconds")) for line in lines] == [("front_lost", None), ("front_back", 7.0)]
    assert (counter.watch.lost, counter.watch.reconnects) == (1, 1)


def test_a_connection_that_breaks_each_second_is_a_few_lines_and_is_counted() -> None:
    """It says that it flaps, and that it is back when it has held for a minute; another session's lines are its own."""
    counter = Counter()
    counter.connected("a", "b")
    with structlog.testing.capture_logs() as lines:
        for _ in range(600):
            counter.event("a", events.FrontDisconnected(4097))
            counter.event("a", events.FrontConnected())
            counter.after(1)
        counter.event("b", events.FrontDisconnected(4097))
        counter.after(QUIET_SECONDS)
    mine = [line for line in lines if line.get("session") == "a"]

    assert [line["event"] for line in mine] == ["front_lost", "front_back"] * (MOST_EDGES + 1)
    assert (mine[-2]["flaps"], mine[-1]["times"]) == (True, 600)
    assert [line["event"] for line in lines if line.get("session") == "b"] == ["front_lost"]
    assert (counter.watch.lost, counter.watch.reconnects) == (601, 600)


def test_a_counter_that_accepts_and_never_answers_is_a_fault_of_its_own() -> None:
    """No front is down. An answer ends it; a login that is never answered is not over with the authentication before it."""
    counter = Counter()
    counter.connected("a")
    counter.event("a", events.DeadlinePassed(), events.StepUnanswered("authenticate", 10.0), operator=True)
    authenticate = counter.after(60)
    counter.event("a", events.Authenticated("2"), operator=True)
    authenticated = counter.after(10)
    counter.event("a", events.DeadlinePassed(), events.StepUnanswered("login", 10.0), operator=True)
    counter.event("a", events.Authenticated("2"), operator=True)
    login = counter.after(60)
    counter.event("a", events.StepRefused(3, "wrong"), operator=True)

    assert (authenticate, authenticated, login) == (["counter_silent"], [], ["counter_silent"])
    assert "counter_silent" not in counter.after(0)


def test_one_login_that_is_lost_while_others_are_answered_is_no_silence() -> None:
    """The counter answers; and what no other login contradicts grows old."""
    counter = Counter()
    counter.connected("a", "b")
    counter.event("b", events.LoggedIn("20260105"))
    counter.now += 5
    counter.event("a", events.DeadlinePassed(), events.StepUnanswered("login", 10.0))
    answered = counter.after(0)
    counter.now += 60
    counter.event("a", events.DeadlinePassed(), events.StepUnanswered("login", 10.0))
    silent = counter.after(0), counter.faults.keeping_from_ready() != ()
    counter.after(60)

    assert (answered, silent) == ([], (["counter_silent"], True))
    assert counter.faults.keeping_from_ready() == ()


def test_a_port_that_is_open_and_says_nothing_is_told_from_a_front_that_is_down() -> None:
    """The terminal's session heard nothing, and a plain connection is accepted; when it no longer is, the front is down."""
    counter = Counter()
    counter.watch.opened("a")
    counter.event("a", events.DeadlinePassed(), events.CounterSessionEnded("connect", 0, "no front answered"))
    counter.watch.closed("a")
    counter.watch.probed("")
    silent = counter.after(0)
    counter.watch.probed("connection refused")
    down = counter.after(0)
    counter.watch.probed("")

    assert (silent, down, counter.after(0)) == (["counter_silent"], ["front_down"], [])


def test_a_front_that_came_back_is_not_silent_because_a_terminal_met_it_closed() -> None:
    """The API said that its connection failed: the port was closed."""
    counter = Counter()
    counter.watch.opened("a")
    counter.event("a", events.FrontDisconnected(4097))
    counter.event("a", events.DeadlinePassed(), events.CounterSessionEnded("connect", 0, "no front answered"))
    counter.watch.closed("a")
    counter.watch.probed("")

    assert counter.after(0) == []


def test_an_operator_without_a_connection_finds_a_port_that_says_nothing() -> None:
    """Its session stays open, so a plain connection is tried beside it, for as long as the API may need to come back."""
    counter = Counter()
    counter.watch.opened("operator")
    counter.event("operator", events.DeadlinePassed(), operator=True)
    down = counter.after(9)
    counter.watch.probed("")
    at_once = counter.after(5)
    counter.watch.probed("")
    counter.now += 5
    counter.watch.probed("")
    silent = counter.after(0)
    counter.event("operator", events.FrontConnected(), operator=True)
    counter.event("operator", events.LoggedIn("20260105"), operator=True)

    assert (down, at_once, silent, counter.after(0)) == (["front_down"], ["front_down"], ["counter_silent"], [])


def test_without_descriptors_no_front_is_said_to_be_down() -> None:
    """The relay could not try it."""
    counter = Counter()
    counter.watch = CounterWatch(counter.faults, Breaker(), lambda: counter.now, lambda: "Too many open files")
    counter.connected("a")
    counter.event("a", events.FrontDisconnected(4097))

    assert counter.after(GRACE_SECONDS + 1) == ["descriptors_gone"]


def test_a_probe_counts_only_where_no_session_is_open() -> None:
    """A session knows better than a plain connection."""
    counter = Counter()
    counter.connected("a")
    counter.watch.probed("connection refused")
    with_session = counter.after(0)
    counter.watch.closed("a")
    counter.watch.probed("connection refused")

    assert (with_session, counter.after(0)) == ([], ["front_down"])


def test_what_a_terminals_login_found_grows_old_and_what_the_operator_found_does_not() -> None:
    """A relay that is not ready may be sent no login that could contradict it; it is not said to be over for that."""
    terminals, operator = Counter(), Counter()
    for counter in (terminals, operator):
        counter.event("a", events.StepRefused(7, "not initialised"), operator=counter is operator)

    assert (terminals.after(5), operator.after(5)) == (["counter_not_initialised"],) * 2
    assert (terminals.after(60), operator.after(60)) == (["counter_not_initialised"],) * 2
    assert terminals.faults.keeping_from_ready() == ()
    assert len(operator.faults.keeping_from_ready()) == 1


def test_the_counters_answer_about_a_user_admits_the_relay_also_where_it_is_the_operator() -> None:
    """What is wrong now is one thing, not two. An answer to a login from before the stop says nothing about the relay."""
    counter = Counter()
    counter.event("operator-1", events.StepRefused(143, "address locked"), operator=True)
    counter.event("operator-1", events.StepRefused(141, "expired"), operator=True)
    answered = counter.after(0)
    late = Counter()
    late.watch.breaker.refused(143, "address locked", late.now)
    late.event("a", events.StepRefused(143, "address locked"))
    late.event("b", events.StepRefused(3, "wrong password"))
    (stands,) = late.faults.now()

    assert answered == ["operator_refused"]
    assert stands.why == "CTP 143: address locked"


def test_a_login_ends_what_only_a_login_could_contradict() -> None:
    """Of the operator also what concerns it alone."""
    counter = Counter()
    counter.event("operator-1", events.StepRefused(141, "expired"), operator=True)
    counter.event("operator-1", events.ForcedOut(), operator=True)
    before = counter.after(0)
    counter.event("operator-1", events.LoggedIn("20260105"), operator=True)

    assert (before, counter.after(0)) == (["operator_refused", "operator_forced_out"], [])


def test_a_new_trading_day_is_one_line_however_many_sessions_find_it() -> None:
    """With both days."""
    counter = Counter()
    with structlog.testing.capture_logs() as lines:
        for session, day in (("a", "20260105"), ("b", "20260105"), ("a", "20260106"), ("b", "20260106")):
            counter.event(session, events.LoggedIn(day))

    changes = [line for line in lines if line["event"] == "trading_day_changed"]
    assert [(line["before"], line["now"]) for line in changes] == [("20260105", "20260106")]
