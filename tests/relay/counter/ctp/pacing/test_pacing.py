"""What is sent when: urgency, turns, the counter's rates, retries and deadlines. Time is told, never measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.counter.ctp.identity.scope_table import Priority
from relay.counter.ctp.pacing.pacing import Outcome, Pacer, PacingLimits
from relay.counter.ctp.pacing.ticket import Stage, Ticket
from relay.refusals.refusal import Refusal

NEVER = 1e9
CANCEL, ORDER, OTHER, EXEMPT, QUERY = Priority


@dataclass(eq=False, slots=True)
class Named(Ticket):
    name: str = ""


def pacer(**limits: Any) -> Pacer[Named]:
    return Pacer(PacingLimits(**{"queries_per_second": 0, **limits}))


def ticket(priority: Priority, lane: str = "a", deadline: float = NEVER, request_id: int = 0, name: str = "") -> Named:
    return Named(lane, priority, deadline, request_id, name=name or priority.name)


def submit(schedule: Pacer[Named], *tickets: Named) -> None:
    for one in tickets:
        assert not isinstance(schedule.submit(one), Refusal)


def sent(schedule: Pacer[Named], now: float) -> list[Any]:
    """Names of everything that goes out now, the API taking all of it."""
    out = []
    while (step := schedule.next(now)).send is not None:
        schedule.returned(step.send, 0, now)
        out.append(step.send.name)
    return out


def test_urgency_decides() -> None:
    """Cancels, orders, the rest, exempt queries, queries; whatever came first."""
    schedule = pacer()
    submit(schedule, *(ticket(priority) for priority in (QUERY, EXEMPT, OTHER, ORDER, CANCEL)))

    assert sent(schedule, 0.0) == ["CANCEL", "ORDER", "OTHER", "EXEMPT_QUERY", "QUERY"]


def test_what_comes_while_nothing_waits_passes_by() -> None:
    """It costs a package as what has waited; a query, and what comes too late, stand in line."""
    schedule = pacer(packages_per_second=3)

    passed = [schedule.pass_by(ticket(priority), 0.0) for priority in Priority]
    late = schedule.pass_by(ticket(ORDER, deadline=0.0), 0.0)

    assert passed == [True, True, True, False, False]
    assert not late
    assert not schedule.pass_by(ticket(ORDER), 0.5)
    assert schedule.pass_by(ticket(ORDER), 1.0)


def test_nothing_passes_what_waits() -> None:
    """Also where what waits could be sent as well: the lines know whose turn it is."""
    schedule = pacer()
    submit(schedule, ticket(QUERY))

    assert not schedule.pass_by(ticket(ORDER), 0.0)
    sent(schedule, 0.0)
    assert schedule.pass_by(ticket(ORDER), 0.0)


def test_an_order_does_not_wait_for_a_query() -> None:
    """The query in flight blocks queries only."""
    schedule = pacer()
    submit(schedule, ticket(QUERY, request_id=1))
    sent(schedule, 0.0)
    submit(schedule, ticket(QUERY, request_id=2), ticket(EXEMPT), ticket(ORDER))

    assert sent(schedule, 0.0) == ["ORDER", "EXEMPT_QUERY"]


def test_terminals_take_turns() -> None:
    """A terminal that asks a hundred things delays another's first one by one."""
    schedule = pacer()
    submit(schedule, *(ticket(ORDER, "busy", name=f"busy{n}") for n in range(3)), ticket(ORDER, "calm", name="calm0"))

    assert sent(schedule, 0.0) == ["busy0", "calm0", "busy1", "busy2"]


def test_one_terminals_cancels_do_not_hold_up_anothers_orders() -> None:
    """40 cancels a second at 20 packages a second: the other terminal's orders and transfers go in the next second."""
    schedule = pacer(packages_per_second=20)
    waited: dict[str, float] = {}
    for tenth in range(150):  # 15 seconds
        now = tenth / 10
        for _ in range(4):
            schedule.submit(ticket(CANCEL, "busy"))
        if tenth % 30 == 20:
            submit(schedule, *(ticket(p, "calm", name=f"{p.name} {now}") for p in (ORDER, OTHER)))
        for name in sent(schedule, now):
            waited.setdefault(name, now)

    orders = {name: at - float(name.split()[1]) for name, at in waited.items() if name != "CANCEL"}
    assert len(orders) == 10
    assert max(orders.values()) <= 1.0


def test_within_a_terminals_turn_its_cancel_goes_first() -> None:
    """Its own order waits for it; the other terminal's order does not."""
    schedule = pacer()
    submit(schedule, ticket(ORDER, "a", name="a1"), ticket(ORDER, "b", name="b1"), ticket(CANCEL, "a", name="a cancel"))

    assert sent(schedule, 0.0) == ["a cancel", "b1", "a1"]


@pytest.mark.parametrize("priority", [EXEMPT, QUERY])
def test_a_flood_of_orders_leaves_queries_a_share(priority: Priority) -> None:
    """One package of ten, however many orders wait; of queries one is in flight, answered ten times a second here."""
    schedule = pacer(packages_per_second=20)
    queries = [ticket(priority, "calm", request_id=n) for n in range(1, 41)]
    submit(schedule, *queries)
    gone: list[str] = []
    for tenth in range(100):  # 10 seconds
        while schedule.waiting < 150:
            submit(schedule, ticket(ORDER, "busy"))
        gone += sent(schedule, tenth / 10)
        for query in queries:
            schedule.answered(query.request_id, tenth / 10, is_last=True)

    assert gone.count(priority.name) >= len(gone) / (12 if priority is EXEMPT else 22)


def test_the_last_answer_makes_room_for_the_next_query() -> None:
    """Rows before it do not; answers to other requests do not."""
    schedule = pacer()
    submit(schedule, ticket(QUERY, request_id=1), ticket(QUERY, request_id=2, name="second"))
    sent(schedule, 0.0)

    assert schedule.answered(1, 0.1, is_last=False)
    assert schedule.answered(9, 0.1, is_last=True)
    assert sent(schedule, 0.1) == []
    assert schedule.answered(1, 0.2, is_last=True)
    assert sent(schedule, 0.2) == ["second"]


def test_an_error_makes_room_too() -> None:
    """OnRspError ends a query: 77 is passed on and the next goes."""
    schedule = pacer()
    submit(schedule, ticket(QUERY, request_id=1), ticket(QUERY, request_id=2, name="second"))
    sent(schedule, 0.0)

    assert schedule.answered(1, 0.1, is_last=True, error_id=77)
    assert sent(schedule, 0.1) == ["second"]


def test_a_query_never_answered_blocks_for_a_time_only() -> None:
    """It is handed back once, to tell its terminal, and the next goes."""
    schedule = pacer(query_timeout_seconds=60.0)
    first = ticket(QUERY, request_id=1)
    submit(schedule, first, ticket(QUERY, request_id=2, name="second"))
    sent(schedule, 0.0)

    assert schedule.next(59.0).wake_at == 60.0
    step = schedule.next(60.0)
    assert step.unanswered is first
    assert step.send is not None
    assert step.send.name == "second"


def test_query_frequency_is_kept() -> None:
    """Two a second: the third waits until a second after the first."""
    schedule = pacer(queries_per_second=2)
    for number in (1, 2, 3):
        submit(schedule, ticket(QUERY, request_id=number))
    for number, now in ((1, 10.0), (2, 10.3)):
        assert sent(schedule, now) == ["QUERY"]
        schedule.answered(number, now, is_last=True)

    assert schedule.next(10.4).wake_at == 11.0
    assert sent(schedule, 11.0) == ["QUERY"]


def test_the_package_rate_counts_everything() -> None:
    """The counter delays the excess silently, so the relay holds it back, the urgent first."""
    schedule = pacer(packages_per_second=3)
    submit(schedule, *(ticket(ORDER) for _ in range(4)))
    assert len(sent(schedule, 0.0)) == 3
    submit(schedule, ticket(CANCEL))

    assert schedule.next(0.5).wake_at == 1.0
    assert sent(schedule, 1.0) == ["CANCEL", "ORDER"]


def test_queries_leave_room_for_orders() -> None:
    """A quarter of the package rate is not for queries."""
    schedule = pacer(packages_per_second=4)
    for number in range(4):
        submit(schedule, ticket(QUERY, request_id=number + 1))
        sent(schedule, 0.0)
        schedule.answered(number + 1, 0.0, is_last=True)
    submit(schedule, ticket(ORDER))

    assert sent(schedule, 0.0) == ["ORDER"]
    assert schedule.waiting == 1


def test_a_query_the_api_does_not_take_is_sent_again() -> None:
    """-2 says one is in flight, -3 too many a second: the query keeps its place and pauses."""
    for code in (-2, -3):
        schedule = pacer(retry_seconds=1.1)
        one = ticket(QUERY, "a", request_id=1, name="first")
        submit(schedule, one, ticket(QUERY, "b", request_id=2))
        step = schedule.next(5.0)
        assert step.send is one

        assert schedule.returned(one, code, 5.0) is Outcome.REQUEUED
        assert schedule.next(5.0).wake_at == pytest.approx(6.1)
        assert schedule.next(6.11).send is one


@pytest.mark.parametrize("code", [-2, -3])
def test_an_exempt_query_the_api_does_not_take_pauses_between_its_attempts(code: int) -> None:
    """Five attempts within a millisecond would be one attempt; the orders do not pause."""
    schedule = pacer(retry_seconds=1.1)
    one = ticket(EXEMPT, name="one")
    submit(schedule, one)
    at, now, last = [], 0.0, Outcome.SENT
    while one.stage is not Stage.OVER:
        step = schedule.next(now)
        if step.send is None:
            submit(schedule, ticket(ORDER, name="order"))
            assert sent(schedule, now) == ["order"]
            assert step.wake_at is not None
            now = step.wake_at
            continue
        at.append(now)
        last = schedule.returned(one, code, now)

    assert at == pytest.approx([0.0, 1.1, 2.2, 3.3, 4.4])
    assert last is Outcome.FAILED


@pytest.mark.parametrize("code", [-1, -2, -3])
@pytest.mark.parametrize("priority", [CANCEL, ORDER, OTHER])
def test_an_order_is_never_sent_twice(priority: Priority, code: int) -> None:
    """Whatever the API returned, the terminal is told and decides."""
    schedule = pacer()
    one = ticket(priority)
    submit(schedule, one)
    schedule.next(0.0)

    assert schedule.returned(one, code, 0.0) is Outcome.FAILED
    assert sent(schedule, 100.0) == []


def test_without_a_connection_a_query_fails_too() -> None:
    """-1 is not a matter of waiting."""
    schedule = pacer()
    one = ticket(QUERY, request_id=1)
    submit(schedule, one, ticket(QUERY, request_id=2))
    schedule.next(0.0)

    assert schedule.returned(one, -1, 0.0) is Outcome.FAILED
    assert sent(schedule, 0.0) == ["QUERY"]


def test_error_90_is_answered_by_asking_again() -> None:
    """NEED_RETRY is kept from the terminal, a pause made, and the query sent again, as often as allowed."""
    schedule = pacer(retry_seconds=1.0, attempts=2)
    submit(schedule, ticket(QUERY, request_id=1))
    sent(schedule, 0.0)

    assert not schedule.answered(1, 0.5, is_last=True, error_id=90)
    assert sent(schedule, 1.4) == []
    assert sent(schedule, 1.5) == ["QUERY"]
    assert schedule.answered(1, 2.0, is_last=True, error_id=90)
    assert sent(schedule, 9.0) == []


def test_error_116_is_the_terminals_business() -> None:
    """The broker's order rate limit is passed on; the order is not repeated."""
    schedule = pacer()
    submit(schedule, ticket(ORDER, request_id=1))
    sent(schedule, 0.0)

    assert schedule.answered(1, 0.1, is_last=True, error_id=116)
    assert sent(schedule, 9.0) == []


def test_what_waited_too_long_is_never_sent() -> None:
    """At its deadline a ticket comes out as expired, once."""
    schedule = pacer(packages_per_second=1)
    late = ticket(ORDER, deadline=0.5, name="late")
    submit(schedule, ticket(CANCEL), late, ticket(ORDER, name="patient"))
    sent(schedule, 0.0)

    assert schedule.next(0.1).wake_at == 0.5
    assert schedule.next(0.5).expired == (late,)
    assert schedule.next(0.6).expired == ()
    assert sent(schedule, 1.0) == ["patient"]


def test_what_waits_expires_however_much_came_and_went() -> None:
    """The list of deadlines is cut down now and then; those of what still waits stay in it."""
    schedule = pacer(packages_per_second=1)
    late = ticket(ORDER, "calm", deadline=900.0)
    submit(schedule, ticket(CANCEL), late)
    sent(schedule, 0.0)
    for _ in range(3000):
        gone = ticket(ORDER, "busy", deadline=1000.0)
        submit(schedule, gone)
        assert schedule.withdraw(gone)

    assert len(schedule._deadlines) < 2000
    assert schedule.next(0.5).wake_at == 1.0
    schedule._packages.take(899.9)
    assert schedule.next(900.0).expired == (late,)


def test_a_query_waiting_for_its_retry_expires_as_well() -> None:
    """Its turn would have come in time, but nobody sent it."""
    schedule = pacer(retry_seconds=1.0)
    one = ticket(QUERY, deadline=3.0, request_id=1)
    submit(schedule, one)
    sent(schedule, 0.0)
    assert not schedule.answered(1, 1.0, is_last=True, error_id=90)

    assert schedule.next(1.5).wake_at == 2.0
    assert schedule.next(3.0).expired == (one,)


def test_a_query_without_time_for_a_retry_is_answered_with_90() -> None:
    """The terminal gets the counter's word at once instead of waiting for a deadline."""
    schedule = pacer(retry_seconds=5.0)
    submit(schedule, ticket(QUERY, deadline=3.0, request_id=1))
    sent(schedule, 0.0)

    assert schedule.answered(1, 1.0, is_last=True, error_id=90)
    assert schedule.next(2.0).wake_at is None


def test_the_places_are_bounded_and_each_is_told_its_own() -> None:
    """Who has its part of a full schedule is refused; the number is how many go before it."""
    schedule = pacer(waiting=3)
    places = [schedule.submit(ticket(ORDER, lane)) for lane in ("a", "a", "b")]

    assert places == [0, 1, 1]
    full = [schedule.submit(ticket(ORDER, lane)) for lane in ("a", "b")]
    assert all(isinstance(refusal, Refusal) and refusal.reason == "queue_full" for refusal in full)


def test_terminals_that_flood_leave_every_other_one_its_part_of_the_places() -> None:
    """Where few have filled all places together, whoever has none still gets some, and what waits stays bounded."""
    schedule = pacer(waiting=100)
    for name in ("a", "b"):
        submit(schedule, *(ticket(ORDER, name) for _ in range(50)))

    taken = [schedule.submit(ticket(ORDER, f"honest {number}")) for number in range(90)]
    again = [schedule.submit(ticket(ORDER, "a")), schedule.submit(ticket(ORDER, "b"))]

    assert all(isinstance(place, int) for place in taken)
    assert all(isinstance(refusal, Refusal) for refusal in again)
    for number in range(1_000):
        schedule.submit(ticket(ORDER, f"honest {number % 90}"))
    assert schedule.waiting <= 300


def test_a_cancel_has_nothing_ahead_but_cancels() -> None:
    """Its place in the queue does not count what is less urgent."""
    schedule = pacer()
    submit(schedule, ticket(ORDER), ticket(QUERY))

    assert schedule.submit(ticket(CANCEL)) == 0


def test_a_terminal_that_left_sends_nothing_more() -> None:
    """What it had waiting is dropped; its query in flight still holds the place until it is answered."""
    schedule = pacer()
    submit(schedule, ticket(QUERY, "a", request_id=1))
    sent(schedule, 0.0)
    left = ticket(QUERY, "a", request_id=2)
    submit(schedule, left, ticket(QUERY, "b", request_id=3, name="b"))

    assert schedule.drop("a") == (left,)
    assert sent(schedule, 0.0) == []
    schedule.answered(1, 0.1, is_last=True)
    assert sent(schedule, 0.1) == ["b"]


def test_what_waits_can_be_taken_out() -> None:
    """It is not sent; what was sent already cannot be taken out."""
    schedule = pacer(packages_per_second=1)
    gone, one, two = ticket(ORDER, name="gone"), ticket(ORDER, name="one"), ticket(ORDER, name="two")
    submit(schedule, gone, one, two)
    sent(schedule, 0.0)

    assert (schedule.withdraw(gone), schedule.withdraw(one)) == (False, True)
    assert schedule.waiting == 1
    assert sent(schedule, 1.0) == ["two"]


def test_a_broken_session_gives_up_the_query_in_flight() -> None:
    """Its answer will never come; the next session starts without it."""
    schedule = pacer()
    one = ticket(QUERY, request_id=1)
    submit(schedule, one)
    sent(schedule, 0.0)

    assert schedule.disconnected() is one
    assert schedule.disconnected() is None


def test_another_connection_begins_with_no_suspicion() -> None:
    """The API's refusals of the last one say nothing of the next: it must not be renewed for them."""
    schedule = pacer()
    one = ticket(QUERY, request_id=1)
    submit(schedule, one)
    step = schedule.next(0.0)
    assert step.send is one
    schedule.returned(one, -2, 0.0)
    suspected = schedule.query_lane.is_dead(1000.0)

    schedule.disconnected()

    assert suspected
    assert not schedule.query_lane.is_dead(1000.0)
    assert schedule.query_lane.renew_at(1000.0) is None


def test_nothing_waiting_needs_no_waking() -> None:
    """And sent requests' deadlines do not wake anybody."""
    schedule = pacer()
    submit(schedule, ticket(ORDER, deadline=5.0))
    sent(schedule, 0.0)

    assert schedule.next(0.0).wake_at is None


ARRIVALS = st.lists(
    st.tuples(st.sampled_from(list(Priority)), st.sampled_from("abc"), st.floats(0, 5), st.floats(0.1, 10)), max_size=40
)


@given(ARRIVALS, st.integers(1, 5), st.integers(0, 8))
def test_every_ticket_ends_once_in_time_and_within_the_rates(
    arrivals: list[tuple[Priority, str, float, float]], queries: int, packages: int
) -> None:
    """Driven by its own wake times alone: sent or expired, never both, never late, never too many in any second."""
    schedule: Pacer[Named] = Pacer(PacingLimits(queries_per_second=queries, packages_per_second=packages))
    log, ended = drive(schedule, arrivals)

    assert sorted(one.request_id for one in ended) == list(range(1, len(arrivals) + 1))
    assert all(at < one.deadline for at, one in log)
    for limit, sends in ((packages, [t for t, _ in log]), (queries, [t for t, one in log if one.priority is QUERY])):
        if limit:
            assert all(later - first >= 1.0 - 1e-9 for first, later in zip(sends, sends[limit:], strict=False))


def drive(
    schedule: Pacer[Named], arrivals: list[tuple[Priority, str, float, float]]
) -> tuple[list[tuple[float, Named]], list[Named]]:
    """Let the arrivals come and the schedule wake itself until nothing is left: what was sent when, and what ended."""
    coming = sorted((at, n, priority, lane, wait) for n, (priority, lane, at, wait) in enumerate(arrivals))
    log: list[tuple[float, Named]] = []
    ended: list[Named] = []
    now = 0.0
    while True:
        while coming and coming[0][0] <= now:
            at, n, priority, lane, wait = coming.pop(0)
            submit(schedule, Named(lane, priority, at + wait, n + 1))
        step = schedule.next(now)
        ended += step.expired
        if step.send is not None:
            log.append((now, step.send))
            ended.append(step.send)
            schedule.returned(step.send, 0, now)
            schedule.answered(step.send.request_id, now, is_last=True)
            continue
        times = [t for t in (step.wake_at, coming[0][0] if coming else None) if t is not None]
        if not times:
            return log, ended
        assert min(times) > now
        now = min(times)


def test_what_is_refused_in_its_turn_costs_the_others_nothing() -> None:
    """A flood of cancels that name nothing known does not use up the second that all share."""
    schedule = pacer(packages_per_second=1, queries_per_second=1)
    refused, query, order = ticket(CANCEL), ticket(QUERY), ticket(ORDER, "other")
    submit(schedule, refused, query)
    for one in (refused, query):
        assert schedule.next(0.0).send is one
        schedule.not_sent(one, for_sure=True)
    submit(schedule, order)

    assert schedule.next(0.0).send is order
