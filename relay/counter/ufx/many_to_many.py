"""Many-to-many at UFX: each terminal's investor logs in as the operator."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from relay.counter.port import Mode, TerminalLogin
from relay.counter.ufx.adapter import UfxMode


class UfxManyToMany(UfxMode):
    """Each terminal's investor is its operator."""

    mode = Mode.MANY_TO_MANY

    def _who(self, login: TerminalLogin) -> tuple[str, Callable[[], Awaitable[str]]]:
        async def password() -> str:
            return login.password

        return login.report.investor.investor_id, password

    def _took(self, login: TerminalLogin) -> None:
        self._parts.passwords.took(login.report.investor.investor_id, login.password)
