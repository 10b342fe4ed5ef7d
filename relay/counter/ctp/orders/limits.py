"""What one terminal may ask a second, and have waiting, of each class of requests.

Every request is in one class, and beyond its limit it is refused by name: nothing of one terminal's flood waits in the
counter session that others share. What has its place waits for its turn, in which terminals take turns.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from relay.counter.ctp.identity.scope_table import RequestClass
from relay.counter.ctp.pacing.pacing import RateWindow
from relay.refusals import call_reasons
from relay.refusals.refusal import Refusal
from relay.settings.limits_section import Limits


class ClassLimit:
    """One terminal's requests of one class: the second's window, and how many wait for their result."""

    __slots__ = ("_most_a_second", "_most_waiting", "_what", "_window", "waiting")

    def __init__(self, what: str, most_a_second: int, most_waiting: int) -> None:
        self._what = what
        self._most_a_second = most_a_second
        self._most_waiting = most_waiting
        self._window = RateWindow(most_a_second)
        self.waiting = 0

    def take(self, now: float) -> Refusal | None:
        """One more comes, and waits until `waiting` is lessened; or why it is not taken."""
        if self._window.free_at(now) > now:
            return call_reasons.too_fast(what=self._what, most=self._most_a_second)
        if self.waiting >= self._most_waiting:
            return call_reasons.queue_full(what=self._what, most=self._most_waiting)
        self._window.take(now)
        self.waiting += 1
        return None


@dataclass(slots=True)
class LinkLimits:
    """What one terminal may send a second of each class, and have waiting; 0: no limit of the second.

    What is changed holds for terminals that log in afterwards.
    """

    orders: int
    queries: int
    transfers: int = 2
    others: int = 20
    orders_waiting: int = 200
    queries_waiting: int = 100
    transfers_waiting: int = 10
    others_waiting: int = 100

    @classmethod
    def of(cls, limits: Limits) -> LinkLimits:
        """As the settings have them."""
        return cls(
            orders=limits.orders_per_second,
            queries=limits.queries_per_second,
            transfers=limits.transfers_per_second,
            others=limits.others_per_second,
            orders_waiting=limits.orders_waiting,
            queries_waiting=limits.queries_waiting,
            transfers_waiting=limits.transfers_waiting,
            others_waiting=limits.others_waiting,
        )

    def take(self, other: LinkLimits) -> None:
        """Be as `other` is."""
        for one in fields(self):
            setattr(self, one.name, getattr(other, one.name))

    def by_class(self) -> dict[RequestClass, ClassLimit]:
        """The same, for each class."""
        return {
            RequestClass.ORDERS: ClassLimit("orders 报撤单", self.orders, self.orders_waiting),
            RequestClass.QUERIES: ClassLimit("queries 查询", self.queries, self.queries_waiting),
            RequestClass.TRANSFERS: ClassLimit("transfers 改密与转账", self.transfers, self.transfers_waiting),
            RequestClass.OTHERS: ClassLimit("others 其他请求", self.others, self.others_waiting),
        }
