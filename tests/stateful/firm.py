"""A futures firm in one event loop: a counter, one life of a relay after another, and terminals; and when all is still.

Nothing here waits for time to pass. Stillness is known: a barrier goes down every counter session and comes back up
to every terminal on it, so whatever was sent before it has arrived.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ctpabi.api.binding import Binding
from ctpabi.codec.layout import pack
from relay.counter.port import CallOutcome, LinkState, Mode
from relay.refusals.refusal import Refused
from simcounter import demo_accounts
from simcounter.session import Values
from tests.stateful import relay_errors
from tests.stateful.counter_side import CounterSide
from tests.stateful.relay_life import RelayLife
from tests.stateful.terminal import CATALOG, TerminalSession, Triple

PATIENCE_SECONDS = 30.0
"""a history that is not still by then has hung: a failure, never a slow machine's luck"""
DELAY_SECONDS = 0.004
_BARRIER_IDS = 0x70000000


@dataclass(slots=True)
class Placed:
    """One order a terminal sent."""

    mark: str
    investor: str
    session: TerminalSession
    triple: Triple
    """as the terminal knows it: its own front, session and reference"""
    request_id: int
    key: str
    values: Values
    may_be_lost: bool = False
    """the connection broke while it was on its way: it may never have arrived"""


class Firm:
    """Everything of one history."""

    def __init__(self, mode: Mode, binding: Binding, side: CounterSide, state_dir: Path) -> None:
        self.mode = mode
        self.side = side
        relay_errors.heard.clear()
        self._binding = binding
        self._state_dir = state_dir
        self._lives = itertools.count()
        self._barriers = itertools.count(_BARRIER_IDS)
        self._marks = itertools.count(1)
        self.terminals: list[TerminalSession] = []
        self.placed: dict[str, Placed] = {}
        self.refused: set[str] = set()
        """marks of orders the relay did not take: the counter must never see one"""
        self.relay = self._next_life()
        self.faults: list[str] = []
        self.delays_armed = False
        self.relay_was_restarted = False
        """today"""
        self.orders_came_late = False
        """the counter itself sent an order's earlier state after a later one"""

    def _next_life(self) -> RelayLife:
        return RelayLife(self.mode, self._binding, self.side.counter.address, self._state_dir, next(self._lives))

    async def start(self) -> None:
        await self.relay.counter.start()

    # Terminals ------------------------------------------------------------------------------------------------

    async def log_in(self, investor: str) -> TerminalSession:
        """As a terminal does: tries again while the relay's counter session is on its way."""
        after = len(self.placed)
        terminal: TerminalSession | None = None
        async with asyncio.timeout(PATIENCE_SECONDS):
            while terminal is None:
                try:
                    terminal = TerminalSession(investor, await self.relay.attach(investor), after)
                except Refused as refused:
                    if refused.refusal.reason != "counter_unavailable":
                        raise
                    await asyncio.sleep(0.002)
        self.terminals.append(terminal)
        return terminal

    async def log_out(self, terminal: TerminalSession) -> None:
        self.faults += terminal.faults
        self.terminals.remove(terminal)
        terminal.stop()
        await self.relay.detach(terminal.link)

    async def restart_relay(self, *, torn: bool) -> None:
        """Killed and started again; `torn` leaves half a line in the order map, as a crash in a write does."""
        for terminal in self.terminals:
            self.faults += terminal.faults
            terminal.stop()
        owners = [terminal.investor for terminal in self.terminals]
        self.terminals.clear()
        self.faults += self.relay.witness.faults
        await self.relay.kill()
        if torn:
            for path in (self._state_dir / "order_map").glob("*.jsonl"):
                with path.open("ab") as file:
                    file.write(b'{"space":"OrderRef","counter_fr')
        self.relay = self._next_life()
        self.relay_was_restarted = True
        await self.relay.counter.start()
        for owner in owners:
            await self.log_in(owner)

    # Orders ---------------------------------------------------------------------------------------------------

    async def place(self, terminal: TerminalSession, wish: Values, ref: str, key: str = "") -> CallOutcome | Refused:
        """Send one order insert with a mark of its own."""
        mark = f"order-{next(self._marks)}"
        values = {**wish, "BusinessUnit": mark, "InvestorID": terminal.investor}
        before = terminal.front_and_session
        request_id, outcome = await terminal.call("ReqOrderInsert", key, **values, OrderRef=ref)
        if isinstance(outcome, Refused) or outcome.return_code != 0:
            self.refused.add(mark)
        else:
            triple = (*before, outcome.order_ref or ref)
            self.placed[mark] = Placed(mark, terminal.investor, terminal, triple, request_id, key, values)
        return outcome

    def orders_may_be_lost(self) -> None:
        """The connections break now: what the counter has not got yet, it may never get."""
        arrived = {insert.mark for insert in self.side.inserts}
        for placed in self.placed.values():
            placed.may_be_lost = placed.may_be_lost or placed.mark not in arrived

    def day_is_over(self) -> None:
        self.placed.clear()
        self.relay_was_restarted = False
        for terminal in self.terminals:
            terminal.after = 0

    # Stillness ------------------------------------------------------------------------------------------------

    async def until(self, what: Callable[[], bool], otherwise: str) -> None:
        """Wait for something that must come."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while not what():
            assert relay_errors.heard == [], relay_errors.heard[:3]
            if asyncio.get_running_loop().time() > deadline:
                states = [(t.investor, t.state.value, t.faults) for t in self.terminals]
                raise AssertionError(f"{otherwise} after {PATIENCE_SECONDS:g} seconds; terminals: {states}")
            await asyncio.sleep(0.0002)

    async def rest(self) -> None:
        """Until every terminal is live and everything on its way has arrived."""
        await self.until(self._all_live, "a terminal did not come back")
        await self._barrier()
        if self.delays_armed:
            self.delays_armed = bool(self.side.counter.scenario._delays)
            # The loop runs timers in the order they are due: the counter's delayed notice goes first.
            await asyncio.sleep(2 * DELAY_SECONDS)
            await self._barrier()

    def _all_live(self) -> bool:
        ended = [t.investor for t in self.terminals if t.state is LinkState.ENDED]
        assert ended == [], f"terminals of {ended} were thrown out"
        return all(terminal.state is LinkState.LIVE for terminal in self.terminals)

    async def _barrier(self) -> None:
        await self._one_barrier()
        if self.mode is Mode.MANY_TO_MANY:
            # One session's barrier may be back before the counter has taken what another sent: it is sent after that.
            await self._one_barrier()

    async def _one_barrier(self) -> None:
        body = pack(CATALOG.structs["UserPasswordUpdate"], {"BrokerID": demo_accounts.BROKER_ID})
        method = CATALOG.methods["ReqUserPasswordUpdate"]
        number = next(self._barriers)
        for session in self.relay.live_sessions:
            session.call(method, body, number)
        wanted = str(number)
        await self.until(
            lambda: all(wanted in terminal.barriers for terminal in self.terminals), "a terminal heard nothing more"
        )
        for terminal in self.terminals:
            terminal.barriers.clear()

    async def cut(self, action: Callable[[], object], whom: list[TerminalSession]) -> None:
        """Let `action` break connections, and wait until the terminals concerned have been sent the state."""
        self.orders_may_be_lost()
        breaks = {terminal: terminal.breaks for terminal in whom}
        action()
        await self.until(lambda: all(t.breaks > count for t, count in breaks.items()), "a break went unnoticed")

    async def close(self) -> None:
        for terminal in self.terminals:
            terminal.stop()
        await self.relay.kill()
        await self.side.close()
