"""Who cannot log in after failed logins, at this running relay process; and how an operator lifts it."""

from __future__ import annotations

import asyncio

from relay.admin.changes import Changes
from relay.admin.person import Person, short_name
from relay.admission.login_attempts import Lock
from relay.admission.login_guard import LoginGuard


class LockActions:
    """For the loop. A lift is in the ledger before it holds; it cannot fail afterwards. Raises LedgerUnavailable."""

    def __init__(self, guard: LoginGuard, changes: Changes) -> None:
        self._guard = guard
        self._changes = changes

    def all(self) -> tuple[Lock, ...]:
        """Every lock that holds at the moment."""
        return self._guard.locks()

    async def lift(self, by: Person, name: str) -> tuple[Lock, ...]:
        """Forget the failures of this investor, app id or address, and the locks they brought; returns them."""
        await self._record(by, name=short_name(name), all_logins=False)
        return self._guard.lift(name)

    async def resume_logins(self, by: Person) -> tuple[Lock, ...]:
        """Try logins again at once after the counter refused the relay itself; returns the lock there was."""
        await self._record(by, name="", all_logins=True)
        return self._guard.resume_logins()

    async def _record(self, by: Person, **facts: object) -> None:
        await asyncio.to_thread(self._changes.record, by, "locks_lift", facts)
