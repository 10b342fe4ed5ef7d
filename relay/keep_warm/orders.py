"""What lies between a made-up terminal and a made-up counter: the relay's own code in objects of their own."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from ctprelay.ctp.v1 import enums_pb2
from ctprelay.v1 import terminal_pb2 as pb
from relay.admission.origin.trusted_proxies import Origin
from relay.counter.ctp.delivery.day_notices import KnownOwners
from relay.counter.ctp.delivery.day_use import DayUse
from relay.counter.ctp.identity.scope import Identity
from relay.counter.ctp.lanes.lanes import Lanes
from relay.counter.ctp.order_map.file import OrderMapFile
from relay.counter.ctp.orders.driver import OrderDriver
from relay.counter.ctp.orders.limits import LinkLimits
from relay.counter.ctp.orders.link import CtpLink
from relay.counter.ctp.orders.tables import RouterTables
from relay.counter.ctp.orders.tools import DriverTools
from relay.counter.ctp.session.session import CtpSession
from relay.counter.port import Evidence, Investor, Mode, OrderNote
from relay.edge.edge import Edge
from relay.edge.limits import EdgeLimits
from relay.edge.pace import PaceLimits
from relay.edge.passage import Passage, ServedDoor
from relay.edge.shares import ShareLimits
from relay.edge.stream_gate import GateLimits, StreamGate
from relay.http2.call import Call
from relay.keep_warm.counter import BROKER, INVESTOR, NAME, OPERATOR, MadeUpCounter
from relay.keep_warm.terminal import MadeUpTerminal, connected_pair
from relay.rpc.terminal_service import SESSION, TerminalService
from relay.sessions.journal import Journal
from relay.sessions.session import SessionIdentity, TerminalSession
from relay.sessions.sessions import Sessions
from relay.sessions.stream import StreamSettings, TerminalStream

_ORDERS_A_DAY = 1_000
"""then the made-up counter has a new trading day, and all of the one before is forgotten: so what a day keeps is bounded"""
_JOURNAL_ITEMS, _JOURNAL_BYTES, _OUTBOX_BYTES = 100, 65_536, 1 << 20
_LARGEST_MESSAGE = 65_536
_BEGIN_SECONDS = _END_SECONDS = 10.0
_ONE = ShareLimits(1, 1)
_EDGE = EdgeLimits(_ONE, _ONE, PaceLimits(1.0, 1.0), _LARGEST_MESSAGE, 10.0, 0, 1)


class _Unwritten:
    """An `Evidence` and an `OrderTrail` that keep nothing: nothing happens."""

    async def record(self, kind: str, session: str, data: Mapping[str, object]) -> None: ...

    async def note(self, kind: str, session: str, data: Mapping[str, object]) -> None: ...

    def put(self, make: Callable[[], OrderNote]) -> None: ...


class _MadeUpStream(TerminalStream):
    """Whoever logs in on it has this session."""

    def __init__(self, origin: Origin, session: TerminalSession, evidence: Evidence) -> None:
        clock, settings = asyncio.get_running_loop().time, StreamSettings("", _BEGIN_SECONDS, _OUTBOX_BYTES)
        super().__init__(origin, cast("Sessions", SimpleNamespace()), evidence, clock, settings)
        self._made_up = session

    def _hello(self, hello: pb.Hello) -> None:
        """Nobody is challenged."""

    async def _login(self, login: pb.Login) -> None:
        del login
        self._welcome(self._made_up, after_sequence=None)


class MadeUpOrders:
    """A made-up terminal with its session, down to a made-up counter; `order` sends one order through it."""

    def __init__(
        self,
        tables: RouterTables,
        folder: Path,
        *,
        is_shared: bool,
        tls: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        """`tables` say what the counter's interface is; `folder` is for an order map of its own; `is_shared`: as in many-to-one.

        `tls` is what terminals are served with; None where there is none.
        """
        self.counter = MadeUpCounter(tables)
        self._unwritten = _Unwritten()
        self._order_map = OrderMapFile(folder)
        self._tools = DriverTools(
            tables=replace(tables, known=KnownOwners()),
            order_map=self._order_map,
            new_lanes=lambda: Lanes(tables.lane_places, tables.ownership),
            next_lane=lambda: 1,
            limits=LinkLimits(orders=0, queries=0),
            day_use=DayUse(2 * _ORDERS_A_DAY),
            trail=self._unwritten,
        )
        on_live = _reports_stand if is_shared else None
        self._driver = OrderDriver(cast("CtpSession", self.counter), self._tools, on_live=on_live)
        self._operator = OPERATOR if is_shared else ""
        self._session: TerminalSession | None = None
        self._tls = tls
        self._edge = Edge(_EDGE, known=lambda _: True)
        self._terminal: MadeUpTerminal | None = None
        self._served = asyncio.Event()
        """set when the terminal's call is over"""
        self._message = _order()
        self._since = 0
        self.on_batch: Callable[[bytes], object] = lambda _: None
        """called with each RelayBatch that the terminal gets"""

    @property
    def kept(self) -> int:
        """How many orders are known of the made-up day."""
        return self._driver.used

    async def begin(self) -> None:
        """Log in: the counter session at the made-up counter, the made-up terminal here."""
        self._driver.start()
        self.counter.begin_day()
        await self._driver.first_login()
        who = Identity(BROKER, INVESTOR, operator_id=self._operator)
        link = self._driver.add(NAME, who, self._detach, from_now=False)
        self._session = TerminalSession(
            SessionIdentity(NAME, Investor(BROKER, INVESTOR), "", "", Mode.MANY_TO_MANY),
            link,
            Journal(items=_JOURNAL_ITEMS, size_bytes=_JOURNAL_BYTES),
            self._unwritten,
            linger_seconds=0.0,
            default_valid_for=1.0,
            on_end=lambda _: None,
        )
        await self._connect(self._session)

    async def _connect(self, session: TerminalSession) -> None:
        gate = StreamGate(GateLimits(1, 1, 0.0), lambda _: 0)
        service = TerminalService(
            lambda origin: _MadeUpStream(origin, session, self._unwritten),
            lambda origin, _: cast("Origin", origin),
            gate,
            self._edge,
            _LARGEST_MESSAGE,
        )

        async def serve(passage: Passage, call: Call) -> None:
            try:
                await service.serve(passage, call)
            finally:
                self._served.set()

        self._edge.serve_handed(NAME, ServedDoor(serve, self._tls, _LARGEST_MESSAGE))
        theirs, ours = connected_pair()
        self._edge.take_handed(ours, NAME)
        terminal = self._terminal = MadeUpTerminal(theirs, SESSION, tls=self._tls is not None)
        terminal.on_batch = self.on_batch
        terminal.begin(_LOGIN)
        async with asyncio.timeout(_BEGIN_SECONDS):
            await terminal.heard

    def order(self) -> None:
        """One order down, or a new day. Raises ConnectionError."""
        if self._terminal is None:
            return
        self._since += 1
        if self._since > _ORDERS_A_DAY:
            self._since = 0
            self.counter.begin_day()
        else:
            self._terminal.send(self._message)

    async def end(self) -> None:
        """Nothing more is sent through."""
        if self._session is not None:
            await self._session.abandon()
        if self._terminal is not None:
            self._terminal.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_END_SECONDS):
                    await self._served.wait()
        self._edge.stop()
        await self._driver.stop()
        self.counter.close()
        self._order_map.close()

    async def _detach(self, link: CtpLink, _: str) -> None:
        self._driver.remove(link)


async def _reports_stand(driver: OrderDriver) -> None:
    for link in driver:
        link.route.reported = True


def _order() -> bytes:
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


_LOGIN = tuple(
    message.SerializeToString()
    for message in (pb.TerminalMessage(hello=pb.Hello()), pb.TerminalMessage(login=pb.Login()))
)
"""what a terminal says first; nobody looks at it"""
