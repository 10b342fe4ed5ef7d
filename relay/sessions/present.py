"""The sessions there are, by investor and by address: a login among thousands looks at the few it needs."""

from __future__ import annotations

from collections.abc import Collection

from relay.sessions.session import TerminalSession


class Present:
    """Each session stands here from its login to its end, whatever tokens it has meanwhile."""

    def __init__(self) -> None:
        self._of: dict[str, set[TerminalSession]] = {}
        """by investor id"""
        self._at: dict[str, set[TerminalSession]] = {}
        """by public address"""

    def __contains__(self, session: TerminalSession) -> bool:
        return session in self.of(session.identity.investor.investor_id)

    def of(self, investor_id: str) -> Collection[TerminalSession]:
        return self._of.get(investor_id, ())

    def at(self, address: str) -> Collection[TerminalSession]:
        return self._at.get(address, ())

    def enters(self, session: TerminalSession) -> None:
        for sessions, key in self._places(session):
            sessions.setdefault(key, set()).add(session)

    def leaves(self, session: TerminalSession) -> None:
        """Idempotent."""
        for sessions, key in self._places(session):
            there = sessions.get(key, set())
            there.discard(session)
            if not there:
                sessions.pop(key, None)

    def _places(self, session: TerminalSession) -> tuple[tuple[dict[str, set[TerminalSession]], str], ...]:
        who = session.identity
        return (self._of, who.investor.investor_id), (self._at, who.public_ip)
