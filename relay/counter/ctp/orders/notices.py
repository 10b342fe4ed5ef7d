"""The way up of notices: by investor and lane, each once and in order.

A notice passes these stations, and each may end its way. The reference map is asked once, and learns the order's
numbers. A repetition ends here: the counter sends the whole day again after every break. The day keeps it for
terminals that come later, in an operator's session alone (CTP fact 53). Its owner says which lanes may see it. Each of these
terminals has a `Delivery`, which holds a trade back until the terminal has seen its order.

A terminal that joins later is given the day so far first, made as it takes it. Between any two notices it holds that
what comes while a replay is not yet made is made behind it, so that both go through the `Delivery` in the day's order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from relay.counter.ctp.delivery.day_notices import DayNotices
from relay.counter.ctp.delivery.delivery import Delivery, Notice
from relay.counter.ctp.delivery.from_now import ReplayWatch
from relay.counter.ctp.delivery.repetitions import Repetitions
from relay.counter.ctp.identity.ownership import Owner
from relay.counter.ctp.lanes.lane import Lane
from relay.counter.ctp.lanes.lanes import Lanes, ReadEvent
from relay.counter.ctp.lanes.ref_map import MapEntry
from relay.counter.ctp.orders.calls import RouterLink
from relay.counter.ctp.orders.tables import RouterTables
from relay.counter.ctp.orders.view import EventView
from relay.counter.outgoing import SharedItems
from relay.counter.port import CounterEvent

_EVERYBODY: Final = Owner.EVERYBODY
_Encoded = dict[tuple[int, bytes], CounterEvent]
"""by identity of the notice, and investor; without one where all see the same"""


class Notices:
    """The notices of one counter session."""

    def __init__(
        self,
        tables: RouterTables,
        lanes: Lanes,
        view: EventView,
        day: DayNotices | None,
    ) -> None:
        """`day` keeps what terminals that join later want to know; None in an investor's own session."""
        self._times = tables.notice_times
        self._ownership = tables.ownership
        self._lanes = lanes
        self._view = view
        self._known = tables.known
        self._day = day
        self.shared = SharedItems()
        """what every terminal gets alike"""
        self._repetitions = Repetitions(tables.notice_names)
        self._watch: ReplayWatch | None = None
        """while the first login's replay goes on"""
        self._links: dict[Lane, tuple[RouterLink, Delivery]] = {}
        self._from_now: set[RouterLink] = set()
        self._holding: set[RouterLink] = set()
        """links with trades that wait for their orders"""

    def open(self, link: RouterLink, *, from_now: bool) -> None:
        """A terminal joined; it gets the day's notices of its investor first, unless it wants only new ones."""
        self._links[link.lane] = link, Delivery()
        link.items.share(self.shared)
        if from_now:
            self._from_now.add(link)
        elif self._day is not None:
            replay = self._day.replay(link.lane.identity)
            link.items.put_later(0, self._replayed(link, replay.notices))
            link.lost_history = not replay.complete

    def close(self, link: RouterLink) -> None:
        """A terminal left; idempotent."""
        self._links.pop(link.lane, None)
        self._from_now.discard(link)
        self._holding.discard(link)

    def logged_in(self, login_time: str, now: float) -> None:
        """The first login of the session, at the counter's time; what comes now is the day so far."""
        self._watch = ReplayWatch(self._times, login_time, now)

    def broke(self, now: float) -> None:
        """The session broke: after its next login the day comes again."""
        if self._watch is not None:
            self._watch.broke(now)

    def start_day(self) -> None:
        """A new trading day: yesterday's notices are forgotten."""
        if self._day is not None:
            self._day.start_day()
        self._repetitions.start_day()
        self._watch = None
        for _, delivery in self._links.values():
            delivery.start_day()

    def notify(self, notice: Notice, read: ReadEvent, now: float) -> None:
        """One OnRtn… or OnErrRtn…, to every lane that may see it."""
        if not self._repetitions.first_time(notice, ours=read.order is not None):
            return
        callback, body, keys = notice.callback, notice.body, read.keys
        owned = self._ownership.owner(callback, body, keys.investor if read.places is not None else None)
        if self._lanes.shown is not None and owned in self._known:
            self._lanes.shown.learn(callback, body, keys, owned.name, ours=read.order is not None)
        if self._day is not None and not read.is_private:
            self._day.record(notice, keys, owned)
        news = (notice,) if self._watch is None else self._news(self._watch, notice, read.order, now)
        if owned.owner is _EVERYBODY and news == (notice,) and self._is_same_for_all(notice):
            self.shared.put(self._view.notice(notice, read, b""))
            return
        receivers = self._lanes.receivers(read, owned)
        encoded: _Encoded | None = {} if len(receivers) > 1 else None
        for lane in receivers:
            link, delivery = self._links[lane]
            for item in news if link in self._from_now else (notice,):
                if link.items.has_notices_to_come:
                    # A trade of the day so far may wait for this order: it takes its turn behind what came before.
                    link.items.put_later(0, self._replayed(link, iter((item,))))
                    continue
                its_keys = keys if item is notice else self._lanes.keys(item.callback, item.body)
                for ready in delivery.accept(item, its_keys, now):
                    link.items.put(self._event(ready, lane, read, encoded))
                if delivery.held:
                    self._holding.add(link)

    def _is_same_for_all(self, notice: Notice) -> bool:
        """Of what everybody may see: whether it is so whatever terminal there is, and none need be looked at."""
        return self._view.is_same_for_all(notice) and not self._ownership.broker(notice.callback, notice.body)

    def release(self, now: float) -> float | None:
        """Let go the trades that waited long enough; returns when the next one is due."""
        if not self._holding:
            return None
        due = []
        for link in tuple(self._holding):
            _, delivery = self._links[link.lane]
            for notice in delivery.release(now):
                link.items.put(self._event(notice, link.lane))
            if delivery.due_at is None:
                self._holding.discard(link)
            else:
                due.append(delivery.due_at)
        return min(due, default=None)

    def _news(self, watch: ReplayWatch, notice: Notice, order: MapEntry | None, now: float) -> tuple[Notice, ...]:
        """What of a notice terminals get that want nothing from before their login."""
        own = order is not None and any(_sent(link.lane, order) for link in self._from_now)
        welcomed = any(link.is_read for link in self._from_now)
        news = watch.take(notice, now, own=own, welcomed=welcomed)
        if watch.over:
            self._watch = None
        return news

    def _replayed(self, link: RouterLink, notices: Iterator[Notice]) -> Iterator[CounterEvent | None]:
        for notice in notices:
            if link.lane not in self._links:
                return
            _, delivery = self._links[link.lane]
            yield None
            keys = self._lanes.keys(notice.callback, notice.body)
            for ready in delivery.accept(notice, keys, link.items.now):
                yield self._event(ready, link.lane)
            if delivery.held:
                self._holding.add(link)

    def _event(
        self, notice: Notice, lane: Lane, read: ReadEvent | None = None, encoded: _Encoded | None = None
    ) -> CounterEvent:
        """As terminals of this investor see it now.

        `read` is the newest notice. What is older is read again without learning: the counter may have other
        numbers by now. `encoded` is what others got of it already: the same is worked out once.
        """
        if read is None or read.body is not notice.body:
            read = self._lanes.read(notice.callback, notice.body, learn=False)
        investor = lane.identity.investor
        if encoded is None:
            return self._view.notice(notice, read, investor)
        key = id(notice), b"" if self._view.is_same_for_all(notice) else investor
        event = encoded.get(key)
        if event is None:
            event = encoded[key] = self._view.notice(notice, read, investor)
        return event


def _sent(lane: Lane, order: MapEntry) -> bool:
    return (lane.front, lane.session) == (order.lane_front, order.lane_session)
