"""Many-to-one at UFX: the relay's operator logs in for itself, and once more for each terminal, with that terminal's information."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from relay.counter.adapter_parts import AdapterParts
from relay.counter.port import Mode, TerminalLogin
from relay.counter.ufx.account import UfxAccount
from relay.counter.ufx.adapter import UfxMode
from relay.counter.ufx.line import LineParts
from relay.counter.ufx.operator import UfxOperator
from relay.counter.ufx.token import TokenOwner
from relay.refusals import relay_reasons
from relay.refusals.refusal import Refusal, Refused
from relay.settings import file as settings_file
from relay.settings.ufx_section import UfxSettings


class UfxManyToOne(UfxMode):
    """The relay's operator logs in for itself, and once more for each terminal."""

    mode = Mode.MANY_TO_ONE

    def __init__(self, parts: AdapterParts, settings: UfxSettings, line_parts: LineParts) -> None:
        super().__init__(parts, settings, line_parts)
        self._operator: UfxOperator | None = None

    def _operator_id(self) -> str:
        operator = self._parts.settings.counter.operator
        return operator.user_id if operator is not None else ""

    @property
    def ready(self) -> bool:
        return super().ready and self._operator is not None and self._operator.live

    @property
    def why_not_ready(self) -> Refusal | None:
        why = super().why_not_ready
        if why is not None or self._operator is None:
            return why
        return None if self._operator.live else relay_reasons.counter_unavailable(why="the operator is not logged in")

    def reconnect_operator(self, why: str) -> bool:
        return bool(self.reconnect(why)) or True

    async def start(self) -> None:
        await super().start()
        if self._line is not None:
            owner = TokenOwner("operator", self._operator_id(), self._read_password, None)
            self._operator = UfxOperator(self._line, self._token(self._line, owner), self._parts.faults)
            self._line.users.insert(0, self._operator)

    async def stop(self) -> None:
        if self._operator is not None:
            await self._operator.leave()
        await super().stop()

    async def _read_password(self) -> str:
        return await asyncio.to_thread(self._parts.operator_password)

    async def _terminals_password(self) -> str:
        """The operator's again, for a terminal's login; a file that cannot be read refuses that login alone."""
        try:
            return await self._read_password()
        except (OSError, settings_file.SettingsInvalid):
            raise Refused(relay_reasons.counter_unavailable(why="(the operator's password cannot be read)")) from None

    def _who(self, login: TerminalLogin) -> tuple[str, Callable[[], Awaitable[str]]]:
        del login
        return self._operator_id(), self._terminals_password

    def _kept(self) -> list[UfxAccount | UfxOperator]:
        return [*([self._operator] if self._operator is not None else []), *super()._kept()]
