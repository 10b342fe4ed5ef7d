"""The desks of a process: one for each account that has a terminal here."""

from __future__ import annotations

from collections.abc import Iterator

from relay.counter.translated.desk import AccountDesk
from relay.counter.translated.tools import DeskTools


class AccountDesks:
    """The desks of a process, by account; one is there as long as a terminal of the account is."""

    def __init__(self, broker_id: str, tools: DeskTools) -> None:
        self._broker_id = broker_id
        self._tools = tools
        self._of: dict[str, AccountDesk] = {}
        self._users: dict[str, int] = {}

    def __iter__(self) -> Iterator[AccountDesk]:
        return iter(tuple(self._of.values()))

    def of(self, investor_id: str) -> AccountDesk | None:
        return self._of.get(investor_id)

    def enter(self, investor_id: str) -> AccountDesk:
        """The account's desk, for one more login; `leave` when it is over."""
        self._users[investor_id] = self._users.get(investor_id, 0) + 1
        if investor_id not in self._of:
            self._of[investor_id] = AccountDesk(self._broker_id, investor_id, self._tools)
        return self._of[investor_id]

    async def leave(self, investor_id: str) -> None:
        """One login less; the last one takes the desk with it."""
        self._users[investor_id] -= 1
        if not self._users[investor_id]:
            del self._users[investor_id]
            await self._of.pop(investor_id).stop()
