"""The relay's own operator in many-to-one: its token says whether any terminal can be let in."""

from __future__ import annotations

import structlog

from relay.counter.port import LinkCause, NativeError
from relay.counter.translated.values import AnswerLost, NotSent
from relay.counter.ufx.line import NeedsPerson, UfxLine
from relay.counter.ufx.token import UfxToken
from relay.counter.ufx.words import Ufx
from relay.faults.faults import Faults
from relay.faults.table import Fault
from relay.refusals import counter_reasons, relay_reasons
from relay.refusals.refusal import LedgerUnavailable, Refused
from relay.settings.file import SettingsInvalid

_log = structlog.get_logger(__name__)


class UfxOperator:
    """A user of the line, the first one."""

    def __init__(self, line: UfxLine, token: UfxToken, faults: Faults) -> None:
        self.token = token
        self._line = line
        self._faults = faults

    @property
    def live(self) -> bool:
        return self.token.is_in and self._line.live

    async def log_in_again(self) -> None:
        """See `LineUser`; a refusal ends this way. The next one tries again, unless that could lock the operator."""
        try:
            await self.token.log_in()
        except Refused as refused:
            self._faults.begin(Fault.OPERATOR_REFUSED, refused.refusal.message)
            if counter_reasons.is_wrong_login(refused.refusal):
                raise NeedsPerson(counter_reasons.operator_refused(refused.refusal)) from refused
            raise AnswerLost from refused
        except (OSError, SettingsInvalid) as error:
            why = "(the operator's password cannot be read)"
            self._faults.begin(Fault.OPERATOR_REFUSED, why)
            raise NeedsPerson(relay_reasons.counter_unavailable(why=why)) from error
        self._faults.end(Fault.OPERATOR_REFUSED)

    def broke(self, reason: str, cause: LinkCause) -> None:
        """See `LineUser`."""
        del reason, cause
        self.token.forget()

    def back(self) -> None:
        """See `LineUser`."""

    def over(self, reason: str, cause: LinkCause) -> None:
        """See `LineUser`."""
        del reason, cause

    async def keep_alive(self) -> None:
        """10000; a dead token is replaced, and where that is refused the connection begins anew."""
        try:
            reply = await self.token.send(Ufx.HEARTBEAT)
        except (NotSent, AnswerLost):
            return
        if reply.error is not None:
            await self._renew(reply.error)

    async def _renew(self, error: NativeError) -> None:
        _log.warning("ufx_token_dead", session=self.token.owner.session, code=error.code)
        way = self._line.way
        try:
            await self.log_in_again()
        except NeedsPerson as needs:
            self._line.stop_for_person(needs.refusal, way)
        except (NotSent, AnswerLost, LedgerUnavailable):
            self._line.break_off("the operator is not logged in", way)

    async def leave(self) -> None:
        """Log out."""
        await self.token.log_out()
