"""Which answer belongs to which call, and that nothing is kept longer than it is needed."""

from __future__ import annotations

import pytest

from relay.counter.ctp.identity.scope_table import Priority
from relay.counter.ctp.lanes.lane import Lane, virtual_front
from relay.counter.ctp.lanes.ref_map import MapEntry
from relay.counter.ctp.lanes.refs import RefSpace
from relay.counter.ctp.lanes.requests import Outgoing
from relay.counter.ctp.orders import calls as module
from relay.counter.ctp.orders.calls import OpenCall, RouterLink, UnansweredCalls
from relay.counter.ctp.orders.limits import LinkLimits
from relay.counter.ctp.queries.query_cache import Key
from relay.counter.outgoing import OutgoingItems
from tests.relay.counter.ctp.ctp_bodies import investor, method


def link(session: int = 1) -> RouterLink:
    return RouterLink("s", Lane(virtual_front(0), session, investor("100001")), LinkLimits(0, 0), OutgoingItems())


def call(asker: RouterLink, at_counter: int, key: Key | None = None, name: str = "ReqQryTrade") -> OpenCall:
    made = OpenCall(asker, Priority.QUERY, 9.0, link=asker, method=method(name), body=bytearray(), number=7)
    made.request_id, made.cache_key = at_counter, key
    return made


def test_an_answer_finds_its_call_until_it_is_settled() -> None:
    """What comes after the last row belongs to nobody."""
    table, question = UnansweredCalls(), call(link(), 1)
    table.add(question)

    found = table.find(1)
    table.settle(question)
    table.settle(question)

    assert found is question
    assert table.find(1) is None
    assert question.link.unanswered == set()


def test_a_terminal_that_is_gone_is_forgotten_but_not_what_others_wait_for() -> None:
    """A public query serves everybody who asked the same."""
    table, gone, other = UnansweredCalls(), link(1), link(2)
    asked = [call(gone, 1), call(gone, 2, key=("ReqQryInstrument", b"")), call(other, 3)]
    for one in asked:
        table.add(one)

    table.forget(gone)

    assert [table.find(number) for number in (1, 2, 3)] == [None, asked[1], asked[2]]


def test_a_lost_session_gives_back_everything_unanswered_once() -> None:
    """Each asker is told that no answer will come, and told once."""
    table, first, second = UnansweredCalls(), call(link(1), 1), call(link(2), 2)
    table.add(first)
    table.add(second)

    assert table.drain() == [first, second]
    assert table.drain() == []
    assert first.link.unanswered == set()


def test_accepted_orders_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """OnRspOrderInsert never comes for an accepted order, so the oldest are forgotten."""
    monkeypatch.setattr(module, "_LIMIT", 3)
    table, asker = UnansweredCalls(), link()

    for number in range(10):
        table.add(call(asker, number))

    assert len(table) == len(asker.unanswered) == 3
    assert table.find(9) is not None


@pytest.mark.parametrize("end", ["refused", "forgotten", "lost"])
def test_nothing_is_kept_of_an_order_that_is_settled(end: str) -> None:
    """A day has hundreds of thousands; a refused one has no notice that would clear it away."""
    table, order = UnansweredCalls(), call(link(), 1, name="ReqOrderInsert")
    entry = MapEntry(RefSpace.ORDER, 1, 77, 41, 70000, virtual_front(0), 1, "1", 0, "100001")
    order.outgoing = Outgoing((entry,))
    table.add(order)

    match end:
        case "refused":
            table.settle(order)
        case "forgotten":
            table.forget(order.link)
        case _:
            table.drain()

    assert (len(table), table._of_order) == (0, {})


def test_a_new_password_is_not_shown() -> None:
    """A password change carries it; a log line of the call must not."""
    change = call(link(), 1, name="ReqUserPasswordUpdate")
    change.new_password = change.body = "geheim-99"  # type: ignore[assignment]

    assert "geheim-99" not in repr(change)
