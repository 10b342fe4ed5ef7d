"""Many-to-many at CTS: a session for each terminal."""

from __future__ import annotations

import asyncio
import socket

from relay.counter.cts.account import RootNetAccount
from relay.counter.cts.adapter import RootNetMode
from relay.counter.cts.session import RootNetSession
from relay.counter.port import CounterLink, CounterSituation, Mode, TerminalLogin
from relay.faults.table import Fault
from relay.refusals.refusal import Refusal
from relay.settings.values import split_address

_PROBE_SECONDS = 3.0


class CtsManyToMany(RootNetMode):
    """A session for each terminal."""

    mode = Mode.MANY_TO_MANY

    @property
    def ready(self) -> bool:
        return True

    @property
    def why_not_ready(self) -> Refusal | None:
        """Whether the counter is there shows at each terminal's own login."""
        return None

    def reload(self) -> None:
        """Nothing to do: investors bring their passwords."""

    def situation(self) -> CounterSituation:
        return self._situation("open", 0.0, None)

    def reconnect(self, why: str) -> int:
        del why
        live = [session for session in self._sessions() if session.live]
        for session in live:
            session.try_now()
        return len(live)

    def reconnect_operator(self, why: str) -> bool:
        """There is none."""
        del why
        return False

    async def start(self) -> None:
        await super().start()
        self._tasks.start(self._probe(), "whether CTS is back")

    async def attach(self, login: TerminalLogin) -> CounterLink:
        """A session of its own, and the account on it. Raises Refused."""
        session = RootNetSession(login.session, self._session_parts)
        session.begin()
        try:
            await session.opened()
            return await self._join(session, login)
        except BaseException:
            await self._undoing.finish(session.close(), f"session of {login.session} closed")
            raise

    async def _left(self, account: RootNetAccount) -> None:
        await account.session.close()

    async def _probe(self) -> None:
        """While no connection could be made: a plain one says when one can be again, since no login will."""
        while True:
            await asyncio.sleep(self._settings.reconnect_seconds)
            found = [fault for fault in (Fault.FRONT_DOWN, Fault.COUNTER_SILENT) if self._parts.faults.stands(fault)]
            is_there = await asyncio.to_thread(self._is_there) if found else False
            for fault in found if is_there else ():
                self._parts.faults.end(fault)

    def _is_there(self) -> bool:
        try:
            socket.create_connection(split_address(self._settings.address), _PROBE_SECONDS).close()
        except OSError:
            return False
        return True
