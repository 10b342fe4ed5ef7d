"""Whether a terminal has the auth code of the app id it names: asked before anything else of a login or a resume.

After a rotation with an overlap two codes are right, the new one and, until its time, the one before.

Everything here is done in memory, and it is the same work for an app id that is registered, for one that has two codes, and
for one that is not: two AES over 128 bytes, and after a failure two more beside a look that all share. Until this is passed nothing is reserved,
counted against a name, or said of the relay: a stranger gets one answer, `terminal_not_accepted`.
"""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

import structlog

from relay.admission.challenge import proof_is_right
from relay.directory.known_terminals import KnownTerminals
from relay.directory.terminals import Terminal
from relay.refusals import login_reasons
from relay.refusals.refusal import Refusal, Refused

_log = structlog.get_logger(__name__)
_REMEMBERED_ANSWERS = 1024


class Proofs:
    def __init__(self, known: KnownTerminals, clock: Callable[[], dt.datetime]) -> None:
        """`clock` gives aware times."""
        self._known = known
        self._clock = clock
        self._used: OrderedDict[bytes, None] = OrderedDict()
        """right answers: each is good for its own challenge only"""
        self.failed = 0
        """since the start"""

    async def prove(self, app_id: str, challenge: bytes, answer: bytes) -> Terminal:
        """The terminal of this app id, enabled or not, where `answer` was made with its auth code; raises Refused."""
        terminal = self._proved(app_id, challenge, answer)
        if terminal is None:
            await self._known.look_soon()  # it may have been registered a moment ago
            terminal = self._proved(app_id, challenge, answer)
        if terminal is None:
            self.failed += 1
            raise Refused(self._why_not(app_id, answer))
        self._used[answer] = None
        while len(self._used) > _REMEMBERED_ANSWERS:
            self._used.popitem(last=False)
        if terminal.by_previous:
            _log.warning("previous_code_used", terminal_app_id=app_id, until=terminal.previous_until)
        return terminal

    def _proved(self, app_id: str, challenge: bytes, answer: bytes) -> Terminal | None:
        terminal = self._known.find(app_id)
        code, before = terminal.valid_codes(self._clock()) if terminal is not None else (None, None)
        by_code, by_previous = proof_is_right(code, challenge, answer), proof_is_right(before, challenge, answer)
        if terminal is None or by_code:
            return terminal if by_code else None
        return replace(terminal, by_previous=True) if by_previous else None

    def _why_not(self, app_id: str, answer: bytes) -> Refusal:
        """For the ledger; `told` is the same of all three."""
        if answer in self._used:
            return login_reasons.challenge_replayed()
        if self._known.find(app_id) is None:
            return login_reasons.unknown_terminal(app_id=app_id)
        return login_reasons.wrong_proof(app_id=app_id)
