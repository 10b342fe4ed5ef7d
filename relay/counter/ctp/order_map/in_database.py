"""What a firm's relay processes share of the day's orders, in the database that has the ledger.

A process without it is the only one there is: its order map knows every key and every reference. Keys are claimed
before their order is sent; references follow it, a moment later.

One thread does all the work in the order in which it was asked for, a group at a time in one transaction. Two kinds:

* *questions* (claims, look-ups): a call waits for the answer. A database that does not answer within
  `answer_seconds` refuses the call as `shared_orders_unavailable`.
* *news* (references sent or taken back, keys freed): no call waits. News is gathered for a moment, kept while the
  database does not answer, and written in order when it does. Only an outage of more than `capacity` items loses
  some; they are counted and logged.

So an order without a key waits for nothing, and the other processes know its references a moment later.

What is kept: `_waiting`, the queue; `_claims`, what the calls of this process that rely on a key order; `_away`, whether the
last try failed. While `_away` holds, questions fail at once instead of waiting for the time limit.

What holds between two events:

* A group stays at the head of the queue until its transaction is committed. After a failure its questions are
  answered with the refusal and its news goes back to the head, so news is never written out of order.
* All calls of this process that rely on a key order the same; so the row says what is ordered, whichever of them is sent.
* A key is freed only when no call of this process relies on it any more, and after everything that was asked for
  before. So a key cannot be freed behind a call that has just claimed it.
* News that the database will never accept (`_HOPELESS`) is given up at once. Otherwise one bad row would hold up
  everything behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import itertools
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError, SQLAlchemyError

from relay.counter.ctp.lanes.named_orders import OrderName
from relay.counter.ctp.lanes.order_keys import FirstOrder
from relay.counter.ctp.lanes.ref_map import MapEntry
from relay.counter.ctp.order_map.tables import OrderTables
from relay.database.database import brief, writing
from relay.refusals import call_reasons, relay_reasons
from relay.refusals.refusal import Refused

_log = structlog.get_logger(__name__)
_T = TypeVar("_T")

_LARGEST_GROUP = 1000
_GATHER_SECONDS = 0.05
"""how long news waits for more of it"""
_AWAY_SECONDS = 1.0
"""pause after a failure; questions in the meantime fail at once"""
_KEPT_DAYS = 7
_HOPELESS = (DataError, IntegrityError, ProgrammingError)


@dataclass(slots=True)
class _Relied:
    """A key that calls of this process rely on."""

    content: bytes
    calls: int = 0


@dataclass(slots=True)
class _DatabaseQuestion:
    work: Callable[[Connection], Any]
    done: asyncio.Future[Any] = field(repr=False)


@dataclass(slots=True)
class _Sent:
    """News that go into the table together where they follow one another."""

    day: str
    entries: Sequence[MapEntry]


@dataclass(slots=True)
class _Other:
    """Any other news."""

    work: Callable[[Connection], None]


_Item = _DatabaseQuestion | _Sent | _Other


class OrdersInDatabase:
    """As one process uses them. Use as `with OrdersInDatabase(…)`, inside a running loop."""

    def __init__(
        self, engine: Engine, tables: OrderTables, *, answer_seconds: float = 2.0, capacity: int = 100_000
    ) -> None:
        self._engine = engine
        self._tables = tables
        self._answer_seconds = answer_seconds
        self._capacity = capacity
        self._day = ""
        self._claims: dict[tuple[str, str], _Relied] = {}
        self._waiting: deque[_Item] = deque()
        self._urgent = False
        self._away = False
        """the database failed when it was last tried: questions fail at once"""
        self._closing = False
        self._changed = threading.Condition()
        self._lost = 0
        self._thread = threading.Thread(target=self._run, name="shared orders", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Write the news that is left; waits one statement's time at most."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(10.0)

    def statistics(self) -> dict[str, int]:
        """`waiting`, news that the others do not have yet; `lost`, news that they will never get, since the start."""
        return {"waiting": len(self._waiting), "lost": self._lost}

    # News ----------------------------------------------------------------------------------------------------

    def begin(self, trading_day: str) -> None:
        """What is said from here on is of this day; idempotent. Older days are removed."""
        if trading_day != self._day:
            self._day = trading_day
            try:
                oldest = dt.date.fromisoformat(trading_day) - dt.timedelta(days=_KEPT_DAYS)
            except ValueError:
                return
            self._put(_Other(lambda connection: self._tables.remove_before(connection, f"{oldest:%Y%m%d}")))

    def name_unsaid(self, keyed: Sequence[MapEntry]) -> None:
        """What the order map has of this day from before a restart, where the others were not told whether it was sent."""
        day = self._day
        self._put(_Other(lambda connection: self._tables.name_unsaid(connection, day, keyed)))

    def store(self, entries: Sequence[MapEntry]) -> None:
        """Entries the order map has: known to the other processes soon. Returns at once."""
        day, keyed = self._day, [entry for entry in entries if entry.order_key]
        self._put(_Sent(day, entries))
        if keyed:
            self._put(_Other(lambda connection: self._tables.name_order(connection, day, keyed[0])))

    def retract(self, entries: Sequence[MapEntry]) -> None:
        """Their order was not sent after all; their keys are free again. Returns at once."""
        day, gone = self._day, entries
        self._put(_Other(lambda connection: self._tables.remove(connection, day, gone)))

    def release(self, investor_id: str, key: str, *, sent: bool) -> None:
        """A claim's call is over. A key whose order was not sent by any call is free again. Returns at once."""
        name, day = (investor_id, key), self._day
        claim = self._claims[name]
        claim.calls -= 1
        if claim.calls > 0:
            return
        del self._claims[name]
        if not sent:
            self._put(_Other(lambda connection: self._tables.free_key(connection, day, investor_id, key)), urgent=True)

    # Questions -----------------------------------------------------------------------------------------------

    async def claim(self, investor_id: str, key: str, content: bytes) -> FirstOrder | None:
        """Make a client_order_key this process's own, or learn which order it named first.

        None: the order may be sent. Raises Refused: the key names another order, it is unknown now what it names, or
        another process has claimed it and did not say that it sent the order. `release` ends every claim.
        """
        day, claim = self._day, self._claims.setdefault((investor_id, key), _Relied(content))
        if claim.content != content:  # another call relies on it, and may be sent
            raise Refused(call_reasons.order_key_reused(key=key))
        claim.calls += 1
        try:
            found = await self._ask(lambda connection: self._tables.claim(connection, day, investor_id, key, content))
        except BaseException:
            self.release(investor_id, key, sent=False)
            raise
        if found is None:
            return None
        self.release(investor_id, key, sent=True)  # it is not ours to free
        if found.content != content:
            raise Refused(call_reasons.order_key_reused(key=key))
        if found.order is None:
            raise Refused(call_reasons.order_key_in_doubt(key=key))
        return found.order

    async def settled(self) -> None:
        """Wait until the others can know what was stored before; not for ever, nor where the database is away."""
        try:
            await self._ask(lambda _: None)
        except Refused:
            _log.warning("shared_orders_late", advice="the order was sent; other processes hear of it later")

    async def of_investor(self, investor_id: str) -> Sequence[MapEntry]:
        """The day's entries of this investor that other processes stored. Raises Refused."""
        day = self._day
        return await self._ask(lambda connection: self._tables.of_investor(connection, day, investor_id))

    async def named(self, name: OrderName) -> MapEntry | None:
        """The entry another process stored under this name. Raises Refused."""
        day = self._day
        return await self._ask(lambda connection: self._tables.named(connection, day, name))

    async def _ask(self, work: Callable[[Connection], _T]) -> _T:
        if self._away or len(self._waiting) >= self._capacity:
            raise Refused(relay_reasons.shared_orders_unavailable())
        done: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._put(_DatabaseQuestion(work, done), urgent=True)
        try:
            async with asyncio.timeout(self._answer_seconds):
                return await done
        except TimeoutError:
            raise Refused(relay_reasons.shared_orders_unavailable()) from None

    # The thread ----------------------------------------------------------------------------------------------

    def _put(self, item: _Item, *, urgent: bool = False) -> None:
        with self._changed:
            if len(self._waiting) >= self._capacity:
                self._lose(1)
                return
            self._waiting.append(item)
            self._urgent = self._urgent or urgent
            if urgent or len(self._waiting) == 1:
                self._changed.notify()

    def _run(self) -> None:
        while (group := self._next_group()) is not None:
            self._do(group)

    def _do(self, group: Sequence[_Item]) -> None:
        try:
            with writing(self._engine) as connection:
                answers = self._carry_out(connection, group)
        except Exception as error:  # noqa: BLE001 - every question must be answered, and the thread must go on
            self._failed(group, error)
        else:
            self._succeeded(group)
            for question, answer in answers:
                _settle(question.done, answer)

    def _next_group(self) -> list[_Item] | None:
        """What to do together, still in the queue; waits for some. Empty: only look whether the database is back."""
        with self._changed:
            while not (self._waiting or self._closing or self._away):
                self._changed.wait()
            if self._closing and (self._away or not self._waiting):
                self._lose(sum(not isinstance(item, _DatabaseQuestion) for item in self._waiting))
                return None
            if not (self._urgent or self._closing):
                self._changed.wait(_GATHER_SECONDS)
            self._urgent = False
            return list(itertools.islice(self._waiting, _LARGEST_GROUP))

    def _carry_out(self, connection: Connection, group: Sequence[_Item]) -> list[tuple[_DatabaseQuestion, object]]:
        answers: list[tuple[_DatabaseQuestion, object]] = []
        for kind, items in itertools.groupby(group, key=type):
            if kind is _Sent:
                sent = [(item.day, entry) for item in items if isinstance(item, _Sent) for entry in item.entries]
                self._tables.add(connection, sent)
                continue
            for item in items:
                if isinstance(item, _Other):
                    item.work(connection)
                elif isinstance(item, _DatabaseQuestion) and not item.done.cancelled():
                    answers.append((item, item.work(connection)))
        return answers

    def _failed(self, group: Sequence[_Item], error: Exception) -> None:
        """Questions fail; news stay, but for those the database will never take."""
        refusal = Refused(relay_reasons.shared_orders_unavailable())
        for item in group:
            if isinstance(item, _DatabaseQuestion):
                _settle(item.done, refusal)
        news = [item for item in group if not isinstance(item, _DatabaseQuestion)]
        hopeless = isinstance(error, _HOPELESS) or not isinstance(error, SQLAlchemyError)
        if hopeless or not self._away:
            _log.error("shared_orders_unavailable", error=brief(error), given_up=len(news) if hopeless else 0)
        with self._changed:
            self._drop(group)
            if hopeless:
                self._lose(len(news))
            else:
                self._waiting.extendleft(reversed(news))
            self._away = True
            self._changed.wait_for(lambda: self._closing, _AWAY_SECONDS)

    def _succeeded(self, group: Sequence[_Item]) -> None:
        with self._changed:
            self._drop(group)
        if self._away:
            self._away = False
            _log.info("shared_orders_available", waiting=len(self._waiting))

    def _drop(self, group: Sequence[_Item]) -> None:
        for _ in group:
            self._waiting.popleft()

    def _lose(self, count: int) -> None:
        if count and not self._lost:
            _log.error("shared_orders_lost", advice="after a failover these orders are shown as another program's")
        self._lost += count


def _settle(done: asyncio.Future[Any], answer: object) -> None:
    def settle() -> None:
        if done.done():
            return  # gave up waiting
        if isinstance(answer, Exception):
            done.set_exception(answer)
        else:
            done.set_result(answer)

    with contextlib.suppress(RuntimeError):  # the loop is closed: no call waits any more
        done.get_loop().call_soon_threadsafe(settle)
