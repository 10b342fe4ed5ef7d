"""The orders' stream: off the order's path, in a chain of its own, and honest about what it could not keep."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import SimpleNamespace

import pytest
import structlog
from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.exc import DatabaseError, OperationalError

from relay.counter.port import OrderNote
from relay.database.database import writing
from relay.database.schema import LEDGER_ORDER
from relay.faults.flapping import MOST_EDGES
from relay.ledger import order_trail
from relay.ledger.chain import Head
from relay.ledger.ledger import append
from relay.ledger.order_trail import OrderTrailWriter
from relay.ledger.reader import audit
from relay.ledger.spool import Item

SECONDS = 30.0


def note(number: int) -> Callable[[], OrderNote]:
    return lambda: OrderNote("order_insert", "s-1", "20260105", {"number": number})


def kept(engine: Engine) -> list[tuple[str, dict[str, object]]]:
    wanted = select(LEDGER_ORDER.c.kind, LEDGER_ORDER.c.data).order_by(LEDGER_ORDER.c.sequence)
    with engine.connect() as connection:
        return [(kind, json.loads(data)) for kind, data in connection.execute(wanted)]


def answers_lost_once() -> Callable[[Engine], contextlib.AbstractContextManager[Connection]]:
    """A `writing` whose first commit comes through, and then fails."""
    lost: list[bool] = []

    @contextlib.contextmanager
    def writing_and_losing(engine: Engine) -> Iterator[Connection]:
        with writing(engine) as connection:
            yield connection
        if not lost:
            lost.append(True)
            raise OperationalError("", {}, Exception("server closed the connection"))

    return writing_and_losing


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_orders_are_kept_in_their_order(engine: Engine) -> None:
    """With a beginning and an end; the chain is whole."""
    with OrderTrailWriter(engine, "one") as trail:
        for number in range(200):
            trail.put(note(number))
    found = kept(engine)

    assert [kind for kind, _ in (found[0], found[-1])] == ["orders_began", "orders_ended"]
    assert [data["number"] for _, data in found[1:-1]] == list(range(200))
    assert [(one.chain, one.entries, one.problems) for one in audit(engine)] == [("one/orders", 202, ())]


def test_an_entry_has_the_counters_trading_day(sqlite_engine: Engine) -> None:
    """As the counter said it, where that is a day that can be."""
    far = time.time() + 3 * 86_400
    day = time.strftime("%Y%m%d", time.gmtime(far))
    with OrderTrailWriter(sqlite_engine, "one") as trail:
        trail.put(lambda: OrderNote("order_insert", "", day, {}))
    with sqlite_engine.connect() as connection:
        days = connection.execute(select(LEDGER_ORDER.c.trading_day).where(LEDGER_ORDER.c.kind == "order_insert"))

        assert days.scalars().all() == [day]


def test_the_order_waits_for_nothing(sqlite_engine: Engine) -> None:
    """Not for the database, and its entry is made on another thread."""
    threads = []

    def make() -> OrderNote:
        threads.append(threading.current_thread())
        return OrderNote("order_insert", "", "", {})

    with OrderTrailWriter(sqlite_engine, "one") as trail:
        with writing(sqlite_engine):  # nobody else can write meanwhile
            trail.put(make)
            assert [kind for kind, _ in kept(sqlite_engine)].count("order_insert") == 0
        eventually(lambda: ("order_insert", {}) in kept(sqlite_engine))

    assert threading.current_thread() not in threads


def test_what_the_queue_has_no_room_for_is_said_in_its_place(sqlite_engine: Engine) -> None:
    """How many, since when and why; behind what was kept before and ahead of what was kept after."""
    away = threading.Event()
    away.set()

    class Elsewhere(OrderTrailWriter):
        def _commit(self) -> bool:
            return not away.is_set() and super()._commit()

    whys: list[str] = []
    with Elsewhere(sqlite_engine, "one", capacity=4) as trail:
        trail.on_loss = whys.append
        eventually(lambda: trail.statistics()["waiting"] == 1)
        before = trail.why_losing()
        eventually(lambda: fill(trail) >= 3)
        lost, whys_then = trail.statistics()["lost"], [*whys, trail.why_losing()]
        away.clear()
        eventually(lambda: trail.statistics()["waiting"] == 0)
        after = trail.why_losing()
        trail.put(note(99))
    kinds = [kind for kind, _ in kept(sqlite_engine)]
    said = next(data for kind, data in kept(sqlite_engine) if kind == "orders_lost")

    assert said["entries"] == lost
    assert (before, whys_then, after) == ("", [said["why"]] * 2, "")
    assert "waiting for the database" in str(said["why"])
    assert kinds[kinds.index("orders_lost") :] == ["orders_lost", "order_insert", "orders_ended"]


def fill(trail: OrderTrailWriter) -> int:
    trail.put(note(1))
    return trail.statistics()["lost"]


def test_a_database_that_comes_back_gets_everything(sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be committed is tried again, once each."""
    tries = []

    def failing(connection: Connection, chain: str, items: Sequence[Item], digest: str) -> Head:
        tries.append(chain)
        if len(tries) < 3:
            raise OperationalError("", {}, Exception("away"))
        return append(connection, chain, items, digest)

    monkeypatch.setattr(order_trail, "_RETRY_SECONDS", 0.01)
    monkeypatch.setattr("relay.ledger.order_trail.append", failing)
    with OrderTrailWriter(sqlite_engine, "one") as trail:
        trail.put(note(7))
        eventually(lambda: trail.statistics()["committed"] >= 2)

    assert [kind for kind, _ in kept(sqlite_engine)] == ["orders_began", "order_insert", "orders_ended"]


def is_committed(trail: OrderTrailWriter, entries: int) -> bool:
    return trail.statistics()["committed"] >= entries


def test_a_database_that_comes_and_goes_is_a_few_lines(sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every other commit fails: the sixth time says that it flaps, and no more is said until that is over."""
    tries = []

    def failing(connection: Connection, chain: str, items: Sequence[Item], digest: str) -> Head:
        tries.append(chain)
        if len(tries) % 2:
            raise OperationalError("", {}, Exception("away"))
        return append(connection, chain, items, digest)

    monkeypatch.setattr(order_trail, "_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(order_trail, "_LOOK_SECONDS", 0.001)
    monkeypatch.setattr("relay.ledger.order_trail.append", failing)
    with structlog.testing.capture_logs() as lines, OrderTrailWriter(sqlite_engine, "one") as trail:
        for number in range(12):
            trail.put(note(number))
            eventually(partial(is_committed, trail, number + 2))
    said = [line["event"] for line in lines]

    assert said == ["orders_waiting_for_database", "orders_caught_up"] * MOST_EDGES + ["orders_waiting_for_database"]
    assert lines[-1]["flaps"]


def test_a_commit_without_an_answer_doubles_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It came through, and the connection broke before the database could say so."""
    monkeypatch.setattr(order_trail, "_RETRY_SECONDS", 0.01)
    monkeypatch.setattr("relay.ledger.order_trail.writing", answers_lost_once())
    with OrderTrailWriter(engine, "one") as trail:
        trail.put(note(7))
        eventually(lambda: trail.statistics()["committed"] >= 2)

    assert [kind for kind, _ in kept(engine)] == ["orders_began", "order_insert", "orders_ended"]


def test_what_was_lost_is_said_without_another_order(sqlite_engine: Engine) -> None:
    """The last order of the day may be among them: the day's file must not wait for the next one's."""
    away = threading.Event()
    away.set()

    class Elsewhere(OrderTrailWriter):
        def _commit(self) -> bool:
            return not away.is_set() and super()._commit()

    with Elsewhere(sqlite_engine, "one", capacity=4) as trail:
        eventually(lambda: fill(trail) >= 3)
        lost = trail.statistics()["lost"]
        away.clear()
        eventually(lambda: "orders_lost" in [kind for kind, _ in kept(sqlite_engine)])

    assert [data["entries"] for kind, data in kept(sqlite_engine) if kind == "orders_lost"] == [lost]


def test_an_entry_that_the_ledger_does_not_take_is_said(sqlite_engine: Engine) -> None:
    """A key that sounds like a secret: the entry is not kept, and that is not silent."""
    with OrderTrailWriter(sqlite_engine, "one") as trail:
        trail.put(lambda: OrderNote("order_insert", "", "", {"password\u200b": "x"}))
        eventually(lambda: len(kept(sqlite_engine)) == 2)

    assert [kind for kind, _ in kept(sqlite_engine)][:2] == ["orders_began", "orders_lost"]


def test_a_process_that_did_not_end_is_named_by_the_next(sqlite_engine: Engine) -> None:
    """What was sent in its last moment may be missing."""
    first = OrderTrailWriter(sqlite_engine, "one")
    first.__enter__()
    eventually(lambda: first.statistics()["committed"] == 1)
    first._end = lambda: None  # type: ignore[method-assign]
    first.close()
    for _ in range(2):
        with OrderTrailWriter(sqlite_engine, "one"):
            pass

    said = [data for kind, data in kept(sqlite_engine) if kind == "orders_began"]
    assert [data["unfinished"] for data in said] == [False, True, False]
    assert ["since" in data for data in said] == [False, True, False]


def test_after_a_kill_the_stream_says_since_when_it_may_lack_entries(sqlite_engine: Engine) -> None:
    """Since the last that was kept: the database was away when the next one was sent."""
    times = iter([1_700_000_000.0, 1_700_000_100.0, 1_700_000_200.0])
    first = OrderTrailWriter(sqlite_engine, "one", clock=lambda: next(times))
    first.__enter__()
    first.put(note(1))
    eventually(lambda: first.statistics()["committed"] == 2)
    first._commit = lambda: False  # type: ignore[method-assign]
    first._end = lambda: None  # type: ignore[method-assign]
    first.put(note(2))
    first.close()
    with OrderTrailWriter(sqlite_engine, "one"):
        pass

    *_, last = (data for kind, data in kept(sqlite_engine) if kind == "orders_began")
    assert last == {"unfinished": True, "since": "2023-11-15T06:15:00.000000+08:00"}


def test_an_order_that_cannot_be_read_is_said(sqlite_engine: Engine) -> None:
    """A fault in reading one costs that one, and no silence."""
    with OrderTrailWriter(sqlite_engine, "one") as trail:
        trail.put(lambda: OrderNote("order_insert", "", "", {"number": 1 / 0}))
        trail.put(note(2))

    assert [kind for kind, _ in kept(sqlite_engine)] == ["orders_began", "orders_lost", "order_insert", "orders_ended"]


def test_the_orders_table_is_append_only(engine: Engine) -> None:
    """As the ledger itself."""
    with OrderTrailWriter(engine, "one"):
        pass
    for statement in ("UPDATE ledger_order SET kind = 'x'", "DELETE FROM ledger_order"):
        with pytest.raises(DatabaseError, match="append-only"), writing(engine) as connection:
            connection.execute(text(statement))


def test_where_it_is_not_known_whether_the_last_process_ended_it_counts_as_unfinished(sqlite_engine: Engine) -> None:
    """The database was away when it could have been asked."""
    trail = OrderTrailWriter(sqlite_engine, "one")

    def away() -> None:
        trail._engine = sqlite_engine
        raise OperationalError("", {}, Exception("away"))

    trail._engine = SimpleNamespace(connect=away)  # type: ignore[assignment]
    with trail:
        pass

    assert [data["unfinished"] for kind, data in kept(sqlite_engine) if kind == "orders_began"] == [True]
