"""One life of a relay below its terminal service: the real modes on the real binding, until it is killed.

A killed relay says nothing to the counter and closes nothing of its own. What the next life knows, it read from the
files of the state directory.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ctpabi.api.binding import Binding
from relay.counter.ctp.delivery.day_notices import KnownOwners
from relay.counter.ctp.delivery.day_use import DayUse
from relay.counter.ctp.identity.ownership import OwnershipTable
from relay.counter.ctp.identity.scope import ScopeTable
from relay.counter.ctp.lanes.lanes import Lanes
from relay.counter.ctp.modes.connection import Connector, CounterAddress
from relay.counter.ctp.modes.many_to_many import ManyToMany
from relay.counter.ctp.modes.many_to_one import ManyToOne
from relay.counter.ctp.order_map.file import OrderMapFile
from relay.counter.ctp.orders.limits import LinkLimits
from relay.counter.ctp.orders.link import CtpLink
from relay.counter.ctp.orders.tables import RouterTables
from relay.counter.ctp.orders.tools import DriverTools
from relay.counter.ctp.session.machine import LifeState
from relay.counter.ctp.session.patience import Patience
from relay.counter.ctp.session.session import CtpSession
from relay.counter.port import Investor, Mode, TerminalLogin, TerminalReport
from relay.database.times import COUNTER_ZONE
from simcounter import demo_accounts

ANSWER_SECONDS = 1.0
"""for so long the relay waits for an answer to a login"""
LANES_A_LIFE = 100_000
APPS = {
    Mode.MANY_TO_MANY: demo_accounts.INVESTOR_RELAY_APP_ID,
    Mode.MANY_TO_ONE: demo_accounts.OPERATOR_RELAY_APP_ID,
}
SYSTEM_INFO = bytes(range(1, 17)) + b"\x00\xff" * 124 + b"!"


class Witness:
    """The ledger's place: hears everything, and that no secret is in it."""

    def __init__(self) -> None:
        self.heard = 0
        self.faults: list[str] = []

    async def record(self, kind: str, session: str, data: Mapping[str, object]) -> None:
        self.heard += 1
        if "demo-" in repr(data):
            self.faults.append(f"a password stood in the ledger: {kind} of {session}")

    async def note(self, kind: str, session: str, data: Mapping[str, object]) -> None:
        await self.record(kind, session, data)


class _KnownConnector(Connector):
    """Remembers its sessions, so that they can be killed."""

    opened: list[CtpSession]

    def session(self, name: str, **options: Any) -> CtpSession:
        session = super().session(name, **options)
        self.opened.append(session)
        return session


class RelayLife:
    """One life; `number` counts them."""

    def __init__(self, mode: Mode, binding: Binding, front: str, state_dir: Path, number: int) -> None:
        self.witness = Witness()
        self._names = itertools.count(1)
        self._number = number
        self._connector = _KnownConnector(binding, _address(mode, front, state_dir / "flow"), self.witness)
        self._connector.opened = []
        self._order_map = OrderMapFile(state_dir / "order_map")
        self._links: list[CtpLink] = []
        tools = _tools(binding, self._order_map, itertools.count(number * LANES_A_LIFE + 1))
        self.counter: ManyToMany | ManyToOne
        if mode is Mode.MANY_TO_MANY:
            self.counter = ManyToMany(self._connector, tools)
        else:
            operator = demo_accounts.OPERATOR_ID
            password = demo_accounts.password_of(operator)
            self.counter = ManyToOne(self._connector, tools, operator_id=operator, password=password)

    @property
    def live_sessions(self) -> list[CtpSession]:
        return [session for session in self._connector.opened if session.live]

    async def attach(self, investor: str) -> CtpLink:
        """One terminal logs in; raises Refused."""
        name = f"terminal-{self._number}-{next(self._names)}"
        report = TerminalReport(
            Investor(demo_accounts.BROKER_ID, investor),
            SYSTEM_INFO,
            "demo_terminal_1.0",
            "198.51.100.7",
            50_000,
            dt.datetime(2026, 11, 1, 9, tzinfo=COUNTER_ZONE),
            mac_address="0A1B2C3D4E5F",
        )
        accounts = frozenset({investor})
        link = await self.counter.attach(
            TerminalLogin(name, report, demo_accounts.password_of(investor), accounts=accounts)
        )
        if not isinstance(link, CtpLink):
            raise TypeError("a link of another kind of counter")
        self._links.append(link)
        return link

    async def detach(self, link: CtpLink) -> None:
        await link.detach("the terminal left")
        self._links.remove(link)

    async def kill(self) -> None:
        """The connections end without a word; what is left in this test's own process is cleared away after that."""
        for session in self._connector.opened:
            session._machine.state = LifeState.ENDED
        await asyncio.gather(*(asyncio.to_thread(s._api.release) for s in self._connector.opened))
        await self.counter.stop()
        for link in self._links:
            await link.detach("killed")
        self._order_map.close()


def _address(mode: Mode, front: str, flow_dir: Path) -> CounterAddress:
    return CounterAddress(
        fronts=(front,),
        broker_id=demo_accounts.BROKER_ID,
        relay_app_id=APPS[mode],
        relay_auth_code=demo_accounts.AUTH_CODES[APPS[mode]],
        production=True,
        user_product_info="stateful",
        flow_dir=flow_dir,
        patience=Patience(answer=ANSWER_SECONDS, pause=0.05, flap=0.01, longest=0.05, steady=0.02),
        inits_per_second=1000.0,
    )


def _tools(binding: Binding, order_map: OrderMapFile, lanes: itertools.count[int]) -> DriverTools:
    ownership = OwnershipTable(binding.catalog)
    tables = RouterTables(binding.catalog, ScopeTable(binding.catalog), ownership, KnownOwners(), binding.native)
    return DriverTools(
        tables=tables,
        order_map=order_map,
        new_lanes=lambda: Lanes(tables.lane_places, ownership, keys=order_map.order_keys),
        next_lane=lambda: next(lanes),
        limits=LinkLimits(1_000_000, 1_000_000),
        day_use=DayUse(500_000),
    )
