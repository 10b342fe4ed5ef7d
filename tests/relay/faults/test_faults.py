"""Faults begin and end once, whatever calls come, and every row of the table says what to do."""

from __future__ import annotations

import datetime as dt
import re
import threading

import pytest
import structlog

from relay.faults.faults import FaultEdge, Faults
from relay.faults.flapping import FLAP_SECONDS, MOST_EDGES, QUIET_SECONDS, PairOfLines
from relay.faults.table import Fault, Gravity, Stops

AT = dt.datetime(2026, 1, 5, 8, 57, tzinfo=dt.timezone(dt.timedelta(hours=8)))


def test_a_fault_has_one_line_at_each_edge() -> None:
    """However often it is found; the last line says how long it stood."""
    clock = [10.0]
    faults = Faults(lambda: AT, lambda: clock[0])
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            faults.begin(Fault.FRONT_DOWN, "reason 4097", reason=4097)
        clock[0] = 22.5
        for _ in range(3):
            faults.end(Fault.FRONT_DOWN)

    assert [line["event"] for line in lines] == ["fault_began", "fault_ended"]
    assert (lines[0]["fault"], lines[0]["reason"], lines[1]["seconds"]) == ("front_down", 4097, 12.5)
    assert faults.begun(Fault.FRONT_DOWN) == 1


def test_a_fault_that_stands_knows_the_latest_why_and_its_first_moment() -> None:
    """The person who looks wants both."""
    faults = Faults(lambda: AT)

    faults.begin(Fault.DATABASE_DOWN, "no answer")
    faults.begin(Fault.DATABASE_DOWN, "connection refused")

    (stands,) = faults.now()
    assert (stands.since, stands.why) == (AT, "connection refused")
    assert stands.as_json()["since"] == "2026-01-05T08:57:00+08:00"


def test_only_what_stops_logins_or_orders_keeps_from_ready() -> None:
    """A certificate that is due in a week is said, and keeps no terminal away."""
    faults = Faults()

    faults.begin(Fault.CERTIFICATE_EXPIRING, "7 days")
    before = faults.keeping_from_ready()
    faults.begin(Fault.VERIFIER_GONE, "it ended")

    assert before == ()
    assert [stands.fault for stands in faults.keeping_from_ready()] == [Fault.VERIFIER_GONE]


def test_listeners_hear_each_edge_once_and_cannot_break_it() -> None:
    """An alarm that cannot be queued must not keep the fault from the metrics."""
    faults, heard = Faults(), list[FaultEdge]()

    def broken(_: FaultEdge) -> None:
        raise OSError

    faults.listen(broken)
    faults.listen(heard.append)
    faults.set(Fault.DISK_LOW, "9 MiB are free")
    faults.set(Fault.DISK_LOW, "8 MiB are free")
    faults.set(Fault.DISK_LOW, "")

    assert [edge.is_end for edge in heard] == [False, True]
    assert [stood.fault for stood in faults.ended()] == [Fault.DISK_LOW]


def test_many_threads_find_one_beginning() -> None:
    """The ledger's thread, the watcher's and the loop may find the same thing at once."""
    faults, heard = Faults(), list[FaultEdge]()
    faults.listen(heard.append)
    together = threading.Barrier(8)

    def find() -> None:
        together.wait()
        faults.begin(Fault.DATABASE_DOWN, "gone")

    threads = [threading.Thread(target=find) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(heard) == 1


def test_an_end_is_never_heard_before_its_beginning() -> None:
    """A thread that finds the end while another one still says the beginning waits: otherwise it would stand for ever."""
    faults, heard = Faults(), list[FaultEdge]()
    begins, ended = threading.Event(), threading.Event()

    def slow(edge: FaultEdge) -> None:
        begins.set()
        if not edge.is_end:
            ended.wait(0.2)  # an end that does not wait comes now

    faults.listen(slow)
    faults.listen(heard.append)

    def end() -> None:
        begins.wait()
        faults.end(Fault.DATABASE_DOWN)
        ended.set()

    other = threading.Thread(target=end)
    other.start()
    faults.begin(Fault.DATABASE_DOWN, "gone")
    other.join()

    assert [edge.is_end for edge in heard] == [False, True]


def test_who_listens_late_hears_what_stands() -> None:
    """An operator that is refused before the alarms are set up is an alarm all the same; what is over is none."""
    faults, heard = Faults(), list[FaultEdge]()
    faults.begin(Fault.OPERATOR_REFUSED, "CTP 141")
    faults.set(Fault.DISK_LOW, "9 MiB are free")
    faults.end(Fault.DISK_LOW)

    faults.listen(heard.append)
    faults.begin(Fault.OPERATOR_REFUSED, "CTP 141")

    assert [(edge.of.fault, edge.is_end) for edge in heard] == [(Fault.OPERATOR_REFUSED, False)]


def test_a_fault_in_doubt_stands_and_keeps_no_terminal_away() -> None:
    """Until it is found again; it is not said to be over."""
    faults, heard = Faults(), list[FaultEdge]()
    faults.begin(Fault.RELAY_AUTH_CODE_WRONG, "CTP 63")
    faults.listen(heard.append)
    faults.doubt(Fault.RELAY_AUTH_CODE_WRONG)
    faults.doubt(Fault.LOGINS_STOPPED)
    doubted = [stands.fault for stands in faults.now()], faults.keeping_from_ready()
    faults.begin(Fault.RELAY_AUTH_CODE_WRONG, "CTP 63")

    assert doubted == ([Fault.RELAY_AUTH_CODE_WRONG], ())
    assert [stands.fault for stands in faults.keeping_from_ready()] == [Fault.RELAY_AUTH_CODE_WRONG]
    assert len(heard) == 1


class Flapping:
    """A fault that comes and goes by a clock of the test's own."""

    def __init__(self) -> None:
        self.now, self.heard = 1000.0, list[FaultEdge]()
        self.faults = Faults(lambda: AT, lambda: self.now)
        self.faults.listen(self.heard.append)

    def flap(self, times: int) -> None:
        for _ in range(times):
            self.faults.begin(Fault.FRONT_DOWN, "reason 4097")
            self.now += 0.5
            self.faults.end(Fault.FRONT_DOWN)
            self.now += 0.5
            self.faults.settle()


def test_a_fault_that_comes_and_goes_is_a_few_lines_and_is_counted() -> None:
    """An hour of it: what is written and sent is bounded, what is counted is not, and it is said that it flaps."""
    flapping = Flapping()
    with structlog.testing.capture_logs() as lines:
        flapping.flap(3600)
        during = flapping.faults.now(), flapping.faults.keeping_from_ready()
        flapping.now += QUIET_SECONDS
        flapping.faults.settle()

    assert [line["event"] for line in lines].count("fault_flaps") == 1
    assert len(lines) == 2 * MOST_EDGES + 3
    assert len(flapping.heard) == 2 * (MOST_EDGES + 1)
    assert flapping.faults.begun(Fault.FRONT_DOWN) == 3600
    assert (during[0][0].in_doubt, during[1]) == (True, ())
    assert (flapping.faults.now(), lines[-1]["event"], lines[-1]["times"]) == ((), "fault_ended", 3600)


def test_one_that_flaps_and_stays_keeps_terminals_away_at_once() -> None:
    """What is held back is its end alone."""
    flapping = Flapping()
    flapping.flap(2 * MOST_EDGES)
    flapping.faults.begin(Fault.FRONT_DOWN, "gone for good")
    flapping.now += 10 * QUIET_SECONDS
    flapping.faults.settle()

    assert [stands.why for stands in flapping.faults.keeping_from_ready()] == ["gone for good"]


def test_one_that_comes_now_and_then_does_not_flap() -> None:
    """Each time is a beginning and an end of its own."""
    flapping = Flapping()
    for _ in range(20):
        flapping.flap(1)
        flapping.now += FLAP_SECONDS / (MOST_EDGES - 1)

    assert len(flapping.heard) == 40


def test_lines_of_what_comes_and_goes_are_as_bounded_and_come_in_pairs() -> None:
    """The sixth says so; then nothing until it has been away for a minute; afterwards each is said again."""
    clock = [1000.0]
    pair = PairOfLines(lambda: clock[0])
    said = []
    for _ in range(3600):
        said.append(("begins", pair.begins()))
        clock[0] += 0.5
        said.append(("ends", pair.ends()))
        clock[0] += 0.5
        said.append(("ends", pair.settled()))
    clock[0] += QUIET_SECONDS
    over = pair.settled(), pair.settled()
    clock[0] += FLAP_SECONDS
    lines = [(edge, facts) for edge, facts in said if facts is not None]

    assert [edge for edge, _ in lines] == ["begins", "ends"] * MOST_EDGES + ["begins"]
    assert lines[-1][1] == {"flaps": True, "times": MOST_EDGES + 1}
    assert over == ({"times": 3600}, None)
    assert (pair.begins(), pair.ends(), pair.settled()) == ({}, {}, None)


@pytest.mark.parametrize("fault", Fault)
def test_every_row_has_both_languages_and_says_what_to_do(fault: Fault) -> None:
    """Chinese first; the English has no Chinese in it."""
    for chinese, english in (fault.title, fault.remedy):
        assert re.search(r"[\u4e00-\u9fff]", chinese)
        assert english
        assert not re.search(r"[\u4e00-\u9fff]", english)
    assert fault.gravity is not Gravity.CRITICAL or fault.stops is not Stops.NOTHING


def test_no_two_rows_are_one() -> None:
    """An enum joins members with equal values without a word."""
    assert len({fault.title for fault in Fault}) == len(Fault.__members__) == len(list(Fault))
