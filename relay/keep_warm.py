"""Keeps an order's way through this process in the processor's caches, where the settings ask for it.

A terminal that trades seldom meets code that the processor has forgotten: the same work takes several times as long as in a
loop. So a made-up order goes down and its two notices come up, each few milliseconds, through objects of their own that run
the same code: a terminal session, its link, router, lanes, pacer, an order map in a folder of its own, an inbox. At one end
stands a terminal that writes nothing, at the other a counter session that calls no API. Nothing of it reaches the
vendor's library, the ledger, the orders' stream, the order map, the metrics or a terminal.

What a day keeps is bounded: after `_ORDERS_A_DAY` orders the made-up counter has a new trading day, and all of it is forgotten.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import itertools
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from ctpabi.api.inbox import Inbox
from ctpabi.api.spi import RawEvent
from ctpabi.catalog import Catalog, Method
from ctpabi.codec import layout
from ctprelay.ctp.v1 import enums_pb2
from ctprelay.v1 import terminal_pb2 as pb
from relay.counter.ctp.delivery.day_notices import KnownOwners
from relay.counter.ctp.delivery.day_use import DayUse
from relay.counter.ctp.identity.scope import Identity
from relay.counter.ctp.lanes.lanes import Lanes
from relay.counter.ctp.lanes.refs import read_ref, ref_places, write_ref
from relay.counter.ctp.modes.many_to_many import ManyToMany
from relay.counter.ctp.modes.many_to_one import ManyToOne
from relay.counter.ctp.order_map.file import OrderMapFile
from relay.counter.ctp.orders.checks import RouterTables
from relay.counter.ctp.orders.driver import OrderDriver
from relay.counter.ctp.orders.limits import LinkLimits
from relay.counter.ctp.orders.link import CtpLink
from relay.counter.ctp.orders.tools import DriverTools
from relay.counter.ctp.session.events import SessionItem, SessionLive, SessionRecovering
from relay.counter.ctp.session.session import CtpSession
from relay.counter.port import Attached, Counter, Investor, Mode
from relay.sessions.journal import Journal
from relay.sessions.outbox import Outbox
from relay.sessions.session import SessionIdentity, TerminalSession
from relay.settings.settings import Settings
from relay.tasks import Tasks

_NAME = "keep-warm"
_INVESTOR, _BROKER, _OPERATOR = "keepwarm", "0000", "keepwarmop"
_ORDERS_A_DAY = 1_000
_FIRST_DAY = dt.date(2000, 1, 1)
_LIMIT = 100
_JOURNAL_BYTES = 65_536
_NOTICE = "OnRtnOrder"
_STATES = "a", "3"
"""OrderStatus of an order's two notices: the counter has it; the exchange has it, and it has a number there"""


class MadeUpCounter:
    """What an `OrderDriver` needs of a counter session: the order comes back as two notices, through an inbox."""

    name = _NAME
    live = True

    def __init__(self, catalog: Catalog) -> None:
        self.items: deque[SessionItem] = deque()
        self.on_items: Callable[[], object] = lambda: None
        order = catalog.structs[catalog.callbacks[_NOTICE].struct]
        whose = {"BrokerID": _BROKER, "InvestorID": _INVESTOR, "ExchangeID": "SHFE", "InstrumentID": "rb2701"}
        self._notices = [layout.pack(order, {**whose, "OrderStatus": state}) for state in _STATES]
        self._callback = catalog.callbacks[_NOTICE]
        self._asked, self._places = ref_places(catalog.structs["InputOrder"]), ref_places(order)
        self.steps = SimpleNamespace(credentials=SimpleNamespace(user_id=_OPERATOR))
        self._request_ids = itertools.count(1)
        self._day = _FIRST_DAY
        self._inbox: Inbox[RawEvent] = Inbox(asyncio.get_running_loop(), self._burst, _LIMIT)

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
        self.items += (SessionRecovering(_NAME), SessionLive(login, day_changed=True))
        self.on_items()

    def _burst(self, burst: list[RawEvent]) -> None:
        self.items += burst
        self.on_items()


class _Unwritten:
    """An `Evidence` that keeps nothing: nothing happens."""

    async def record(self, kind: str, session: str, data: Mapping[str, object]) -> None: ...

    async def note(self, kind: str, session: str, data: Mapping[str, object]) -> None: ...


class MadeUpOrders:
    """A terminal session of its own, down to a counter of its own; `order` sends one through it."""

    def __init__(self, tables: RouterTables, folder: Path, *, is_shared: bool) -> None:
        """`tables` say what the counter's interface is; `folder` is for an order map of its own; `is_shared`: as in many-to-one."""
        self.counter = MadeUpCounter(tables.catalog)
        own = replace(tables, known=KnownOwners())
        self._order_map = OrderMapFile(folder)
        self._tools = DriverTools(
            tables=own,
            order_map=self._order_map,
            new_lanes=lambda: Lanes(tables.catalog, tables.ownership, native=tables.native),
            next_lane=lambda: 1,
            limits=LinkLimits(orders=0, queries=0),
            day_use=DayUse(2 * _ORDERS_A_DAY),
        )
        on_live = _reports_stand if is_shared else None
        self._driver = OrderDriver(cast("CtpSession", self.counter), self._tools, on_live=on_live)
        self._operator = _OPERATOR if is_shared else ""
        self.outbox = Outbox(1 << 20)
        self._session: TerminalSession | None = None
        self._message = _message()
        self._since = 0

    @property
    def kept(self) -> int:
        """How many orders are known of the made-up day."""
        return self._driver.used

    async def begin(self) -> None:
        """Log in at the made-up counter."""
        self._driver.start()
        self.counter.begin_day()
        await self._driver.first_login()
        who = Identity(_BROKER, _INVESTOR, operator_id=self._operator)
        link = self._driver.add(_NAME, who, self._detach, from_now=False)
        identity = SessionIdentity(_NAME, Investor(_BROKER, _INVESTOR), "", "", Mode.MANY_TO_MANY)
        self._session = TerminalSession(
            identity,
            link,
            Journal(items=_LIMIT, size_bytes=_JOURNAL_BYTES),
            _Unwritten(),
            linger_seconds=0.0,
            default_valid_for=1.0,
            on_end=lambda _: None,
        )
        self._session.attach(self.outbox)

    async def order(self) -> None:
        """One order down, as bytes of a stream; what came up for the one before is taken as a stream would write it."""
        if self._session is None:
            return
        while self.outbox.waiting[0]:
            await self.outbox.next_batch()
        self._since += 1
        if self._since > _ORDERS_A_DAY:
            self._since = 0
            self.counter.begin_day()
        else:
            message = self._message
            if not self._session.take_message(message):
                self._session.call(pb.TerminalMessage.FromString(message).call)

    async def end(self) -> None:
        """Nothing more is sent through."""
        if self._session is not None:
            await self._session.abandon()
        await self._driver.stop()
        self._order_map.close()

    async def _detach(self, link: CtpLink, _: str) -> None:
        self._driver.remove(link)


@contextlib.asynccontextmanager
async def begun(counter: Counter, settings: Settings, folder: Path) -> AsyncIterator[None]:
    """The counter is started and stopped, and made-up orders run as the settings ask for them; `folder` is the process's."""
    await counter.start()
    try:
        async with kept_warm(counter, settings.relay.keep_warm_milliseconds, folder):
            yield
    finally:
        await counter.stop()


@contextlib.asynccontextmanager
async def kept_warm(counter: Counter, milliseconds: int, folder: Path) -> AsyncIterator[None]:
    """A made-up order each so many milliseconds while this lasts; none with 0, and where the counter is not CTP's."""
    if not milliseconds or not isinstance(counter, ManyToMany | ManyToOne):
        yield
        return
    is_shared, tasks = counter.mode is Mode.MANY_TO_ONE, Tasks()
    orders = MadeUpOrders(counter.tables, folder / _NAME, is_shared=is_shared)
    await orders.begin()
    tasks.start(_go_on(orders, milliseconds / 1000), _NAME)
    try:
        yield
    finally:
        await tasks.cancel()
        await orders.end()


async def _go_on(orders: MadeUpOrders, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        await orders.order()


async def _reports_stand(driver: OrderDriver) -> None:
    for link in driver:
        link.route.reported = True


def _message() -> bytes:
    """A limit order, as a terminal's stream brings it."""
    call = pb.Call(request_id=1)
    order = call.request.order_insert
    order.instrument_id, order.exchange_id = "rb2701", "SHFE"
    order.direction, order.order_price_type = enums_pb2.DIRECTION_BUY, enums_pb2.ORDER_PRICE_TYPE_LIMIT_PRICE
    order.time_condition, order.volume_condition = enums_pb2.TIME_CONDITION_GFD, enums_pb2.VOLUME_CONDITION_AV
    order.contingent_condition = enums_pb2.CONTINGENT_CONDITION_IMMEDIATELY
    order.comb_offset_flag, order.comb_hedge_flag = "0", "1"
    order.limit_price, order.volume_total_original = 3500.0, 1
    return pb.TerminalMessage(call=call).SerializeToString()
