"""A counter session without a counter: what comes down ends here, and comes back as the notices of an order."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace

from ctpabi.api.native_inbox import event_inbox
from ctpabi.api.spi import RawEvent
from ctpabi.catalog import Method
from ctpabi.codec import layout
from relay.counter.ctp.lanes.refs import read_ref, ref_places, write_ref
from relay.counter.ctp.orders.tables import RouterTables
from relay.counter.ctp.session.events import SessionItem, SessionLive, SessionRecovering
from relay.counter.port import Attached

NAME = "keep-warm"
INVESTOR, BROKER, OPERATOR = "keepwarm", "0000", "keepwarmop"
_FIRST_DAY = dt.date(2000, 1, 1)
_LIMIT = 100
_NOTICE = "OnRtnOrder"
_STATES = "a", "3"
"""OrderStatus of an order's two notices: the counter has it; the exchange has it, and it has a number there"""


class MadeUpCounter:
    """What an `OrderDriver` needs of a counter session: the order comes back as two notices, through an inbox."""

    name = NAME
    live = True

    def __init__(self, tables: RouterTables) -> None:
        self.items: deque[SessionItem] = deque()
        self.on_items: Callable[[], object] = lambda: None
        catalog = tables.catalog
        order = catalog.structs[catalog.callbacks[_NOTICE].struct]
        whose = {"BrokerID": BROKER, "InvestorID": INVESTOR, "ExchangeID": "SHFE", "InstrumentID": "rb2701"}
        self._notices = [layout.pack(order, {**whose, "OrderStatus": state}) for state in _STATES]
        self._callback = catalog.callbacks[_NOTICE]
        self._asked, self._places = ref_places(catalog.structs["InputOrder"]), ref_places(order)
        self.steps = SimpleNamespace(credentials=SimpleNamespace(user_id=OPERATOR))
        self._request_ids = itertools.count(1)
        self._day = _FIRST_DAY
        self._inbox = event_inbox(asyncio.get_running_loop(), self._burst, _LIMIT, native=tables.native)

    def next_request_id(self) -> int:
        return next(self._request_ids)

    def front_info(self) -> tuple[int, int]:
        return 0, 0

    def call(self, method: Method, body: bytes | bytearray, request_id: int) -> int:
        """No API is called: the order's notices are put where an API's thread would put them."""
        del method, request_id
        asked, places = self._asked, self._places
        if asked is None or asked.ref is None or places is None:
            return 0
        number = read_ref(asked.ref, body) or 0
        for notice in self._notices:
            made = bytearray(notice)
            write_ref(places.front, made, 1)
            write_ref(places.session, made, 1)
            write_ref(places.ref, made, number)
            if notice is self._notices[-1]:
                write_ref(places.system_id, made, number)
            self._inbox.put(RawEvent(self._callback, bytes(made), None))
        return 0

    def begin_day(self) -> None:
        """The next trading day, whose references begin anew."""
        self._day += dt.timedelta(days=1)
        login = Attached(f"{self._day:%Y%m%d}", "09:00:00", 1, 1, 0, "", "", 0)
        self.items += (SessionRecovering(NAME), SessionLive(login, day_changed=True))
        self.on_items()

    def close(self) -> None:
        """No notice comes any more."""
        self._inbox.close()

    def _burst(self, burst: list[RawEvent]) -> None:
        self.items += burst
        self.on_items()
