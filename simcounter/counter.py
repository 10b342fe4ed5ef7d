"""The simulated counter, put together: `async with SimulatedCounter(config) as counter: ...`."""

from __future__ import annotations

import asyncio
import dataclasses
import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Self

from ctpabi.catalog import Catalog, Interface
from ctpabi.catalog.data import load_catalog
from simcounter.accounts import Accounts
from simcounter.config import CounterConfig, SettingsError, check_values
from simcounter.control import Control
from simcounter.control_server import ControlServer
from simcounter.events import TopicNotice
from simcounter.front import Front
from simcounter.kernel import Kernel
from simcounter.market_data import MarketDataFront
from simcounter.other_front import FrontParts, OtherFront
from simcounter.records import Records
from simcounter.scenario import Scenario
from simcounter.session import Clock, china_now
from simcounter.systems import CTP, SYSTEMS, names
from simcounter.tmdb import MonitoringKey, Tmdb
from simcounter.trading.instruments import products_of

BACKLOG = 1024
"""asyncio's own 100 drops connections when a few hundred arrive at once"""


class SimulatedCounter:
    """Front, kernel, trading, TMDB; lives while the context is open."""

    def __init__(
        self,
        config: CounterConfig | None = None,
        *,
        catalog: Catalog | None = None,
        market_data: Catalog | None = None,
        clock: Clock = china_now,
    ) -> None:
        self.config = config or CounterConfig()
        check_values(self.config)
        users = [dataclasses.replace(user) for user in self.config.users]
        self.accounts = Accounts(self.config.broker_id, self.config.apps, users)
        self.scenario = Scenario()
        self.records = Records(catalog or load_catalog())
        self.kernel = Kernel(self.config, self.accounts, self.records, clock)
        self.monitoring_key = _key(self.config.monitoring_key)
        self.tmdb = _terminal_database(self.config.database, self.monitoring_key)
        md_records = Records(market_data or load_catalog(Interface.MARKET_DATA))
        self.market_data = MarketDataFront(self.config, self.kernel, md_records, clock)
        self.front = Front(self.config, self.kernel, self.records, self.scenario, self.tmdb.store, self.market_data)
        self.other = self._other_front(clock)
        """of the system that listens, where it is not CTP"""
        self.control = Control(self)
        self._server: asyncio.Server | None = None
        self._control_server: ControlServer | None = None
        self.port = self.config.port

    def _other_front(self, clock: Clock) -> OtherFront | None:
        system = self.config.system
        if system == CTP:
            return None
        if system not in SYSTEMS:
            raise SettingsError(f"system: {system} is none of {', '.join(names())}")
        parts = FrontParts(self.config, self.kernel, self.records, self.scenario, self.front, clock)
        other = SYSTEMS[system].make(parts)
        self.front.hear = other.hear
        return other

    @property
    def address(self) -> str:
        """tcp://127.0.0.1:PORT, as RegisterFront takes it."""
        return f"tcp://{self.config.host}:{self.port}"

    @property
    def control_address(self) -> str:
        """HOST:PORT of the control socket, or empty."""
        return self._control_server.address if self._control_server is not None else ""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Begins the day and listens."""
        self.announce_day()
        await self.listen()
        if self.config.control_port is not None:
            self._control_server = ControlServer(self.control)
            await self._control_server.start(self.config.host, self.config.control_port)

    async def listen(self) -> None:
        """Opens the front; on the same port again after `stop_listening`."""
        if self.other is not None:
            self.port = await self.other.listen(self.config.host, self.port)
            return
        if self._server is not None:
            return
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self.front.accept, self.config.host, self.port, backlog=BACKLOG)
        self.port = self._server.sockets[0].getsockname()[1]
        self.front.address = self.address

    async def stop_listening(self) -> None:
        """The front is down: new connections are refused, the present ones are cut."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self.other is not None:
            await self.other.stop_listening()
        self.drop_all()
        await asyncio.sleep(0)

    def drop_all(self) -> int:
        """Cuts every connection, as a restarted front does; returns how many."""
        connections = [*self.front.connections.values(), *self.market_data.connections]
        for connection in connections:
            connection.abort()
        return len(connections) + (self.other.drop() if self.other is not None else 0)

    async def stop(self) -> None:
        await self.stop_listening()
        if self._control_server is not None:
            await self._control_server.stop()
        self.tmdb.close()

    def announce_day(self) -> None:
        """Every product opens: the public topic that a RESTART subscription replays."""
        for product in products_of(self.kernel.desk.markets.instruments.values()):
            status = {
                "ExchangeID": product.exchange_id,
                "ExchangeInstID": product.product_id,
                "InstrumentID": product.product_id,
                "InstrumentStatus": "2",
                "TradingSegmentSN": 1,
                "EnterTime": "09:00:00",
                "EnterReason": "1",
            }
            notice: TopicNotice = self.records.notice("", "OnRtnInstrumentStatus", status)
            self.front.carry_out([notice])

    def clear_flow(self) -> None:
        """Restart within the day that clears the flow: connections cut, the day's returns again under new references."""
        self.drop_all()
        self.front.notice_breaks()
        self.front.flow.clear_flow()
        self.announce_day()
        self.front.carry_out(self.kernel.clear_flow())

    def start_day(self, trading_day: str) -> None:
        """Day change: settlement, statements to confirm, emptied topics; then the front restarts, as CTP's does."""
        self.kernel.start_day(trading_day)
        self.front.flow.start_day()
        self.announce_day()
        self.drop_all()
        self.front.notice_breaks()
        if self.other is not None:
            self.other.start_day()


def _key(path: str) -> MonitoringKey:
    try:
        return MonitoringKey.load(Path(path)) if path else MonitoringKey.generate()
    except (OSError, ValueError) as error:
        raise SettingsError(f"monitoring_key: {path}: {_first_line(error)}") from error


def _terminal_database(path: str, key: MonitoringKey) -> Tmdb:
    try:
        return Tmdb(path, key)
    except sqlite3.Error as error:
        raise SettingsError(f"database: {path}: {error}") from error


def _first_line(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error).split("\n")[0].split(". ")[0]
