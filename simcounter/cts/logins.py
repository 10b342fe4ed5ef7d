"""Sessions of CTS: which accounts are logged in on which, under which terminal ids, and what a break leaves behind.

A session outlives its connection: a client that connects again with the session's id finds its operator and accounts
logged in. How long CTS keeps one is not known; here it is until the day changes or MAX_PARKED others broke later.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from simcounter.cts.connection import CtsConnection
from simcounter.session import Session

MAX_PARKED = 256


@dataclass(slots=True)
class AccountLogin:
    """One account on one session."""

    acct_id: str
    session: Session
    """the kernel's"""
    terminal_ids: set[str] = field(default_factory=set)
    """given to this account's terminals; one for each login that brought terminal information"""
    subscribed: bool = False


@dataclass(slots=True)
class CtsSession:
    """Known to the client by `session_id`."""

    session_id: str
    connection: CtsConnection | None
    """None while it waits to be resumed"""
    operator: Session | None = None
    accounts: dict[str, AccountLogin] = field(default_factory=dict)

    def kernel_sessions(self) -> list[Session]:
        own = [login.session for login in self.accounts.values()]
        return own if self.operator is None else [self.operator, *own]


class CtsSessions:
    """All of one front."""

    def __init__(self) -> None:
        self.by_id: dict[str, CtsSession] = {}
        self._numbers = itertools.count(700_001)
        self._terminal_numbers = itertools.count(1)

    def open_session(self, connection: CtsConnection) -> CtsSession:
        session = CtsSession(str(next(self._numbers)), connection)
        connection.session_id = session.session_id
        self.by_id[session.session_id] = session
        return session

    def resume(self, session_id: str, connection: CtsConnection, *, keeps_subscriptions: bool) -> CtsSession | None:
        """The session that broke, on a new connection; an old connection that is still there is cut."""
        session = self.by_id.get(session_id)
        if session is None:
            return None
        old, session.connection = session.connection, connection
        connection.session_id = session_id
        if old is not None:
            old.session_id = ""
            old.abort()
        if not keeps_subscriptions:
            for login in session.accounts.values():
                login.subscribed = False
        return session

    def of(self, connection: CtsConnection) -> CtsSession | None:
        session = self.by_id.get(connection.session_id)
        return session if session is not None and session.connection is connection else None

    def park(self, session: CtsSession) -> list[CtsSession]:
        """Its connection is gone; returns the sessions that are too old to be kept."""
        session.connection = None
        self.by_id[session.session_id] = self.by_id.pop(session.session_id)
        parked = [other for other in self.by_id.values() if other.connection is None]
        gone = parked[: max(0, len(parked) - MAX_PARKED)]
        for other in gone:
            del self.by_id[other.session_id]
        return gone

    def new_terminal_id(self) -> str:
        return f"FT{next(self._terminal_numbers):010}"

    def with_account(self, acct_id: str) -> list[CtsSession]:
        """Those that have a connection and this account or operator; all connected ones for an empty name."""
        return [
            session
            for session in self.by_id.values()
            if session.connection is not None and (not acct_id or acct_id in _names(session))
        ]


def _names(session: CtsSession) -> set[str]:
    operator = session.operator.user if session.operator is not None else None
    return {*session.accounts, *([operator.user_id] if operator is not None else [])}
