"""The tables that relay processes share their orders in, statement by statement, in the caller's transaction.

A key's row says who claimed it and, once its order was sent, under which reference. Of a row without a reference
only the process that claimed it can say whether its order was sent: its order map knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Row, and_, delete, select, update
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from relay.counter.ctp.lanes.lane import virtual_front
from relay.counter.ctp.lanes.named_orders import OrderName
from relay.counter.ctp.lanes.order_keys import FirstOrder
from relay.counter.ctp.lanes.ref_map import MapEntry
from relay.counter.ctp.lanes.refs import RefSpace
from relay.database.database import insert_new
from relay.database.schema import ORDER_KEY, ORDER_REFERENCE

_MOST_OF_AN_INVESTOR = 100_000
_KEPT = [field.name for field in fields(MapEntry) if field.name in ORDER_REFERENCE.c]
"""a key is in a table of its own, with what was ordered under it"""


@dataclass(frozen=True, slots=True)
class ClaimedKey:
    """What another call has claimed a key for."""

    content: bytes
    order: FirstOrder | None
    """None until it was sent"""


class OrderTables:
    """As one relay process uses them."""

    def __init__(self, broker_id: str, number: int, own_numbers: frozenset[int] = frozenset()) -> None:
        """`own_numbers` had earlier processes with this one's order map."""
        self._broker_id = broker_id
        self._number = number
        self._own_numbers = own_numbers | {number}

    # References ----------------------------------------------------------------------------------------------

    def add(self, connection: Connection, sent: Sequence[tuple[str, MapEntry]]) -> None:
        """Entries of this process, each with its trading day."""
        if sent:
            connection.execute(insert_new(connection, ORDER_REFERENCE), [self._row(day, entry) for day, entry in sent])

    def remove(self, connection: Connection, day: str, gone: Sequence[MapEntry]) -> None:
        """They were not sent. Their keys stay claimed: the calls behind them decide."""
        for entry in gone:
            name = entry.space, entry.lane_front, entry.lane_session, entry.lane_number
            connection.execute(delete(ORDER_REFERENCE).where(self._is_named(day, name)))
            if entry.order_key:
                key = self._is_key(day, entry.investor_id, entry.order_key)
                mine = and_(key, ORDER_KEY.c.relay_number == self._number)
                connection.execute(update(ORDER_KEY).where(mine).values(order_ref=""))

    def of_investor(self, connection: Connection, day: str, investor_id: str) -> list[MapEntry]:
        """What other processes sent for one investor."""
        table = ORDER_REFERENCE.c
        of_others = table.lane_front != virtual_front(self._number)
        theirs = and_(self._is_of(table, day), table.investor_id == investor_id, of_others)
        rows = connection.execute(select(ORDER_REFERENCE).where(theirs).limit(_MOST_OF_AN_INVESTOR))
        return [_entry(row) for row in rows]

    def named(self, connection: Connection, day: str, name: OrderName) -> MapEntry | None:
        """The entry a lane of any process knows by this name."""
        row = connection.execute(select(ORDER_REFERENCE).where(self._is_named(day, name))).one_or_none()
        return None if row is None else _entry(row)

    # Keys ----------------------------------------------------------------------------------------------------

    def claim(self, connection: Connection, day: str, investor_id: str, key: str, content: bytes) -> ClaimedKey | None:
        """Claim a key; None where it is this process's now, else what it stands for already."""
        values = {"broker_id": self._broker_id, "trading_day": day, "investor_id": investor_id, "key": _bytes(key)}
        new = values | {"content": content, "relay_number": self._number}
        new |= {"lane_front": 0, "lane_session": 0, "order_ref": ""}
        claimed = insert_new(connection, ORDER_KEY).values(new).returning(ORDER_KEY.c.key)
        if connection.execute(claimed).first() is not None:
            return None
        is_key = self._is_key(day, investor_id, key)
        row = connection.execute(select(ORDER_KEY).where(is_key).with_for_update()).one_or_none()
        if row is None:  # given up a moment ago
            return ClaimedKey(content, None)
        if row.order_ref:
            return ClaimedKey(row.content, FirstOrder(row.lane_front, row.lane_session, row.order_ref))
        if row.relay_number not in self._own_numbers:
            return ClaimedKey(row.content, None)
        connection.execute(update(ORDER_KEY).where(is_key).values(relay_number=self._number, content=content))
        return None

    def name_order(self, connection: Connection, day: str, entry: MapEntry) -> None:
        """The order of a claimed key was sent."""
        named = update(ORDER_KEY).where(self._is_key(day, entry.investor_id, entry.order_key))
        order = {"lane_front": entry.lane_front, "lane_session": entry.lane_session, "order_ref": entry.lane_ref}
        connection.execute(named.values(order))

    def name_unsaid(self, connection: Connection, day: str, keyed: Iterable[MapEntry]) -> None:
        """Name the orders of keys that an earlier process with this order map claimed, sent, and was killed before it said so."""
        table = ORDER_KEY.c
        own = and_(self._is_of(table, day), table.relay_number.in_(self._own_numbers), table.order_ref == "")
        unsaid = {
            (row.investor_id, row.key) for row in connection.execute(select(table.investor_id, table.key).where(own))
        }
        for entry in keyed:
            if (entry.investor_id, _bytes(entry.order_key)) in unsaid:
                self.name_order(connection, day, entry)

    def free_key(self, connection: Connection, day: str, investor_id: str, key: str) -> None:
        """Give a claim up, unless its order was sent."""
        is_key = self._is_key(day, investor_id, key)
        unsent = and_(is_key, ORDER_KEY.c.relay_number == self._number, ORDER_KEY.c.order_ref == "")
        connection.execute(delete(ORDER_KEY).where(unsent))

    def remove_before(self, connection: Connection, day: str) -> None:
        """Forget what is older than this trading day."""
        for table in (ORDER_REFERENCE, ORDER_KEY):
            old = and_(table.c.broker_id == self._broker_id, table.c.trading_day < day)
            connection.execute(delete(table).where(old))

    def _row(self, day: str, entry: MapEntry) -> dict[str, object]:
        day_and_name = {"broker_id": self._broker_id, "trading_day": day, "lane_number": entry.lane_number}
        return day_and_name | {name: getattr(entry, name) for name in _KEPT} | {"space": entry.space.value}

    def _is_named(self, day: str, name: OrderName) -> ColumnElement[bool]:
        space, front, session, number = name
        table = ORDER_REFERENCE.c
        lane = and_(table.lane_front == front, table.lane_session == session, table.lane_number == number)
        return and_(self._is_of(table, day), table.space == space.value, lane)

    def _is_key(self, day: str, investor_id: str, key: str) -> ColumnElement[bool]:
        table = ORDER_KEY.c
        return and_(self._is_of(table, day), table.investor_id == investor_id, table.key == _bytes(key))

    def _is_of(self, table: ReadOnlyColumnCollection[str, Column[Any]], day: str) -> ColumnElement[bool]:
        return and_(table.broker_id == self._broker_id, table.trading_day == day)


def _entry(row: Row[tuple[object, ...]]) -> MapEntry:
    return MapEntry(**{name: getattr(row, name) for name in _KEPT} | {"space": RefSpace(row.space)})


def _bytes(key: str) -> bytes:
    """As bytes: a database's texts take no zero characters and no half pairs."""
    return key.encode("utf-8", "surrogatepass")
