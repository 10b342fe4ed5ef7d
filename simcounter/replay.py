"""The private and the public topic: what was sent today, and from where a session's subscription continues."""

from __future__ import annotations

from dataclasses import dataclass

from simcounter.accounts import Accounts, User
from simcounter.session import Session, Topic


@dataclass(frozen=True, slots=True)
class TopicEntry:
    investor_id: str
    user_id: str
    frame: bytes


def sees(accounts: Accounts, user: User, investor_id: str, user_id: str) -> bool:
    """CTP's private topic: one's own returns, and for operators those of the organization."""
    return user.user_id == user_id or (bool(investor_id) and accounts.may_act_for(user, investor_id))


MAX_PRIVATE = 500_000
"""entries kept of the private topic, about 450 MB; the oldest tenth goes when there are more"""


class DayFlow:
    """The day's notices, in order; one list for each topic."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self.private: list[TopicEntry] = []
        self._forgotten = 0
        """private entries of the day that are no longer kept"""
        self.public: list[bytes] = []
        self._positions: dict[tuple[str, str], int] = {}
        """(user, flow path) -> private entries already sent: what RESUME finds in its .con file"""

    def start_day(self) -> None:
        self.private.clear()
        self._forgotten = 0
        self.public.clear()
        self._positions.clear()

    def clear_flow(self) -> None:
        """Both topics are empty within the day. A RESUME position stays: it may now point beyond the flow's end."""
        self.private.clear()
        self._forgotten = 0
        self.public.clear()

    def add(self, entry: TopicEntry) -> None:
        """One more private notice."""
        self.private.append(entry)
        if len(self.private) > MAX_PRIVATE:
            del self.private[: MAX_PRIVATE // 10]
            self._forgotten += MAX_PRIVATE // 10

    def after_login(self, session: Session) -> list[bytes]:
        """Frames a fresh login gets; RESTART again and again gives everything, so clients see duplicates."""
        if session.user is None:
            return []
        start = {
            Topic.RESTART: 0,
            Topic.RESUME: max(0, self._positions.get((session.user.user_id, session.flow_path), 0) - self._forgotten),
        }.get(session.private_topic, len(self.private))
        user = session.user
        private = [
            entry.frame
            for entry in self.private[start:]
            if sees(self._accounts, user, entry.investor_id, entry.user_id)
        ]
        return (self.public if session.public_topic in {Topic.RESTART, Topic.RESUME} else []) + private

    def leave(self, session: Session) -> None:
        """Remembers how far a session had read, for its next RESUME."""
        if session.reads_for:
            self._positions[session.reads_for, session.flow_path] = self._forgotten + len(self.private)
