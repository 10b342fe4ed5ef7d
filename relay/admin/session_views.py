"""Terminal sessions of a running relay as an operator sees them: who, from where, how it was reported, and what waits."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Iterable

from ctpabi.facts.collector import missing_items
from ctpabi.facts.return_codes import report_code
from ctprelay.v1 import admin_pb2 as pb
from relay.admin.person import Person, short_name
from relay.admin.reads import ReadEntries
from relay.counter.port import LinkState
from relay.outside_text import shown
from relay.sessions.session import TerminalSession

Clock = Callable[[], dt.datetime]


class SessionUnknown(LookupError):
    """There is no such session; the message is for people."""

    def __init__(self, session: str) -> None:
        super().__init__(f"没有会话 {shown(session[:64])} / there is no session {shown(session[:64])}")


class SessionViews:
    """For the loop."""

    def __init__(self, sessions: Iterable[TerminalSession], reads: ReadEntries, clock: Clock) -> None:
        """`sessions` is iterated anew each time."""
        self._sessions = sessions
        self._reads = reads
        self._clock = clock

    async def all(self, by: Person, contains: str = "") -> list[pb.TerminalSession]:
        """Every session, or those that have this text in session id, app id, investor or address. Raises RoleTooLow."""
        await self._reads.ask(by, "sessions", contains=shown(short_name(contains)))
        return [self._view(session) for session in self._sessions if _has(session, contains)]

    async def one(self, by: Person, name: str) -> pb.TerminalSession:
        """One of them; raises RoleTooLow, SessionUnknown."""
        await self._reads.ask(by, "sessions", session=shown(short_name(name)))
        for session in self._sessions:
            if session.identity.session == name:
                return self._view(session)
        raise SessionUnknown(name)

    def _view(self, session: TerminalSession) -> pb.TerminalSession:
        who, did, waiting, attached = session.identity, session.activity, session.queues, session.attached
        said, report = who.login, report_code(attached.report_return_code)
        ago = asyncio.get_running_loop().time() - did.changed_at
        return pb.TerminalSession(
            session=who.session,
            app_id=shown(who.app_id),
            broker_id=who.investor.broker_id,
            investor_id=shown(who.investor.investor_id),
            public_ip=who.public_ip,
            port=said.port,
            logged_in_at=said.logged_in_at.isoformat(timespec="seconds") if said.logged_in_at else "",
            state=_state(session),
            state_since=(self._clock() - dt.timedelta(seconds=ago)).isoformat(timespec="seconds"),
            why=shown(did.why) if did.link is not LinkState.LIVE else "",
            linger_seconds_left=session.linger_left or 0.0,
            report_kind="wechat" if said.wechat else "ordinary",
            report_return_code=report.code,
            report_meaning=pb.Words(zh=report.words.chinese, en=report.words.english),
            collector_code=said.collector_code,
            missing=[
                pb.MissingItem(bit=item.bit, name=pb.Words(zh=item.chinese, en=item.english))
                for item in missing_items(said.collector_code)
            ],
            collector_version=shown(said.collector_version),
            collected=map(shown, said.collected),
            client_version=shown(said.client_version),
            login_remark=shown(said.login_remark),
            front_id=attached.front_id,
            session_id=attached.session_id,
            queued_messages=waiting.messages,
            queued_bytes=waiting.bytes,
            journal_events=waiting.journal_events,
            journal_bytes=waiting.journal_bytes,
            calls_waiting=waiting.calls,
            orders_today=did.orders_today,
            resumes=did.resumes,
            trading_day=attached.trading_day,
            calls=did.calls,
            events=did.events,
        )


def state_word(state: pb.TerminalSession.State) -> str:
    """live, recovering, lingering or ending."""
    return pb.TerminalSession.State.Name(state).removeprefix("STATE_").lower()


def _state(session: TerminalSession) -> pb.TerminalSession.State:
    if session.ending:
        return pb.TerminalSession.STATE_ENDING
    if session.linger_left is not None:
        return pb.TerminalSession.STATE_LINGERING
    live = session.activity.link is LinkState.LIVE
    return pb.TerminalSession.STATE_LIVE if live else pb.TerminalSession.STATE_RECOVERING


def _has(session: TerminalSession, text: str) -> bool:
    who = session.identity
    return not text or any(text in part for part in (who.session, who.app_id, who.investor.investor_id, who.public_ip))
