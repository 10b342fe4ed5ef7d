"""The orders' stream: who sent which order from which terminal, in a chain of its own, off the order's path.

An order hands over one call (`put`) and goes on: no lock, no text, no hash, no wait. A thread makes the entries and commits
them in groups, and gives the interpreter back after each of them, so that no order waits behind a group.

What is kept: `_waiting`, what orders handed over and the thread has not taken (bounded by `capacity`); `_group`, what could not
be committed yet. While the database is away the group stays and the queue fills. What it has no room for is counted, and
becomes an entry (`orders_lost`) in its place: behind what was kept before, ahead of what was kept after.

The stream says of itself where it begins and ends (`orders_began`, `orders_ended`). A process that was killed has no end, so
the next beginning says `unfinished` and `since`: between that time and this beginning entries may be missing. That is the
last second before the kill, and more where the database was away before it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Self

import structlog
from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from relay.counter.port import OrderNote
from relay.database.database import brief, writing
from relay.database.schema import LEDGER_ORDER
from relay.database.times import COUNTER_ZONE, stamp
from relay.faults.flapping import PairOfLines, SaidFacts
from relay.ledger.chain import canonical, stored_text
from relay.ledger.day_summary import ORDERS_LOST_KIND
from relay.ledger.digests import SHA256
from relay.ledger.ledger import append, not_in
from relay.ledger.reader import ORDERS_END
from relay.ledger.spool import Gap, Item
from relay.ledger.trading_day import KnownTradingDay
from relay.settings.settings import Settings

_log = structlog.get_logger(__name__)

_LARGEST_GROUP = 256
"""a commit wants the interpreter for a millisecond, and for some 14 µs more for each entry: few that are larger cost orders less"""
_AT_A_TIME, _MANY, _MANY_AT_A_TIME = 1, 2_000, 16
"""entries made before the interpreter is left to others; and where more than so many wait, so that the queue never fills for it"""
_PAUSE_SECONDS = 0.0001
"""long enough for a thread that waits for the interpreter to wake up: a pause of nothing is over before"""
_LOOK_SECONDS = 1.0
"""a commit costs what many entries do: at the pace of people one a second is enough"""
_RETRY_SECONDS = 1.0
BEGAN_KIND, ENDED_KIND = "orders_began", "orders_ended"

Make = Callable[[], OrderNote]


class OrderTrailWriter:
    """A `port.OrderTrail`. Use as `with OrderTrailWriter(…)`; `put` is called on one thread."""

    def __init__(
        self,
        engine: Engine,
        relay: str,
        *,
        capacity: int = 100_000,
        digest: str = SHA256,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`capacity` bounds what waits for the database; `clock` gives seconds since 1970."""
        self.chain = f"{relay}{ORDERS_END}"
        self._engine = engine
        self._capacity = capacity
        self._digest = digest
        self._clock = clock
        self._waiting: deque[tuple[float, Make]] = deque()
        self._lost = 0
        self._lost_now = 0
        """since the last entry that was kept"""
        self._lost_since = 0.0
        self._group: list[Item] = []
        self._committed = 0
        self._away = False
        self._lines = PairOfLines()
        self._day = KnownTradingDay()
        self.on_loss: Callable[[str], object] = lambda _: None
        """called with why, on the thread that puts, when entries begin to be lost; must not wait"""
        self._losing = threading.Lock()
        """taken only where there was no room: who says what was lost is then one of two threads"""
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"orders {relay}", daemon=True)

    def put(self, make: Make) -> None:
        """Keep one entry; `make` is called on the stream's thread. Returns at once, whatever the database does."""
        if self._lost_now or len(self._waiting) >= self._capacity:
            self._put_or_lose(make)
        else:
            self._waiting.append((self._clock(), make))

    def why_losing(self) -> str:
        """Why the next entry would be lost; empty where it would be kept. May be called on any thread."""
        return self._why_full() if self._lost_now and not self._has_room_again() else ""

    def _has_room_again(self) -> bool:
        return len(self._waiting) <= self._capacity // 2 and self._capacity >= 2

    def _why_full(self) -> str:
        return f"{self._capacity} entries were waiting for the database"

    def statistics(self) -> dict[str, int]:
        """Entries waiting, committed and lost since the start."""
        waiting = len(self._waiting) + len(self._group)
        return {"waiting": waiting, "committed": self._committed, "lost": self._lost}

    def __enter__(self) -> Self:
        self._group = [self._item(self._clock(), BEGAN_KIND, self._before())]
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self, seconds: float = 10.0) -> None:
        """Commit what waits, and the end; idempotent. Waits no longer than this."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _put_or_lose(self, make: Make) -> None:
        """There was no room: once half of it is free again, what was lost is said, and then keeping goes on."""
        now = self._clock()
        with self._losing:
            if self._has_room_again():
                self._say_lost(now)
                self._waiting.append((now, make))
                return
            begins = not self._lost_now
            if begins:
                self._lost_since = now
                _log.error("orders_not_recorded", chain=self.chain, waiting=len(self._waiting))
            self._lost_now += 1
            self._lost += 1
        if begins:
            self.on_loss(self._why_full())

    def _say_lost(self, now: float) -> None:
        if not self._lost_now:
            return  # the other thread was first
        lost, since, self._lost_now = self._lost_now, self._lost_since, 0
        gap = Gap(lost, _stamp(since), _stamp(now), self._why_full())
        facts = {"entries": gap.entries, "since": gap.since, "until": gap.until, "why": gap.why}
        self._waiting.append((now, lambda: OrderNote(ORDERS_LOST_KIND, "", "", facts)))

    def _before(self) -> dict[str, object]:
        """Whether the process before this one did not come to its end, and when the last that it kept was sent.

        Where that is not known it counts as unfinished.
        """
        entries = select(LEDGER_ORDER.c.kind, LEDGER_ORDER.c.at).where(LEDGER_ORDER.c.chain == self.chain)
        try:
            with self._engine.connect() as connection:
                last = connection.execute(entries.order_by(LEDGER_ORDER.c.sequence.desc()).limit(1)).one_or_none()
        except SQLAlchemyError:
            return {"unfinished": True}
        if last is None or last.kind == ENDED_KIND:
            return {"unfinished": False}
        return {"unfinished": True, "since": last.at}

    # The thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            self._say_caught_up(self._lines.settled())
            self._take()
            if self._group and not self._commit():
                if self._closing.wait(_RETRY_SECONDS):
                    break
                continue
            if self._lost_now and not self._waiting:  # the next order may come tomorrow
                with self._losing:
                    self._say_lost(self._clock())
            if self._waiting:
                continue
            if self._closing.is_set():
                break
            self._closing.wait(_LOOK_SECONDS)
        self._end()

    def _take(self) -> None:
        """Make entries of what waits, a few at a time."""
        while self._waiting and len(self._group) < _LARGEST_GROUP:
            at, make = self._waiting.popleft()
            self._group.append(self._made(at, make))
            if len(self._group) % (_AT_A_TIME if len(self._waiting) <= _MANY else _MANY_AT_A_TIME) == 0:
                time.sleep(_PAUSE_SECONDS)  # an order may wait for the interpreter

    def _made(self, at: float, make: Make) -> Item:
        try:
            note = make()
            self._day.hear(note.trading_day)
            return self._item(at, note.kind, note.data, note.session)
        except Exception as error:  # noqa: BLE001 - the stream must go on, and say what it has not
            _log.exception("order_not_read", chain=self.chain)
            return self._item(at, ORDERS_LOST_KIND, {"entries": 1, "why": type(error).__name__})

    def _item(self, at: float, kind: str, data: Mapping[str, object], session: str = "") -> Item:
        moment = dt.datetime.fromtimestamp(at, COUNTER_ZONE)
        return stamp(moment), kind, session, _text(data), self._day.at(moment)

    def _commit(self) -> bool:
        group = self._group
        try:
            with writing(self._engine) as connection:
                if self._away:  # the commit before may have come through, and its answer not
                    group = not_in(connection, self.chain, group)
                if group:
                    append(connection, self.chain, group, self._digest)
        except Exception as error:  # noqa: BLE001 - whatever it is, the stream tries again and counts what it cannot keep
            if not self._away and (said := self._lines.begins()) is not None:
                _log.error("orders_waiting_for_database", chain=self.chain, error=brief(error), **said)
            self._away = True
            return False
        if self._away:
            self._say_caught_up(self._lines.ends())
        self._away = False
        self._committed += len(self._group)
        self._group = []
        return True

    def _say_caught_up(self, said: SaidFacts | None) -> None:
        """Unless it is held back."""
        if said is not None:
            _log.warning("orders_caught_up", chain=self.chain, waiting=len(self._waiting), lost=self._lost, **said)

    def _end(self) -> None:
        """What is lost for good is said where it can be; the end stands in the chain only where all before it does."""
        if self._lost_now:
            with self._losing:
                self._say_lost(self._clock())
            self._take()
        left = len(self._waiting)
        if left:
            self._lost += left + len(self._group)
            _log.error("orders_not_recorded", chain=self.chain, waiting=left + len(self._group))
            return
        self._group.append(self._item(self._clock(), ENDED_KIND, {"lost": self._lost}))
        self._commit()


def _text(data: Mapping[str, object]) -> str:
    """As `canonical`, in a third of the time where there is nothing in it to be made harmless. The keys are the relay's own."""
    with contextlib.suppress(TypeError, ValueError):
        text = stored_text(data)
        if text.isascii() and text.isprintable() and "\\" not in text:
            return text
    return canonical(data)


def open_order_trail(settings: Settings, engine: Engine) -> AbstractContextManager[OrderTrailWriter | None]:
    """The stream of this process, to be entered; of None where the settings switch it off."""
    kept = settings.ledger
    if not kept.orders:
        return contextlib.nullcontext()
    return OrderTrailWriter(engine, settings.relay.name, capacity=kept.order_queue_entries, digest=kept.digest)


def _stamp(at: float) -> str:
    return stamp(dt.datetime.fromtimestamp(at, COUNTER_ZONE))
