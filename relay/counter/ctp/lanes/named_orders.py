"""Which order a cancel names, while that order still waits in the relay.

A waiting order has no reference at the counter yet, so the map of references does not know it. Its name is what the
terminal will know it by: the lane's front and session, and the reference it chose. An order without a reference has
no name before it is sent. How a cancel names an order is CTP fact 51.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ctpabi.catalog import Method
from relay.counter.ctp.identity.scope_table import CANCELS
from relay.counter.ctp.identity.spelling import number_key
from relay.counter.ctp.lanes.lane import Lane, is_virtual
from relay.counter.ctp.lanes.refs import RefPlaces, RefSpace, read_ref

_DELETE: Final = b"0"
"""THOST_FTDC_AF_Delete"""

OrderName = tuple[RefSpace, int, int, int]
"""space, the lane's FrontID and SessionID, reference"""


@dataclass(frozen=True, slots=True)
class Named:
    """The order an action names."""

    name: OrderName
    ends_it: bool
    """a cancel; a change of the order, or a cancel to be parked, must wait for the order"""


def names_of_insert(lane: Lane, places: RefPlaces, body: bytes | bytearray) -> tuple[OrderName, ...]:
    """What an insert will be known by: its own name first, then those of the orders a quote becomes.

    Where the terminal leaves a reference to the relay, the name has 0 and no action names it.
    """
    if places.action_space is not None or places.space is None or places.ref is None:
        return ()
    cells = ((places.space, places.ref), *((RefSpace.ORDER, cell) for cell in places.derived))
    numbers = [(space, number) for space, cell in cells if (number := read_ref(cell, body)) is not None]
    if len(numbers) < len(cells):
        return ()  # it is refused when its turn comes
    return tuple((space, lane.front, lane.session, number) for space, number in numbers)


def named_by_action(lane: Lane, method: Method, places: RefPlaces, body: bytes | bytearray) -> Named | None:
    """The order an action names by a lane's triple; None where it has the exchange's number, so was sent long ago."""
    if places.action_space is None or places.space is None or places.ref is None:
        return None
    if places.front is None or places.session is None or (places.system_id and number_key(places.system_id.read(body))):
        return None
    number = read_ref(places.ref, body)
    front, session = places.front.read(body), places.session.read(body)
    if front == 0 and session == 0:
        front, session = lane.front, lane.session
    if not number or not is_virtual(front):
        return None
    flag = places.action_flag.read(body) if places.action_flag is not None else b""
    return Named((places.space, front, session, number), ends_it=method.name in CANCELS and flag == _DELETE)
