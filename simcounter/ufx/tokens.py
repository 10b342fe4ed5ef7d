"""Tokens: a login's right to call, which ends when it was not used for five minutes.

The clock is passed in. A token that is found dead is forgotten, and its session at the kernel ends.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from simcounter.session import Clock, Session

IDLE_SECONDS = 300.0


@dataclass(slots=True)
class IssuedToken:
    """One login."""

    value: str = field(repr=False)
    operator_no: str
    session: Session
    """the kernel's"""
    used_at: datetime


class UfxTokens:
    """All that live."""

    def __init__(self, clock: Clock, ended: Callable[[Session], None]) -> None:
        self._clock = clock
        self._ended = ended
        self._tokens: dict[str, IssuedToken] = {}

    def issue(self, operator_no: str, session: Session) -> IssuedToken:
        token = IssuedToken(secrets.token_hex(16), operator_no, session, self._clock())
        self._tokens[token.value] = token
        return token

    def use(self, value: str) -> IssuedToken | None:
        """The token, alive for five minutes more; None for one that is dead or was never given."""
        token = self._tokens.get(value)
        if token is None:
            return None
        now = self._clock()
        if (now - token.used_at).total_seconds() >= IDLE_SECONDS:
            self.end(token)
            return None
        token.used_at = now
        return token

    def end(self, token: IssuedToken) -> None:
        if self._tokens.pop(token.value, None) is not None:
            self._ended(token.session)

    def end_all(self, operator_no: str = "") -> int:
        """Those of one operator, or all; how many these were."""
        found = [t for t in self._tokens.values() if operator_no in {"", t.operator_no}]
        for token in found:
            self.end(token)
        return len(found)

    def alive(self) -> list[IssuedToken]:
        """As far as it was looked at: a token that died unused still counts."""
        return list(self._tokens.values())
