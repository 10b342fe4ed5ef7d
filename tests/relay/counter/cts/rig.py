"""The adapter in this process, against the simulated CTS counter over real TCP."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from ctprelay.ctp.v1 import events_pb2
from relay.counter.adapter_parts import AdapterParts
from relay.counter.clock_watch import ClockWatch
from relay.counter.ctp.order_map.file import OrderMapFile
from relay.counter.ctp.order_map.in_database import OrdersInDatabase
from relay.counter.cts.modes import make_counter
from relay.counter.port import (
    CollectedInfo,
    CounterLink,
    Investor,
    LinkStatus,
    Mode,
    SteeredCounter,
    TerminalCall,
    TerminalLogin,
    TerminalReport,
)
from relay.counter.right_passwords import RightPasswords
from relay.faults.faults import Faults
from relay.figures.figures import Figures
from relay.logs.alarms import Alarms
from relay.refusals.refusal import LedgerUnavailable
from relay.settings.cts_section import CtsSettings
from relay.settings.listen_section import Listen
from relay.settings.settings import CounterSettings, Operator, Relay, Settings
from simcounter import demo_accounts
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from tests.relay.counter.batches import batches
from tests.relay.counter.translated.played_native import DAY, INVESTOR, OTHER, Notes

DEADLINE_SECONDS = 30.0
BROKER = demo_accounts.BROKER_ID
INFO = b"LIN^demo^disk0001"


class KeptEvidence:
    """The ledger."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, str, dict[str, Any]]] = []
        self.denied = ""
        """entries of this kind are not taken"""

    async def record(self, kind: str, session: str, data: Mapping[str, object]) -> None:
        if kind == self.denied:
            raise LedgerUnavailable
        self.entries.append((kind, session, dict(data)))

    async def note(self, kind: str, session: str, data: Mapping[str, object]) -> None:
        await self.record(kind, session, data)

    def kinds(self, session: str) -> list[str]:
        return [kind for kind, of, _ in self.entries if of == session]


class Terminal:
    """An attached terminal; what came is in `got`, states and callbacks in their order."""

    def __init__(self, link: CounterLink) -> None:
        self.link = link
        self.got: list[tuple[str, Any]] = []
        self._numbers = itertools.count(1)
        self._reading = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        async for batch in batches(self.link):
            for item in batch:
                if isinstance(item, LinkStatus):
                    self.got.append((item.state.value, item))
                else:
                    self.got.append((item.callback, events_pb2.Event.FromString(item.wire)))

    async def wait(self, what: str, wanted: Callable[[Any], bool] = lambda _: True) -> Any:
        """The first item called `what` that is wanted."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                for name, item in self.got:
                    if name == what and wanted(item):
                        return item
                await asyncio.sleep(0.005)

    async def call(self, call: TerminalCall) -> Any:
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self.link.submit(call)

    async def rows(self, request: Any, callback: str) -> list[Any]:
        """The rows of a query's answer."""
        number = 1000 + next(self._numbers)
        await self.call(TerminalCall(request, number, 10.0))
        await self.wait(callback, lambda said: said.request_id == number and said.is_last)
        found = [said for name, said in self.got if name == callback and said.request_id == number]
        return [said for said in found if not said.empty]

    async def order_with(self, status: str, ref: str = "") -> Any:
        """OnRtnOrder with this status."""
        said = await self.wait(
            "OnRtnOrder",
            lambda said: chr(said.rtn_order.order_status) == status and ref in {"", said.rtn_order.order_ref},
        )
        return said.rtn_order

    def forget(self) -> None:
        self.got.clear()

    async def leave(self) -> None:
        await self.link.detach("left")
        self._reading.cancel()


class Rig:
    """A counter, and the adapter in front of it."""

    def __init__(
        self,
        counter: SimulatedCounter,
        mode: Mode,
        directory: Path,
        settings: Mapping[str, Any],
        *,
        number: int = 7,
        shared: OrdersInDatabase | None = None,
    ) -> None:
        """`number` is the relay process's; `shared` is what it shares with the firm's others."""
        self.simulated = counter
        self.evidence, self.notes, self.faults = KeptEvidence(), Notes(), Faults()
        self.order_map = OrderMapFile(directory / "order_map", shared)
        self._names = itertools.count(1)
        self.terminals: list[Terminal] = []
        everything = Settings(
            relay=Relay(mode=mode.value, state_dir=directory),
            listen=Listen(plaintext_on_loopback=True, address="127.0.0.1:0"),
            counter=CounterSettings(
                broker_id=BROKER,
                operator=Operator(user_id=demo_accounts.OPERATOR_ID, password=SecretStr("-")),
                **self.section(counter.port, settings),
            ),
        )
        self.parts = AdapterParts(
            settings=everything,
            number=number,
            evidence=self.evidence,
            faults=self.faults,
            alarms=Alarms(),
            figures=Figures(),
            clock=ClockWatch(self.faults),
            passwords=RightPasswords(),
            order_map=self.order_map,
            trail=self.notes,
            limits=lambda: everything.limits.model_copy(
                update={"orders_per_second": 1000, "queries_per_second": 1000, "queries_waiting": 1000}
            ),
            operator_password=lambda: demo_accounts.password_of(demo_accounts.OPERATOR_ID),
        )
        self.counter: SteeredCounter = self.make(self.parts)

    @staticmethod
    def make(parts: AdapterParts) -> SteeredCounter:
        """The adapter; another system's rig has another one."""
        return make_counter(parts)

    def section(self, port: int, more: Mapping[str, Any]) -> dict[str, Any]:
        """Which system it is, and its section of the settings."""
        known = {"answer_seconds": 5.0, "reconnect_seconds": 0.05, "check_order_seconds": 0.05, **more}
        return {"system": "cts", "cts": CtsSettings(address=f"127.0.0.1:{port}", **known)}

    def use_operator_password(self, read: Callable[[], str]) -> None:
        """Before `start`: where the operator's password is read."""
        self.parts = replace(self.parts, operator_password=read)
        self.counter = self.make(self.parts)

    def command(self, name: str, **arguments: Any) -> Any:
        """A command of the simulated counter's."""
        return self.simulated.control.commands()[name](**arguments)

    def login(self, investor_id: str = INVESTOR, info: bytes = INFO, password: str = "", **more: Any) -> TerminalLogin:
        collected = (CollectedInfo("cts:demo", info, len(info)),) if info else ()
        report = TerminalReport(
            investor=Investor(BROKER, investor_id),
            system_info=b"",
            app_id="terminal_1.0",
            public_ip="203.0.113.7",
            port=40000,
            logged_in_at=dt.datetime(2026, 11, 23, 9, 0, tzinfo=dt.timezone(dt.timedelta(hours=8))),
            mac_address="00:11:22:33:44:55",
            collected=more.pop("collected", collected),
        )
        return TerminalLogin(
            f"T{next(self._names)}", report, password or demo_accounts.password_of(investor_id), **more
        )

    async def attach(self, investor_id: str = INVESTOR, **more: Any) -> Terminal:
        async with asyncio.timeout(DEADLINE_SECONDS):
            terminal = Terminal(await self.counter.attach(self.login(investor_id, **more)))
        self.terminals.append(terminal)
        return terminal

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait for a fact that nothing announces."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not holds():
            assert time.monotonic() < deadline, f"it never came to be that {what}"
            await asyncio.sleep(0.005)


@asynccontextmanager
async def rig(mode: Mode, directory: Path, *, start: bool = True, **settings: Any) -> AsyncIterator[Rig]:
    """Started, and in many-to-one its operator logged in."""
    async with SimulatedCounter(CounterConfig(system="cts", trading_day=DAY)) as counter:
        made = Rig(counter, mode, directory, settings)
        if start:
            await made.counter.start()
        if start and mode is Mode.MANY_TO_ONE:
            await made.until(lambda: made.counter.ready, "the operator is logged in")
        try:
            yield made
        finally:
            for terminal in made.terminals:
                await terminal.leave()
            await made.counter.stop()
            made.order_map.close()


__all__ = ["BROKER", "DAY", "INFO", "INVESTOR", "OTHER", "Rig", "Terminal", "rig"]
