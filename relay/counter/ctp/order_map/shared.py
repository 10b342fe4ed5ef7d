"""What the relay processes of a firm know together of a trading day's orders; a port, because databases are above.

A process without it is the only one there is: its order map knows every key and every reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from relay.counter.ctp.lanes.named_orders import OrderName
from relay.counter.ctp.lanes.order_keys import FirstOrder
from relay.counter.ctp.lanes.ref_map import MapEntry


class SharedOrders(Protocol):
    """Keys are claimed before their order is sent; references follow it, a moment later."""

    def begin(self, trading_day: str) -> None:
        """What is said from here on is of this day; idempotent."""
        ...

    def store(self, entries: Sequence[MapEntry]) -> None:
        """Entries the order map has: known to the other processes soon. Returns at once."""
        ...

    def retract(self, entries: Sequence[MapEntry]) -> None:
        """Their order was not sent after all; their keys are free again. Returns at once."""
        ...

    async def claim(self, investor_id: str, key: str, content: bytes) -> FirstOrder | None:
        """Make a client_order_key this process's own, or learn which order it named first.

        None: the order may be sent. Raises Refused: the key names another order, it is unknown now what it names, or
        another process has claimed it and did not say that it sent the order. `release` ends every claim.
        """
        ...

    def release(self, investor_id: str, key: str, *, sent: bool) -> None:
        """A claim's call is over. A key whose order was not sent by any call is free again. Returns at once."""
        ...

    async def settled(self) -> None:
        """Wait until the others can know what was stored before; not for ever, and not where the database does not answer."""
        ...

    async def of_investor(self, investor_id: str) -> Sequence[MapEntry]:
        """The day's entries of this investor that other processes stored. Raises Refused."""
        ...

    async def named(self, name: OrderName) -> MapEntry | None:
        """The entry another process stored under this name. Raises Refused."""
        ...

    def statistics(self) -> dict[str, int]:
        """`waiting`, news that the others do not have yet; `lost`, news that they will never get."""
        ...
