"""Where the replay of a day ends and "now" begins, for terminals that want only what happens after their login.

Every session is subscribed with RESTART, so the counter sends the day from its beginning, and after a break nothing is
lost. But the counter does not say where its replay ends (CTP fact 71). `ReplayWatch` decides it, notice by notice, after the first
login. The replay is over (`over`)

* with the first private notice that answers a request which was sent after the login (`own`), or
* with the first private notice whose time is later than the login's, by the counter's clock, or is the login's own
  second once the terminal has `LoggedIn` (`welcomed`), or
* with the first notice after a silence of two seconds.

What holds between two events:

* Until `over`, private notices are old and are not shown. Once `over`, it stays so, and every notice is new.
* Public notices have a flow of their own, so each is judged by its own time, and that time does not end the replay.
* Of each order the latest old state is kept. Some counters tell the fill of an old order by a state without a new
  time, followed by its trade. When the trade is new, that state is given with it.
* An order or trade without any time is shown: an old notice too many is better than a new one too few.

Times are compared as seconds since 17:00, when the trading day begins with the night session (CTP fact 83).
"""

from __future__ import annotations

from typing import Final

from ctpabi.catalog import Catalog
from ctpabi.codec.cells import TextCell, present_text_cells, text_cells
from relay.counter.ctp.delivery.delivery import Notice, OrderKey

_SILENCE_SECONDS: Final = 2.0
"""A replay does not pause as long as that."""
_SHORT_SILENCE_SECONDS: Final = 0.25
"""A replay that was silent for this long when the connection broke was over."""
_TIMES: Final = (
    "InsertTime",
    "UpdateTime",
    "CancelTime",
    "ActiveTime",
    "SuspendTime",
    "TradeTime",
    "ActionTime",
    "SendTime",
    "EnterTime",
    "ForQuoteTime",
)
_PUBLIC: Final = frozenset({"OnRtnInstrumentStatus", "OnRtnBulletin", "OnRtnForQuoteRsp"})
_ALWAYS_TIMED: Final = frozenset({"OnRtnOrder", "OnRtnTrade"})
_DAY_BEGINS: Final = 17 * 3600
_DAY: Final = 24 * 3600


class NoticeTimes:
    """Where the notices of one catalog say when they were made; worked out once at the start, for all sessions."""

    def __init__(self, catalog: Catalog) -> None:
        self.trade = text_cells(catalog.structs["Trade"], "ExchangeID", "OrderSysID")
        self.order = text_cells(catalog.structs["Order"], "ExchangeID", "OrderSysID")
        self.times = {
            callback.name: present_text_cells(catalog.structs[callback.struct], *_TIMES)
            for callback in catalog.callbacks.values()
            if callback.struct
        }


class ReplayWatch:
    """The notices after one first login; ask `take` until it is `over`."""

    def __init__(self, known: NoticeTimes, login_time: str, now: float) -> None:
        """`login_time` is the counter's HH:MM:SS of the login, `now` the caller's clock."""
        self._from = _place_in_day(login_time.encode())
        self._last = now
        self._trade, self._order, self._times = known.trade, known.order, known.times
        self._latest: dict[OrderKey, Notice] = {}
        self.over = False

    def take(self, notice: Notice, now: float, *, own: bool, welcomed: bool = False) -> tuple[Notice, ...]:
        """What to show of this notice: nothing, the notice, or the state of its order and the notice.

        `own`: it answers a request made after the login. `welcomed`: the terminal has been sent its `LoggedIn`.
        """
        self.over = self.over or now - self._last >= _SILENCE_SECONDS
        self._last = now
        if self.over:
            return (notice,)
        time = self._time(notice)
        if time < 0 and notice.callback.name in _ALWAYS_TIMED:
            return (notice,)  # nothing says that it is old, and too much is better than too little
        is_new = own or time > self._from or (welcomed and time == self._from)
        if notice.callback.name in _PUBLIC:  # a flow of its own, which says nothing about the other
            return (notice,) if is_new else ()
        if is_new:
            self.over = True
            return (*self._state_before(notice), notice)
        if notice.callback.name == "OnRtnOrder":
            self._latest[_key(self._order, notice)] = notice
        return ()

    def broke(self, now: float) -> None:
        """The connection broke: the day is sent again, and what is new in it is new, if the replay had ended."""
        self.over = self.over or now - self._last >= _SHORT_SILENCE_SECONDS

    def _state_before(self, notice: Notice) -> tuple[Notice, ...]:
        if notice.callback.name != "OnRtnTrade":
            return ()
        state = self._latest.get(_key(self._trade, notice))
        return (state,) if state is not None else ()

    def _time(self, notice: Notice) -> int:
        """The latest of its times, as a place in the trading day; -1 where it has none."""
        body = notice.body
        written = (cell.read(body) for cell in self._times.get(notice.callback.name, ()) if body[cell.start])
        return max(map(_place_in_day, written), default=-1)


def _key(cells: tuple[TextCell, ...], notice: Notice) -> OrderKey:
    exchange, system_id = cells
    return exchange.read(notice.body), system_id.read(notice.body)


def _place_in_day(time: bytes) -> int:
    """Seconds since the trading day began, in the evening before; -1 for what is no time."""
    parts = time.split(b":")
    if len(parts) != 3 or not all(part.isdigit() for part in parts):
        return -1
    hours, minutes, seconds = map(int, parts)
    return (hours * 3600 + minutes * 60 + seconds - _DAY_BEGINS) % _DAY
