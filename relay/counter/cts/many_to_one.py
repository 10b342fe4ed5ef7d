"""Many-to-one at CTS: one session with the operator, and an account's login on it for every terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from relay.counter.adapter_parts import AdapterParts
from relay.counter.cts.adapter import RootNetMode
from relay.counter.cts.machine import LinePhase
from relay.counter.cts.operator import RootNetOperator
from relay.counter.cts.session import RootNetSession
from relay.counter.port import CounterLink, CounterSituation, Mode, TerminalLogin
from relay.refusals import relay_reasons
from relay.refusals.refusal import Refusal, Refused
from relay.settings.cts_section import CtsSettings

_WORDS = {
    LinePhase.NEW: "connecting",
    LinePhase.CONNECTING: "connecting",
    LinePhase.GREETING: "connecting",
    LinePhase.OPERATOR: "logging_in",
    LinePhase.ACCOUNTS: "logging_in",
    LinePhase.LIVE: "live",
    LinePhase.PAUSED: "waiting",
    LinePhase.FORCED_OUT: "stopped",
    LinePhase.ENDED: "stopped",
}


class CtsManyToOne(RootNetMode):
    """One session with the operator; an account's login for every terminal."""

    mode = Mode.MANY_TO_ONE

    def __init__(self, parts: AdapterParts, settings: CtsSettings) -> None:
        super().__init__(parts, settings)
        operator = parts.settings.counter.operator
        self._operator_id = operator.user_id if operator is not None else ""
        self._session: RootNetSession | None = None

    @property
    def ready(self) -> bool:
        return self._session is not None and self._session.live

    @property
    def why_not_ready(self) -> Refusal | None:
        session = self._session
        if session is None:
            return relay_reasons.counter_unavailable(why="the operator is not logged in")
        return None if session.live else session.why_not or relay_reasons.counter_unavailable(why="not connected")

    def reload(self) -> None:
        """A person mended something: try now, where it is not live."""
        if self._session is not None and not self._session.live:
            self._session.try_now()

    def situation(self) -> CounterSituation:
        session = self._session
        if session is None:
            return self._situation("connecting", 0.0, self.why_not_ready, self._operator_id)
        seconds = asyncio.get_running_loop().time() - session.changed_at
        return self._situation(_WORDS[session.phase], seconds, self.why_not_ready, self._operator_id)

    def reconnect(self, why: str) -> int:
        del why
        if self._session is None:
            return 0
        self._session.try_now()
        return 1

    def reconnect_operator(self, why: str) -> bool:
        return bool(self.reconnect(why)) or True

    async def start(self) -> None:
        """The operator's login is begun, not awaited."""
        await super().start()
        operator = RootNetOperator(
            self._operator_id,
            self._parts.operator_password,
            self._settings.wrong_password_codes,
            self._parts.evidence,
            self._parts.faults,
        )
        self._session = RootNetSession("operator", self._session_parts, operator)
        self._session.begin()

    async def attach(self, login: TerminalLogin) -> CounterLink:
        """The account's login on the operator's session. Raises Refused."""
        session, why_not = self._session, self.why_not_ready
        if session is None or why_not is not None:
            raise Refused(why_not or relay_reasons.counter_unavailable())
        return await self._join(session, login)

    async def stop(self) -> None:
        await super().stop()
        if self._session is not None:
            await self._session.close()

    def _sessions(self) -> Iterator[RootNetSession]:
        return iter(() if self._session is None else (self._session,))
