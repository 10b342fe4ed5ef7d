"""One session at CTS: it does what its machine says, and says to its accounts what becomes of it.

In many-to-many a session has one account and no operator; in many-to-one an operator and every account. What holds:

* Requests of accounts go out while the phase is LIVE, and those of the way there from here alone. Nothing is kept for later.
* After a break every account is logged in again, with its terminal's information, before the session is live. An account
  that the counter refuses then ends; the others go on.
* An answer that does not come in time is a break where it was a step of the way; an order's or a query's is its own affair.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from relay.counter.cts import machine
from relay.counter.cts.line import RootNetLine, dial
from relay.counter.cts.passwords import check_passkey, hide
from relay.counter.cts.wire import CONNECT, DISCONNECT, CtsReply, WireFault, error_of, object_in, text_of
from relay.counter.port import Evidence, LinkCause
from relay.counter.translated.values import AnswerLost, NotSent
from relay.faults.faults import Faults
from relay.faults.table import Fault
from relay.refusals import counter_reasons, relay_reasons
from relay.refusals.refusal import LedgerUnavailable, Refusal, Refused
from relay.settings.cts_section import CtsSettings
from relay.settings.values import split_address
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)
_GOODBYE_SECONDS = 2.0
_LETS_IN = frozenset({machine.LinePhase.ACCOUNTS, machine.LinePhase.LIVE})


@dataclass(frozen=True, slots=True)
class CounterGreeting:
    """What the counter said of itself at 10000."""

    product: str
    server: str
    sys_date: str
    expires: str


@dataclass(frozen=True, slots=True)
class SessionParts:
    """What all sessions of a process share."""

    settings: CtsSettings
    evidence: Evidence
    faults: Faults
    numbers: itertools.count[int]


class SessionOperator(Protocol):
    """Who all accounts of a session stand under."""

    async def log_in(self, session: RootNetSession) -> machine.LineEvent:
        """One try. Raises AnswerLost, NotSent, LedgerUnavailable."""


class SessionUser(Protocol):
    """An account on a session."""

    @property
    def acct_id(self) -> str:
        """The counter's name of it; terminals of one account are users each."""

    async def log_in_again(self) -> None:
        """After a break. Raises Refused where the counter refuses it, AnswerLost and NotSent where the session broke."""

    def broke(self, reason: str, cause: LinkCause) -> None:
        """Nothing can be sent until it is logged in again."""

    def back(self) -> None:
        """It is logged in again, and so is the session."""

    def over(self, reason: str, cause: LinkCause) -> None:
        """It does not come back."""

    def heard(self, row: Mapping[str, Any]) -> None:
        """The subKnockInfo of a push of this account."""


class RootNetSession:
    """Begun by `open`, ended by `close`."""

    def __init__(self, name: str, parts: SessionParts, operator: SessionOperator | None = None) -> None:
        """`name` is the session's in the ledger."""
        self.name = name
        self.users: list[SessionUser] = []
        """accounts that are logged in, or were before a break"""
        self.joining: list[SessionUser] = []
        """those that log in for the first time, and hear pushes already"""
        self.greeting = CounterGreeting("", "", "", "")
        self.questions = asyncio.Lock()
        """one query at a time"""
        self.why_not: Refusal | None = relay_reasons.counter_unavailable(why="not connected yet")
        self.changed_at = asyncio.get_running_loop().time()
        self._parts = parts
        self._operator = operator
        self._machine = machine.LineMachine(has_operator=operator is not None, is_kept=operator is not None)
        self._line: RootNetLine | None = None
        self._passkey = b""
        self._session_id = ""
        self._person_asks = asyncio.Event()
        self._first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks = Tasks()
        self._closing = False

    @property
    def live(self) -> bool:
        return self._machine.phase is machine.LinePhase.LIVE and self._line is not None and not self._line.closed.done()

    @property
    def connected(self) -> bool:
        """Whether the counter has answered 10000 on the connection that is open."""
        is_open = self._line is not None and not self._line.closed.done()
        return is_open and self.phase in {machine.LinePhase.OPERATOR, *_LETS_IN}

    @property
    def lets_in(self) -> bool:
        """Whether accounts can log in: the operator, where there is one, is in."""
        return self.connected and self.phase in _LETS_IN

    @property
    def phase(self) -> machine.LinePhase:
        return self._machine.phase

    @property
    def idle_since(self) -> float:
        """By the loop's clock: when something was sent or heard last."""
        return self._line.last_at if self._line is not None else 0.0

    def begin(self) -> None:
        """Start on the way; what comes of it, `opened` waits for."""
        self._tasks.start(self._run(), f"session {self.name}")

    async def opened(self) -> None:
        """Wait until it is live for the first time. Raises Refused."""
        await asyncio.shield(self._first)

    def try_now(self) -> None:
        """A person mended something, or wants the session replaced."""
        self._person_asks.set()
        if self.live:
            self.break_off("replaced by an operator of the relay")

    def break_off(self, why: str) -> None:
        """End the connection: the session comes back as after any break."""
        if self._line is not None:
            self._line.end(why)

    async def close(self) -> None:
        """Say goodbye where that is possible, and end."""
        self._closing = True
        if self.live:
            with contextlib.suppress(NotSent, AnswerLost, TimeoutError):
                async with asyncio.timeout(_GOODBYE_SECONDS):
                    await self.send(DISCONNECT, self._about_us())
        await self._tasks.cancel()
        if self._line is not None:
            self._line.end("closed by the relay")
        self._first.cancel()

    def way_in(self) -> RootNetLine:
        """The connection that accounts can log in on now. Raises NotSent."""
        if self._line is None or not self.lets_in:
            raise NotSent
        return self._line

    def is_shared_by(self, user: SessionUser) -> bool:
        """Whether another user has the same account: the counter has one subscription for both."""
        return any(other is not user and other.acct_id == user.acct_id for other in (*self.users, *self.joining))

    # What accounts use ----------------------------------------------------------------------------------------

    def send(self, msg_type: int, request: Mapping[str, Any]) -> asyncio.Future[list[CtsReply]]:
        """One request; see `RootNetLine.send`."""
        if self._line is None:
            raise NotSent
        return self._line.send(msg_type, request)

    async def ask(self, msg_type: int, request: Mapping[str, Any]) -> CtsReply:
        """A request with an answer of one message. Raises NotSent, AnswerLost."""
        return (await self.send(msg_type, request))[-1]

    def hidden(self, password: str) -> str:
        """The password as it goes over this connection. Raises NotSent where there is none."""
        if self._line is None or not self._passkey:
            raise NotSent
        return hide(password, self._passkey)

    # The way --------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        command = self._machine.feed(machine.Begin())
        while not isinstance(command, machine.End):
            before = self._machine.phase
            try:
                event = await self._carry_out(command)
            except (AnswerLost, NotSent):
                event = self._unanswered(before)
            except LedgerUnavailable:
                event = machine.Failed(relay_reasons.ledger_unavailable())
            if isinstance(event, machine.Failed | machine.CutOff):
                self._failed(event)
            command = self._machine.feed(event)
            self.changed_at = asyncio.get_running_loop().time()
        self._over(
            command.refusal, LinkCause.COUNTER_LOGGED_OUT if self._machine.was_live else LinkCause.COUNTER_REFUSED
        )

    async def _carry_out(self, command: machine.LineCommand) -> machine.LineEvent:
        match command:
            case machine.Connect():
                return await self._connect()
            case machine.Greet(resume):
                return await self._greet(self._session_id if resume and self._parts.settings.resume else "")
            case machine.LogOperatorIn():
                return await self._log_operator_in()
            case machine.LogAccountsIn():
                return await self._log_accounts_in()
            case machine.Stay():
                return await self._stay()
            case machine.Pause(for_person):
                return await self._pause(None if for_person else self._parts.settings.reconnect_seconds)
            case machine.End(refusal):
                return machine.Failed(refusal)

    async def _connect(self) -> machine.LineEvent:
        settings = self._parts.settings
        if self._line is not None:
            self._line.end("replaced")
        self._line, self._passkey = None, b""
        try:
            self._line = await dial(
                split_address(settings.address),
                self._parts.numbers,
                self._heard,
                connect_seconds=settings.connect_seconds,
                answer_seconds=settings.answer_seconds,
            )
        except OSError as error:
            why = str(error.strerror or type(error).__name__) if not isinstance(error, TimeoutError) else "no answer"
            self._parts.faults.begin(Fault.FRONT_DOWN, f"{settings.address}: {why}")
            return machine.Failed(relay_reasons.counter_unavailable(why=f"({settings.address})"))
        self._parts.faults.end(Fault.FRONT_DOWN)
        return machine.Done()

    async def _greet(self, resume: str) -> machine.LineEvent:
        if resume and self._line is not None:
            self._line.session_id = resume
        request = self._about_us() | ({"sessionId": resume} if resume else {})
        reply = await self.ask(CONNECT, request)
        if not reply.ok:
            if resume:
                return machine.ResumeRefused()
            return machine.Failed(counter_reasons.refused_in_own_words(error_of(reply)))
        try:
            self._passkey = check_passkey(reply.data.get("passkey"))
        except WireFault as fault:
            self._parts.faults.begin(Fault.COUNTER_UNREADABLE, str(fault))
            return machine.Failed(relay_reasons.counter_unavailable(why=f"({fault})"))
        self._parts.faults.end(Fault.COUNTER_UNREADABLE)
        self._parts.faults.end(Fault.COUNTER_SILENT)
        self._session_id = reply.session_id
        if self._line is not None:
            self._line.session_id = reply.session_id
        data = reply.data
        names = " ".join(text_of(data, name) for name in ("customer", "sysVersion")).strip()
        self.greeting = CounterGreeting(
            names, text_of(data, "serverName"), text_of(data, "sysDate"), text_of(data, "expireDate")
        )
        return machine.Done()

    def _about_us(self) -> dict[str, Any]:
        settings = self._parts.settings
        return {
            "APIType": settings.api_type,
            "APIVersion": settings.api_version,
            "TerminalInfo": settings.terminal_info,
        }

    async def _log_operator_in(self) -> machine.LineEvent:
        if self._operator is None:
            return machine.Done()
        return await self._operator.log_in(self)

    async def _log_accounts_in(self) -> machine.LineEvent:
        """Those that were there before the break; at the first way there is none yet. Any may leave meanwhile."""
        for user in tuple(self.users):
            try:
                if user in self.users:
                    await user.log_in_again()
            except Refused as refused:
                with contextlib.suppress(ValueError):
                    self.users.remove(user)
                user.over(refused.refusal.told_text, LinkCause.COUNTER_REFUSED)
        return machine.Done()

    async def _stay(self) -> machine.LineEvent:
        line = self._line
        self.why_not = None
        self._person_asks.clear()
        _log.info("cts_session_live", session=self.name, server=self.greeting.server)
        for user in tuple(self.users):
            user.back()
        if not self._first.done():
            self._first.set_result(None)
        why = await asyncio.shield(line.closed) if line is not None else "not connected"
        refusal = relay_reasons.counter_unavailable(why=f"({why})")
        return self._forced() or machine.Failed(refusal)

    def _forced(self) -> machine.CutOff | None:
        """Whether the counter's supervisor ended it, in whatever phase."""
        if self._line is None or not self._line.is_forced_out:
            return None
        return machine.CutOff(relay_reasons.counter_unavailable(why="(10001: forced out by the counter's supervisor)"))

    async def _pause(self, seconds: float | None) -> machine.LineEvent:
        if self._line is not None:
            self._line.end("the session begins anew")
        try:
            async with asyncio.timeout(seconds):
                await self._person_asks.wait()
        except TimeoutError:
            return machine.PauseOver()
        self._person_asks.clear()
        return machine.PersonAsks()

    # What becomes of it ---------------------------------------------------------------------------------------

    def _heard(self, reply: CtsReply) -> None:
        row = object_in(reply.data, "subKnockInfo")
        acct_id = text_of(row, "acctId")
        for user in (*self.users, *self.joining):
            if user.acct_id == acct_id:
                user.heard(row)

    def _unanswered(self, before: machine.LinePhase) -> machine.LineEvent:
        """A step of the way was lost."""
        forced = self._forced()
        if forced is None and before is machine.LinePhase.GREETING:
            self._parts.faults.begin(Fault.COUNTER_SILENT, "10000 is not answered")
        return forced or machine.Failed(relay_reasons.counter_unavailable(why=f"no answer while {before.name.lower()}"))

    def _failed(self, event: machine.Failed | machine.CutOff) -> None:
        self.why_not = event.refusal
        forced = isinstance(event, machine.CutOff)
        cause = LinkCause.COUNTER_LOGGED_OUT if forced else LinkCause.CONNECTION_LOST
        _log.warning("cts_session_broke", session=self.name, why=event.refusal.message, forced=forced)
        if forced:
            if self._operator is not None:
                self._parts.faults.begin(Fault.OPERATOR_FORCED_OUT, event.refusal.message)
            self._over(event.refusal, cause)
            return
        for user in tuple(self.users):
            user.broke(event.refusal.told_text, cause)

    def _over(self, refusal: Refusal, cause: LinkCause) -> None:
        users, self.users = self.users, []
        for user in users:
            user.over(refusal.told_text, cause)
        if not self._first.done():
            self._first.set_exception(Refused(refusal))
            self._first.exception()
