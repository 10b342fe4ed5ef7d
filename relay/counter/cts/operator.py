"""The relay's own operator at CTS, in many-to-one: logged in with 10021 before any account.

One that is refused must not be tried again with the same password, unless the refusal is known to be about something else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from relay.counter.cts import machine
from relay.counter.cts.passwords import can_be_hidden
from relay.counter.cts.session import RootNetSession
from relay.counter.cts.wire import OPERATOR_LOGIN, error_of
from relay.counter.port import Evidence
from relay.faults.faults import Faults
from relay.faults.table import Fault
from relay.refusals import relay_reasons
from relay.settings.file import SettingsInvalid


class RootNetOperator:
    """A `session.SessionOperator`."""

    def __init__(
        self,
        user_id: str,
        read_password: Callable[[], str],
        wrong_password_codes: tuple[str, ...],
        evidence: Evidence,
        faults: Faults,
    ) -> None:
        """`read_password` blocks; without codes every refusal counts as a wrong password."""
        self._user_id = user_id
        self._read_password = read_password
        self._wrong_password_codes = wrong_password_codes
        self._evidence = evidence
        self._faults = faults

    async def log_in(self, session: RootNetSession) -> machine.LineEvent:
        """See `session.SessionOperator`."""
        try:
            password = await asyncio.to_thread(self._read_password)
        except (OSError, SettingsInvalid):
            return self._failed("(the operator's password cannot be read)", "", for_person=True)
        if not can_be_hidden(password):
            return self._failed("(the operator's password is not ASCII)", "", for_person=True)
        shown = {"call": str(OPERATOR_LOGIN), "user_id": self._user_id}
        await self._evidence.record("counter_login", session.name, shown)
        hidden = session.hidden(password)
        reply = await session.ask(OPERATOR_LOGIN, {"optId": self._user_id, "password": hidden})
        error = error_of(reply, (password, hidden))
        said = {"error_id": 0} if reply.ok else {"error_id": 1, "native": error.as_evidence()}
        await self._evidence.record("counter_login_answer", session.name, {**shown, **said})
        if not reply.ok:
            codes, words = self._wrong_password_codes, f"[{error.code}] {error.text}"
            return self._failed("(the operator is refused)", words, for_person=not codes or error.code in codes)
        self._faults.end(Fault.OPERATOR_REFUSED)
        self._faults.end(Fault.OPERATOR_FORCED_OUT)
        return machine.Done()

    def _failed(self, why: str, said: str, *, for_person: bool) -> machine.LineEvent:
        self._faults.begin(Fault.OPERATOR_REFUSED, said or why)
        return machine.Failed(relay_reasons.counter_unavailable(why=why), for_person=for_person)
