"""One relay process of the run: composed as `relay.server` composes it, killed or drained, and its lines to terminals.

What it keeps on disk (order map, spool) is its slot's and outlives it; so does its ledger chain. What is composed here and
not real: who is let in (everybody whose login names an investor), and gRPC below `TerminalService._converse`.
"""

from __future__ import annotations

import asyncio
import contextvars
import datetime as dt
import ipaddress
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from ctpabi.api.binding import Binding
from ctprelay.v1 import terminal_pb2 as pb
from relay.admission.admission import Applicant, Proof
from relay.admission.origin.trusted_proxies import Origin
from relay.counter.breaker import Breaker
from relay.counter.clock_watch import ClockWatch
from relay.counter.ctp.delivery.day_notices import KnownOwners
from relay.counter.ctp.delivery.day_use import DayUse
from relay.counter.ctp.lanes.lanes import Lanes
from relay.counter.ctp.modes.connection import Connector, CounterAddress
from relay.counter.ctp.modes.many_to_many import ManyToMany
from relay.counter.ctp.modes.many_to_one import ManyToOne
from relay.counter.ctp.order_map.relay_numbers import take_number
from relay.counter.ctp.order_map.tables import OrderTables
from relay.counter.ctp.orders.limits import LinkLimits
from relay.counter.ctp.orders.tables import RouterTables
from relay.counter.ctp.orders.tools import DriverTools
from relay.counter.ctp.session.counter_watch import CounterWatch
from relay.counter.ctp.session.patience import Patience
from relay.counter.port import Investor, Mode, TerminalLogin, TerminalReport
from relay.database.times import COUNTER_ZONE
from relay.directory.terminals import Terminal
from relay.faults.faults import Faults
from relay.http2.call import CallEnded
from relay.http2.call_over import CallOver
from relay.rpc.terminal_service import TerminalService
from relay.sessions.journal import Journal
from relay.sessions.refused_streams import RefusedStreams
from relay.sessions.sessions import SessionLimits, Sessions
from relay.sessions.stream import StreamSettings, TerminalStream
from simulation.slow_way import SlowWay
from simulation.storage import Disk, FailingOrderMap, FailingSpool, SharedDatabase, SteppedLedger, SteppedOrders
from simulation.structs import BROKER, CATALOG, OPERATOR, OWNERSHIP, SCOPES
from simulation.virtual_loop import PROCESS, VirtualLoop

MONDAY = dt.datetime(2026, 11, 22, tzinfo=COUNTER_ZONE)
"""the run's time 0, the day before: its night session belongs to Monday"""
OUTBOX_BYTES = 20_000
JOURNAL_ITEMS, JOURNAL_BYTES = 60, 100_000
LINGER_SECONDS = 60.0
_NUMBERS = itertools.count


@dataclass(eq=False)
class ProcessPlace:
    """What a relay has on disk, whichever process runs it."""

    name: str
    folder: Path
    disk: Disk = field(default_factory=Disk)
    numbers: set[int] = field(default_factory=set)
    """those its processes had"""


class _OpenDoor:
    """In the place of `Admission`: every login is let in, and recorded."""

    def __init__(self, evidence: SteppedLedger, clock: Callable[[], dt.datetime]) -> None:
        self._evidence, self._clock = evidence, clock

    async def prove(self, app_id: str, _challenge: bytes, _answer: bytes) -> Terminal:
        return Terminal(app_id, "", frozenset(Mode), enabled=True, created_at="", rotated_at="")

    def password_offer(self) -> None:
        """Passwords come as they are."""

    async def prove_for_resume(self, _: Proof) -> None:
        """It is believed."""

    def check_terminal(self, _: Applicant) -> None:
        """Nothing is wrong with it."""

    @asynccontextmanager
    async def turn(self, _: Applicant) -> AsyncIterator[None]:
        yield

    @asynccontextmanager
    async def at_counter(self, _: Applicant) -> AsyncIterator[None]:
        yield

    async def admit(self, applicant: Applicant) -> TerminalLogin:
        login, origin = applicant.login, applicant.origin
        applicant.on_admitted()
        await self._evidence.record("terminal_login", applicant.name, {"investor_id": login.investor_id})
        investor = Investor(login.broker_id, login.investor_id)
        info, at = login.system_info, self._clock()
        report = TerminalReport(investor, info, applicant.app_id, origin.public_ip, origin.port, at)
        from_now = login.start_from == pb.START_FROM_NOW
        return TerminalLogin(applicant.name, report, login.password, from_now=from_now)


class _NoneDisabled:
    """In the place of `Revocations`."""

    announced = 0

    async def refusal(self, _: object) -> None:
        return None


class RelayProcess:
    """A process: everything in it is made in its context."""

    def __init__(self, slot: ProcessPlace, database: SharedDatabase, mode: Mode) -> None:
        self.slot, self._database, self.mode = slot, database, mode
        self.chain = slot.name
        self.killed = False
        self.loop = cast("VirtualLoop", asyncio.get_running_loop())
        self.context = contextvars.copy_context()
        self.context.run(PROCESS.set, self)
        self.lines: list[PlayedLine] = []
        self.trades_given: dict[str, float] = {}
        """when its APIs said a trade first"""
        self.context.copy().run(self._compose)

    def now(self) -> dt.datetime:
        return MONDAY + dt.timedelta(seconds=self.loop.time())

    def _compose(self) -> None:
        folder, engine = self.slot.folder, self._database.engine
        number = take_number(engine)
        spool = FailingSpool(self.slot.disk, folder / "spool.jsonl")
        self.ledger = SteppedLedger(self._database, self.context, self.chain, spool=spool, clock=self.now)
        tables = OrderTables(BROKER, number, frozenset(self.slot.numbers))
        self.slot.numbers.add(number)
        self.orders = SteppedOrders(self._database, self.context, tables)
        self.order_map = FailingOrderMap(self.slot.disk, folder / "order_map", self.orders, clock=self.loop.time)
        self.counter = self._mode(number)
        self.sessions = Sessions(
            cast("Any", _OpenDoor(self.ledger, self.now)),
            cast("Any", _NoneDisabled()),
            RefusedStreams(self.ledger, self.now),
            self.counter,
            self.ledger,
            SessionLimits(LINGER_SECONDS, max_sessions=10_000, max_per_investor=100, default_valid_for=3.0),
            lambda: Journal(items=JOURNAL_ITEMS, size_bytes=JOURNAL_BYTES),
        )
        nothing: Any = None
        self.service = TerminalService(nothing, nothing, nothing, nothing, 0)
        """of which the function for one stream is used"""
        if self.ledger.oldest_waiting:
            self.ledger.work()

    def _mode(self, number: int) -> ManyToMany | ManyToOne:
        lane_numbers = _NUMBERS(1)
        wall = (lambda: self.now().timestamp()), self.loop.time
        watch = CounterWatch(Faults(), Breaker(), self.loop.time)
        address = CounterAddress(
            fronts=("tcp://127.0.0.1:1",),
            broker_id=BROKER,
            relay_app_id="relay_1.0",
            relay_auth_code="0123456789ABCDEF",
            production=True,
            user_product_info="relay",
            flow_dir=self.slot.folder / "flow",
            patience=Patience(),
            inits_per_second=20.0,
        )
        connector = Connector(
            cast("Binding", SimpleNamespace(catalog=CATALOG, native=None)), address, self.ledger, watch=watch
        )
        tables = RouterTables(CATALOG, SCOPES, OWNERSHIP, KnownOwners())
        tools = DriverTools(
            tables=tables,
            order_map=self.order_map,
            new_lanes=lambda: Lanes(tables.lane_places, OWNERSHIP, relay_number=number, keys=self.order_map.order_keys),
            next_lane=lambda: next(lane_numbers),
            limits=LinkLimits(orders=50, queries=10),
            day_use=DayUse(500_000),
            clock=ClockWatch(Faults(), 0.0, *wall),
        )
        if self.mode is Mode.MANY_TO_MANY:
            return ManyToMany(connector, tools)
        return ManyToOne(connector, tools, operator_id=OPERATOR, password="operator", read_password=lambda: "operator")  # noqa: S106

    def start(self) -> None:
        """It begins to serve."""
        self.loop.create_task(self.counter.start(), context=self.context)

    def kill(self) -> None:
        """As `kill -9`: at this step, whatever it was doing."""
        self.loop.kill(self)
        self.order_map.close()

    async def drain(self) -> None:
        """As a stop that was asked for."""
        await self.loop.create_task(self._drain(), context=self.context)

    async def _drain(self) -> None:
        await self.sessions.drain(5.0)
        for line in tuple(self.lines):
            line.end()
        await self.sessions.refused.flush()
        await self.counter.stop()
        while not (self.ledger.is_empty and self.orders.is_empty):  # noqa: ASYNC110 - their threads are callbacks here
            await asyncio.sleep(1.0)
        self.order_map.close()


class _PlayedCall:
    """What `TerminalService._converse` asks of a call."""

    def __init__(self, line: PlayedLine) -> None:
        self._line = line

    async def read(self) -> bytes | None:
        """Asked after the last word: its terminal says no more."""
        return None

    async def write(self, batch: bytes) -> None:
        await self._line.reading.wait()
        if self._line.is_gone:
            raise CallOver
        self._line.up.put(batch, self._line.latency)

    def write_at_once(self, batch: bytes) -> bool:
        if self._line.is_gone or not self._line.reading.is_set():
            return False
        self._line.up.put(batch, self._line.latency)
        return True


class PlayedLine:
    """One stream between a terminal and a process."""

    def __init__(self, process: RelayProcess, host: int, hears: Callable[[PlayedLine, bytes | None], None]) -> None:
        """`hears` gets every batch, and None when the stream is over."""
        self.process, self.latency, self.is_gone = process, 0.001, False
        self.up: SlowWay[bytes | None] = SlowWay(
            process.loop, contextvars.copy_context(), lambda batch: hears(self, batch)
        )
        self._down: SlowWay[pb.TerminalMessage | None] = SlowWay(process.loop, process.context, self._arrived)
        self._messages: list[pb.TerminalMessage | None] = []
        self._came, self.reading = asyncio.Event(), asyncio.Event()
        self.reading.set()
        origin = Origin(ipaddress.ip_address(f"198.51.{100 + host // 250}.{host % 250 + 1}"), 50_000)
        self.stream: TerminalStream = process.context.copy().run(self._open, origin)
        self._task = process.loop.create_task(self._serve(), context=process.context)
        process.lines.append(self)

    def _open(self, origin: Origin) -> TerminalStream:
        at = self.process
        return TerminalStream(origin, at.sessions, at.ledger, at.loop.time, StreamSettings("1", 10.0, OUTBOX_BYTES))

    def say(self, message: pb.TerminalMessage) -> None:
        """From the terminal."""
        if not self.is_gone:
            self._down.put(message, self.latency)

    def hang_up(self) -> None:
        """The terminal, or the network, ends it; what is on its way is lost."""
        self.is_gone = self.up.cut = True
        self.reading.set()
        self.process.loop.call_later(self.latency, self._task.cancel, context=self.process.context)

    def cut(self) -> None:
        """It is gone at this very step."""
        self.is_gone = self.up.cut = True
        self.reading.set()
        self._task.cancel()

    def end(self) -> None:
        """The process serves it no longer."""
        self._task.cancel()

    def _arrived(self, message: pb.TerminalMessage | None) -> None:
        self._messages.append(message)
        self._came.set()

    async def _requests(self) -> AsyncIterator[pb.TerminalMessage]:
        while True:
            while not self._messages:
                self._came.clear()
                await self._came.wait()
            message = self._messages.pop(0)
            if message is None:
                return
            yield message

    async def _serve(self) -> None:
        nothing = SimpleNamespace(
            ended=_ignore, proved=_ignore, has_session=_ignore, leave=_ignore, is_proved=True, on_give_way=_ignore
        )
        counted: Any = (nothing, nothing)
        try:
            call: Any = _PlayedCall(self)
            await self.process.service._converse(self.stream, self._requests(), call, counted)
        except (CallOver, CallEnded):
            pass  # as the connection takes it
        finally:
            self.process.lines.remove(self)
            self.up.put(None, self.latency)


def _ignore(*_: object) -> None:
    """What edge and gate count."""
