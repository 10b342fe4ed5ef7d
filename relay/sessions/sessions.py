"""The terminal sessions of this process: admitted, found again by their resume token, counted and drained.

What is kept: `_by_token`, the sessions, by the hash of their newest resume token; `_by_older_token`, those whose terminal
may not have the newest yet, by the one it showed; `_entering`, the logins under way, by session name; `_giving_way`, sessions without a stream that will be replaced by a login under way.

A login, step by step:

1. `prove`: the terminal has the auth code of its app id. Before that nothing is counted, and a stranger hears nothing of
   the relay's state.
2. `Admission.turn`: the login waits for its turn among the others, and holds nothing meanwhile.
3. `_reserve` counts the login, before the next wait: otherwise a burst of logins would pass the limits together.
   Where there is no room, the oldest session that the same terminal left behind (same investor, app id, address, and
   no stream) is marked as giving way. It is not ended yet.
4. `Admission` verifies the rest, then the counter attaches the terminal.
5. Only now, when the counter has accepted the password, the session that gives way is ended. A guesser therefore
   cannot end the session of another person. If its terminal came back in the meantime, the new login is refused.

What holds between two events:

* A login that has its place counts in `_entering` until it is a session in `_by_token` or has failed; it never counts
  in neither.
* `drain` sets the flag first, so no login begins afterwards, and asks each terminal to leave at a moment of its own. Logins under way are stopped at their next wait. One that
  succeeds in the same moment ends its session again. So `drain` leaves no session at the counter, as far as its time
  allows.
* A resume answers the stream's challenge as a login does, and is refused in the words of `session_gone` for a wrong
  proof, an unknown token, another app id and another address, so that a stolen token reveals nothing. Whether terminal
  and investor are still enabled is asked at every resume.
* A resume ends every token of its session but the one it showed, and makes a new one. The one it showed ends as soon as
  the terminal is known to have the new one: it says something on the resumed stream (`heard_from`), or resumes with it.
  Where the answer was lost on the way, it is still good. So a session has two tokens at most.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import structlog

from ctprelay.v1 import terminal_pb2
from relay.admission.admission import Admission, Applicant, Proof
from relay.counter.port import Counter, Evidence, Investor, TerminalLogin, WantedInfo
from relay.database.times import COUNTER_ZONE
from relay.directory.terminals import Terminal
from relay.figures.figures import Figures
from relay.lean_event import LeanEvent
from relay.refusals import login_reasons, relay_reasons, stream_reasons
from relay.refusals.refusal import Refusal, Refused, refuse
from relay.sessions.endings import Ending, EndKind
from relay.sessions.fan_out import FanOut
from relay.sessions.journal import Journal
from relay.sessions.leaving import Leaving, leave_words, moments
from relay.sessions.login_pause import PausedLogins
from relay.sessions.present import Present
from relay.sessions.refused_streams import RefusedStreams
from relay.sessions.revocations import Revocations, end
from relay.sessions.session import SessionIdentity, TerminalSession
from relay.sessions.session_facts import login_facts

_log = structlog.get_logger(__name__)
STOPPING = Ending(EndKind.RELAY_STOPPING)

TOKEN_BYTES = 32
_CROWD = 10
_END_SECONDS = 30.0
"""what the sessions that are left may take together to log out at the counter; the process ends in any case"""
_UNDO_SECONDS = 10.0
"""what a refused login may take to log out at the counter, when the time to drain is over already"""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    linger_seconds: float
    max_sessions: int
    max_per_investor: int
    default_valid_for: float
    """seconds"""


@dataclass(slots=True)
class _Entering:
    investor: Investor
    reserved: bool = False
    """whether it has had its turn, and counts"""
    until: asyncio.Timeout = field(default_factory=lambda: asyncio.timeout(None))
    """the relay's end: a login has no time limit of its own, each of its steps has one"""
    over: LeanEvent = field(default_factory=LeanEvent)


class Sessions:
    def __init__(
        self,
        admission: Admission,
        revocations: Revocations,
        refused: RefusedStreams,
        counter: Counter,
        evidence: Evidence,
        limits: SessionLimits,
        new_journal: Callable[[], Journal],
    ) -> None:
        self._admission = admission
        self.revocations = revocations
        self.refused = refused
        """what becomes of the refused streams of all of them"""
        self._counter = counter
        self._evidence = evidence
        self.limits = limits
        """for the next login; sessions there are keep theirs"""
        self._new_journal = new_journal
        self._by_token: dict[bytes, TerminalSession] = {}
        self._by_older_token: dict[bytes, TerminalSession] = {}
        self._present, self.fan_out = Present(), FanOut()  # the process's, where it has one
        self._entering: dict[str, _Entering] = {}
        self._giving_way: dict[str, TerminalSession] = {}
        self._crowds: set[str] = set()
        """addresses that are in the log already"""
        self.draining = False
        self.figures = Figures()
        """the process's, where it counts; of these sessions alone otherwise"""
        self.market_port: int | None = None
        """where terminals get market data, 0 where they are; None where there is none"""
        self.new_token: Callable[[], bytes] = partial(secrets.token_bytes, TOKEN_BYTES)
        """for a session; that of a worker names it in its first byte"""
        self.paused: PausedLogins | None = None
        """set while an operator of the relay wants no new logins; a resume is none"""

    def __len__(self) -> int:
        return len(self._by_token)

    def __iter__(self) -> Iterator[TerminalSession]:
        return iter(tuple(self._by_token.values()))

    @property
    def wanted(self) -> tuple[WantedInfo, ...]:
        """What the counter wants collected of a terminal's machine."""
        return self._counter.describe().wanted

    @property
    def password_offer(self) -> terminal_pb2.PasswordOffer | None:
        """How a terminal proves an investor's password; None where the counter alone knows it."""
        return self._admission.password_offer()

    async def prove(self, app_id: str, challenge: bytes, answer: bytes) -> Terminal:
        """The terminal, where the answer was made with its auth code. Raises Refused, for strangers always the same."""
        return await self._admission.prove(app_id, challenge, answer)

    async def admit(self, applicant: Applicant) -> TerminalSession:
        """Verify a proved terminal, report it and log it in at the counter. Raises Refused, LedgerUnavailable."""
        announced = self.revocations.announced
        self._admission.check_terminal(applicant)
        refuse(self.why_closed)
        entering = self._entering[applicant.name] = _Entering(applicant.investor)
        try:
            async with entering.until, self._admission.turn(applicant):
                session = await self._enter(applicant, entering)
            replaced = self._giving_way.get(applicant.name)
        except TimeoutError:
            if not entering.until.expired():
                raise
            raise Refused(relay_reasons.relay_draining()) from None
        finally:
            del self._entering[applicant.name]
            self._giving_way.pop(applicant.name, None)
            entering.over.set()
        await self._keep(session, announced, replaced)
        self._tell_of_a_crowd(session.identity.public_ip)
        _log.info("terminal_logged_in", **session.about)
        return session

    async def resume(self, proof: Proof, token: bytes, on_proved: Callable[[], object]) -> TerminalSession:
        """The session of this token, with a new one; only for the same app id and address. Raises Refused.

        `on_proved` is called after the right proof, before the token is looked up.
        """
        await self._admission.prove_for_resume(proof)
        on_proved()
        session = self._resumable(proof, token)
        await self._refuse_disabled(session)
        session = self._resumable(proof, token)  # another stream may have been quicker
        self._renew_token(session, token)
        return session

    async def _keep(self, session: TerminalSession, announced: int, replaced: TerminalSession | None) -> None:
        """Undo the login where something overtook it; no stream has it yet, so it would wait for its terminal for ever."""
        try:
            await self._undo_where_overtaken(session, announced)
            if replaced is not None:
                await self._replace(replaced, session)
        except BaseException:
            session.end_soon(Ending(EndKind.NOT_ADMITTED))
            raise

    async def _undo_where_overtaken(self, session: TerminalSession, announced: int) -> None:
        """What came while it was logging in, and could not see it yet. `announced` is as it was before. Raises Refused."""
        if self.draining:
            await session.end(STOPPING)
            raise Refused(relay_reasons.relay_draining())
        if self.revocations.announced != announced:
            await self._refuse_disabled(session)

    async def _refuse_disabled(self, session: TerminalSession) -> None:
        refusal = await self.revocations.refusal(session)
        if refusal is not None:
            end(session, refusal)
            raise Refused(refusal)

    def heard_from(self, session: TerminalSession) -> None:
        """Its terminal said something on the stream it has, so it has the newest token: the older one ends."""
        older, session.older_token = session.older_token, b""
        self._by_older_token.pop(_key(older), None)

    def _resumable(self, proof: Proof, token: bytes) -> TerminalSession:
        key = _key(token)
        session = self._by_token.get(key) or self._by_older_token.get(key)
        if session is None or session.ending:
            raise Refused(stream_reasons.session_gone())
        if (session.identity.app_id, session.identity.public_ip) != (proof.app_id, proof.origin.public_ip):
            raise Refused(stream_reasons.session_gone())
        return session

    def _renew_token(self, session: TerminalSession, shown: bytes) -> None:
        """A new token; the one that was shown becomes the older one, and every other one ends."""
        self._end_tokens(session)
        session.older_token, session.resume_token = shown, self.new_token()
        self._by_older_token[_key(shown)] = self._by_token[_key(session.resume_token)] = session

    async def of_market_token(self, proof: Proof, token: bytes, on_proved: Callable[[], object]) -> TerminalSession:
        """The session whose market data this token gives; proved and refused as a resume is. Raises Refused."""
        await self._admission.prove_for_resume(proof)
        on_proved()
        who = (proof.app_id, proof.origin.public_ip)
        for session in self:
            known = session.market_data
            if known is not None and hmac.compare_digest(known.token, token):
                if session.ending or (session.identity.app_id, session.identity.public_ip) != who:
                    break
                await self._refuse_disabled(session)
                return session
        raise Refused(stream_reasons.session_gone())

    def resumable_at(self, public_ip: str) -> int:
        """How many sessions wait for their terminal to resume from this address."""
        return sum(session.is_lingering and not session.ending for session in self._present.at(public_ip))

    async def drain(self, seconds: float, *, successor: bool = False) -> None:
        """Take no new terminals, refuse those that are logging in, ask those there are to leave, then end the rest.

        `successor`: a new process serves at this address already.
        """
        self.draining = True
        now = asyncio.get_running_loop().time()
        self._ask_to_leave(now, seconds, successor=successor)
        entering = [entering.over for entering in self._entering.values()]
        for login in self._entering.values():
            login.until.reschedule(now)
        await _all_set([session.ended for session in self] + entering, seconds)
        last = list(self)
        for session in last:
            session.end_soon(STOPPING)
        await _all_set([session.ended for session in last], _END_SECONDS)
        if left := [session.identity.session for session in last if not session.ended.is_set()]:
            _log.error("sessions_not_ended", sessions=left, seconds=_END_SECONDS)
        await _all_set(entering, _UNDO_SECONDS)

    def _ask_to_leave(self, now: float, seconds: float, *, successor: bool) -> None:
        reason = leave_words(dt.datetime.now(COUNTER_ZONE) + dt.timedelta(seconds=seconds), successor=successor)
        there = list(self) if seconds > 0 else []
        busy = [one.queues.calls > 0 for one in there]
        for session, after in zip(there, moments(busy, seconds, successor=successor), strict=True):
            session.ask_to_leave(Leaving(now + after, now + seconds, successor, reason))

    async def _enter(self, applicant: Applicant, entering: _Entering) -> TerminalSession:
        """The login's turn: its place, the checks, the counter."""
        self._reserve(applicant, entering)
        session = await self._open(applicant, await self._admission.admit(applicant))
        self._by_token[_key(session.resume_token)] = session
        self._present.enters(session)
        return session

    def room(self) -> int:
        """How many sessions there is room for, beside those there are."""
        return self.limits.max_sessions - len(self._by_token)

    def room_of(self, investor_id: str) -> int:
        """How many further sessions this investor may have."""
        return self.limits.max_per_investor - len(self._present.of(investor_id))

    @property
    def why_closed(self) -> Refusal | None:
        """Why no login may begin, where it is by a person's will."""
        if self.draining:
            return relay_reasons.relay_draining()
        return self.paused.refusal if self.paused is not None else None

    @property
    def logging_in(self) -> int:
        """Logins under way."""
        return len(self._entering)

    def _reserve(self, applicant: Applicant, entering: _Entering) -> None:
        """Count a login that begins. Where there is no room, a session its own terminal left behind makes some."""
        refuse(self.why_closed)
        leaving = {session for session in self._giving_way.values() if session in self._present}
        his = self._present.of(applicant.investor.investor_id)
        mine = [one for one in his if one.identity.investor == applicant.investor and one not in leaving]
        others = [login for login in self._entering.values() if login.reserved]
        under_way = sum(login.investor == applicant.investor for login in others)
        full = len(self._by_token) - len(leaving) + len(others) >= self.limits.max_sessions
        if full or len(mine) + under_way >= self.limits.max_per_investor:
            left_behind = _left_behind(applicant, mine)
            if left_behind is None:
                raise Refused(relay_reasons.relay_full() if full else self._too_many_sessions(mine))
            self._giving_way[applicant.name] = left_behind
        entering.reserved = True

    def _too_many_sessions(self, mine: list[TerminalSession]) -> Refusal:
        waits = [session.linger_left for session in mine if session.linger_left is not None]
        return login_reasons.too_many_sessions(
            most=self.limits.max_per_investor, seconds=max(1.0, min(waits)) if waits else 0.0
        )

    async def _replace(self, old: TerminalSession, new: TerminalSession) -> None:
        """End the session that gave way; only now, because only now the counter knows the password as right."""
        if old.linger_left is None and not old.ending:  # its terminal came back in the meantime
            await new.end(Ending(EndKind.NOT_ADMITTED, "too_many_sessions"))
            raise Refused(self._too_many_sessions([]))
        old.end_soon(Ending(EndKind.REPLACED))

    def _tell_of_a_crowd(self, address: str) -> None:
        """Say once where many investors come from one address: a proxy that does not name the terminals looks like that."""
        here = () if address in self._crowds else self._present.at(address)
        there = {session.identity.investor for session in here}
        if len(there) >= _CROWD:
            self._crowds.add(address)
            advice = "a proxy? then set listen.proxy_protocol_from or listen.trusted_proxies; an office is in order"
            _log.warning("many_investors_at_one_address", address=address, investors=len(there), advice=advice)

    async def _open(self, applicant: Applicant, login: TerminalLogin) -> TerminalSession:
        async with self._admission.at_counter(applicant):
            link = await self._counter.attach(login)
        report, said = login.report, applicant.login
        facts = login_facts(login, said.collector_code, said.collector_version, applicant.client_version)
        mode = self._counter.mode
        identity = SessionIdentity(
            login.session, report.investor, report.app_id, report.public_ip, mode, facts, login.relay_proof
        )
        session = TerminalSession(
            identity,
            link,
            self._new_journal(),
            self._evidence,
            linger_seconds=self.limits.linger_seconds,
            default_valid_for=self.limits.default_valid_for,
            on_end=self._forget,
        )
        session.resume_token, session.fan_out = self.new_token(), self.fan_out
        session.on_refusal = self.figures.refused
        if self.market_port is not None:
            token = self.new_token()
            session.market_data = terminal_pb2.MarketDataAccess(token=token, port=self.market_port)
        return session

    def _forget(self, session: TerminalSession) -> None:
        self._end_tokens(session)
        self._present.leaves(session)

    def _end_tokens(self, session: TerminalSession) -> None:
        self._by_token.pop(_key(session.resume_token), None)
        self._by_older_token.pop(_key(session.older_token), None)


def _left_behind(applicant: Applicant, mine: list[TerminalSession]) -> TerminalSession | None:
    """The session longest without a stream of the same investor, terminal and address."""
    who = (applicant.app_id, applicant.origin.public_ip)
    waiting = [
        (session.linger_left, session.identity.session, session)
        for session in mine
        if (session.identity.app_id, session.identity.public_ip) == who
        and session.linger_left is not None
        and not session.ending
    ]
    return min(waiting)[2] if waiting else None


async def _all_set(events: list[LeanEvent], seconds: float) -> None:
    if waits := [asyncio.ensure_future(event.wait()) for event in events]:
        await asyncio.wait(waits, timeout=seconds)
    for wait in waits:
        wait.cancel()


def _key(token: bytes) -> bytes:
    """Looked up by hash, so that the time of a failed look-up says nothing about any token."""
    return hashlib.sha256(token).digest()
